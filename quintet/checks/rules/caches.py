"""Find nodes whose cached update would tell of effects that another run has done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langgraph.types import CachePolicy

from quintet.checks.finding import Finding
from quintet.checks.graph.tree import Tree
from quintet.nodes import Act, ApprovalGate, Worker


def cached_effects(tree: Tree) -> Iterator[Finding]:
    """Find a cache with a key of its own on a node that does or decides effects.

    LangGraph's own key holds the whole input, a run's id in it, and is never met twice.
    """
    for spot in tree.spots:
        policy = spot.part.spec.cache_policy
        if policy is None or policy.key_func is _DEFAULT:
            continue
        node = spot.action
        if isinstance(node, ApprovalGate) or (isinstance(node, Worker | Act) and node.effects):
            yield Finding(
                code="cached-effect",
                node=spot.at,
                fault=f"{spot.name!r} is cached by a key of its own: where the key is met again, "
                "the node does not run, and its update says of effects that they are done which "
                "another run has done.",
                remedy="Take cache_policy off this node, and cache a node before it that only "
                "reads.",
            )


_DEFAULT: Any = CachePolicy().key_func

"""List the fields of the type that a contract gives."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from pydantic import BaseModel
from typing_extensions import is_typeddict

from quintet.checks.graph.tree import Tree
from quintet.nodes import Merge, Worker


def fields_of(kind: object) -> frozenset[str] | None:
    """List the fields of a TypedDict, a dataclass or a model; None for any other type."""
    if not isinstance(kind, type):
        return None
    if is_typeddict(kind):
        return frozenset(kind.__required_keys__ | kind.__optional_keys__)  # type: ignore[attr-defined]
    if issubclass(kind, BaseModel):
        return frozenset(kind.model_fields)
    return frozenset(field.name for field in fields(kind)) if is_dataclass(kind) else None


def source_fields(tree: Tree, merge: Merge) -> frozenset[str] | None:
    """List the fields that the sources of a merge give; None where one source's are not known."""
    workers = [worker for spot, worker in tree.of(Worker) if spot.name in merge.of]
    fields_given = [fields_of(worker.contract.gives) for worker in workers]
    known = [names for names in fields_given if names is not None]
    return frozenset().union(*known) if len(merge.of) <= len(known) == len(workers) else None

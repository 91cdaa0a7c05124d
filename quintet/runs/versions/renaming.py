"""Rename the nodes of a fingerprint, and of what a run holds, as a migration says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from quintet.runs.pending import JOIN
from quintet.runs.versions.held import Held
from quintet.runs.versions.migration import names_in


def rename_graph(graph: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Give a fingerprint with its nodes renamed."""

    def new(name: str) -> str:
        return names.get(name, name)

    nodes = {
        new(name): node
        | ({"ends": sorted(map(new, node["ends"]))} if "ends" in node else {})
        | ({"handler": new(node["handler"])} if "handler" in node else {})
        for name, node in graph["nodes"].items()
    }
    return {
        **graph,
        "nodes": nodes,
        "edges": sorted([new(start), new(end)] for start, end in graph["edges"]),
        "joins": sorted([sorted(map(new, starts)), new(end)] for starts, end in graph["joins"]),
        "branches": {
            new(source): [ends if ends is None else sorted(map(new, ends)) for ends in branches]
            for source, branches in graph["branches"].items()
        },
        "inner": {
            new(name): rename_graph(inner, names_in(names, name))
            for name, inner in graph["inner"].items()
        },
    }


def rename_held(held: Held, names: Mapping[str, str]) -> Held:
    """Give the things that a run holds under the new names."""

    def new(name: str) -> str:
        return names.get(name, name)

    def channel(name: str) -> str:
        starts, _, end = name.removeprefix(JOIN).rpartition(":")
        return f"{JOIN}{'+'.join(map(new, starts.split('+')))}:{new(end)}"

    return replace(
        held,
        pending=tuple(map(new, held.pending)),
        ran=frozenset(map(new, held.ran)),
        awaited=frozenset(map(channel, held.awaited)),
        inner=tuple(
            (new(name), rename_held(inner, names_in(names, name))) for name, inner in held.inner
        ),
    )

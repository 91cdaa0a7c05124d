"""Keep notes that parts of a graph write for themselves during a run, in the state key `kept`.

Each kind of part has a kind of note, and each note the path of its part, so that no part of one
graph, or of one nested in it, takes another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from quintet.errors import ContractBroken

Note = Literal[
    "plan",  # a planner's progress
    "step",  # how a step ended
    "paused",  # work that waits for a person
    "conflicts",  # a merge's open conflicts
    "taken",  # a route that a router took
    "held",  # the limits of a router on the whole run, which models must tell
    "undo",  # an undo that was tried
    "review",  # the rounds of a review
    "reviewed",  # what was said of an output
    "consult",  # how often a node has asked a person
    "handed",  # what was handed to a worker
    "trail",  # the way of a request from worker to worker
    "flow",  # the runs of a workflow's task
    "timer",  # until when a timer runs
    "events",  # a dispatcher's events under way
    "task",  # a background task of a manager
    "asked",  # the question of a background task that was brought to a person
    "fan",  # the branches that were sent out
    "branch",  # how a branch ended without a result
    "joined",  # the joins so far
    "classes",  # the classes of a merge's open conflicts
]
"""The kinds of notes that our nodes keep for themselves in the state."""


def kept(state: Mapping[str, Any], note: Note) -> dict[str, Any]:
    """Give the notes of a kind by the path of their part."""
    start = f"{note} "
    notes: Mapping[str, Any] = state.get("kept") or {}
    return {at[len(start) :]: value for at, value in notes.items() if at.startswith(start)}


def keep(note: Note, path: str, value: Any) -> dict[str, Any]:
    """Give a note as an update of `kept`; None takes it back."""
    return {f"{note} {path}": value}


def held_in(state: Mapping[str, Any], step: Mapping[str, Any]) -> dict[Any, str]:
    """Give what the models of a worker must tell: the limit's node by the resource."""
    notes = [*kept(state, "held").values(), step.get("held") or {}]
    return {name: node for note in notes for name, node in note.items()}


def check_run(node: str, note: Mapping[str, Any], run: str) -> None:
    """Refuse a note of another run: to go on with it would do that run's work again.

    One of an earlier run of this nested graph, within the same run around it, is no such note.

    Raises:
        ContractBroken: it names the node and both runs.
    """
    other = str(note.get("run") or "")
    around = run.rpartition(".")[0]
    if run and other and other != run and not (around and other.rpartition(".")[0] == around):
        raise ContractBroken(
            f"{node}: its work so far is that of run {other}, and this is run {run}; look for a "
            "cache, or a node of yours, that hands on another run's state",
            side="needs",
        )

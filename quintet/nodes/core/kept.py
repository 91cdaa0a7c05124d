"""Keep notes that parts of a graph write for themselves during a run, in the state key `kept`.

Each kind of part has a kind of note, and each note the path of its part, so that no part of one
graph, or of one nested in it, takes another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Note = Literal["plan", "step", "paused", "conflicts", "taken", "undo", "review", "handed", "trail"]
"""A planner's progress; how a step ended; work that waits for a person; a merge's open conflicts;
a route that a router took; an undo that was tried; the rounds that an output was shown;
what was handed to a worker; the way of a request from worker to worker."""


def kept(state: Mapping[str, Any], note: Note) -> dict[str, Any]:
    """Give the notes of a kind by the path of their part."""
    start = f"{note} "
    notes: Mapping[str, Any] = state.get("kept") or {}
    return {at[len(start) :]: value for at, value in notes.items() if at.startswith(start)}


def keep(note: Note, path: str, value: Any) -> dict[str, Any]:
    """Give a note as an update of `kept`; None takes it back."""
    return {f"{note} {path}": value}

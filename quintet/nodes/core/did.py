"""Complete a run's actions from the journal, where the state has let go of some that had ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from quintet.nodes.core.actions import of_this_run
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.task import Task
from quintet.state.action import Action, ActionStatus
from quintet.state.channels import OPEN, slot
from quintet.state.journal.entry import Entry, Journal, stored
from quintet.state.record import plain, read
from quintet.state.run import is_within, run_of
from quintet.state.savers.decided import ACTIONS_STORED

_ENDS: Mapping[str, ActionStatus] = {
    "claimed": "unknown",
    "unknown": "unknown",
    "done": "done",
    "undone": "undone",
}
"""The status of an action by the kind of its last entry; after others it was not done."""

FEW = 32
"""Up to so many streams are read one by one; of more, the whole thread is read at once."""


def mark_of(action: Action) -> str:
    """Name the stream by which an action is found among those of its run; empty without a run."""
    return f"did {action.run} {action.name}:{action.key}" if action.run else ""


def may_lack(state: Mapping[str, Any]) -> bool:
    """Say whether a state may have let go of actions of its run."""
    ended = [item for item in (state.get("actions") or {}).values() if item["status"] not in OPEN]
    return len(ended) >= ACTIONS_STORED and bool(run_of(state))


def completed(
    state: Mapping[str, Any], journal: Journal, threads: Sequence[str]
) -> Mapping[str, Any]:
    """Give a state with all actions of its run, those that it let go of before the others.

    Args:
        state: the state.
        journal: the journal.
        threads: the threads for which its actions were claimed; several, where it is a dry copy.
    """
    for thread in threads:
        state = _with(state, journal, thread)
    return state


def _with(state: Mapping[str, Any], journal: Journal, thread: str) -> Mapping[str, Any]:
    run, actions = run_of(state), dict(state.get("actions") or {})
    whole = {
        stored(f"effect {item['name']}:{item['key']}")
        for item in actions.values()
        if "arguments" in item
    }
    marks = [mark for mark in journal.entries(thread, f"did {run}") if _is_of(mark, run)]
    subjects = [str(mark.value["subject"]) for mark in sorted(marks, key=lambda mark: mark.at)]
    missing = [subject for subject in subjects if subject not in whole]
    found: dict[str, Any] = {}
    for entries in _streams(journal, thread, missing):
        action = _as_it_ended(entries, run)
        if action is not None:
            at = slot({**actions, **found}, action.name, action.key)
            found[at] = {**actions.get(at, {}), **plain(action)}
    return {
        **state,
        "actions": {**found, **{at: i for at, i in actions.items() if at not in found}},
    }


def complete(state: Mapping[str, Any], task: Task) -> Logic[Mapping[str, Any]]:
    """Give a task's state with all actions of its run; see `completed`."""
    if not may_lack(state):
        return state
    attempt = Attempt(task=task)  # opened for its journal alone
    mode = yield from attempt.find_mode()
    place = attempt.place
    if not place.shared:
        return state
    before = tuple(thread for thread, _ in mode.before)
    whole: Mapping[str, Any] = yield Call(
        completed, (state, place.journal, (*before, place.scope)), blocks=True
    )
    return whole


EFFECTS = "effects"
"""The name under which a contract may need what the run's effects have come to."""


def with_effects(
    context: Mapping[str, Any], needs: Iterable[str], state: Mapping[str, Any], task: Task
) -> Logic[Mapping[str, Any]]:
    """Add the run's effects to a context from which they are needed.

    A key of the state, or a result, of that name comes first.
    """
    if EFFECTS in context or EFFECTS not in needs:
        return context
    whole = yield from complete(state, task)
    told = [_told(item) for item in of_this_run(whole).values() if "again" not in item]
    return {**context, EFFECTS: told}


def _told(item: Mapping[str, Any]) -> dict[str, Any]:
    """Tell an agent of an effect: what was to be done, and what has come of it."""
    told = {
        "effect": item.get("name", ""),
        "arguments": dict(item.get("arguments") or {}),
        "status": item["status"],
    }
    return told if item.get("result") in (None, "") else {**told, "result": item["result"]}


def _is_of(mark: Entry, run: str) -> bool:
    return is_within(mark.subject.split(" ", 2)[1], run)


def _streams(journal: Journal, thread: str, subjects: Iterable[str]) -> Iterable[tuple[Entry, ...]]:
    subjects = list(subjects)
    if len(subjects) <= FEW:
        return [journal.read(thread, subject) for subject in subjects]
    streams: dict[str, list[Entry]] = {}
    for entry in journal.entries(thread, "effect "):
        streams.setdefault(entry.subject, []).append(entry)
    return [tuple(streams.get(subject, ())) for subject in subjects]


def _as_it_ended(entries: tuple[Entry, ...], run: str) -> Action | None:
    """Give a run's action by its stream; None where it was not done, or by another run."""
    claim, last = None, None
    for entry in entries:
        if entry.kind == "claimed":
            claim = entry if is_within(str(entry.value.get("run")), run) else None
        last = entry if claim is not None else last
    if claim is None or last is None or "action" not in claim.value:
        return None
    if (status := _ENDS.get(last.kind)) is None:
        return None
    action = read(Action, claim.value["action"])
    ended = next((e.at for e in reversed(entries) if e.kind == "done"), None)
    result = next((e.value.get("result") for e in reversed(entries) if e.kind == "done"), None)
    result = last.value.get("result") if status == "unknown" else result
    return replace(action, status=status, result=result, ended=ended, journaled=True)

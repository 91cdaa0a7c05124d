"""The state of an orchestrated run, as fragments that a user's TypedDict inherits.

All values are plain JSON data. A fragment holds the keys of one duty; `OrchestrationState` holds
all. Lists that grow with the run are bounded, so that a checkpoint does not grow with its length;
older entries stay in the older checkpoints. Writing None into a reduced key starts it anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from typing_extensions import TypedDict

from quintet.state.budget import Spending, add_spending

DECISIONS_KEPT = 64
FAILURES_KEPT = 16
ACTIONS_KEPT_WHOLE = 64

Plain = dict[str, Any]


def keep_decisions(old: list[Plain], new: list[Plain] | None) -> list[Plain]:
    """Append what is new, and keep the last `DECISIONS_KEPT`."""
    return [] if new is None else _joined(old, new)[-DECISIONS_KEPT:]


def keep_failures(old: list[Plain], new: list[Plain] | None) -> list[Plain]:
    """Append what is new, and keep the last `FAILURES_KEPT`."""
    return [] if new is None else _joined(old, new)[-FAILURES_KEPT:]


def _joined(old: list[Plain], new: list[Plain]) -> list[Plain]:
    """Both, without what a nested graph was given and hands back; each record has its own `at`."""
    return [*old, *(item for item in new if item not in old)]


def count_remedies(old: dict[str, int], new: dict[str, int] | None) -> dict[str, int]:
    """Add up how often each remedy was used; unlike the failures, nothing of it is dropped."""
    if new is None:
        return {}
    return {**old, **{name: old.get(name, 0) + times for name, times in new.items()}}


def merge_results(old: Plain, new: Plain | None) -> Plain:
    """Put new results beside the old ones, by the name of the worker or step."""
    return {} if new is None else {**old, **new}


def merge_actions(old: Plain, new: Plain | None) -> Plain:
    """Put actions in by key; what was done stays on record until it is undone.

    A proposal of an action that is on record as done, or as of unknown end, is kept beside it
    under `again`, where `Act` finds and refuses it. The oldest settled actions shrink to what
    refuses a repeat.
    """
    if new is None:
        return {}
    actions = dict(old)
    for key, action in new.items():
        recorded = actions.get(key)
        stands = recorded is not None and recorded["status"] in ("done", "unknown")
        if recorded is None or not stands or action["status"] in ("done", "undone"):
            actions[key] = action
        elif action["status"] == "proposed":
            actions[key] = recorded | {"again": action}
        else:
            actions[key] = {name: value for name, value in recorded.items() if name != "again"}
    for key in list(actions)[:-ACTIONS_KEPT_WHOLE]:
        if actions[key]["status"] in ("done", "undone", "rejected"):
            kept = ("name", "key", "status", "again")
            actions[key] = {name: actions[key][name] for name in kept if name in actions[key]}
    return actions


class Decided(TypedDict, total=False):
    """The record of decisions: `Decision`s as plain data."""

    decisions: Annotated[list[Plain], keep_decisions]


class Routed(Decided, total=False):
    """What a router writes: the route that it took."""

    route: str


class Planned(Decided, total=False):
    """What a planner writes: the plan, its past versions, the steps sent out.

    With them, how often work had been passed on when it last looked.
    """

    plan: Plain | None
    plans: list[Plain]
    begun: list[str]
    passed: int


class Worked(Decided, total=False):
    """What workers write: results by worker or step, proposed actions, and what was spent."""

    results: Annotated[Plain, merge_results]
    actions: Annotated[Plain, merge_actions]
    spent: Annotated[Spending, add_spending]


class Merged(Decided, total=False):
    """What a merge writes: one agreed value for each field, and what a person must decide."""

    merged: Plain
    conflicts: Plain


class Recovered(Decided, total=False):
    """What recovery writes: the failures that it treated, and how often it used each remedy."""

    failures: Annotated[list[Plain], keep_failures]
    remedies: Annotated[dict[str, int], count_remedies]


class Ended(Decided, total=False):
    """How the run ended; absent or None while it runs."""

    outcome: Plain | None


class OrchestrationState(Routed, Planned, Worked, Merged, Recovered, Ended, total=False):
    """All fragments; inherit it and add the keys of your own domain.

    `message` is the text of the request, the default input of `Router` and `Planner`; `behalf`
    names the person or account that the run acts for, and stands on every action; `step` is the
    plan step that a worker was sent.
    """

    message: str
    behalf: str
    step: Plain


RUN_KEYS: Mapping[str, Any] = {
    "decisions": None,
    "route": "",
    "plan": None,
    "plans": [],
    "begun": [],
    "passed": 0,
    "results": None,
    "spent": None,
    "merged": {},
    "conflicts": {},
    "failures": None,
    "remedies": None,
    "outcome": None,
}
"""What a new run on an old thread resets; `actions` stay, as the thread's record of effects."""

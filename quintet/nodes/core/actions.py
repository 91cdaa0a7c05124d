"""Select the recorded actions of a run, and turn actions into state updates and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quintet.state.action import Action
from quintet.state.channels import OPEN
from quintet.state.decision import Decision
from quintet.state.record import plain, read
from quintet.state.run import is_within, run_of

Slot = tuple[str, str]
"""An action among those of an attempt: its effect's name and its key."""


def todo(items: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether an action among these is still to be done, or to be refused as a repeat."""
    return any(item["status"] in ("proposed", "approved") or "again" in item for item in items)


def refused(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the actions of this run to which a person said no."""
    return [
        item
        for item in of_this_run(state).values()
        if item["status"] == "rejected" and item.get("approval")
    ]


def of_this_run(state: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Give the actions of the state's run and of runs nested in it; all, where no run is kept.

    An action that an earlier run has done is among them while it is proposed `again`.
    """
    actions, run = state.get("actions") or {}, run_of(state)
    return {
        at: item
        for at, item in actions.items()
        if not run or is_within(item.get("again", item).get("run") or run, run)
    }


def as_update(actions: Any) -> dict[str, Any]:
    """Give actions as an update of the state's `actions`; two effects may share a key."""
    update: dict[str, Any] = {}
    for action in actions:
        place = action.key if action.key not in update else f"{action.name}:{action.key}"
        update[place] = plain(action)
    return update


BECAME = "became "
"""The beginning of a closed proposal's result, before the key that an edit has given the action."""


def as_it_stands(state: Mapping[str, Any], name: str, key: str) -> Mapping[str, Any]:
    """Give a state's action by its effect and key, or what an edit has made of it; else nothing."""
    actions = (state.get("actions") or {}).values()
    same = (a for a in actions if (a.get("name"), a.get("key")) == (name, key))
    found: Mapping[str, Any] = next(same, {})
    became = str(found.get("result"))
    if found.get("status") != "rejected" or found.get("approval") or not became.startswith(BECAME):
        return found
    return as_it_stands(state, name, became.removeprefix(BECAME))


def from_state(items: Mapping[str, Any]) -> dict[Slot, Action]:
    """Read an attempt's actions back from a state update of theirs."""
    actions = (read(Action, item) for item in items.values())
    return {(action.name, action.key): action for action in actions}


def step_name(path: str, step: str) -> str:
    """Name a planner's step in an action that was proposed for it, whatever the plan's version."""
    return f"{path}:{step}"


def withdrawn(state: Mapping[str, Any], path: str, done: Iterable[str]) -> dict[str, Any]:
    """Withdraw, in a state update, the open actions of a planner's steps that are not done.

    Their steps are no part of its plan any more, or are to be done again and may propose anew.
    """
    stand, own, update = {step_name(path, step) for step in done}, step_name(path, ""), {}
    for at, item in of_this_run(state).items():
        action = item.get("again", item)
        steps = action.get("steps") or ()
        gone = all(step.startswith(own) and step not in stand for step in steps)
        if steps and gone and (action["status"] in OPEN or "again" in item):
            names = ", ".join(step.removeprefix(own) for step in steps)
            why = f"not done: what step {names} came to is no part of the plan any more"
            update[at] = {**action, "status": "withdrawn", "result": why}
    return update


def effect_done(node: str, action: Action) -> dict[str, Any]:
    """Give the decision record of an effect that was done, or would be if the run were not dry."""
    how = "approved by " + action.approval.by if action.approval else "allowed without a person"
    is_done = "would be done, and is not: a dry run" if action.status == "dry" else "is done"
    decision = Decision(
        kind="effect", node=node, choice=action.key, reason=f"{action} {is_done}, {how}"
    )
    return plain(decision)  # type: ignore[no-any-return]


def with_update(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Give the state as it will be for a path function: with the actions of the update."""
    actions = {**(state.get("actions") or {}), **(update.get("actions") or {})}
    results = {**(state.get("results") or {}), **(update.get("results") or {})}
    return {**state, "actions": actions, "results": results}

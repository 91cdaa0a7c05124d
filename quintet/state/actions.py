"""Keep a run's actions in the state: those that are open, and the last of those that have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from quintet.state.action import Action, from_outside, shown
from quintet.state.channels import OPEN, STANDING, Keyed, slot
from quintet.state.record import with_defaults
from quintet.state.run import NOTHING, Plain, is_nested

ACTIONS_KEPT = 64
REFUSALS_KEPT = 16
EARLIER_KEPT = 4


class Actions(Keyed):
    """Hold the thread's actions, each by its effect and key; see `slot`.

    When a new run begins, actions that are still open are withdrawn, and never run. Of those that
    were closed before the last few stay: the journal refuses their repeats and holds how they
    ended. One that the journal does not know stays on record until it is undone. Of one run the
    last actions are kept, and a saver of ours stores fewer; the journal has them all.
    """

    def check(self, values: Sequence[Any]) -> None:
        """Leave it to `merge`: what an input holds has an error of its own."""

    def checkpoint(self) -> Any:
        """Give the value to store, so that a saver of ours knows it as its own."""
        value = super().checkpoint()
        return value if value is NOTHING else KeptActions(value)

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Load the channel at the start of an invocation."""
        loaded = super().from_checkpoint(checkpoint)
        loaded.value = restored(loaded.value)
        return loaded

    def first_value(self) -> Any:
        """Withdraw the open actions, and let go of those that the journal knows."""
        kept = {
            key: {**action, "status": "withdrawn", "result": WITHDRAWN}
            if action["status"] in OPEN
            else {name: value for name, value in action.items() if name != "again"}
            for key, action in self.value.items()
        }
        closed = [key for key, a in kept.items() if a["status"] in _OVER or a.get("journaled")]
        gone = {*closed[:-EARLIER_KEPT]}
        return {key: action for key, action in kept.items() if key not in gone}

    def merge_input(self, values: Sequence[Any]) -> Any:
        """Take the parent's actions as they are; from outside of any graph, take no approval.

        Whoever calls the graph may bring back a state that it gave, but a yes is for its gate to
        give: an action that comes in as approved is a proposal, and the thread's record stands.
        """
        merged = dict(self.value)
        for value in filter(None, values):
            # The thread's own record goes last: it stands against what is brought in.
            merged = merged | value if is_nested() else from_outside(value) | merged
        return merged

    def merge(self, values: Sequence[Any]) -> Any:
        """Put actions in; a new proposal never overwrites an action that has happened."""
        super().check(values)
        before = self.value
        merged = dict(before)
        for value in values:
            if value is None:
                merged = {}
                continue
            for key, action in value.items():
                if before.get(key) != action:
                    _put(merged, key, action | {"run": action.get("run") or self.life.id})
        return _shrink(bounded(merged, ACTIONS_KEPT))


WITHDRAWN = "not done: a new run began before it was decided"

_OVER = ("rejected", "failed", "withdrawn")
"""The statuses of an action that was not done: it may be proposed anew."""


class KeptActions(dict[str, Any]):
    """Mark a checkpoint's actions as those of this channel, and not a key of the user's own."""


def restored(actions: Mapping[str, Any]) -> dict[str, Any]:
    """Give stored actions with all of their fields: a saver of ours leaves the defaults out."""
    # One that has shrunk has no arguments, and stays as it is.
    return {
        key: with_defaults(Action, action)
        if isinstance(action, Mapping) and "arguments" in action
        else action
        for key, action in actions.items()
    }


def bounded(actions: Mapping[str, Any], most: int) -> dict[str, Any]:
    """Keep the last actions of those that may be let go, and all others.

    An action may go once it is closed and the journal holds how it ended, or once nothing comes of
    it any more. Of those that a person refused more are kept, since they decide how a run ends.
    """
    closed = [key for key, action in actions.items() if _may_go(action)]
    refused = [key for key, action in actions.items() if action["status"] == "rejected"]
    gone = {*closed[: max(0, len(closed) - most)], *refused[: max(0, len(refused) - REFUSALS_KEPT)]}
    return (
        {key: action for key, action in actions.items() if key not in gone} if gone else {**actions}
    )


def _may_go(action: Mapping[str, Any]) -> bool:
    if action.keys() & {"again", "clash"} or action["status"] in (*OPEN, "unknown", "rejected"):
        return False
    return bool(action.get("journaled")) or action["status"] in _OVER


def _put(actions: dict[str, Any], key: str, action: Plain) -> None:
    """Put an action among the others, unless one that has happened stands in its place."""
    place = slot(actions, action.get("name", ""), key)
    recorded = actions.get(place)
    stands = recorded is not None and recorded["status"] in STANDING
    if recorded is not None and (clash := _clash(recorded, action)) is not None:
        actions[place] = clash
    elif recorded is None or not stands or action["status"] in ("done", "undone"):
        actions[place] = action | _steps_of_both(recorded, action)
    elif action["status"] == "proposed":
        # Kept beside what stands: `Act` finds it there and refuses it as a repeat.
        actions[place] = recorded | {"again": action}
    else:
        # The repeat was refused, by `Act` or `Finish`: the action that stands goes on without it.
        actions[place] = {name: value for name, value in recorded.items() if name != "again"}


def _steps_of_both(recorded: Plain | None, action: Plain) -> Plain:
    """Give the steps of one proposal that several made: it stands while one of them does."""
    if recorded is None or not recorded["status"] == action["status"] == "proposed":
        return {}
    one, other = (item.get("steps") or [] for item in (recorded, action))
    both = [*dict.fromkeys((*one, *other))] if one and other else []
    return {"steps": both} if one or other else {}


def _clash(recorded: Plain, action: Plain) -> Plain | None:
    """Give what stands where branches that ran at once proposed different actions under one key.

    Neither is asked about or done, and the run does not end as done; see `Finish`.
    """
    if "clash" in recorded:
        return recorded if recorded["run"] == action["run"] else None
    one, other = (item.get("arguments") or {} for item in (recorded, action))
    if recorded["status"] != "proposed" or action["status"] != "proposed" or one == other:
        return None
    name, key = action["name"], action["key"]
    clash = (
        f"{name}({shown(one)}) and {name}({shown(other)}) were both proposed under the key "
        f"{key!r}; if both are meant, put what differs into the key"
    )
    return {"name": name, "key": key, "run": action["run"], "status": "failed", "clash": clash}


_KEPT = ("name", "key", "status", "run", "ended", "again", "clash")


def _shrink(actions: dict[str, Any]) -> dict[str, Any]:
    """Shrink old closed actions to the fields by which a repeat is refused."""
    for key in list(actions)[:-ACTIONS_KEPT]:
        if actions[key]["status"] not in (*OPEN, "unknown"):
            names = (*_KEPT, "approval") if actions[key]["status"] == "rejected" else _KEPT
            actions[key] = {name: actions[key][name] for name in names if name in actions[key]}
    return actions

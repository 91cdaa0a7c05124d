"""Record an action that an agent proposes, and the approval that is bound to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quintet.errors import DesignError, RunError
from quintet.state.clock import now
from quintet.state.record import digest

ActionStatus = Literal[
    "proposed", "approved", "rejected", "done", "failed", "unknown", "undone", "withdrawn", "dry"
]
ACTION_STATUSES: tuple[ActionStatus, ...] = get_args(ActionStatus)

AnswerKind = Literal["approve", "edit", "reject", "respond", "expire"]


@dataclass(frozen=True, kw_only=True)
class Approval:
    """A person's yes or no to one action.

    Args:
        gate: the node that asked.
        digest: the digest of the exact action that was answered.
        answer: `approve`, `edit`, `reject` or `respond`; `expire` where nobody answered in time.
        by: the person who answered.
        role: the role in which they answered, if the gate knows of one.
        note: the person's remark.
        at: the time of the answer, in seconds since the epoch.
        expires: the time until which a yes may be used, in seconds since the epoch; None for no
            limit.
        question: the name of the question in the journal, where the answer stands that counts.
    """

    gate: str
    digest: str
    answer: AnswerKind
    by: str
    role: str = ""
    note: str = ""
    at: float = field(default_factory=now)
    expires: float | None = None
    question: str = ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """A side effect with its exact arguments, from proposal to end.

    Args:
        name: the effect's name.
        arguments: the arguments, as plain data.
        key: the identity of the effect: two actions of one name and key are the same one. By
            default made of name and arguments.
        why: the agent's reason for it.
        behalf: the person or account for whom it is done.
        proposer: the node that proposed it.
        status: the point that it has reached; one of `ACTION_STATUSES`.
        approval: the answer that a person gave, if one was asked.
        result: the effect's result, or the reason for its failure.
        at: the time of the proposal, in seconds since the epoch; an approval's expiry counts from
            it.
        run: the run that it belongs to.
        gate: the gate that asks a person about it; empty where none does.
        ended: the time at which it was done, in seconds since the epoch.
        journaled: whether the journal of the thread's database holds how it ended.
        sequence: which of several wanted repeats it is, from 1; it is in the key too.
        steps: the plan's steps that it was proposed for, each as its planner's path and its id;
            empty where it is not a plan's alone.

    Raises:
        DesignError: an unknown status.
    """

    name: str
    arguments: Mapping[str, Any]
    key: str = ""
    why: str = ""
    behalf: str = ""
    proposer: str = ""
    status: ActionStatus = "proposed"
    approval: Approval | None = None
    result: Any = None
    at: float = field(default_factory=now)
    run: str = ""
    gate: str = ""
    ended: float | None = None
    journaled: bool = False
    sequence: int = 1
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.status not in ACTION_STATUSES:
            raise DesignError(
                f"Action(status={self.status!r}): give one of {', '.join(ACTION_STATUSES)}"
            )
        if not self.key:
            # The way round a frozen dataclass's own guard, here while it is still being made.
            object.__setattr__(self, "key", f"{self.name}:{self.digest}")

    @property
    def digest(self) -> str:
        """Give the digest of the effect's name and arguments; an approval is bound to it."""
        return digest([self.name, self.arguments])

    def __str__(self) -> str:
        return f"{self.name}({shown(self.arguments)})"


def from_outside(actions: Any) -> dict[str, dict[str, Any]]:
    """Read the actions in a graph's input, without what only a gate may give.

    An open action is a proposal without an approval, and the repeat that an action may hold
    (`again`, itself an action) is left out.

    Raises:
        RunError: it is no mapping of actions; it names the entry.
    """
    if not isinstance(actions, Mapping):
        raise RunError(f"the input names actions={actions!r:.60}, which only nodes may write")
    read = {}
    for key, action in actions.items():
        status = action.get("status") if isinstance(action, Mapping) else None
        if status not in ACTION_STATUSES:
            raise RunError(
                f"the input's actions hold {key!r}: {action!r:.60}, which is no action; only nodes "
                "write them, so leave them out, or give them back as a graph returned them"
            )
        read[key] = {name: value for name, value in action.items() if name != "again"}
        if status in ("proposed", "approved"):
            read[key] |= {"status": "proposed", "approval": None}
    return read


SHOWN = 60
"""The most letters of one argument that a sentence shows."""


def shown(arguments: Mapping[str, Any]) -> str:
    """Write arguments as in a call, each cut to `SHOWN` letters."""
    texts = {name: repr(value) for name, value in arguments.items()}
    return ", ".join(
        f"{name}={text if len(text) <= SHOWN else text[: SHOWN - 1] + '…'}"
        for name, text in texts.items()
    )

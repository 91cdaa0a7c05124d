"""What a run did, as plain data: the thing that metrics look at, whoever ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from quintet.errors import DesignError
from quintet.state.decision import Decision
from quintet.state.failure import Failure

CallStatus = Literal["ok", "failed", "refused", "proposed", "unknown"]
CALL_STATUSES: tuple[CallStatus, ...] = get_args(CallStatus)

PEOPLE = ("person",)
"""Routes and nodes at which a person takes over, where nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a tool or an effect.

    Args:
        name: the tool's name.
        arguments: what it was called with; empty where that is not known.
        status: `ok`, `failed` (it raised), `refused` (not allowed), `proposed` (a person must say
            yes first) or `unknown` (begun, its end not known).
        node: the node that called it.
        key: what makes an effect one and the same; empty for a tool without a side effect.
        retry: whether it repeats the call before it, which failed.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    status: CallStatus = "ok"
    node: str = ""
    key: str = ""
    retry: bool = False

    def __post_init__(self) -> None:
        if self.status not in CALL_STATUSES:
            raise DesignError(
                f"Call(status={self.status!r}): give one of {', '.join(CALL_STATUSES)}"
            )


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """The way that one run took, and where it ended.

    Args:
        status: the outcome's status (`done`, `escalated`, `rejected`, `aborted`, `exhausted`), or
            `waiting`, `unfinished`, or `error` where the target raised.
        reason: why, in one sentence.
        route: the first route that was chosen; the person's name where the router abstained, and
            empty where there was no choice.
        confidence: of that choice, between 0 and 1, or None.
        tier: who decided it: the tier, rule or model.
        best: the likeliest route, also where the router abstained; empty where not known.
        escalated: whether control went to a person instead of an agent. A gate that asks for a
            yes and goes on is no escalation.
        asked: the actions that a person was asked about, in order.
        path: the nodes that ran, in order.
        plan: the assignees of the plan's steps, in order; None where there was no plan.
        calls: tools and effects, in order.
        decisions: the decisions on record.
        failures: the failures on record.
        faults: the faults that were put in on purpose, by kind.
        answer: what the user gets.
        state: the end state that `Case.state` is compared with, as plain data.
        spent: `model_calls`, `input_tokens`, `output_tokens`, `tokens`, `money`, where known.
        seconds: wall time of the run.
        error: what the target raised; empty where it ran.
        url: where its trace can be looked at; empty where it was not uploaded.
    """

    status: str = "done"
    reason: str = ""
    route: str = ""
    confidence: float | None = None
    tier: str = ""
    best: str = ""
    escalated: bool = False
    asked: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    plan: tuple[str, ...] | None = None
    calls: tuple[Call, ...] = ()
    decisions: tuple[Decision, ...] = ()
    failures: tuple[Failure, ...] = ()
    faults: tuple[str, ...] = ()
    answer: Any = None
    state: Mapping[str, Any] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    url: str = ""

    @property
    def claims_done(self) -> bool:
        """Whether the run says of itself that it reached its goal."""
        return self.status == "done"

"""Describe a run as plain data, which metrics look at, whoever ran it."""

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
"""Routes and nodes at which a person takes over, by default."""


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call of a tool or an effect.

    Args:
        name: the tool's name.
        arguments: the arguments; empty where not known.
        status: `ok`, `failed` (it raised), `refused` (not allowed), `proposed` (a person must say
            yes first) or `unknown` (begun, its end not known).
        node: the node that called it.
        key: the effect's key: calls with one key are the same effect; empty for a tool without a
            side effect.
        retry: whether it repeats the tool's call before it, which failed.
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
                f"ToolCall(status={self.status!r}): give one of {', '.join(CALL_STATUSES)}"
            )


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """The way of one run through the system, and its end.

    Args:
        status: the outcome's status (`done`, `asked`, `escalated`, `rejected`, `aborted`,
            `exhausted`), or `waiting`, `unfinished`, or `error` where the target raised.
        reason: the reason for the status, in one sentence.
        route: the first route that was chosen; the person's route where the router abstained, and
            empty where there was no choice.
        confidence: of that choice, between 0 and 1, or None.
        tier: the tier, rule or model that decided it.
        best: the likeliest route, also where the router abstained; empty where not known.
        escalated: whether control went to a person instead of an agent. A gate that asks for a
            yes and goes on is no escalation.
        asked: the actions that a person was asked about, in order.
        path: the nodes that ran, in order.
        plan: the assignees of the plan's steps, in order; None without a plan.
        calls: tools and effects, in order.
        decisions: the decisions on record.
        failures: the failures on record.
        faults: the kinds of the injected faults, one entry a strike.
        answer: the answer to the user.
        state: the end state that `Case.state` is compared with, as plain data.
        spent: `model_calls`, `input_tokens`, `output_tokens`, `tokens`, `money`, where known.
        seconds: wall time of the run.
        error: the target's exception, as text; empty where it raised none.
        url: the address of its trace; empty where it was not uploaded.
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
    calls: tuple[ToolCall, ...] = ()
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
        """Say whether the run claims that it reached its goal."""
        return self.status == "done"

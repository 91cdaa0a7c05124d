"""The faults that `inject` puts in by default."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from langchain_core.exceptions import ModelRateLimitError, ModelTimeoutError
from langchain_core.messages import AIMessage
from langgraph.types import Command

from quintet.evals.faults.fault import FOR_GOOD, NODES, Blow, Fault, Instead, Visit
from quintet.evals.faults.handoffs import altered, dropped, handed
from quintet.nodes.core.attempt import current

Visits = tuple[Visit, ...]

ONCE_OR_MORE = (1, 2, FOR_GOOD)
GOES_ROUND = 25
"""How often a looping agent does its work again, unless something stops it."""

LATE = 3600.0
"""Seconds by which a late worker is over its time, whatever its budget."""

GARBAGE: tuple[Any, ...] = ("I'd be happy to help!", "", '{"reply": "Sure', None, {})
"""What a model may answer in place of a result."""


def _down(blow: Blow) -> Any:
    raise ConnectionError(f"{blow.spot.name} does not answer")


def _reply_lost(blow: Blow) -> Any:
    raise ConnectionError(f"the connection to {blow.spot.name} was lost before it replied")


def _limited(blow: Blow) -> Any:
    raise ModelRateLimitError(f"429 at {blow.spot.name}: rate limit reached, try again later")


def _late_model(blow: Blow) -> Any:
    raise ModelTimeoutError(f"the model of {blow.spot.name} did not answer in time")


def _slow(blow: Blow) -> Any:
    raise TimeoutError(f"{blow.spot.name} did not end in its time")


def _refused(blow: Blow) -> Any:
    raise PermissionError(f"403: {blow.spot.name} is not allowed for this caller")


def _garbage(blow: Blow) -> Any:
    said = blow.random.choice(GARBAGE)
    if blow.spot.kind != "model":
        return Instead(value=said)
    if isinstance(blow.recorded, AIMessage):
        return Instead(value=AIMessage(said if isinstance(said, str) else ""))
    return Instead(value=None)  # what structured output makes of a message that calls no tool


def _as_recorded(blow: Blow) -> Any:
    return Instead(value=blow.recorded)


def _lost(blow: Blow) -> Any:
    state, *rest = blow.given
    paths = handed(state, blow.spot.fields)
    return (dropped(state, blow.random.choice(paths)), *rest) if paths else blow.given


def _bent(blow: Blow) -> Any:
    state, *rest = blow.given
    paths = handed(state, blow.spot.fields)
    chosen = blow.random.choice(paths) if paths else None
    return blow.given if chosen is None else (altered(state, chosen, blow.random), *rest)


def _clock(blow: Blow) -> Any:
    attempt = current.get()
    if attempt is not None:  # the budget's own clock, moved on in place of a long sleep
        attempt.spend(seconds=LATE)
    return blow.given


def _again(blow: Blow) -> Any:
    return Instead(value=blow.recorded) if blow.spot.kind == "model" else blow.given


def _endless(blow: Blow) -> Any:
    raise RecursionError(f"{blow.spot.name} went round {GOES_ROUND} times and was cut off")


def _hands_over(visit: Visit, visits: Visits) -> bool:
    """Whether a field is handed to it; the first step's input is the user's, and no handoff."""
    if visit is next((other for other in visits if other.spot.kind in NODES), None):
        return False
    return bool(visit.given) and bool(handed(visit.given[0], visit.spot.fields))


def _called_tools(visit: Visit, visits: Visits) -> bool:
    """Whether the thing visited ended, and used a tool or proposed an action on the way."""
    begun = next(n for n, other in enumerate(visits) if other is visit)
    if not visit.ended or (visit.spot.kind == "node" and _writes_actions(visit)):
        return visit.ended
    around = next((other for other in reversed(visits[:begun]) if other.spot.kind in NODES), None)
    if visit.spot.kind not in NODES and around is not None and _writes_actions(around):
        return True
    within = takewhile(lambda other: other.spot.kind not in NODES, visits[begun + 1 :])
    return any(other.spot.kind == "tool" for other in within)


def _writes_actions(visit: Visit) -> bool:
    update = visit.answer.update if isinstance(visit.answer, Command) else visit.answer
    return isinstance(update, dict) and bool(update.get("actions"))


def _wanted_a_tool(visit: Visit, visits: Visits) -> bool:  # noqa: ARG001 - as all that fit
    if visit.spot.kind != "model":
        return True
    return bool(getattr(visit.answer, "tool_calls", None))


TOOL_ERROR = Fault(
    kind="tool error",
    at=("tool",),
    before=_down,
    times=ONCE_OR_MORE,
    about="a tool or effect cannot be reached; nothing has happened",
)
LOST_REPLY = Fault(
    kind="lost reply",
    at=("tool",),
    after=_reply_lost,
    about="a tool or effect has done its work, and the connection is lost before it says so",
)
RATE_LIMIT = Fault(
    kind="model 429",
    at=("model", "agent"),
    before=_limited,
    times=ONCE_OR_MORE,
    about="the model's provider answers 429",
)
TIMEOUT = Fault(
    kind="model timeout",
    at=("model", "agent"),
    before=_late_model,
    times=ONCE_OR_MORE,
    about="the model's client gives up waiting",
)
GARBAGE_REPLY = Fault(
    kind="garbage reply",
    at=("model", "agent"),
    before=_garbage,
    varied=True,
    times=ONCE_OR_MORE,
    about="a model answers chatter, nothing, or half a JSON text",
)
DROPPED_FIELD = Fault(
    kind="dropped handoff field",
    at=NODES,
    before=_lost,
    varied=True,
    fits=_hands_over,
    about="one field does not reach the next step",
)
ALTERED_FIELD = Fault(
    kind="altered handoff field",
    at=NODES,
    before=_bent,
    varied=True,
    fits=_hands_over,
    about="one value in one field reaches the next step changed",
)
FALSE_SUCCESS = Fault(
    kind="false success",
    at=("agent", "node", "model"),
    before=_as_recorded,
    last_word=True,
    fits=_called_tools,
    times=ONCE_OR_MORE,
    about="an agent gives the answer of work well done, and has done none of it",
)
SLOW_WORKER = Fault(
    kind="slow worker",
    at=("agent", "node", "model"),
    before=_slow,
    times=ONCE_OR_MORE,
    about="a worker does not end in its time and is cut off",
)
LATE_WORKER = Fault(
    kind="worker over its time",
    at=("agent",),
    before=_clock,
    about="a worker takes longer than any budget allows, and ends all the same",
)
ROUTER_OUTAGE = Fault(
    kind="router outage",
    at=("chooser",),
    before=_down,
    times=ONCE_OR_MORE,
    about="what chooses or plans does not answer",
)
REFUSED_TOOL = Fault(
    kind="refused tool",
    at=("tool",),
    before=_refused,
    times=(FOR_GOOD,),
    about="a tool refuses its caller",
)
LOOPING_WORKER = Fault(
    kind="looping worker",
    at=("agent", "model"),
    before=_again,
    after=_endless,
    rounds=GOES_ROUND,
    times=(FOR_GOOD,),
    fits=_wanted_a_tool,
    about="an agent does the same again and again, and never answers",
)

FAULTS: tuple[Fault, ...] = (
    TOOL_ERROR,
    LOST_REPLY,
    RATE_LIMIT,
    TIMEOUT,
    GARBAGE_REPLY,
    DROPPED_FIELD,
    ALTERED_FIELD,
    FALSE_SUCCESS,
    SLOW_WORKER,
    LATE_WORKER,
    ROUTER_OUTAGE,
    REFUSED_TOOL,
    LOOPING_WORKER,
)
"""All kinds; each may be left out, replaced (`dataclasses.replace`) or joined by your own."""

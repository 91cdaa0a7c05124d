"""Define the faults that `inject` puts in by default."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from langchain_core.exceptions import ModelRateLimitError, ModelTimeoutError
from langchain_core.messages import AIMessage
from langgraph.types import Command

from quintet.evals.faults.fault import FOR_GOOD, NODES, Blow, Fault, Instead, Visit
from quintet.evals.faults.handoffs import alter_field, drop_field, handoff_paths
from quintet.nodes.core.attempt import current

Visits = tuple[Visit, ...]

ONCE_OR_MORE = (1, 2, FOR_GOOD)
GOES_ROUND = 25
"""Times that a looping agent does its work, unless something stops it."""

LATE = 3600.0
"""Seconds that a late worker takes: more than any budget allows."""

GARBAGE: tuple[Any, ...] = ("I'd be happy to help!", "", '{"reply": "Sure', None, {})
"""Replies that a model may give in place of a result."""


def _down(blow: Blow) -> Any:
    raise ConnectionError(f"{blow.spot.name} does not answer")


def _reply_lost(blow: Blow) -> Any:
    raise ConnectionError(f"the connection to {blow.spot.name} was lost before it replied")


def _limited(blow: Blow) -> Any:
    raise ModelRateLimitError(f"429 at {blow.spot.name}: rate limit reached, try again later")


def _timed_out_model(blow: Blow) -> Any:
    raise ModelTimeoutError(f"the model of {blow.spot.name} did not answer in time")


def _cut_off(blow: Blow) -> Any:
    raise TimeoutError(f"{blow.spot.name} did not end in its time")


def _refused(blow: Blow) -> Any:
    raise PermissionError(f"403: {blow.spot.name} is not allowed for this caller")


def _garbage(blow: Blow) -> Any:
    reply = blow.random.choice(GARBAGE)
    if blow.spot.kind != "model":
        return Instead(value=reply)
    if isinstance(blow.recorded, AIMessage):
        return Instead(value=AIMessage(reply if isinstance(reply, str) else ""))
    return Instead(value=None)  # what structured output makes of a message that calls no tool


def _as_recorded(blow: Blow) -> Any:
    return Instead(value=blow.recorded)


def _dropped(blow: Blow) -> Any:
    state, *rest = blow.given
    paths = handoff_paths(state, blow.spot.fields)
    return (drop_field(state, blow.random.choice(paths)), *rest) if paths else blow.given


def _altered(blow: Blow) -> Any:
    state, *rest = blow.given
    paths = handoff_paths(state, blow.spot.fields)
    if not paths:
        return blow.given
    return (alter_field(state, blow.random.choice(paths), blow.random), *rest)


def _over_time(blow: Blow) -> Any:
    attempt = current.get()
    if attempt is not None:  # the budget's own clock, moved on in place of a long sleep
        attempt.spend(seconds=LATE)
    return blow.given


def _again(blow: Blow) -> Any:
    # An agent is called again with the same input (`rounds`). A model's tool loop goes on by itself
    # as long as the reply is the same tool call.
    return Instead(value=blow.recorded) if blow.spot.kind == "model" else blow.given


def _endless(blow: Blow) -> Any:
    raise RecursionError(f"{blow.spot.name} went round {GOES_ROUND} times and was cut off")


def _hands_over(visit: Visit, visits: Visits) -> bool:
    """Say whether a field is handed to the visited node by an earlier one."""
    # The first node's input comes from the user: that is no handoff.
    if visit is next((other for other in visits if other.spot.kind in NODES), None):
        return False
    return bool(visit.given) and bool(handoff_paths(visit.given[0], visit.spot.fields))


def _called_tools(visit: Visit, visits: Visits) -> bool:
    """Say whether the visited call returned, and used a tool or proposed an action meanwhile."""
    start = next(n for n, other in enumerate(visits) if other is visit)
    if not visit.ended or (visit.spot.kind == "node" and _writes_actions(visit)):
        return visit.ended
    node = next((other for other in reversed(visits[:start]) if other.spot.kind in NODES), None)
    # A proposed action calls no tool: it is in the update of the node that the agent runs in.
    if visit.spot.kind not in NODES and node is not None and _writes_actions(node):
        return True
    # Visits are in the order in which they began, so tools called meanwhile follow this one.
    inner = takewhile(lambda other: other.spot.kind not in NODES, visits[start + 1 :])
    return any(other.spot.kind == "tool" for other in inner)


def _writes_actions(visit: Visit) -> bool:
    update = visit.answer.update if isinstance(visit.answer, Command) else visit.answer
    return isinstance(update, dict) and bool(update.get("actions"))


def _wanted_a_tool(visit: Visit, visits: Visits) -> bool:  # noqa: ARG001 - `fits` gives both
    # Repeating a reply without a tool call would end the model's loop.
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
    before=_timed_out_model,
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
    before=_dropped,
    varied=True,
    fits=_hands_over,
    about="one field does not reach the next step",
)
ALTERED_FIELD = Fault(
    kind="altered handoff field",
    at=NODES,
    before=_altered,
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
    before=_cut_off,
    times=ONCE_OR_MORE,
    about="a worker does not end in its time and is cut off",
)
LATE_WORKER = Fault(
    kind="worker over its time",
    at=("agent",),
    before=_over_time,
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
"""The default faults: leave some out, change them by `dataclasses.replace`, or add your own."""

"""Read the state that a run left into a trajectory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from quintet.errors import DesignError
from quintet.evals.items import names_in, things_in
from quintet.evals.reading.forms import parse_message
from quintet.evals.reading.message import Message
from quintet.evals.reading.transcript import answer_of, calls_of, handoffs_of, spent_of
from quintet.evals.trajectory import PEOPLE, CallStatus, ToolCall, Trajectory
from quintet.state.decision import Decision
from quintet.state.failure import Failure
from quintet.state.record import plain, read
from quintet.state.run import run_of

R = TypeVar("R")

ABSTAINED = "otherwise"
"""The decider that a `Router` records where its chooser abstained."""

_CALL_STATUS: Mapping[str, CallStatus] = {
    "proposed": "proposed",
    "approved": "proposed",
    "rejected": "refused",
    "done": "ok",
    "undone": "ok",
    "failed": "failed",
}
_SPENT = {"steps": "model_calls", "tokens": "tokens", "money": "money"}
_MAX_DEPTH = 12


def harvest(  # noqa: PLR0913 - what is known of a run, each by its name
    values: Mapping[str, Any],
    *,
    path: Iterable[str] = (),
    status: str = "done",
    reason: str = "",
    waiting: Iterable[Any] = (),
    routes: Iterable[str] = (),
    people: Iterable[str] = PEOPLE,
) -> Trajectory:
    """Read the state of any graph, with or without Quintet's records in it.

    The route, its confidence and its tier are those of the first route decision; a router that
    abstained has chosen the person. Without such a decision the route is the first node of the
    path among `routes`, or else the first agent that a `transfer_to_` tool names. Records that
    cannot be read are left out, and so are foreign values under the keys of our records.

    Args:
        values: the state.
        path: the nodes that ran, in order.
        status: the run's status, as in `Trajectory`.
        reason: the reason for the status.
        waiting: the packets of the open questions.
        routes: nodes that count as a route, for graphs without decisions.
        people: nodes at which a person takes over.

    Returns:
        The trajectory, without `seconds`. Its `state` is the state as plain data, with the `repr`
        of values that JSON cannot hold. Its `answer` is the last agent's text, or else the only
        result's `reply`, or else the results by worker.

    Raises:
        DesignError: `values` is no mapping, or names are one text.
    """
    if not isinstance(values, Mapping):
        raise DesignError(f"harvest({values!r:.60}): give a graph's state, a mapping")
    path, routes = names_in(path, "harvest(path=...)"), names_in(routes, "harvest(routes=...)")
    people = names_in(people, "harvest(people=...)")
    packets = things_in(waiting, "harvest(waiting=...)", "packets")
    decisions = tuple(_records(values, "decisions", Decision))
    messages = tuple(_parsed_messages(values))
    open_actions = [name for packet in packets for name in actions_to_approve(packet)]
    proposed = _with_proposed(calls_of(messages), open_actions)
    trajectory = Trajectory(
        status=status,
        reason=reason,
        escalated=_escalated(status, path, decisions, packets, people),
        asked=(*_asked_effects(values), *open_actions),
        path=path,
        plan=_plan(values),
        calls=_merged(tuple(_effects(values)), proposed),
        decisions=decisions,
        failures=tuple(_records(values, "failures", Failure)),
        answer=_answer(values, messages),
        state=plain_or_repr(values),
        spent={**spent_of(messages), **_spent(values)},
    )
    return _with_route(trajectory, routes, people, handoffs_of(messages))


def actions_to_approve(packet: Any) -> tuple[str, ...]:
    """Name the actions that an open question asks to approve; none for any other question."""
    if not isinstance(packet, Mapping):
        return ()
    if isinstance(packet.get("action"), str):
        return (packet["action"],)
    # The packet of LangChain's human-in-the-loop middleware asks about several actions at once.
    requests = [item for item in _items(packet.get("action_requests")) if isinstance(item, Mapping)]
    names = (request.get("name") or request.get("action") for request in requests)
    return tuple(name for name in names if isinstance(name, str))


def plain_or_repr(value: Any, depth: int = 0) -> Any:
    """Convert any value to plain data, with the `repr` of the parts that JSON cannot hold."""
    # A foreign state may hold anything, such as a class whose own methods raise.
    with suppress(Exception):
        return plain(value)
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {str(key): plain_or_repr(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [plain_or_repr(item, depth + 1) for item in value]
    with suppress(Exception):
        return repr(value)
    return f"<{type(value).__name__}>"


def _with_route(
    trajectory: Trajectory,
    routes: tuple[str, ...],
    people: tuple[str, ...],
    handoffs: tuple[str, ...],
) -> Trajectory:
    """Add the route, its confidence and the tier that chose it."""
    decision = next((item for item in trajectory.decisions if item.kind == "route"), None)
    if decision is None:
        node = next((name for name in trajectory.path if name in routes), "")
        return replace(trajectory, route=node or next(iter(handoffs), ""))
    abstained = decision.who == ABSTAINED or decision.choice in people
    # Without a ranking, a router notes all its targets as candidates, the abstention's among them.
    ranked = () if decision.choice in decision.candidates else decision.candidates
    return replace(
        trajectory,
        route=decision.choice,
        confidence=decision.confidence,
        tier=decision.who or decision.by,
        best=next(iter(ranked), "") if abstained else decision.choice,
    )


def _escalated(
    status: str,
    path: tuple[str, ...],
    decisions: tuple[Decision, ...],
    packets: tuple[Any, ...],
    people: tuple[str, ...],
) -> bool:
    return (
        status == "escalated"
        or any(item.kind == "escalation" for item in decisions)
        or any(name in people for name in path)
        or (status == "waiting" and any(not actions_to_approve(packet) for packet in packets))
    )


def _records(values: Mapping[str, Any], key: str, kind: type[R]) -> Iterator[R]:
    for item in _items(values.get(key)):
        if isinstance(item, Mapping):
            with suppress(DesignError):
                yield read(kind, item)


def _parsed_messages(values: Mapping[str, Any]) -> Iterator[Message]:
    run = run_of(values).partition(".")[0]
    for item in _items(values.get("messages")):
        # Of a conversation that our nodes keep, only this run's turns are its own.
        if isinstance(item, Mapping) and item.get("run", run) != run:
            continue
        with suppress(DesignError):
            yield from parse_message(item, strict=False)


def _actions(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the actions on record; a requested repeat follows the action that it repeats."""
    actions = values.get("actions")
    for action in actions.values() if isinstance(actions, Mapping) else ():
        if isinstance(action, Mapping) and isinstance(action.get("name"), str):
            repeat = action.get("again")
            yield action
            if isinstance(repeat, Mapping) and isinstance(repeat.get("name"), str):
                yield repeat


def _effects(values: Mapping[str, Any]) -> Iterator[ToolCall]:
    for action in _actions(values):
        arguments = action.get("arguments")
        yield ToolCall(
            name=action["name"],
            arguments=dict(arguments) if isinstance(arguments, Mapping) else {},
            status=_CALL_STATUS.get(str(action.get("status")), "unknown"),
            node=str(action.get("proposer") or ""),
            key=str(action.get("key") or ""),
        )


def _with_proposed(calls: Iterable[ToolCall], open_actions: list[str]) -> Iterator[ToolCall]:
    """Mark the calls that a person is being asked about as proposed: they have not begun."""
    for call in calls:
        proposed = call.status == "unknown" and call.name in open_actions
        yield replace(call, status="proposed") if proposed else call


def _merged(effects: tuple[ToolCall, ...], tool_calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Join effects and tool calls; an effect that a model called is both, and counts once."""
    unmatched = list(effects)
    others: list[ToolCall] = []
    for call in tool_calls:
        twin = next(
            (e for e in unmatched if e.name == call.name and e.arguments == call.arguments), None
        )
        if twin is None:
            others.append(call)
        else:
            unmatched.remove(twin)
    return (*effects, *others)


def _asked_effects(values: Mapping[str, Any]) -> Iterator[str]:
    return (action["name"] for action in _actions(values) if action.get("approval"))


def _plan(values: Mapping[str, Any]) -> tuple[str, ...] | None:
    plan = values.get("plan")
    steps = _items(plan.get("steps")) if isinstance(plan, Mapping) else ()
    assignees = [name for step in steps if isinstance(step, Mapping) for name in _assignees(step)]
    return tuple(str(name) for name in assignees) if assignees and all(assignees) else None


def _assignees(step: Mapping[str, Any]) -> Iterator[Any]:
    """Yield who takes a step, or the steps of its body; nobody takes one that a reducer folds."""
    body = _items(step.get("body"))
    if not body and not (step.get("reducer") and not step.get("assignee")):
        yield step.get("assignee")
    for one in body:
        yield from _assignees(one) if isinstance(one, Mapping) else (None,)


def _answer(values: Mapping[str, Any], messages: tuple[Message, ...]) -> Any:
    if (text := answer_of(messages)) is not None:
        return text
    results = values.get("results")
    if not isinstance(results, Mapping) or not results:
        return None
    only = next(iter(results.values())) if len(results) == 1 else None
    if isinstance(only, Mapping) and isinstance(only.get("reply"), str):
        return only["reply"]
    return plain_or_repr(results)


def _spent(values: Mapping[str, Any]) -> dict[str, float]:
    spent = values.get("spent")
    amounts = spent if isinstance(spent, Mapping) else {}
    return {
        name: amounts[key]
        for key, name in _SPENT.items()
        if isinstance(amounts.get(key), int | float) and not isinstance(amounts.get(key), bool)
    }


def _items(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()

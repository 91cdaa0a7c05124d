"""What a state says of the run that left it, read into a trajectory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from quintet.errors import DesignError
from quintet.evals.reading.transcript import Said, answer_of, calls_of, handoffs_of, said, spent_of
from quintet.evals.trajectory import PEOPLE, Call, CallStatus, Trajectory
from quintet.state.decision import Decision
from quintet.state.failure import Failure
from quintet.state.record import plain, read

R = TypeVar("R")

ABSTAINED = "otherwise"
"""What a `Router` writes as the decider where its chooser abstained."""

_ENDS: Mapping[str, CallStatus] = {
    "proposed": "proposed",
    "approved": "proposed",
    "rejected": "refused",
    "done": "ok",
    "undone": "ok",
    "failed": "failed",
}
_SPENT = {"steps": "model_calls", "tokens": "tokens", "money": "money"}
_DEEP = 12


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
    """Read the state of any graph: one that keeps Quintet's records, or one that has no idea.

    The route, its confidence and its tier are those of the first route decision; a router that
    abstained has chosen the person. Without such a decision the route is the first node of the
    path among `routes`, or else the first agent that a `transfer_to_` tool names. Records that
    cannot be read are left out, and so are keys of the same names that hold something else.

    Args:
        values: the state.
        path: the nodes that ran, in order.
        status: where the run stands, as in `Trajectory`.
        reason: why.
        waiting: the packets of the questions that are open.
        routes: nodes that count as a route, for graphs without decisions.
        people: nodes at which a person takes over.

    Returns:
        The trajectory, without `seconds`. Its `state` is the state as plain data; what JSON cannot
        hold stands there as its `repr`. Its `answer` is the last agent's text, or else the only
        result's `reply`, or else the results by worker.
    """
    path, packets, people = tuple(path), tuple(waiting), tuple(people)
    decisions = tuple(_records(values, "decisions", Decision))
    messages = tuple(_messages(values))
    named = [name for packet in packets for name in asked_about(packet)]
    calls = _together(tuple(_effects(values)), _pending(calls_of(messages), named))
    trajectory = Trajectory(
        status=status,
        reason=reason,
        escalated=_escalated(status, path, decisions, packets, people),
        asked=(*_asked(values), *named),
        path=path,
        plan=_plan(values),
        calls=calls,
        decisions=decisions,
        failures=tuple(_records(values, "failures", Failure)),
        answer=_answer(values, messages),
        state=loose(values),
        spent={**spent_of(messages), **_spending(values)},
    )
    return _routed(trajectory, tuple(routes), people, handoffs_of(messages))


def asked_about(packet: Any) -> tuple[str, ...]:
    """The actions that an open question is about; none where it is no question of approval."""
    if not isinstance(packet, Mapping):
        return ()
    if isinstance(packet.get("action"), str):
        return (packet["action"],)
    listed = packet.get("action_requests")
    items = listed if isinstance(listed, list | tuple) else ()
    names = (item.get("name") or item.get("action") for item in items if isinstance(item, Mapping))
    return tuple(name for name in names if isinstance(name, str))


def loose(value: Any, deep: int = 0) -> Any:
    """A value as plain data, where need be with the `repr` of what JSON cannot hold."""
    with suppress(Exception):
        return plain(value)
    if isinstance(value, Mapping) and deep < _DEEP:
        return {str(key): loose(item, deep + 1) for key, item in value.items()}
    if isinstance(value, list | tuple) and deep < _DEEP:
        return [loose(item, deep + 1) for item in value]
    with suppress(Exception):
        return repr(value)
    return f"<{type(value).__name__}>"


def _routed(
    read_so_far: Trajectory,
    routes: tuple[str, ...],
    people: tuple[str, ...],
    handed: tuple[str, ...],
) -> Trajectory:
    """With the route, and who chose it how surely."""
    decision = next((item for item in read_so_far.decisions if item.kind == "route"), None)
    if decision is None:
        node = next((name for name in read_so_far.path if name in routes), "")
        return replace(read_so_far, route=node or next(iter(handed), ""))
    abstained = decision.who == ABSTAINED or decision.choice in people
    # Without a ranking, a router notes all its targets as candidates, the abstention's among them.
    ranked = () if decision.choice in decision.candidates else decision.candidates
    return replace(
        read_so_far,
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
        or (status == "waiting" and any(not asked_about(packet) for packet in packets))
    )


def _records(values: Mapping[str, Any], key: str, kind: type[R]) -> Iterator[R]:
    for item in _listed(values.get(key)):
        if isinstance(item, Mapping):
            with suppress(DesignError):
                yield read(kind, item)


def _messages(values: Mapping[str, Any]) -> Iterator[Said]:
    for item in _listed(values.get("messages")):
        with suppress(DesignError):
            yield said(item)


def _actions(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The actions on record, each with the repeat that was asked for, if any."""
    kept = values.get("actions")
    for item in kept.values() if isinstance(kept, Mapping) else ():
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            again = item.get("again")
            yield item
            if isinstance(again, Mapping) and isinstance(again.get("name"), str):
                yield again


def _effects(values: Mapping[str, Any]) -> Iterator[Call]:
    for item in _actions(values):
        given = item.get("arguments")
        yield Call(
            name=item["name"],
            arguments=dict(given) if isinstance(given, Mapping) else {},
            status=_ENDS.get(str(item.get("status")), "unknown"),
            node=str(item.get("proposer") or ""),
            key=str(item.get("key") or ""),
        )


def _pending(calls: Iterable[Call], named: list[str]) -> Iterator[Call]:
    """Calls of a conversation; what a person is being asked about is proposed, not begun."""
    for call in calls:
        open_now = call.status == "unknown" and call.name in named
        yield replace(call, status="proposed") if open_now else call


def _together(effects: tuple[Call, ...], spoken: Iterable[Call]) -> tuple[Call, ...]:
    """Effects and tool calls; an effect that a model called is both, and counts once."""
    left = list(effects)
    others: list[Call] = []
    for call in spoken:
        twin = next(
            (e for e in left if e.name == call.name and e.arguments == call.arguments), None
        )
        if twin is None:
            others.append(call)
        else:
            left.remove(twin)
    return (*effects, *others)


def _asked(values: Mapping[str, Any]) -> Iterator[str]:
    return (item["name"] for item in _actions(values) if item.get("approval"))


def _plan(values: Mapping[str, Any]) -> tuple[str, ...] | None:
    plan = values.get("plan")
    steps = _listed(plan.get("steps")) if isinstance(plan, Mapping) else ()
    named = [step.get("assignee") for step in steps if isinstance(step, Mapping)]
    return tuple(str(name) for name in named) if named and all(named) else None


def _answer(values: Mapping[str, Any], messages: tuple[Said, ...]) -> Any:
    if (text := answer_of(messages)) is not None:
        return text
    results = values.get("results")
    if not isinstance(results, Mapping) or not results:
        return None
    only = next(iter(results.values())) if len(results) == 1 else None
    if isinstance(only, Mapping) and isinstance(only.get("reply"), str):
        return only["reply"]
    return loose(results)


def _spending(values: Mapping[str, Any]) -> dict[str, float]:
    spent = values.get("spent")
    known = spent if isinstance(spent, Mapping) else {}
    return {
        name: known[key]
        for key, name in _SPENT.items()
        if isinstance(known.get(key), int | float) and not isinstance(known.get(key), bool)
    }


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()

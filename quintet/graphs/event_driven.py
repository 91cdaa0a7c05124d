"""Have handlers react to typed events: in order for each key, each handler once for each event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, get_type_hints

from langgraph.graph import StateGraph

from quintet.errors import DesignError
from quintet.graphs.refusals import check_names
from quintet.graphs.wiring import Wiring
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.function import targets_of
from quintet.nodes.dispatch import Dispatcher
from quintet.nodes.events.handle import Handle
from quintet.nodes.events.types import is_event_type
from quintet.nodes.finish import StateCriterion
from quintet.nodes.recover import Recovery, escalate
from quintet.nodes.route import Router
from quintet.nodes.subscribe import Subscriber, as_subscribers
from quintet.nodes.work import Worker
from quintet.state.event import EventState, type_name

DISPATCH = "dispatch"


def create_event_driven(  # noqa: PLR0913 - each is one duty, and all but one have a default
    subscribers: Mapping[str, Any],
    *,
    dispatch: Dispatcher | None = None,
    gate: ApprovalGate | None = None,
    recover: Recovery | None = None,
    success: tuple[StateCriterion, ...] = (),
    state: type[Any] = EventState,
    deadline: str | float | None = None,
) -> StateGraph[Any]:
    """Make a graph whose handlers react to events, until nothing is left to do.

    A run begins with `deliver(...)`: `start(app, deliver(Alert(...)), thread="t-1")`.

    Args:
        subscribers: the handlers by node name: functions of an event, whose annotations say which
            they take and give; `Worker`s, which take the event type of their contract's `needs`;
            or `Subscriber`s, which say more.
        dispatch: the limits, the types that come from outside or leave, and what becomes of dead
            letters.
        gate: the approval gate in front of the workers' effects; it asks once no handler has
            anything to do, so that no event waits for a person.
        recover: the policy for failures; where it would ask a person, the event becomes a dead
            letter, and all others go on.
        success: criteria on the final state that `done` needs.
        state: your state, inheriting `EventState`.
        deadline: how long a run may take, such as `"10m"`; see `quintet.runs.start`.

    Returns:
        An uncompiled StateGraph.

    Raises:
        DesignError: an event type that nobody takes or nobody emits, two types of one name, a name
            that is taken, or other parts that do not fit.
    """
    parts = as_subscribers(subscribers)
    dispatcher = Dispatcher() if dispatch is None else dispatch
    if not isinstance(dispatcher, Dispatcher):
        raise DesignError(f"create_event_driven(dispatch={dispatch!r:.60}): give a Dispatcher")
    handlers = {name: part.handler for name, part in parts.items()}
    check_names(handlers, state, DISPATCH, "events")
    if "events" not in get_type_hints(state):
        raise DesignError(f"{state.__name__} does not inherit EventState; have it do so")
    taken = _by_name(kind for part in parts.values() for kind in part.on)
    known = _by_name([*taken.values(), *dispatcher.inputs, *dispatcher.out])
    parts = {name: part.giving(known) for name, part in parts.items()}
    known = _by_name([*known.values(), *(k for part in parts.values() for k in part.emits)])
    _check_types(parts, dispatcher, taken)
    _check_routes(parts)
    wiring = Wiring.around(handlers, gate, recover, success)
    dispatcher = replace(
        dispatcher,
        subscribers=parts,
        kinds=known,
        gate="" if gate is None else wiring.gate_node,
        abort=wiring.recover.otherwise.to if wiring.recover.otherwise.kind == "abort" else "",
    )
    graph: StateGraph[Any] = StateGraph(state)
    _add(graph, parts, dispatcher, wiring)
    wiring.begin(graph, DISPATCH, deadline=deadline)
    wiring.check(graph)
    return graph


def _add(
    graph: StateGraph[Any],
    parts: Mapping[str, Subscriber],
    dispatcher: Dispatcher,
    wiring: Wiring,
) -> None:
    """Add the dispatcher, the handlers, the gate and the ends."""
    wiring.add_node(graph, DISPATCH, dispatcher, defer=True)
    inner = wiring
    if wiring.gate is not None:
        gate = replace(wiring.gate, rejected=wiring.gate.rejected or DISPATCH)
        inner = replace(wiring, gate=gate, then=DISPATCH)
        # An action that fails must not end the run: other actions still wait for their answers.
        if wiring.recover.otherwise.kind == "escalate":
            again = replace(wiring.recover, otherwise=escalate(DISPATCH))
            inner = replace(inner, recover=again)
    inner.add_ends(graph)
    for name, part in parts.items():
        node: Any = Handle(subscriber=part, kinds=dispatcher.kinds)
        if isinstance(part.handler, Worker):
            node = inner.wired(part.handler, DISPATCH, DISPATCH)
        wiring.add_node(graph, name, node)
        if not targets_of(node):
            graph.add_edge(name, DISPATCH)


def _by_name(kinds: Iterable[Any]) -> dict[str, Any]:
    """Give event types by their names.

    Raises:
        DesignError: one is no event type, or two have one name.
    """
    named: dict[str, Any] = {}
    for kind in kinds:
        if not is_event_type(kind):
            raise DesignError(
                f"{kind!r:.60} is no event type; give a dataclass, pydantic model or TypedDict"
            )
        if named.setdefault(type_name(kind), kind) is not kind:
            raise DesignError(
                f"two event types are named {type_name(kind)!r}; rename one, or give it event_type"
            )
    return named


def _check_types(
    parts: Mapping[str, Subscriber], dispatcher: Dispatcher, taken: Mapping[str, Any]
) -> None:
    """Refuse an event that nobody takes, and a handler of one that nobody sends.

    Raises:
        DesignError: it names the type and the handlers.
    """
    leaves = {type_name(kind) for kind in dispatcher.out}
    emitted = {type_name(kind): name for name, part in parts.items() for kind in part.emits}
    inputs = {type_name(kind) for kind in dispatcher.inputs}
    for kind, name in emitted.items():
        if kind not in taken and kind not in leaves:
            raise DesignError(
                f"{name} emits {kind}, and nobody takes it ({', '.join(taken)} are taken); "
                "subscribe a handler, or name it in Dispatcher(out=...)"
            )
    if untaken := sorted(inputs - set(taken)):
        raise DesignError(f"Dispatcher(inputs=): nobody takes {', '.join(untaken)}; add a handler")
    if unsent := sorted(leaves - set(emitted) - inputs):
        raise DesignError(f"Dispatcher(out=): nobody emits {', '.join(unsent)}")
    for name, part in parts.items():
        strange = [type_name(k) for k in part.on if type_name(k) not in {*emitted, *inputs}]
        if inputs and strange:
            raise DesignError(
                f"{name} takes {strange[0]}, which comes neither from outside nor from a handler; "
                "name it in Dispatcher(inputs=...), or declare who emits it"
            )


def _check_routes(parts: Mapping[str, Subscriber]) -> None:
    """Refuse a router that passes events on to no handler of this graph.

    Raises:
        DesignError: it names the router and the target.
    """
    for name, part in parts.items():
        if not isinstance(part.handler, Router):
            continue
        for target in part.handler.targets.values():
            if target not in parts and target != "person":
                raise DesignError(
                    f"router {name!r} passes events on to {target!r}, which is no subscriber "
                    f"({', '.join(parts)}) nor 'person'"
                )


def draw_events(graph: StateGraph[Any]) -> str:
    """Draw who takes and who emits which events, as a Mermaid flowchart.

    Args:
        graph: one of `create_event_driven`.

    Raises:
        DesignError: it has no dispatcher.
    """
    spec = graph.nodes.get(DISPATCH)
    dispatcher = getattr(spec, "runnable", None)
    if not isinstance(dispatcher, Dispatcher):
        raise DesignError("draw_events: give a graph that create_event_driven made")
    emitters: dict[str, list[str]] = {}
    for name, part in dispatcher.subscribers.items():
        for kind in part.emits:
            emitters.setdefault(type_name(kind), []).append(name)
    lines = ["flowchart LR"]
    for name, part in dispatcher.subscribers.items():
        lines.append(f"    {name}[{name}]")
        for kind in map(type_name, part.on):
            sources = emitters.get(kind, [])
            if not sources or kind in map(type_name, dispatcher.inputs):
                sources = ["outside((outside))", *sources]
            lines += [f"    {source} -- {kind} --> {name}" for source in sources]
        if isinstance(part.handler, Router):
            lines += [f"    {name} -. routes .-> {to}" for to in part.handler.targets.values()]
    for kind in map(type_name, dispatcher.out):
        lines += [f"    {source} -- {kind} --> out((out))" for source in emitters.get(kind, [])]
    return "\n".join(dict.fromkeys(lines))

"""Targets: what is evaluated, as a function of a case that returns a trajectory."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from itertools import count
from typing import Any
from uuid import uuid4

from langchain_core.runnables import Runnable
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError, QuintetError
from quintet.evals.case import Case
from quintet.evals.reading.harvest import harvest
from quintet.evals.running.ended import error_text, stops_evaluation
from quintet.evals.running.observer import Observer
from quintet.evals.trajectory import PEOPLE, Call, Trajectory
from quintet.nodes.choosers.choose import Choice, Chooser, ask
from quintet.nodes.core.node import Node, adrive, apump, drive, pump
from quintet.nodes.route import Router
from quintet.runs import Run, alook, astart, look, start
from quintet.state.verdict import is_async, name_of

ANSWERS = 64
"""Questions that one run may put to a person before it counts as going in circles."""

Person = Callable[[Any], Any]
Step = tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class GraphTarget:
    """A compiled graph as a target: each case is a run on a thread of its own.

    A graph that writes Quintet's records is read by them. Of any other graph the nodes, the tool
    and model calls and the last message are read, and the route is the first node among `routes`.

    Args:
        app: the compiled graph; with a checkpointer where it may stop for a person.
        person: answers what the run asks: a function of the interrupt's packet, such as a
            `ScriptedPerson`. None, as no person at all, leaves the run waiting.
        given: what the graph gets of a case; by default `case.input`, and a text as the last
            message, or under `message`, whichever the state has.
        routes: nodes that count as a route, where the graph keeps no decisions; `evaluate` gives
            the routes that its cases name.
        people: nodes at which a person takes over.
        observe: what else to say of a run that ended: fields of `Trajectory` by name, such as
            `{"state": {"refunds": 1}}`, in place of what was read.

    Raises:
        DesignError: the graph is not compiled.
    """

    app: CompiledStateGraph[Any, Any, Any, Any] = field(repr=False)
    person: Person | None = None
    given: Callable[[Case], Any] | None = None
    routes: tuple[str, ...] = ()
    people: tuple[str, ...] = PEOPLE
    observe: Callable[[Run], Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.app, StateGraph) or not isinstance(self.app, CompiledStateGraph):
            raise DesignError(
                f"GraphTarget(app={type(self.app).__name__}): give a compiled graph, "
                "graph.compile(checkpointer=...)"
            )

    @property
    def waits(self) -> bool:
        """Whether the graph has a node that is async only, so that it must be awaited."""
        return _waits(self.app)

    def __call__(self, case: Case) -> Trajectory:
        """Run one case. What the graph raises stands in the trajectory's `error`."""
        return pump(self._steps(case), _now)

    async def acall(self, case: Case) -> Trajectory:
        """The same, awaiting the graph."""
        return await apump(self._steps(case), _soon)

    def _steps(self, case: Case) -> Generator[Step, Any, Trajectory]:
        given = _state(self.app, self.given(case) if self.given is not None else case.input)
        thread, observer, began = f"eval-{uuid4().hex[:12]}/{case.id}", Observer(), time.monotonic()
        config = {"callbacks": [observer]}
        run, error = None, ""
        try:
            run = yield start, astart, (self.app, given), {"thread": thread, "config": config}
            run = yield from self._answered(run)
        except BaseException as problem:
            if stops_evaluation(problem):
                raise
            error = error_text(problem)
        seconds = time.monotonic() - began
        if error and self._saves:
            run = yield _seen, _aseen, (self.app, thread), {}
        trajectory = self._read(run, observer, error, seconds)
        if isinstance(self.app.checkpointer, InMemorySaver):
            self.app.checkpointer.delete_thread(thread)
        return trajectory

    @property
    def _saves(self) -> bool:
        return self.app.checkpointer not in (None, False)

    def _answered(self, run: Run) -> Generator[Step, Any, Run]:
        for number in count():
            answer = self.person(run.waiting[0].packet) if run.waiting and self.person else None
            if answer is None:
                return run
            if number == ANSWERS:
                raise RuntimeError(f"the run asked more than {ANSWERS} times")
            run = yield run.answer, run.aanswer, (answer,), {"to": run.waiting[0].id}
        return run

    def _read(self, run: Run | None, observer: Observer, error: str, seconds: float) -> Trajectory:
        read = harvest(
            {} if run is None else run.values,
            path=(run.path if run is not None else ()) or tuple(observer.path),
            status="error" if error or run is None else run.status,
            reason="" if run is None or run.outcome is None else run.outcome.reason,
            waiting=() if run is None else tuple(item.packet for item in run.waiting),
            routes=self.routes,
            people=self.people,
        )
        read = replace(
            read,
            calls=_together(observer.calls, read.calls),
            # Our records count an agent's step as a call; the callbacks have seen the models.
            spent={**_without(read.spent, "model_calls"), **observer.spent},
            seconds=seconds,
            error=error,
        )
        if self.observe is None or run is None:
            return read
        return replace(read, **self.observe(run))


@dataclass(frozen=True, kw_only=True)
class ChooserTarget:
    """A chooser alone as a target: nothing runs but the choice.

    Args:
        chooser: a chooser, or a `Router`, whose `read` and `otherwise` are used.
        otherwise: the route that an abstention counts as.
    """

    chooser: Chooser | Router
    otherwise: str = "person"

    @property
    def waits(self) -> bool:
        """Whether the chooser must be awaited."""
        inner = self._choose
        tiers = getattr(inner, "tiers", (inner,))
        return any(is_async(tier) for tier in tiers)

    @property
    def _choose(self) -> Chooser:
        return self.chooser.choose if isinstance(self.chooser, Router) else self.chooser

    def __call__(self, case: Case) -> Trajectory:
        """Ask for one choice. What the chooser raises is left to whoever evaluates."""
        began = time.monotonic()
        return self._read(case, drive(ask(self._choose, self._given(case))), began)

    async def acall(self, case: Case) -> Trajectory:
        """The same, awaiting the chooser."""
        began = time.monotonic()
        return self._read(case, await adrive(ask(self._choose, self._given(case))), began)

    def _given(self, case: Case) -> Any:
        reads = isinstance(self.chooser, Router) and isinstance(case.input, Mapping)
        if reads and isinstance(self.chooser, Router):
            return self.chooser.read(case.input)
        return case.text if isinstance(case.input, Mapping) else case.input

    def _read(self, case: Case, choice: Choice | None, began: float) -> Trajectory:
        seconds = time.monotonic() - began
        nobody = self.chooser.otherwise if isinstance(self.chooser, Router) else self.otherwise
        likeliest = getattr(self._choose, "scores", None)
        if choice is None and likeliest is not None:
            scored = likeliest([self._given(case)])[0]
            confidence, best = scored.confidence, scored.route
        else:
            confidence = None if choice is None else choice.confidence
            best = "" if choice is None else choice.to
        return Trajectory(
            status="routed",
            reason="the chooser abstained" if choice is None else choice.reason,
            route=nobody if choice is None else choice.to,
            confidence=confidence,
            tier="" if choice is None else choice.who or name_of(self._choose),
            best=best,
            escalated=choice is None or choice.to == nobody,
            path=(nobody if choice is None else choice.to,),
            seconds=seconds,
        )


def as_target(thing: Any, cases: Iterable[Case] = ()) -> Any:
    """What `evaluate` may be given, as a function of a case.

    Args:
        thing: a compiled graph, a `Router`, a chooser that has `routes` (`by_rules`, ...), or a
            function of a case, which is returned as it is.
        cases: their routes are those that nodes of a graph count as.

    Raises:
        DesignError: none of these.
    """
    named = tuple(dict.fromkeys(route for case in cases for route in case.route or ()))
    if isinstance(thing, CompiledStateGraph):
        return GraphTarget(app=thing, routes=named)
    if isinstance(thing, GraphTarget):
        return thing if thing.routes else replace(thing, routes=named)
    if isinstance(thing, Router) or hasattr(thing, "routes"):
        return ChooserTarget(chooser=thing)
    if isinstance(thing, StateGraph):
        raise DesignError("this graph is not compiled: give graph.compile(checkpointer=...)")
    if isinstance(thing, Runnable) or not callable(thing):
        raise DesignError(
            f"{type(thing).__name__} is no target: give a compiled graph, a Router, a chooser, "
            "or a function of a case that returns a Trajectory"
        )
    return thing


def unknown_routes(target: Any, cases: Iterable[Case]) -> str:
    """A sentence on route labels that a target cannot take, such as a misspelt one; else empty.

    Of a graph the routes of its `Router`s count; a graph without one may take any node.
    """
    if isinstance(target, GraphTarget):
        nodes = [spec.runnable for spec in target.app.builder.nodes.values()]
        known = {name for node in nodes if isinstance(node, Router) for name in node.targets}
    elif isinstance(target, ChooserTarget):
        chooser = target.chooser
        own = chooser.targets if isinstance(chooser, Router) else getattr(chooser, "routes", ())
        known = {*own, target.otherwise} if own else set()
    else:
        known = set()
    if not known:
        return ""
    labels = dict.fromkeys(route for case in cases for route in case.route or ())
    if odd := [route for route in labels if route not in known]:
        return (
            f"no route of the target is named {', '.join(odd)}; it has {', '.join(sorted(known))}"
        )
    return ""


def is_awaited(target: Any) -> bool:
    """Whether a target must be awaited, or is a function whose result must be."""
    return bool(getattr(target, "waits", False)) or is_async(target)


def _waits(app: Any) -> bool:
    """Whether a graph, or one within it, holds a part that can only be awaited."""
    paths = [item for found in app.builder.branches.values() for item in found.values()]
    parts = [spec.runnable for spec in app.builder.nodes.values()] + [item.path for item in paths]
    inner = [graph for _, graph in app.get_subgraphs() if isinstance(graph, CompiledStateGraph)]
    return any(map(_async_only, parts)) or any(map(_waits, inner))


def _async_only(part: Any) -> bool:
    if isinstance(part, Node) and is_dataclass(part):
        settings = (getattr(part, item.name) for item in fields(part))
        return any(is_async(tier) for each in settings for tier in getattr(each, "tiers", (each,)))
    return getattr(part, "afunc", None) is not None and getattr(part, "func", None) is None


def _now(step: Step) -> Any:
    function, _, given, options = step
    return function(*given, **options)


async def _soon(step: Step) -> Any:
    _, function, given, options = step
    return await function(*given, **options)


def _seen(app: Any, thread: str) -> Run | None:
    try:
        return look(app, thread=thread)
    except QuintetError:
        return None


async def _aseen(app: Any, thread: str) -> Run | None:
    try:
        return await alook(app, thread=thread)
    except QuintetError:
        return None


def _state(app: Any, given: Any) -> Mapping[str, Any]:
    """The input as a graph takes it."""
    if isinstance(given, Mapping):
        return given
    taken = app.builder.schemas[app.builder.input_schema]
    if "messages" in taken:
        said = [{"role": "user", "content": given}] if isinstance(given, str) else given
        return {"messages": said}
    if "message" in taken and isinstance(given, str):
        return {"message": given}
    raise DesignError(
        f"the case's input {given!r:.60} is {type(given).__name__}, and the graph takes "
        f"{', '.join(sorted(taken))}: give a mapping of these, or GraphTarget(given=...)"
    )


def _together(seen: tuple[Call, ...], recorded: tuple[Call, ...]) -> tuple[Call, ...]:
    """The calls that callbacks saw, and those that only the records have.

    An effect that a model calls is both; its record knows the key and how it ended.
    """
    left = list(recorded)
    merged = []
    for call in seen:
        twin = next((item for item in left if _same(item, call)), None)
        if twin is not None:
            left.remove(twin)
        merged.append(twin or call)
    return (*merged, *left)


def _without(given: Mapping[str, float], name: str) -> dict[str, float]:
    return {key: value for key, value in given.items() if key != name}


def _same(one: Call, other: Call) -> bool:
    return one.name == other.name and dict(one.arguments) == dict(other.arguments)

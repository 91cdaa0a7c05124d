"""Turn systems into targets: functions of a case that return a trajectory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
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
from quintet.evals.items import names_in
from quintet.evals.reading.harvest import harvest
from quintet.evals.reading.recorded import Recorded
from quintet.evals.running.ended import error_text, stops_evaluation
from quintet.evals.running.observer import Observer
from quintet.evals.suite import Suite
from quintet.evals.trajectory import PEOPLE, ToolCall, Trajectory
from quintet.nodes.choosers.choose import Choice, Chooser, ask
from quintet.nodes.core.call import Call, Logic, adrive, drive
from quintet.nodes.core.node import Node
from quintet.nodes.route import Router
from quintet.runs import Run, alook, astart, look, start
from quintet.state.budget import Budget
from quintet.state.verdict import is_async, name_of

ANSWERS = 64
"""Questions that a run may ask a person before it counts as going in circles."""

Person = Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class GraphTarget:
    """Run each case on a compiled graph, on a thread of its own.

    A graph that writes Quintet's records is read by them. Of any other graph the nodes, the tool
    and model calls and the last message are read, and the route is the first node in `routes`.

    Args:
        app: the compiled graph; with a checkpointer where it may stop for a person.
        person: answers the run's questions: a function of the interrupt's packet, such as a
            `ScriptedPerson`. If there is none, or it returns None, the run is left waiting.
        given: makes the graph's input from a case; by default `case.input`, a text as the last
            message or under `message`, whichever the state has.
        routes: nodes that count as a route, where the graph keeps no decisions; `evaluate` gives
            the routes that its cases name.
        people: nodes at which a person takes over.
        observe: gets the ended `Run`, and returns fields of `Trajectory` to replace, such as
            `{"state": {"refunds": 1}}`.

    Raises:
        DesignError: the graph is not compiled, or `routes` or `people` is no collection of names.
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
        for name in ("routes", "people"):
            names = names_in(getattr(self, name), f"GraphTarget({name}=...)")
            object.__setattr__(self, name, names)

    @property
    def waits(self) -> bool:
        """Say whether the graph has a part that can only be awaited."""
        return _waits(self.app)

    def __call__(self, case: Case) -> Trajectory:
        """Run one case; an exception of the graph becomes the trajectory's `error`."""
        return drive(self._logic(case))

    async def acall(self, case: Case) -> Trajectory:
        """Run one case as a call does, awaiting the graph."""
        return await adrive(self._logic(case))

    def _logic(self, case: Case) -> Logic[Trajectory]:
        value = self.given(case) if self.given is not None else case.input
        state = _input_for(self.app, value)
        thread, observer, began = f"eval-{uuid4().hex[:12]}/{case.id}", Observer(), time.monotonic()
        config = {"callbacks": [observer]}
        run, error = None, ""
        try:
            options = {"thread": thread, "config": config}
            run = yield Call(start, (self.app, state), options=options, awaitable=astart)
            run = yield from self._answer_all(run)
        except BaseException as problem:  # a tool's `sys.exit` is a finding too
            if stops_evaluation(problem):
                raise
            error = error_text(problem)
        seconds = time.monotonic() - began
        if error and self._saves:
            # What was done before the error is in the checkpoint.
            run = yield Call(_look, (self.app, thread), awaitable=_alook)
        trajectory = self._read(run, observer, error, seconds)
        # Nobody can read the thread again, and in memory it would stay for the whole evaluation.
        if isinstance(self.app.checkpointer, InMemorySaver):
            self.app.checkpointer.delete_thread(thread)
        return trajectory

    @property
    def _saves(self) -> bool:
        return self.app.checkpointer not in (None, False)

    def _answer_all(self, run: Run) -> Logic[Run]:
        for number in count():
            answer = self.person(run.waiting[0].packet) if run.waiting and self.person else None
            if answer is None:
                return run
            if number == ANSWERS:
                raise RuntimeError(f"the run asked more than {ANSWERS} times")
            to = {"to": run.waiting[0].id}
            run = yield Call(run.answer, (answer,), options=to, awaitable=run.aanswer)
        return run

    def _read(self, run: Run | None, observer: Observer, error: str, seconds: float) -> Trajectory:
        trajectory = harvest(
            {} if run is None else run.values,
            path=(run.path if run is not None else ()) or tuple(observer.path),
            status="error" if error or run is None else run.status,
            reason="" if run is None or run.outcome is None else run.outcome.reason,
            waiting=() if run is None else tuple(item.packet for item in run.waiting),
            routes=self.routes,
            people=self.people,
        )
        # Our records count an agent's step as a model call; the callbacks have seen the models.
        spent = {name: n for name, n in trajectory.spent.items() if name != "model_calls"}
        trajectory = replace(
            trajectory,
            calls=_merged_calls(observer.calls, trajectory.calls),
            spent={**spent, **observer.spent},
            seconds=seconds,
            error=error,
        )
        if self.observe is None or run is None:
            return trajectory
        return replace(trajectory, **self.observe(run))


@dataclass(frozen=True, kw_only=True)
class ChooserTarget:
    """Ask a chooser for the route of each case, and run nothing else.

    Args:
        chooser: a chooser, or a `Router`, whose `read` and `otherwise` are used.
        otherwise: the route that an abstention counts as, where `chooser` is no `Router`.
    """

    chooser: Chooser | Router
    otherwise: str = "person"

    @property
    def waits(self) -> bool:
        """Say whether the chooser, or a tier of it, must be awaited."""
        tiers = getattr(self._choose, "tiers", (self._choose,))
        return any(is_async(tier) for tier in tiers)

    @property
    def _choose(self) -> Chooser:
        return self.chooser.choose if isinstance(self.chooser, Router) else self.chooser

    def __call__(self, case: Case) -> Trajectory:
        """Ask for one choice; an exception of the chooser is raised to the caller."""
        began = time.monotonic()
        return self._read(case, drive(ask(self._choose, self._given(case))), began)

    async def acall(self, case: Case) -> Trajectory:
        """Ask for one choice as a call does, awaiting the chooser."""
        began = time.monotonic()
        return self._read(case, await adrive(ask(self._choose, self._given(case))), began)

    def _given(self, case: Case) -> Any:
        if not isinstance(case.input, Mapping):
            return case.input
        return self.chooser.read(case.input) if isinstance(self.chooser, Router) else case.text

    def _read(self, case: Case, choice: Choice | None, began: float) -> Trajectory:
        seconds = time.monotonic() - began
        nobody = self.chooser.otherwise if isinstance(self.chooser, Router) else self.otherwise
        confidence = None if choice is None else choice.confidence
        best = "" if choice is None else choice.to
        scores = getattr(self._choose, "scores", None)
        if choice is None and scores is not None:
            # A learned chooser that abstained still knows the likeliest route, for risk curves.
            likeliest = scores([self._given(case)])[0]
            confidence, best = likeliest.confidence, likeliest.route
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
    """Make a target, a function of a case, of whatever `evaluate` accepts.

    Args:
        thing: a compiled graph, a `Router`, a chooser that has `routes` (`by_rules`, ...), or a
            function of a case, which is returned as it is.
        cases: the routes that they name become the `routes` of a graph's target.

    Raises:
        DesignError: none of these.
    """
    routes = routes_in(cases)
    if isinstance(thing, CompiledStateGraph):
        return GraphTarget(app=thing, routes=routes)
    if isinstance(thing, GraphTarget):
        return thing if thing.routes else replace(thing, routes=routes)
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


def routes_in(cases: Iterable[Case]) -> tuple[str, ...]:
    """List the routes that cases name."""
    return tuple(dict.fromkeys(route for case in cases for route in case.route or ()))


def unknown_routes(target: Any, cases: Iterable[Case]) -> str:
    """Warn of route labels that a target cannot take, such as a misspelt one; else return "".

    A graph's routes are those of its `Router`s; a graph without one may take any node.
    """
    known: set[str] = set()
    if isinstance(target, GraphTarget):
        nodes = [spec.runnable for spec in target.app.builder.nodes.values()]
        known = {name for node in nodes if isinstance(node, Router) for name in node.targets}
    elif isinstance(target, ChooserTarget):
        chooser = target.chooser
        routes = chooser.targets if isinstance(chooser, Router) else getattr(chooser, "routes", ())
        known = {*routes, target.otherwise} if routes else set()
    if not known:
        return ""
    if odd := [route for route in routes_in(cases) if route not in known]:
        return (
            f"no route of the target is named {', '.join(odd)}; it has {', '.join(sorted(known))}"
        )
    return ""


def runs_of(suite: Suite, repeats: int | None) -> int:
    """Return how often each case is run: as asked for, or as often as every case is recorded."""
    asked = suite.repeats if repeats is None else repeats
    if asked is not None:
        return asked
    if not isinstance(suite.target, Recorded):
        return 1
    recorded = suite.target.trajectories
    return min((len(recorded[case.id]) for case in suite.cases if case.id in recorded), default=1)


def left_out_recordings(target: Any, cases: Iterable[Case], repeats: int) -> str:
    """Say how many recorded runs are not looked at; empty where there are none."""
    if not isinstance(target, Recorded):
        return ""
    known = {case.id for case in cases}
    more, others = 0, []
    for name, recordings in target.trajectories.items():
        if name in known:
            more += max(len(recordings) - repeats, 0)
        else:
            others += [name] * len(recordings)
    parts = [f"{more} of further repeats than {repeats}"] if more else []
    if others:
        named = ", ".join(list(dict.fromkeys(others))[:3])
        parts.append(f"{len(others)} of cases that are not in the suite, such as {named}")
    return f"recorded runs are left out: {'; '.join(parts)}" if parts else ""


def untold_limits(target: Any, cases: Iterable[Case], limit: Budget | None) -> str:
    """Say how many recorded runs do not tell what a limit bounds; empty where all do.

    Raises:
        DesignError: none of them tells it, so that the limit would hold for no run.
    """
    if limit is None or not isinstance(target, Recorded):
        return ""
    runs = [run for case in cases for run in target.trajectories.get(case.id, ())]
    runs = [run for run in runs if not run.error]
    parts = []
    for name in limit.limited:
        silent = sum(not (run.seconds if name == "seconds" else name in run.spent) for run in runs)
        if runs and silent == len(runs):
            raise DesignError(
                f"Suite(limit=Budget({name}=...)): no recorded run tells its {name}, so that none "
                "would be held to it; leave the limit out, or record them"
            )
        parts += [f"{silent} of {len(runs)} tell no {name}"] if silent else []
    return f"recorded runs are not held to the limit: {', '.join(parts)}" if parts else ""


def is_awaited(target: Any) -> bool:
    """Say whether a target must be awaited, or is a function whose result must be."""
    return bool(getattr(target, "waits", False)) or is_async(target)


def _waits(app: Any) -> bool:
    """Say whether a graph, or one within it, has a part that can only be awaited."""
    nodes = [spec.runnable for spec in app.builder.nodes.values()]
    branches = [branch for named in app.builder.branches.values() for branch in named.values()]
    inner = [graph for _, graph in app.get_subgraphs() if isinstance(graph, CompiledStateGraph)]
    parts = [*nodes, *(branch.path for branch in branches)]
    return any(map(_is_async_only, parts)) or any(map(_waits, inner))


def _is_async_only(part: Any) -> bool:
    # A node of ours is async where a function in its settings is, or a tier of a cascade there.
    if isinstance(part, Node) and is_dataclass(part):
        settings = [getattr(part, item.name) for item in fields(part)]
        return any(is_async(f) for value in settings for f in getattr(value, "tiers", (value,)))
    return getattr(part, "afunc", None) is not None and getattr(part, "func", None) is None


def _look(app: Any, thread: str) -> Run | None:
    try:
        return look(app, thread=thread)
    except QuintetError:  # the error came before anything was stored
        return None


async def _alook(app: Any, thread: str) -> Run | None:
    try:
        return await alook(app, thread=thread)
    except QuintetError:
        return None


def _input_for(app: Any, value: Any) -> Mapping[str, Any]:
    """Make a graph's input of a case's: a mapping as it is, a text or messages under their key."""
    if isinstance(value, Mapping):
        return value
    keys = app.builder.schemas[app.builder.input_schema]
    if "messages" in keys:
        messages = [{"role": "user", "content": value}] if isinstance(value, str) else value
        return {"messages": messages}
    if "message" in keys and isinstance(value, str):
        return {"message": value}
    raise DesignError(
        f"the case's input {value!r:.60} is {type(value).__name__}, and the graph takes "
        f"{', '.join(sorted(keys))}: give a mapping of these, or GraphTarget(given=...)"
    )


def _merged_calls(
    seen: tuple[ToolCall, ...], recorded: tuple[ToolCall, ...]
) -> tuple[ToolCall, ...]:
    """Merge the calls seen by callbacks with those on record."""
    # An effect that a model calls is in both; its record knows the key and the end.
    left = list(recorded)
    merged = []
    for call in seen:
        record = next((item for item in left if _is_same(item, call)), None)
        if record is not None:
            left.remove(record)
        merged.append(record or call)
    return (*merged, *left)


def _is_same(one: ToolCall, other: ToolCall) -> bool:
    return one.name == other.name and dict(one.arguments) == dict(other.arguments)

"""Live one life of a process: find a run as it stands, and move it until it ends or dies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError, NoSuchRun
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.receiver import standing_between
from quintet.runs import Run, alook, aresume, astart, look, resume, settle, start
from quintet.state.failure import in_words
from quintet.testing.crash.book import Book
from quintet.testing.crash.edges import Crash, Edges, Point

MOVES = 200
"""The most moves of one life: starts, resumes and answers."""

Ends = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The graph, and the world around it, that are the same in every life.

    Args:
        build: gives the graph, anew where it can.
        given: the input of its run.
        opened: opens the database and gives a saver.
        book: what has happened at receivers.
        person: answers a packet.
        ends: gives what must be the same at the end.
        awaited: whether it runs async.
        options: further options of `start` and `resume`.
        answers: answers by question, from the first run.
    """

    build: Callable[[], Any]
    given: Mapping[str, Any]
    opened: Callable[[], Any]
    book: Book
    person: Callable[[Any], Any] | None
    ends: Ends
    awaited: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Life:
    """Note how one life went; all of it is plain data.

    Attributes:
        died: whether it ended at its point.
        passed: the edges that it passed.
        found: whether the run that it found was finished; None where there was none.
        found_end: the end of that run, where it was finished.
        finished: whether the run was finished when it ended.
        end: its end.
        asked: the effects about which it had to ask whether they happened.
        fault: why it could not go on.
    """

    died: bool = False
    passed: list[Point] = field(default_factory=list)
    found: bool | None = None
    found_end: Any = None
    finished: bool = False
    status: str = ""
    end: Any = None
    asked: list[str] = field(default_factory=list)
    fault: str = ""


def live(scene: Scene, thread: str, life: Life, edges: Edges, run: Callable[..., Any]) -> None:
    """Live one life, and note in it how it went.

    Args:
        scene: the graph and its world.
        thread: the thread of the run.
        life: where it is noted.
        edges: the edges, and the point at which it dies.
        run: drives a node's logic: `drive` or the async one.
    """
    saver = None
    try:
        saver = scene.opened()
        edges.watch(saver)
        app = compiled(scene.build(), saver)
        with standing_between(partial(scene.book.between, thread, edges)):
            run(_moved(scene, app, thread, life))
    except Crash:
        life.died = True
    except Exception as problem:  # noqa: BLE001 - a run that cannot be recovered is a finding
        life.fault = in_words(problem)
    finally:
        life.died = life.died or edges.dead
        life.passed = edges.passed
        if saver is not None:
            _close(saver)


def compiled(graph: Any, saver: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a graph with a saver.

    Raises:
        DesignError: it is no graph.
    """
    if isinstance(graph, CompiledStateGraph):
        return graph.copy({"checkpointer": saver})
    if isinstance(graph, StateGraph):
        return graph.compile(checkpointer=saver)
    raise DesignError(
        f"crashpoints({type(graph).__name__}): give a StateGraph, a compiled one, or a function "
        "without arguments that builds one"
    )


def _close(saver: Any) -> None:
    close = getattr(saver, "close", None)
    if close is not None:
        close()


def _moved(scene: Scene, app: Any, thread: str, life: Life) -> Logic[None]:
    """Move a run until it is finished."""
    run: Run | None = None
    try:
        run = yield Call(look, (app,), options={"thread": thread}, awaitable=alook)
    except NoSuchRun:
        run = None
    if run is not None:
        life.found = run.finished
        life.found_end = scene.ends(run.values) if run.finished else None
    options = {"thread": thread, **scene.options}
    for _ in range(MOVES):
        if run is None:
            run = yield Call(start, (app, scene.given), options=options, awaitable=astart)
        elif run.waiting:
            question = run.waiting[0]
            answer = _answer(scene, thread, question.packet, life)
            run = yield Call(
                run.answer, (answer,), options={"to": question.id}, awaitable=run.aanswer
            )
        elif not run.finished:
            run = yield Call(resume, (app,), options=options, awaitable=aresume)
        else:
            break
    assert run is not None  # noqa: S101 - the first move starts one
    life.finished, life.status = run.finished, run.status
    life.end = scene.ends(run.values)
    if not run.finished:
        life.fault = f"it was not finished after {MOVES} moves: {run.status}"


def _answer(scene: Scene, thread: str, packet: Any, life: Life) -> Any:
    """Answer a question: of an unknown effect truly, all else as the person does."""
    if isinstance(packet, Mapping) and "settle" in packet:
        effect = f"{packet['settle']}:{packet['key']}"
        life.asked.append(effect)
        done = scene.book.last(thread, effect)
        if done is None:
            return settle("did not happen", by="crashpoints")
        return settle("happened", by="crashpoints", result=done.result)
    known = question_of(packet)
    if known not in scene.answers:
        if scene.person is None:
            raise DesignError(
                f"crashpoints: the graph asks a person ({known:.200}); say who answers: "
                "person=ScriptedPerson([approve(by='maria')]), or a function of the packet"
            )
        scene.answers[known] = scene.person(packet)
    return scene.answers[known]


def question_of(packet: Any) -> str:
    """Name a question by what it asks, which is the same when it is asked again."""
    if isinstance(packet, Mapping):
        names = ("gate", "action", "arguments", "key", "refused")
        known = {name: packet[name] for name in names if name in packet}
        if known:
            return json.dumps(known, sort_keys=True, default=repr)
    return repr(packet)

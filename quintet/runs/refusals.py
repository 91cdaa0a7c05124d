"""Refuse, by name, mistakes in moving a run that LangGraph would let pass in silence."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from quintet.errors import DesignError, NoSuchRun, RunError
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.core.node import Node
from quintet.nodes.recover import Recovery
from quintet.runs.events import STREAMING
from quintet.runs.thread import App, knows_quintet
from quintet.state.fragments import RUN_KEYS
from quintet.state.messages import Messages
from quintet.state.questions import Questions

_WRITTEN_BY_NODES = frozenset(RUN_KEYS) | {"actions", "step"}
_OF_CONVERSATION = {"messages": Messages, "questions": Questions}
_ANSWERS = frozenset({"results", "merged", "outcome"})
_OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(CompiledStateGraph.stream).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and name not in STREAMING
)
_SAVED = 'compile(checkpointer=checkpointer("sqlite:///runs.db"))'


def require_compiled(app: App) -> App:
    """Return the graph; refuse one that is not compiled."""
    if isinstance(app, StateGraph):
        raise DesignError("this graph is not compiled: start(graph.compile(checkpointer=...), ...)")
    if not isinstance(app, CompiledStateGraph):
        raise DesignError(
            f"{app!r:.60} is no compiled StateGraph: give graph.compile(checkpointer=...); an "
            "@entrypoint has no outcome, and is called by its own invoke or stream"
        )
    return app


def check_input(app: App, values: Any) -> None:
    """Refuse input keys that LangGraph would drop, or that only nodes may write."""
    if not isinstance(values, Mapping):
        raise RunError(f"the input is {type(values).__name__}; give a dict of state keys")
    taken = set(app.builder.schemas[app.builder.input_schema])
    # In a graph without our records, a key such as `plan` is the user's own.
    guarded = _WRITTEN_BY_NODES if knows_quintet(app) else frozenset()
    guarded |= {k for k, kind in _OF_CONVERSATION.items() if isinstance(app.channels.get(k), kind)}
    if unknown := sorted(set(values) - taken):
        raise RunError(
            f"the input names {', '.join(unknown)}, which the graph does not take "
            f"({', '.join(sorted(taken - guarded))}); LangGraph would drop it in silence"
        )
    if forged := sorted(guarded & set(values)):
        remedy = (
            "give {'message': ...}, which is put there"
            if "messages" in forged
            else "an approval or an outcome cannot be brought in from outside"
        )
        raise RunError(f"the input names {', '.join(forged)}, which only nodes may write: {remedy}")


def check_options(options: Mapping[str, Any], *ours: str) -> None:
    """Refuse options that LangGraph would drop, or that change what `invoke` returns: a `Run` here.

    Args:
        options: those that are passed on to LangGraph.
        ours: the options that the call itself takes, to be named beside them.
    """
    for name, value in options.items():
        if name in STREAMING:
            raise RunError(
                f"{name}={value!r} is of no use here: a Run comes back, whole; "
                "stream(app, ..., stream_mode=...) gives LangGraph's events as they come"
            )
        if name not in _OPTIONS:
            raise RunError(
                f"{name}={value!r:.60} is no option here, and LangGraph would drop it in silence; "
                f"there are {', '.join((*ours, *_OPTIONS))}"
            )


_NOT_IN_TEXT = re.compile("[\0\ud800-\udfff]")


def run_config(thread: str | None, config: RunnableConfig | None) -> RunnableConfig:
    """Give a run's configuration, on the thread that is named or on a new one.

    Raises:
        RunError: it is no configuration, two threads are named, or an older checkpoint, or a thread
            by an empty text or one that a database cannot hold.
    """
    base: RunnableConfig = {} if config is None else config
    configurable = base.get("configurable", {}) if isinstance(base, Mapping) else None
    # LangGraph reads a thread beside `configurable` too, which is then not the one that is held.
    if not isinstance(configurable, Mapping) or "thread_id" in base:
        raise RunError(
            f"config={config!r:.80}: give LangGraph's configuration, such as "
            "{'configurable': {'thread_id': 't-1'}}; thread='t-1' says the same"
        )
    if older := [key for key in ("checkpoint_id", "checkpoint_ns") if configurable.get(key)]:
        raise RunError(
            f"the config names a {older[0]}: a run goes on from its thread's last checkpoint, "
            "since from an older one it would do again what it has done; leave it out"
        )
    named = configurable.get("thread_id")
    if "" in (thread, named):  # it would be a new thread each time, and know no effect of the last
        raise RunError("thread='' names none: give an id, or leave it out for a new thread")
    if _NOT_IN_TEXT.search(str(thread or named or "")):
        raise RunError(
            f"thread={thread or named!r:.60} has a NUL or half of a surrogate pair, which no "
            "database holds in an id; leave it out"
        )
    if thread and named and str(named) != thread:
        raise RunError(f"thread={thread!r}, but the config names thread {named!r}; give one")
    return {**base, "configurable": {**configurable, "thread_id": thread or named or str(uuid4())}}


def check_free(thread: str, snapshot: StateSnapshot) -> None:
    """Refuse a new run on a thread whose last run is not over: new input would drop its work."""
    if snapshot.interrupts:
        raise RunError(
            f"thread {thread!r} waits for an answer at {', '.join(snapshot.next)}: new input would "
            "drop that question; look(app, thread=...).answer(...) it, use another thread, or "
            "start(..., withdraw=True), which puts on record that it was not done"
        )
    if snapshot.tasks:
        raise RunError(
            f"thread {thread!r} has a run that stopped at "
            f"{', '.join(task.name for task in snapshot.tasks)}: resume(app, thread=...) it, use "
            "another thread, or start(..., withdraw=True) to leave it there"
        )


def check_answerable(app: App) -> None:
    """Refuse a graph without a checkpointer that asks a person: nothing would keep the question."""
    for name in _asking_nodes(app):
        raise DesignError(
            f"node {name!r} stops for a person, but the graph has no checkpointer, so nothing "
            f"could answer: {_SAVED}"
        )


def check_gates(app: App) -> None:
    """Refuse a node that asks a person and has an error handler of the user's own.

    LangGraph gives a bad answer to the handler, and the question ends. `Recovery` asks again, and
    so does a node of a nested graph by itself.
    """
    nodes = app.builder.nodes
    for name, handler in app.node_error_handler_map.items():
        node = nodes[name].runnable
        # LangGraph adds the handler as a node of its own, wrapped in a Runnable.
        ours = isinstance(getattr(nodes[handler].runnable, "func", None), Recovery)
        if ours or not (isinstance(node, Node) and node.asks):
            continue
        kind = "gate" if isinstance(node, ApprovalGate) else type(node).__name__
        raise DesignError(
            f"{kind} {name!r} has an error handler, to which LangGraph would give a bad answer "
            "too, and drop the question: give Recovery(), which asks again, or give your "
            "handler to the other nodes, one by one"
        )


def check_kept(app: App) -> None:
    """Refuse a state in which nothing keeps a node's result or outcome: LangGraph would drop it.

    A node's class in the place of a node, too, which LangGraph calls with the state.
    """
    for name, spec in app.builder.nodes.items():
        made = getattr(spec.runnable, "func", None)
        if isinstance(made, type) and issubclass(made, Node):
            kind = made.__name__
            raise DesignError(f"node {name!r} is the class {kind}: give an instance, {kind}(...)")
        writes = (isinstance(spec.runnable, Node) and spec.runnable.writes) or frozenset()
        if lost := sorted((writes & _ANSWERS) - app.channels.keys()):
            raise DesignError(
                f"node {name!r} writes {lost[0]!r}, which the graph's state does not have, so that "
                "it would be dropped without a word; let the state inherit OrchestrationState"
            )


def _asking_nodes(app: App, path: str = "") -> Iterator[str]:
    """Name the nodes that ask a person, nested graphs included, each with its path."""
    for name, spec in app.builder.nodes.items():
        if isinstance(spec.runnable, Node) and spec.runnable.asks:
            yield path + name
    for name, inner in app.get_subgraphs():
        if isinstance(inner, CompiledStateGraph):
            yield from _asking_nodes(inner, f"{path}{name}/")


def unanswerable() -> DesignError:
    """Give the error of a graph that has stopped for a person and has no checkpointer.

    Nodes of the user's own may call `interrupt`, which no check sees before the run.
    """
    return DesignError(
        "the graph stopped for a person, but it has no checkpointer, so nothing can answer: "
        f"{_SAVED}"
    )


def check_stored(thread: str, snapshot: StateSnapshot) -> None:
    """Refuse to resume or look at a thread that stores nothing; LangGraph would start the graph."""
    if snapshot.created_at is None:
        raise NoSuchRun(
            f"no run is stored under thread {thread!r}; "
            f"start(app, ..., thread={thread!r}) begins one"
        )


def check_resumable(
    app: App, thread: str, snapshot: StateSnapshot, answered: Collection[str] = ()
) -> None:
    """Refuse to resume a run that waits, or one in which LangGraph would skip work in silence."""
    if any(interrupt.id not in answered for interrupt in snapshot.interrupts):
        # LangGraph would give an earlier answer of the node to the question that is open now.
        raise RunError(
            f"run {thread!r} waits for an answer at {', '.join(snapshot.next)}; "
            "look(app, thread=...).answer(...) gives it"
        )
    handlers = app.node_error_handler_map
    # A result beside an error: the node ended, its path function failed. On resume LangGraph
    # takes the node as finished, asks the path function no more, and ends the run there.
    failed = [
        task.name
        for task in snapshot.tasks
        if task.error is not None and task.result is not None and task.name not in handlers
    ]
    if failed:
        raise RunError(
            f"run {thread!r} failed when it left {', '.join(failed)}: resuming would end it there "
            "without running what comes next; mend the path function and start a new thread"
        )


def check_context(app: App, options: Mapping[str, Any]) -> None:
    """Refuse to go on without the graph's context: it is not stored, so nodes would see None."""
    if app.builder.context_schema is not None and "context" not in options:
        raise RunError(
            "this graph has a context, which is not stored with the run: give context=... again "
            "(context=None if it needs none)"
        )

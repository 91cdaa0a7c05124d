"""Read one node: the function, object or Runnable given to `add_node`, and what it declares."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from inspect import getattr_static
from types import FunctionType
from typing import Any, Protocol

from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.config import run_in_executor
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import CachePolicy, TimeoutPolicy, interrupt

from quintet.checks.source.body import UNKNOWN, Body, body_of, package_of

AnyCompiled = CompiledStateGraph[Any, Any, Any, Any]
RUNNING = ("invoke", "ainvoke", "stream", "astream", "batch", "abatch")
"""The methods by which a Runnable is run."""


class Spec(Protocol):
    """The fields that `check` reads of the specification that a `StateGraph` keeps of a node."""

    runnable: Any
    input_schema: type[Any]
    ends: tuple[str, ...] | dict[str, str] | None
    error_handler_node: str | None
    is_error_handler: bool
    defer: bool
    timeout: TimeoutPolicy | None
    cache_policy: CachePolicy[Any] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Describe one node of a graph, from its name and specification."""

    name: str
    spec: Spec

    @cached_property
    def runnable(self) -> object:
        """Return the node's Runnable, without the layers of `bind` or `with_config`."""
        return unwrapped(self.spec.runnable)

    @cached_property
    def action(self) -> object:
        """Return the function, object or Runnable that was given to `add_node`."""
        return next(iter(functions_of(self.runnable)), self.runnable)

    @cached_property
    def is_function(self) -> bool:
        """Tell whether a function or a callable object was given, and not a Runnable.

        LangGraph wraps a function in one of two ways: as an async function alone, or as a sync
        one whose async side only puts it into a thread.
        """
        if isinstance(self.runnable, RunnableLambda) or self.action is self.runnable:
            return False
        function, async_function = declared(self.runnable, "func"), declared(self.runnable, "afunc")
        return function is None or _is_thread_hop(async_function)

    @property
    def graph(self) -> AnyCompiled | None:
        """Return the compiled graph that was added as this node, if one was."""
        return self.runnable if isinstance(self.runnable, CompiledStateGraph) else None

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        """List the functions whose return value is the node's update."""
        if self.has_tools:
            return ()
        return tuple(_bodies(self._steps[-1]))

    @cached_property
    def aside(self) -> tuple[Body, ...]:
        """List the functions that run in the node without giving its update, such as its tools."""
        before = [body for step in self._steps[:-1] for body in _bodies(step)]
        tools = [body_of(function) for function in _tools(self.runnable)]
        return (*before, *(body for body in tools if body is not None))

    @cached_property
    def reach(self) -> tuple[Body, ...]:
        """List every function that runs in the node, the helpers that they call included."""
        return tuple(helper for body in (*self.bodies, *self.aside) for helper in body.reach)

    @property
    def _steps(self) -> Sequence[object]:
        return [unwrapped(step) for step in _sequence_steps(self.runnable)] or [self.runnable]

    @property
    def is_given_state(self) -> bool:
        """Tell whether the functions in `bodies` get the state, not an earlier answer."""
        return len(self._steps) == 1

    @property
    def is_opaque(self) -> bool:
        """Tell whether nothing is known of where the node leads and what it writes."""
        known = self.bodies or self.graph is not None or self.targets is not None
        return not known and not self.has_tools

    @property
    def is_ours(self) -> bool:
        """Tell whether the object or function is one of Quintet's own."""
        owner = self.action if isinstance(self.action, FunctionType) else type(self.action)
        return package_of(owner) == "quintet"

    @property
    def has_tools(self) -> bool:
        """Tell whether the node is a `ToolNode`, whose tools do the work."""
        return isinstance(declared(self.runnable, "tools_by_name"), Mapping)

    @cached_property
    def hints(self) -> frozenset[str]:
        """List the targets given as `destinations=` or in a `Command[Literal[...]]` hint."""
        return _strings(self.spec.ends) or frozenset()

    @cached_property
    def targets(self) -> frozenset[str] | None:
        """List the targets that the object declares in `destinations`; None if it has none."""
        return _strings(declared(self.action, "destinations"))

    @cached_property
    def writes(self) -> frozenset[str] | None:
        """List the keys that the object declares in `writes`; None if it has none."""
        return _strings(declared(self.action, "writes"))

    @cached_property
    def asks(self) -> bool:
        """Tell whether the node may stop for a person."""
        return _may_ask(self, frozenset())

    @property
    def is_gate(self) -> bool:
        """Tell whether the object is an approval gate."""
        kinds = {kind.__name__ for kind in type(self.action).__mro__}
        # A question of ours, a review of an output or a merge of values decides on no action.
        if self.is_ours and kinds & {"Consult", "Review", "Merge"}:
            return False
        has = "ApprovalGate" in kinds or declared(self.action, "approvers") is not None
        return has and declared(self.action, "asks") is True

    @property
    def is_ungated(self) -> bool:
        """Tell whether the node runs effects without checking an approval itself.

        An object without an attribute `gate`, such as `Undo`, is not meant to have one.
        """
        effects = declared(self.action, "effects")
        runs = isinstance(effects, list | tuple | set | frozenset | dict) and bool(effects)
        return runs and has_attribute(self.action, "gate") and declared(self.action, "gate") is None

    @property
    def is_sync(self) -> bool:
        """Tell whether LangGraph has no async way to run the node."""
        return _is_sync(self.runnable)


def declared(owner: object, name: str) -> object:
    """Return the attribute of an object; None if it has none, or computing it fails."""
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001 - a property of a user's object may raise anything
        return None


def has_attribute(owner: object, name: str) -> bool:
    """Tell whether an object has an attribute, without computing it."""
    return getattr_static(owner, name, UNKNOWN) is not UNKNOWN


def unwrapped(runnable: object) -> object:
    """Return a Runnable without the layers of `bind`, `with_config` or `with_retry`."""
    while isinstance(runnable, RunnableBindingBase):
        runnable = runnable.bound
    return runnable


def called_graph(body: Body, call: ast.Call) -> AnyCompiled | None:
    """Return the compiled graph that a call in a function runs, as in `graph.invoke(...)`."""
    owner = body.receiver(call, RUNNING)
    return owner if isinstance(owner, CompiledStateGraph) else None


def graph_asks(graph: AnyCompiled, seen: frozenset[int] = frozenset()) -> bool:
    """Tell whether a graph that a node runs may stop for a person, which stops the node too."""
    # A graph that has a saver of its own, or refuses one (False), hands no question to the node.
    if id(graph) in seen or graph.checkpointer not in (None, True):
        return False
    parts = [Part(name=name, spec=spec) for name, spec in graph.builder.nodes.items()]
    return any(_may_ask(part, seen | {id(graph)}) for part in parts)


def _may_ask(part: Part, seen: frozenset[int]) -> bool:
    if declared(part.action, "asks") is True or any(body.calls(interrupt) for body in part.reach):
        return True
    called = [called_graph(body, call) for body in part.reach for call in body.call_nodes]
    graphs = [part.graph, *called]
    return any(graph_asks(graph, seen) for graph in graphs if graph is not None)


def functions_of(runnable: object) -> Iterator[Any]:
    """List the function and the async function that LangGraph or LangChain wrapped."""
    function, async_function = declared(runnable, "func"), declared(runnable, "afunc")
    # LangGraph's own wrapper has no public class: it is known by its two attributes.
    pair = has_attribute(runnable, "func") and has_attribute(runnable, "afunc")
    if not (pair or isinstance(runnable, RunnableLambda)):
        return
    if function is not None:
        yield function
    if async_function is not None and not (function is not None and _is_thread_hop(async_function)):
        yield async_function


def _is_thread_hop(function: object) -> bool:
    """Tell whether an async function only puts a sync one into a thread."""
    return isinstance(function, partial) and function.func is run_in_executor


def _sequence_steps(runnable: object) -> list[object]:
    """List the steps of a sequence of Runnables; none for any other object."""
    steps = declared(runnable, "steps") if isinstance(runnable, Runnable) else None
    return steps if isinstance(steps, list) else []


def _bodies(runnable: object) -> Iterator[Body]:
    for function in functions_of(runnable):
        if (body := body_of(function)) is not None:
            yield body


def _tools(runnable: object) -> Iterator[object]:
    tools = declared(runnable, "tools_by_name")
    for tool in tools.values() if isinstance(tools, Mapping) else ():
        for name in ("func", "coroutine"):
            if (function := declared(tool, name)) is not None:
                yield function


def _strings(names: object) -> frozenset[str] | None:
    if not isinstance(names, tuple | list | set | frozenset | Mapping):
        return None
    return frozenset(name for name in names if isinstance(name, str))


def _is_sync(runnable: object) -> bool:
    runnable = unwrapped(runnable)
    steps = _sequence_steps(runnable)
    if isinstance(runnable, RunnableParallel):
        steps = list(runnable.steps__.values())
    if steps:
        return any(_is_sync(step) for step in steps)
    if isinstance(runnable, RunnableLambda) or has_attribute(runnable, "afunc"):
        async_function = declared(runnable, "afunc")
        return async_function is None or _is_thread_hop(async_function)
    # The `ainvoke` that every Runnable inherits calls `invoke` in a thread.
    return getattr(type(runnable), "ainvoke", None) is Runnable.ainvoke

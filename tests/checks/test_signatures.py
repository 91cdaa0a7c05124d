"""Test the ways in which LangGraph calls a function: error handlers, timeouts, annotations."""

import asyncio
import operator
import sys
import time
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Annotated, Any, Literal, cast

import pytest
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableParallel
from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, TimeoutPolicy
from typing_extensions import TypedDict

from quintet.checks import Finding, check


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: str


def fail(state: State) -> dict[str, Any]:
    raise ValueError("boom")


def note(state: State) -> dict[str, Any]:
    return {"log": ["after"]}


def failing(handler: Any) -> StateGraph[State]:
    graph = StateGraph(State).add_node("a", fail, error_handler=handler).add_node("after", note)
    return graph.add_edge(START, "a").add_edge("a", "after")


def only(graph: Any) -> Finding:
    [finding] = check(graph)
    return finding


# The arguments of an error handler


def optional(state: State, error: NodeError | None = None) -> Command[str]:
    return Command(goto="after", update={"answer": str(error)})


def untyped_default(state: State, error=None) -> Command[str]:
    return Command(goto="after", update={"answer": str(error)})


def named_otherwise(state: State, problem: NodeError | None = None) -> Command[str]:
    return Command(goto="after", update={"answer": str(problem)})


@pytest.mark.parametrize("handler", [optional, untyped_default, named_otherwise])
def test_a_handler_whose_error_is_not_injected_sees_none_and_is_named(handler):
    graph = failing(handler)
    assert graph.compile().invoke({}) == {"log": ["after"], "answer": "None"}
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("handler-without-error", "a", "error")
    assert "keeps its default" in finding.fault
    assert "error: NodeError" in finding.remedy


def untyped(state: State, error) -> Command[str]:
    return Command(goto="after")


def misnamed(state: State, problem: NodeError) -> Command[str]:
    return Command(goto="after")


def injected_elsewhere(state: State, error: NodeError) -> Command[str]:
    return Command(goto="after")


@pytest.mark.parametrize(
    "handler",
    [untyped, misnamed, pytest.param(RunnableLambda(injected_elsewhere), id="runnable")],
)
def test_a_handler_that_cannot_be_called_loses_the_first_error_and_is_named(handler):
    graph = failing(handler)
    with pytest.raises(TypeError, match="argument"):
        graph.compile().invoke({})
    finding = only(graph)
    assert (finding.code, finding.node) == ("handler-without-error", "a")
    assert "first error is lost" in finding.fault


_INJECTED = cast(NodeError, None)


@dataclass(frozen=True)
class Rescue:
    goto: str

    def __call__(self, state: State, error: NodeError = _INJECTED) -> Command[str]:
        return Command(goto=self.goto, update={"answer": error.node})


def by_text(state: State, error: "NodeError", *rest: Any, **more: Any) -> Command[str]:
    return Command(goto="after", update={"answer": error.node})


def by_runtime(state: State, runtime: Runtime, config: RunnableConfig) -> Command[str]:
    return Command(goto="after", update={"answer": "a"})


@pytest.mark.parametrize("handler", [pytest.param(Rescue("after"), id="object"), by_text])
def test_a_handler_with_its_error_is_right(handler):
    graph = failing(handler)
    assert graph.compile().invoke({}) == {"log": ["after"], "answer": "a"}
    assert check(graph) == ()


def test_a_handler_may_do_without_the_error():
    assert failing(by_runtime).compile().invoke({})["answer"] == "a"
    assert check(failing(by_runtime)) == ()


# Where an error handler goes


def plain(state: State, error: NodeError) -> dict[str, Any]:
    return {"answer": "handled"}


def nowhere(state: State, error: NodeError) -> Command[str]:
    return Command(update={"answer": "handled"})


def by_variable(state: State, error: NodeError) -> dict[str, Any]:
    update = {"answer": "handled"}
    return update


def sometimes(state: State, error: NodeError) -> Any:
    return Command(goto="after") if state.get("log") else {"answer": "handled"}


def by_record(state: State, error: NodeError) -> State:
    return State(answer="handled")


@pytest.mark.parametrize("handler", [plain, nowhere, by_variable, sometimes, by_record])
def test_a_handler_without_goto_ends_the_run_in_silence_and_is_named(handler):
    graph = failing(handler)
    assert graph.compile().invoke({}) == {"log": [], "answer": "handled"}
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("handler-without-command", "a", "error")
    assert "goto=" in finding.remedy


def test_a_handler_that_returns_nothing_on_one_way_is_named():
    def forgets(state: State, error: NodeError) -> Command[str] | None:
        if state.get("log"):
            return Command(goto="after")
        return None

    def falls_out(state: State, error: NodeError) -> Command[str] | None:
        if state.get("log"):
            return Command(goto="after")

    for handler in (forgets, falls_out):
        assert failing(handler).compile().invoke({"answer": "q"}) == {"log": [], "answer": "q"}
        assert only(failing(handler)).code == "handler-without-command"


def raises(state: State, error: NodeError) -> Command[str]:
    if isinstance(error.error, ValueError):
        raise RuntimeError("given up") from error.error
    return Command(goto="after")


def ends(state: State, error: NodeError) -> Command[str]:
    return Command(goto=END, update={"answer": "handled"})


def helped(state: State, error: NodeError) -> Any:
    return _elsewhere(state)


def _elsewhere(state: State) -> Command[str]:
    return Command(goto="after")


def generates(state: State) -> Any:
    yield {"answer": "handled"}


@pytest.mark.parametrize(
    "handler", [raises, ends, helped, pytest.param(RunnableLambda(generates), id="generator")]
)
def test_a_handler_that_goes_on_or_raises_is_right(handler):
    assert check(failing(handler)) == ()


def test_a_plain_handler_with_an_edge_of_its_own_is_right():
    graph = failing(plain).add_edge("__error_handler__a", "after")
    assert graph.compile().invoke({}) == {"log": ["after"], "answer": "handled"}
    assert check(graph) == ()


def test_the_default_handler_is_named_by_its_own_name():
    graph = StateGraph(State).add_node("a", fail).add_edge(START, "a")
    graph.set_node_defaults(error_handler=plain)
    assert graph.compile().invoke({})["answer"] == "handled"
    assert (only(graph).code, only(graph).node) == (
        "handler-without-command",
        "__default_error_handler__",
    )


# Timeouts


def timed(node: Any, timeout: Any = 0.01) -> StateGraph[State]:
    return StateGraph(State).add_node("a", node, timeout=timeout).add_edge(START, "a")


def sync(state: State) -> dict[str, Any]:
    return {"answer": "x"}


async def awaits(state: State) -> dict[str, Any]:
    await asyncio.sleep(5)
    return {"answer": "x"}


class Sync(Runnable[Any, Any]):
    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return {"answer": "x"}


class Both(Sync):
    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return {"answer": "x"}


@pytest.mark.parametrize(
    "node",
    [
        sync,
        pytest.param(partial(sync), id="partial"),
        pytest.param(RunnableLambda(sync), id="lambda"),
        pytest.param(RunnableLambda(awaits) | sync, id="sequence"),
        pytest.param(RunnableParallel(answer=sync), id="parallel"),
        pytest.param(Sync(), id="runnable"),
        pytest.param(Sync().with_config(tags=["x"]), id="bound"),
    ],
)
def test_a_timeout_on_a_sync_node_is_named_before_compile_refuses_it(node):
    with pytest.raises(ValueError, match="only supported for async nodes"):
        timed(node).compile()
    finding = only(timed(node))
    assert (finding.code, finding.node, finding.level) == ("sync-timeout", "a", "error")


def test_a_default_timeout_is_seen_before_compile():
    graph = StateGraph(State).add_node("a", sync).add_edge(START, "a")
    graph.set_node_defaults(timeout=3)
    assert only(graph).code == "sync-timeout"


@pytest.mark.parametrize(
    "node",
    [
        awaits,
        pytest.param(partial(awaits), id="partial"),
        pytest.param(RunnableLambda(awaits), id="lambda"),
        pytest.param(RunnableLambda(awaits) | awaits, id="sequence"),
        pytest.param(Both(), id="runnable"),
    ],
)
def test_a_timeout_on_an_async_node_is_right(node):
    timed(node).compile()
    assert check(timed(node)) == ()


async def sleeps(state: State) -> dict[str, Any]:
    time.sleep(0.05)  # noqa: ASYNC251
    return {"answer": "x"}


async def sleeps_in_a_helper(state: State) -> dict[str, Any]:
    wait()
    return {"answer": "x"}


def wait() -> None:
    time.sleep(0.05)


async def invokes(state: State) -> dict[str, Any]:
    return {"answer": RunnableLambda(lambda text: wait() or text).invoke("x")}


@pytest.mark.parametrize("node", [sleeps, sleeps_in_a_helper, invokes])
async def test_a_node_that_blocks_outlives_its_timeout_and_is_named(node):
    assert (await timed(node).compile().ainvoke({}))["answer"] == "x"
    finding = only(timed(node))
    assert (finding.code, finding.node, finding.level) == ("blocking-timeout", "a", "error")
    assert "asyncio.to_thread" in finding.remedy


async def gets(state: State) -> dict[str, Any]:
    import requests

    return {"answer": requests.get("http://127.0.0.1:9").text}  # noqa: ASYNC210


def test_a_blocking_http_client_is_named_even_where_it_is_not_installed(monkeypatch):
    assert "'requests.get'" in only(timed(gets)).fault
    monkeypatch.delitem(sys.modules, "requests", raising=False)
    assert "'requests.get'" in only(timed(gets)).fault


httpx = ModuleType("httpx")


def get(url: str) -> str:
    return url


get.__module__ = "httpx"


async def fetches(state: State) -> dict[str, Any]:
    return {"answer": get("http://127.0.0.1:9")}


def test_a_blocking_function_is_known_by_its_module():
    assert "'get'" in only(timed(fetches)).fault


async def threads(state: State) -> dict[str, Any]:
    await asyncio.to_thread(time.sleep, 0.0)
    await RunnableLambda(awaits).ainvoke({})
    requests = {"get": 1}
    return {"answer": str(requests.get("get"))}


def test_what_awaits_or_runs_in_a_thread_is_right():
    assert check(timed(threads, TimeoutPolicy(idle_timeout=3))) == ()


def test_without_a_timeout_a_node_may_block():
    assert check(StateGraph(State).add_node("a", sleeps).add_edge(START, "a")) == ()


# Annotations


class Private(TypedDict, total=False):
    secret: str


def reads(state: "Priv") -> dict[str, Any]:  # noqa: F821
    return {"answer": state.get("secret", "lost")}


def test_an_input_schema_that_cannot_be_resolved_is_lost_and_named():
    def write(state: State) -> dict[str, Any]:
        return {"secret": "s"}

    graph = StateGraph(State).add_node("w", write).add_node("r", reads)
    graph.add_edge(START, "w").add_edge("w", "r")
    assert graph.compile().invoke({})["answer"] == "lost"
    found = {finding.code: finding for finding in check(graph)}
    assert set(found) == {"unknown-key", "unresolved-annotation"}
    assert found["unresolved-annotation"].node == "r"
    assert "'Priv'" in found["unresolved-annotation"].fault
    assert "input schema" in found["unresolved-annotation"].fault
    right = StateGraph(State).add_node("w", write).add_node("r", reads, input_schema=Private)
    assert right.add_edge(START, "w").add_edge("w", "r").compile().invoke({})["answer"] == "s"
    assert check(right) == ()


def routes(
    state: State,
    clock: "Clock" = None,  # noqa: F821
) -> Command[Literal["after"]]:
    return Command(goto="after")


@dataclass(frozen=True)
class Routes:
    def __call__(
        self,
        state: State,
        clock: "Clock" = None,  # noqa: F821
    ) -> Command[Literal["after"]]:
        return Command(goto="after")


@pytest.mark.parametrize("node", [routes, pytest.param(Routes(), id="object")])
def test_targets_that_cannot_be_resolved_are_not_drawn_and_named(node):
    graph = StateGraph(State).add_node("a", node).add_node("after", note).add_edge(START, "a")
    assert "after" not in {e.target for e in graph.compile().get_graph().edges if e.source == "a"}
    finding = only(graph)
    assert (finding.code, finding.node) == ("unresolved-annotation", "a")
    assert "targets" in finding.fault
    right = StateGraph(State).add_node("a", node, destinations=("after",))
    assert check(right.add_node("after", note).add_edge(START, "a")) == ()


def test_an_annotation_that_names_the_state_itself_loses_nothing():
    class Local(TypedDict, total=False):
        answer: str

    def local(state: "Local") -> "dict[str, Any]":
        return {"answer": "x"}

    graph = StateGraph(Local).add_node("a", local).add_edge(START, "a")
    assert graph.compile().invoke({}) == {"answer": "x"}
    assert check(graph) == ()


def test_a_path_function_that_cannot_be_resolved_is_refused_by_langgraph_itself():
    def choose(state: "Nowhere") -> str:  # noqa: F821
        return "after"

    graph = StateGraph(State).add_node("after", note)
    with pytest.raises(NameError):
        graph.add_conditional_edges(START, choose, ["after"])


def odd(state: "1 / 0") -> dict[str, Any]:
    return {"answer": "x"}


def test_an_annotation_that_fails_otherwise_is_refused_by_langgraph_itself():
    with pytest.raises(ZeroDivisionError):
        StateGraph(State).add_node("a", odd)


def test_an_annotation_that_fails_later_raises_nothing():
    def node(state: State) -> dict[str, Any]:
        return {"answer": "x"}

    graph = StateGraph(State).add_node("a", node).add_edge(START, "a")
    node.__annotations__["state"] = "1 / 0"
    assert check(graph) == ()


class Answers(Runnable[Any, Any]):
    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return Command(goto="after", update={"answer": "a"})


def test_a_handler_that_is_a_runnable_takes_only_the_state():
    assert failing(Answers()).compile().invoke({})["answer"] == "a"
    assert check(failing(Answers())) == ()

"""Test the check as a whole: its findings, its silence, and that it never runs a node."""

import importlib
import linecache
import operator
import pickle
import warnings
from dataclasses import FrozenInstanceError
from typing import Annotated, Any, Literal, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain.agents.middleware import (
    HumanInTheLoopMiddleware,
    ModelCallLimitMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
)
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from quintet import graphs
from quintet.checks import Finding, check
from quintet.checks.finding import Code, names
from quintet.errors import DesignError


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: str


def must_not_run(state: State) -> dict[str, Any]:
    raise AssertionError("check ran a node")


def mistaken() -> StateGraph[State]:
    graph = StateGraph(State).add_node("b", must_not_run).add_node("a", must_not_run)
    graph.add_node("c", lambda state: Command(goto="d")).add_edge(START, "c")
    return graph.add_conditional_edges(START, lambda state: "c")


# The report


def test_a_finding_reads_as_a_sentence_and_is_plain_data():
    [finding, *_] = check(mistaken())
    assert str(finding) == (
        "error orphan-node at 'a': No way leads from START to 'a', so that it never runs. "
        "Add an edge or a Command target to 'a', or remove the node."
    )
    assert pickle.loads(pickle.dumps(finding)) == finding
    with pytest.raises(FrozenInstanceError):
        finding.node = "b"


def test_findings_are_sorted_with_errors_first_and_always_the_same():
    found = check(mistaken())
    assert [(f.level, f.node, f.code) for f in found] == [
        ("error", "a", "orphan-node"),
        ("error", "b", "orphan-node"),
        ("error", "c", "unknown-target"),
        ("warning", "__start__", "blind-path"),
    ]
    assert check(mistaken()) == found


def test_every_code_has_a_sentence_about_its_node_and_what_to_do():
    for finding in check(mistaken()):
        assert finding.code in get_args(Code)
        assert finding.fault.endswith(".")
        assert finding.remedy.endswith(".")


def test_graphs_hand_the_same_check_on():
    assert graphs.check is check


def test_names_are_spelled_out():
    assert names() == ""
    assert names("a") == "'a'"
    assert names("b", "a") == "'a' and 'b'"
    assert names("c", "b", "a") == "'a', 'b' and 'c'"


def astray() -> Command[Any]:
    return Command(goto="nobody")


def home() -> Command[Any]:
    return Command(goto=END)


def moves(state: State) -> Command[Any]:
    return helper()


helper = astray


def test_a_helper_that_is_defined_anew_is_read_anew(monkeypatch):
    graph = StateGraph(State).add_node("moves", moves).add_edge(START, "moves")
    before = check(graph)
    monkeypatch.setitem(globals(), "helper", home)
    assert (len(before), check(graph)) == (1, ())


def test_a_graph_is_left_as_it_was():
    graph = mistaken().set_node_defaults(error_handler=must_not_run)
    before = (dict(graph.nodes), set(graph.edges), set(graph.branches), graph.compiled)
    check(graph)
    assert (dict(graph.nodes), set(graph.edges), set(graph.branches), graph.compiled) == before


@pytest.mark.parametrize("thing", [None, "graph", 3, StateGraph, lambda state: state])
def test_what_is_no_graph_is_refused(thing):
    with pytest.raises(DesignError, match="check reads a StateGraph"):
        check(thing)


def test_a_functional_graph_has_no_nodes_to_read():
    @entrypoint()
    def work(question: str) -> str:
        return question

    with pytest.raises(DesignError, match="not Pregel"):
        check(work)


# Parts that cannot be read give fewer findings


def from_text() -> Any:
    scope: dict[str, Any] = {"Command": Command}
    exec("def node(state):\n    return Command(goto='nowhere')", scope)
    return scope["node"]


class Awkward:
    @property
    def destinations(self) -> tuple[str, ...]:
        raise RuntimeError("no")

    @property
    def writes(self) -> int:
        return 3

    @property
    def gate(self) -> None:
        raise RuntimeError("no")

    asks = "perhaps"
    effects = ("refund",)

    def __call__(self, state: State) -> dict[str, Any]:
        return {"answer": "x"}


class Slotted:
    __slots__ = ("to",)

    def __init__(self, to: str) -> None:
        self.to = to

    def __call__(self, state: State) -> Command[str]:
        return Command(goto=self.to)


def generates(state: State) -> Any:
    yield {"answr": "x"}


def unset() -> Any:
    def node(state: State) -> dict[str, Any]:
        return {later: "x"}

    if node is None:
        later = "x"
    return node


@pytest.mark.parametrize(
    "node",
    [
        pytest.param(from_text(), id="no source"),
        pytest.param(Awkward(), id="awkward object"),
        pytest.param(Slotted(END), id="slots"),
        pytest.param(RunnableLambda(generates), id="generator"),
        pytest.param(len, id="builtin"),
        pytest.param(unset(), id="empty closure"),
        pytest.param(RunnableLambda(lambda state: {}) | (lambda state: {}), id="sequence"),
        pytest.param({"answer": RunnableLambda(str)}, id="dict"),
        pytest.param(FakeListChatModel(responses=["x"]), id="model"),
        pytest.param(eval("lambda state: {'answr': 1}"), id="eval"),
    ],
)
def test_a_strange_node_raises_nothing_and_has_no_finding(node):
    graph = StateGraph(State).add_node("a", node).add_edge(START, "a")
    assert check(graph) == ()
    assert check(graph.compile()) == ()


def test_two_lambdas_of_one_line_are_told_apart():
    def here(state: State) -> dict[str, Any]:
        return {}

    good, bad = (lambda state: {"answer": 1}), (lambda state: {"answr": 1})
    graph = StateGraph(State).add_node("good", good).add_node("bad", bad).add_node("here", here)
    graph.add_edge(START, "good").add_edge("good", "bad").add_edge("bad", "here")
    assert [(f.code, f.node) for f in check(graph)] == [("unknown-key", "bad")]


def test_a_source_that_has_changed_since_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "module_of_nodes.py"
    file.write_text("def node(state):\n    return {'answr': 1}\n")
    node = importlib.import_module("module_of_nodes").node
    graph = StateGraph(State).add_node("a", node).add_edge(START, "a")
    assert [f.code for f in check(graph)] == ["unknown-key"]
    for changed in ("def node(other):\n    return {'answr': 1}\n", "def node(state:\n", ""):
        file.write_text(changed)
        linecache.checkcache(str(file))
        assert check(graph) == ()


def test_a_path_that_cannot_be_read_is_only_blind():
    graph = StateGraph(State).add_node("a", lambda state: {}).add_edge(START, "a")
    graph.add_conditional_edges("a", eval("lambda state: 'nowhere'"))
    assert [f.code for f in check(graph)] == ["blind-path"]
    mapped = StateGraph(State).add_node("a", lambda state: {}).add_edge(START, "a")
    mapped.add_conditional_edges("a", eval("lambda state: 'x'"), {"x": END})
    assert check(mapped) == ()


# Normal graphs


class Model(FakeListChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> "Model":
        return self


MODEL = Model(responses=["x"])


@tool
def add(first: int, second: int) -> int:
    """Add two numbers."""
    return first + second


def test_an_agent_of_langchain_has_no_finding():
    middleware: Any = [
        SummarizationMiddleware(model=MODEL),
        TodoListMiddleware(),
        ModelCallLimitMiddleware(run_limit=3),
    ]
    assert check(create_agent(MODEL, [add])) == ()
    assert check(create_agent(MODEL, [])) == ()
    assert check(create_agent(MODEL, [add], middleware=middleware)) == ()


def test_an_agent_that_asks_wants_a_checkpointer():
    asking: Any = HumanInTheLoopMiddleware(interrupt_on={"add": True})
    [finding] = check(create_agent(MODEL, [add], middleware=[asking]))
    assert finding.code == "no-checkpointer"
    saver = InMemorySaver()
    assert check(create_agent(MODEL, [add], middleware=[asking], checkpointer=saver)) == ()


def test_a_supervisor_has_no_finding():
    supervisor = pytest.importorskip("langgraph_supervisor")
    agents = [create_agent(MODEL, [add], name=name) for name in ("alpha", "beta")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = supervisor.create_supervisor(agents, model=MODEL)
    assert check(graph) == ()
    assert check(graph.compile()) == ()


def test_a_swarm_has_no_finding_and_a_handoff_to_nobody_is_found():
    swarm = pytest.importorskip("langgraph_swarm")

    def agent(name: str, to: str) -> Any:
        return create_agent(MODEL, [swarm.create_handoff_tool(agent_name=to)], name=name)

    right = [agent("x", "y"), agent("y", "x")]
    assert check(swarm.create_swarm(right, default_active_agent="x")) == ()
    wrong = [agent("x", "y"), agent("y", "nobody")]
    [finding] = check(swarm.create_swarm(wrong, default_active_agent="x"))
    assert (finding.code, finding.node) == ("unknown-target", "y")
    assert "'nobody'" in finding.fault


def test_the_usual_tool_loop_has_no_finding():
    def model(state: MessagesState) -> dict[str, Any]:
        return {"messages": [MODEL.invoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("model", model).add_node("tools", ToolNode([add]))
    graph.add_edge(START, "model").add_conditional_edges("model", tools_condition)
    assert check(graph.add_edge("tools", "model").compile()) == ()


class Work(TypedDict, total=False):
    topics: list[str]
    parts: Annotated[list[str], operator.add]
    report: str
    outcome: str


def plan(state: Work) -> dict[str, Any]:
    return {"topics": ["a", "b"]}


def send_out(state: Work) -> list[Send]:
    return [Send("write", {"topic": topic}) for topic in state["topics"]]


def write(state: dict[str, Any]) -> dict[str, Any]:
    return {"parts": [state["topic"]]}


def review(state: Work) -> Command[Literal["plan", "approve"]]:
    if not state["parts"]:
        return Command(goto="plan")
    return Command(goto="approve", update={"report": " ".join(state["parts"])})


def approve(state: Work) -> dict[str, Any]:
    answer = interrupt({"report": state["report"]})
    return {"outcome": answer}


def test_a_map_reduce_with_a_review_and_a_person_has_no_finding():
    graph = StateGraph(Work).add_node("plan", plan).add_node("write", write)
    graph.add_node("review", review, defer=True).add_node("approve", approve)
    graph.add_edge(START, "plan").add_conditional_edges("plan", send_out, ["write"])
    graph.add_edge("write", "review").add_edge("approve", END)
    app, config = graph.compile(InMemorySaver()), {"configurable": {"thread_id": "1"}}
    app.invoke({}, config)
    assert app.invoke(Command(resume="done"), config)["outcome"] == "done"
    assert check(app) == ()


# Laws


def note(state: State) -> dict[str, Any]:
    return {"log": ["x"]}


@st.composite
def well_formed(draw: st.DrawFn) -> StateGraph[State]:
    """Draw lines and diamonds one after the other."""
    graph = StateGraph(State)
    last = START
    for index, width in enumerate(draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))):
        depth = draw(st.integers(1, 3))
        ends = []
        for column in range(width):
            before = last
            for row in range(depth):
                name = f"n{index}_{column}_{row}"
                graph.add_node(name, note)
                graph.add_edge(before, name)
                before = name
            ends.append(before)
        last = f"join{index}"
        graph.add_node(last, note)
        if draw(st.booleans()):
            graph.add_edge(ends, last)
        else:
            for end in ends:
                graph.add_edge(end, last)
    return graph.add_edge(last, END) if draw(st.booleans()) else graph


CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@CALM
@given(well_formed())
def test_well_formed_graphs_have_no_finding(graph):
    assert check(graph) == ()
    assert check(graph.compile()) == ()


@CALM
@given(well_formed(), st.data(), st.sampled_from(["edge", "command", "path", "hint"]))
def test_one_unknown_target_gives_exactly_that_finding(graph, data, kind):
    lost = data.draw(st.text("xyz", min_size=1, max_size=4), label="target")
    if kind == "edge":
        source = data.draw(st.sampled_from(sorted(graph.nodes)))
        graph.add_edge(source, lost)
    else:
        source = "extra"
        graph.add_edge(min(graph.nodes), source)
        if kind == "command":
            graph.add_node(source, Slotted(lost))
        elif kind == "hint":
            graph.add_node(source, note, destinations=(lost,))
        else:
            graph.add_node(source, note).add_conditional_edges(source, note, {"x": lost})
    found: tuple[Finding, ...] = check(graph)
    assert [(f.code, f.node) for f in found] == [("unknown-target", source)]
    assert repr(lost) in found[0].fault

"""Test stops for a person: lost, repeated, or several times in one node."""

import contextlib
import functools
import logging
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import NodeError
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from quintet.checks import Finding, check
from quintet.checks.graph.part import Part
from quintet.graphs import create_single_agent
from quintet.nodes import Worker, effect
from quintet.runs import start
from quintet.state import Contract, checkpointer


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: str


class Small(TypedDict, total=False):
    answer: str


ON_THREAD: Any = {"configurable": {"thread_id": "1"}}
SENT: list[str] = []
STARTS = {"a": 0}


@pytest.fixture(autouse=True)
def nothing_sent() -> None:
    SENT.clear()
    STARTS["a"] = 0


def send(text: str) -> None:
    SENT.append(text)


def only(graph: Any) -> Finding:
    [finding] = check(graph)
    return finding


def alone(node: Any, **options: Any) -> StateGraph[State]:
    return StateGraph(State).add_node("a", node, **options).add_edge(START, "a")


def answered(graph: StateGraph[State], *answers: str) -> Any:
    app = graph.compile(InMemorySaver())
    result = app.invoke({}, ON_THREAD)
    for answer in answers:
        result = app.invoke(Command(resume=answer), ON_THREAD)
    return result


# No checkpointer


def ask(state: State) -> dict[str, Any]:
    return {"answer": interrupt("go on?")}


def test_an_interrupt_without_checkpointer_returns_for_good_and_is_named():
    app = alone(ask).compile()
    assert app.invoke({})["__interrupt__"][0].value == "go on?"
    with pytest.raises(RuntimeError, match="checkpointer"):
        app.invoke(Command(resume="yes"))
    finding = only(app)
    assert (finding.code, finding.node, finding.level) == ("no-checkpointer", "a", "error")
    assert "checkpointer=" in finding.remedy


def test_with_a_checkpointer_or_before_compile_there_is_no_finding():
    assert answered(alone(ask), "yes")["answer"] == "yes"
    assert check(alone(ask).compile(InMemorySaver())) == ()
    assert check(alone(ask)) == ()


def test_a_graph_that_never_asks_needs_no_checkpointer():
    assert check(alone(lambda state: {"answer": "x"}).compile()) == ()


def test_a_subgraph_has_the_checkpointer_of_its_parent():
    graph = StateGraph(State, input_schema=Small).add_node("in", ask).add_edge(START, "in")
    outer = alone(graph.compile())
    assert answered(outer, "yes")["answer"] == "yes"
    assert check(outer.compile(InMemorySaver())) == ()
    assert (only(outer.compile()).code, only(outer.compile()).node) == ("no-checkpointer", "a/in")


def test_a_stop_before_a_node_without_checkpointer_is_lost_and_named():
    graph = alone(lambda state: {"log": ["a"]}).add_node("b", lambda state: {"log": ["b"]})
    app = graph.add_edge("a", "b").compile(interrupt_before=["b"])
    assert app.invoke({})["log"] == ["a"]
    assert (only(app).code, only(app).node) == ("no-checkpointer", "b")
    assert {f.node for f in check(graph.compile(interrupt_after="*"))} == {"a", "b"}
    assert check(graph.compile(InMemorySaver(), interrupt_before=["b"])) == ()


@dataclass(frozen=True)
class Asker:
    asks: bool = True

    def __call__(self, state: State) -> dict[str, Any]:
        return {"answer": "yes"}


def by_helper(state: State) -> dict[str, Any]:
    return {"answer": _question(state)}


def _question(state: State) -> Any:
    return interrupt("go on?")


def by_module(state: State) -> dict[str, Any]:
    import langgraph.types

    return {"answer": langgraph.types.interrupt("go on?")}


def wrapping(node: Callable[[State], dict[str, Any]]) -> Callable[[State], dict[str, Any]]:
    def call(state: State) -> dict[str, Any]:
        return node(state)

    return call


async def soon(state: State) -> dict[str, Any]:
    return {"answer": interrupt("go on?")}


DESK = StateGraph(Small).add_node("in", ask).add_edge(START, "in").compile()
OFFICE = StateGraph(Small).add_node("desk", DESK).add_edge(START, "desk").compile()


def calls_a_graph(state: State) -> dict[str, Any]:
    return {"answer": OFFICE.invoke({})["answer"]}


@pytest.mark.parametrize(
    "node",
    [
        calls_a_graph,
        pytest.param(Asker(), id="declared"),
        by_helper,
        by_module,
        pytest.param(wrapping(ask), id="wrapped"),
        soon,
    ],
)
def test_whoever_asks_is_found(node):
    assert only(alone(node).compile()).code == "no-checkpointer"


def calls_itself(state: State) -> dict[str, Any]:
    return LOOP.invoke({}) if state.get("log") else {}


LOOP = alone(calls_itself).compile()


def test_a_graph_that_calls_itself_is_read_once():
    assert check(LOOP) == ()


def test_a_called_graph_with_a_checkpointer_of_its_own_is_its_own_affair():
    own = StateGraph(Small).add_node("in", ask).add_edge(START, "in").compile(InMemorySaver())

    def calls(state: State) -> dict[str, Any]:
        return {"answer": own.invoke({}, ON_THREAD)["answer"]}

    assert check(alone(calls).compile()) == ()


def test_an_object_that_says_that_it_does_not_ask_is_believed():
    assert check(alone(Asker(asks=False)).compile()) == ()


def test_an_error_handler_that_asks_is_found():
    def rescue(state: State, error: NodeError) -> Command[str]:
        return Command(update={"answer": interrupt("now?")}, goto=END)

    app = alone(lambda state: {"answer": "x"}, error_handler=rescue).compile()
    assert only(app).node == "__error_handler__a"


@tool
def transfer(amount: int) -> str:
    """Move money."""
    return f"{amount}: {interrupt('really?')}"


def test_a_tool_that_asks_is_found():
    graph = StateGraph(MessagesState).add_node("tools", ToolNode([transfer]))
    app = graph.add_edge(START, "tools").compile()
    call = {"name": "transfer", "args": {"amount": 3}, "id": "1", "type": "tool_call"}
    result = app.invoke({"messages": [AIMessage("", tool_calls=[call])]})
    assert result["__interrupt__"][0].value == "really?"
    assert (only(app).code, only(app).node) == ("no-checkpointer", "tools")


def audio(state: State, player: Any = None) -> dict[str, Any]:
    if player is not None:
        player.interrupt()
    return {"answer": "x"}


def test_another_interrupt_is_not_meant():
    assert check(alone(audio).compile()) == ()


# Work before the interrupt, and several interrupts


def mails_in_a_helper(state: State) -> dict[str, Any]:
    notify(state)
    return {"answer": interrupt("go on?")}


def notify(state: State) -> None:
    for _ in range(1):
        mail(state)


def mail(state: State) -> None:
    OUTBOX.deliver("draft")


class Outbox:
    def deliver(self, text: str) -> None:
        SENT.append(text)


OUTBOX = Outbox()


def mails_in_the_test(state: State) -> dict[str, Any]:
    if OUTBOX.deliver("draft") is None and interrupt("go on?"):
        return {"answer": "yes"}
    return {}


def send_with(sender: Callable[[str], None]) -> Callable[[State], dict[str, Any]]:
    def node(state: State) -> dict[str, Any]:
        for part in ("draft",):
            with contextlib.nullcontext():
                sender(part)
        try:
            return {"answer": interrupt("go on?")}
        finally:
            logging.getLogger("x").info("asked")

    return node


@pytest.mark.parametrize(
    "node",
    [
        mails_in_a_helper,
        mails_in_the_test,
        pytest.param(send_with(SENT.append), id="captured"),
    ],
)
def test_work_before_an_interrupt_runs_at_every_answer_and_is_named(node):
    assert answered(alone(node), "yes")["answer"] == "yes"
    assert len(SENT) == 2
    finding = only(alone(node))
    assert (finding.code, finding.node, finding.level) == ("work-before-interrupt", "a", "warning")
    assert "again at every answer" in finding.fault


def quiet(state: State) -> dict[str, Any]:
    log = logging.getLogger("quintet")
    log.debug("asking")
    lines = sorted(str(line).strip() for line in state.get("log", []))
    question = "\n".join([describe(line) for line in lines]) or "go on?"
    if not question:
        send("nobody asked")
        return {}
    answer = interrupt(Question(text=question).text)
    send(answer)
    return {"answer": answer}


@dataclass(frozen=True)
class Question:
    text: str


def describe(line: str) -> str:
    return line if len(line) < 3 else describe(line[1:])


def asks_by_helper(state: State) -> dict[str, Any]:
    send("draft")
    return {"answer": _question(state)}


def asks_by_two_helpers(state: State) -> dict[str, Any]:
    return {"answer": str(_question(state)) + _asked_again(state)}


def _asked_again(state: State) -> str:
    return str(_question(state))


def test_a_question_in_a_helper_starts_the_node_again_too():
    answered(alone(asks_by_helper), "yes")
    assert SENT == ["draft", "draft"]
    assert only(alone(asks_by_helper)).code == "work-before-interrupt"
    assert only(alone(asks_by_two_helpers)).code == "several-interrupts"


def test_what_only_computes_may_stand_before_an_interrupt():
    assert answered(alone(quiet), "yes")["answer"] == "yes"
    assert SENT == ["yes"]
    assert check(alone(quiet)) == ()


def asks_twice(state: State) -> dict[str, Any]:
    STARTS["a"] += 1
    first = interrupt("first?")
    return {"answer": first + interrupt("second?")}


def asks_again(state: State) -> dict[str, Any]:
    STARTS["a"] += 1
    while (answer := interrupt("yes?")) != "yes":
        continue
    return {"answer": answer}


def asks_after_a_try(state: State) -> dict[str, Any]:
    STARTS["a"] += 1
    try:
        first = interrupt("first?")
    except ValueError:
        first = ""
    with contextlib.nullcontext():
        return {"answer": first + interrupt("second?")}


def asks_in_a_branch(state: State) -> dict[str, Any]:
    STARTS["a"] += 1
    if state.get("log"):
        return {"answer": "known"}
    elif not state.get("answer"):
        first = interrupt("first?")
    match first:
        case "no":
            return {"answer": first + interrupt("why?")}
        case _:
            return {"answer": first}


def asks_in_a_match(state: State) -> dict[str, Any]:
    STARTS["a"] += 1
    match interrupt("first?"):
        case "no":
            return {"answer": interrupt("why?")}
        case answer:
            return {"answer": answer}


def asks_before_a_loop(state: State) -> dict[str, Any]:
    STARTS["a"] += 1
    for _ in interrupt("how often?"):
        break
    return {"answer": interrupt("why?")}


def asks_on_the_way_into_a_block(state: State) -> dict[str, Any]:
    STARTS["a"] += 1
    with contextlib.nullcontext(interrupt("first?")) as answer:
        return {"answer": answer + interrupt("why?")}


ASK_TWICE = [
    asks_twice,
    asks_again,
    asks_after_a_try,
    asks_in_a_branch,
    asks_in_a_match,
    asks_before_a_loop,
    asks_on_the_way_into_a_block,
]


@pytest.mark.parametrize("node", ASK_TWICE)
def test_several_interrupts_in_one_node_start_it_again_and_are_named(node):
    answered(alone(node), "no", "yes")
    assert STARTS["a"] == 3
    finding = only(alone(node))
    assert (finding.code, finding.node, finding.level) == ("several-interrupts", "a", "warning")
    assert "own node" in finding.remedy


def asks_one_or_the_other(state: State) -> dict[str, Any]:
    if state.get("log"):
        return {"answer": interrupt("first?")}
    if state.get("answer"):  # noqa: SIM108 - a branch is what is read here
        answer = interrupt("second?")
    else:
        answer = interrupt("third?")
    return {"answer": answer}


def test_interrupts_of_which_one_is_reached_are_right():
    assert answered(alone(asks_one_or_the_other), "yes")["answer"] == "yes"
    assert check(alone(asks_one_or_the_other)) == ()


INNER = alone(lambda state: {"answer": interrupt("which?")}).compile()


@pytest.mark.parametrize(
    "node",
    [
        lambda state: INNER.invoke(dict(state)),
        lambda state: INNER.batch([state])[0],
        lambda state: list(INNER.stream(state))[-1],
    ],
    ids=["invoke", "batch", "stream"],
)
def test_a_question_of_a_graph_that_a_node_runs_is_the_nodes_own(node):
    graph = alone(node)
    assert "__interrupt__" in answered(graph)
    assert Part(name="a", spec=graph.nodes["a"]).asks


def wrapped(node: Any) -> Any:
    @functools.wraps(node)
    def outer(*given: Any) -> Any:
        return node(*given)

    return outer


@wrapped
def decorated(state: State) -> Any:
    send("charge")
    return {"answer": interrupt("sure?")}


def test_work_before_a_question_is_found_under_a_decorator():
    answered(alone(decorated), "yes")
    assert SENT == ["charge", "charge"]
    finding = only(alone(decorated).compile(InMemorySaver()))
    assert (finding.code, finding.node) == ("work-before-interrupt", "a")
    assert "'send'" in finding.fault


def charges(request: Any) -> Any:
    send("charge")
    return {"answer": interrupt("sure?")}


def by_effect(request: Any, tools: Any) -> Any:
    tools["note"](text="charge")
    tools.note(text="charge")
    return {"answer": interrupt("sure?")}


def desk(agent: Any) -> Any:
    def note(text: str) -> str:
        return text

    tools = (effect(note, key="note:{text}"),) if agent is by_effect else ()
    contract = Contract(goal="charge", needs=("message",), tools=tools)
    return create_single_agent(Worker(agent=agent, contract=contract))


def test_work_before_a_question_is_found_in_a_workers_agent():
    app = desk(charges).compile(checkpointer=checkpointer("memory://"))
    start(app, {"message": "m"}, thread="t").answer("yes")
    assert SENT == ["charge", "charge"]
    finding = only(app)
    assert (finding.code, finding.node) == ("work-before-interrupt", "work")


def test_an_effect_before_a_question_is_done_once_and_is_right():
    assert check(desk(by_effect)) == ()

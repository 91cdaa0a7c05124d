"""Test keys of the state: unknown, doubled, shared with nobody; and runs without an outcome."""

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import pytest
from langgraph.channels import DeltaChannel
from langgraph.errors import NodeError
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import Finding, check


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: str
    kind: str


def only(graph: Any) -> Finding:
    [finding] = check(graph)
    return finding


def alone(node: Any, state: Any = State) -> Any:
    return StateGraph(state).add_node("a", node).add_edge(START, "a")


# Unknown keys


def literal(state: State) -> dict[str, Any]:
    return {"answr": "x", "log": ["a"]}


def in_command(state: State) -> Command[str]:
    return Command(update={"answr": "x", "log": ["a"]})


def by_variable(state: State) -> dict[str, Any]:
    update: dict[str, Any] = {"log": ["a"]}
    update["answr"] = "x"
    return update


def by_update(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {}
    found.update({"answr": "x"})
    return {**found, "log": ["a"]}


def by_keywords(state: State) -> dict[str, Any]:
    return dict(answr="x", log=["a"])  # noqa: C408


def by_union(state: State) -> dict[str, Any]:
    return {"log": ["a"]} | {"answr": "x"}


def by_branch(state: State) -> dict[str, Any] | None:
    return {"answr": "x"} if state.get("kind") else {"log": ["a"]}


def by_list(state: State) -> list[Any]:
    return [Command(update={"answr": "x"}), {"log": ["a"]}]


KEY = "answr"


def by_constant(state: State) -> dict[str, Any]:
    return {KEY: "x", "log": ["a"]}


class Wrong(TypedDict, total=False):
    answr: str
    log: list[str]


def by_spread_command(state: State) -> Command[str]:
    given: dict[str, Any] = {"update": {"log": ["a"]}}
    return Command(**given)


def by_recursion(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {}
    found = found or {"log": ["a"]}
    return found


def by_record(state: State) -> Wrong:
    return Wrong(answr="x", log=["a"])


async def by_async(state: State) -> dict[str, Any]:
    return {"answr": "x"}


def by_later_keywords(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {"log": ["a"]}
    found.update(answr="x")
    return found


def by_first_value(state: State) -> dict[str, Any]:
    found: dict[str, Any] = {"log": ["a"]}
    found.setdefault("answr", "x")
    return found


@dataclass(frozen=True)
class Writer:
    def __call__(self, state: State) -> dict[str, Any]:
        return {"answr": "x", "log": ["a"]}


@pytest.mark.parametrize(
    "node",
    [
        literal,
        in_command,
        by_variable,
        by_update,
        by_later_keywords,
        by_first_value,
        by_keywords,
        by_union,
        by_list,
        by_constant,
        by_record,
        pytest.param(Writer(), id="object"),
        pytest.param(lambda state: {"answr": "x", "log": ["a"]}, id="lambda"),
    ],
)
def test_a_key_that_the_state_does_not_have_is_dropped_and_named(node):
    graph = alone(node)
    assert graph.compile().invoke({}) == {"log": ["a"]}
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("unknown-key", "a", "error")
    assert "'answr'" in finding.fault
    assert "'answer'" in finding.remedy


@pytest.mark.parametrize("node", [by_branch, by_async])
def test_a_key_in_one_branch_or_an_async_node_is_named_too(node):
    assert only(alone(node)).code == "unknown-key"


def right(state: State) -> Any:
    if state.get("kind"):
        return Command(update={"answer": "x"}, goto=END)
    found = {"log": [{"answr": 1}["answr"]]}
    found["answer"] = state.get("answr", "")
    return found


def from_elsewhere(state: State) -> dict[str, Any]:
    return {**_helper(), **{f"{each}er": 1 for each in ("answ",)}}


def _helper() -> dict[str, Any]:
    return {"answr": "a helper's dict may mean anything"}


def with_inner_function(state: State) -> dict[str, Any]:
    def inner() -> dict[str, Any]:
        return {"answr": "not the node's"}

    return {"answer": inner()["answr"]}


def by_send(state: State) -> Any:
    return Send("b", state) if state.get("kind") else {"answer": "x"}


@pytest.mark.parametrize(
    "node",
    [right, from_elsewhere, with_inner_function, by_spread_command, by_recursion],
)
def test_known_keys_and_what_cannot_be_read_are_right(node):
    assert check(alone(node)) == ()


def test_a_send_is_no_update():
    graph = alone(by_send).add_node("b", lambda state: {"answer": "b"})
    assert graph.compile().invoke({"kind": "k"})["answer"] == "b"
    assert check(graph) == ()


def test_what_an_object_declares_to_write_is_looked_up():
    @dataclass(frozen=True)
    class Declared:
        writes: frozenset[str] = frozenset({"route"})

        def __call__(self, state: State) -> dict[str, Any]:
            return {"route": "x"}

    assert alone(Declared()).compile().invoke({"kind": "x"}) == {"kind": "x", "log": []}
    assert "'route'" in only(alone(Declared())).fault
    assert check(alone(Declared(writes=frozenset({"answer"})))) == ()


class Private(TypedDict, total=False):
    secret: str


def test_a_key_of_another_nodes_input_is_a_key_of_the_state():
    def reader(state: Private) -> dict[str, Any]:
        return {"answer": state["secret"]}

    graph = alone(lambda state: {"secret": "s"}).add_node("b", reader).add_edge("a", "b")
    assert graph.compile().invoke({})["answer"] == "s"
    assert check(graph) == ()


def test_a_state_without_keys_is_passed_over():
    graph = StateGraph(Annotated[list, operator.add]).add_node("a", lambda state: ["x"])
    assert graph.add_edge(START, "a").compile().invoke(["w"]) == ["w", "x"]
    assert check(graph) == ()


# The whole state


def give_back(state: State) -> State:
    state["answer"] = "x"
    return state


def spread(state: State) -> dict[str, Any]:
    return {**state, "answer": "x"}


def joined(state: State) -> dict[str, Any]:
    return state | {"answer": "x"}


def copied(state: State) -> dict[str, Any]:
    found = dict(state)
    found["answer"] = "x"
    return found


def deeply(state: State) -> Any:
    found = copy.deepcopy(state)
    return found


def in_a_command(state: State) -> Command[str]:
    return Command(update=state.copy())


@pytest.mark.parametrize("node", [give_back, spread, joined, copied, deeply, in_a_command])
def test_a_state_that_is_given_back_whole_doubles_and_is_named(node):
    graph = alone(node)
    assert graph.compile().invoke({"log": ["q"]})["log"] == ["q", "q"]
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("whole-state", "a", "error")
    assert "'log'" in finding.fault


class Model(BaseModel):
    log: Annotated[list[str], operator.add] = []
    answer: str = ""


@dataclass
class Record:
    log: Annotated[list[str], operator.add] = field(default_factory=list)
    answer: str = ""


def test_models_and_records_double_too():
    def model(state: Model) -> Model:
        return state.model_copy(update={"answer": "x"})

    def record(state: Record) -> Record:
        return replace(state, answer="x")

    for node, state in ((model, Model), (record, Record)):
        graph = alone(node, state)
        assert graph.compile().invoke({"log": ["q"]})["log"] == ["q", "q"]
        assert only(graph).code == "whole-state"


def test_a_whole_state_whose_reduced_key_is_replaced_is_right():
    graph = alone(lambda state: {**state, "log": ["new"]})
    assert graph.compile().invoke({"log": ["q"], "kind": "k"})["log"] == ["q", "new"]
    assert check(graph) == ()


class Plain(TypedDict, total=False):
    answer: str


def test_a_whole_state_without_reducers_is_right():
    graph = alone(lambda state: {**state, "answer": "x"}, Plain)
    assert graph.compile().invoke({"answer": "q"}) == {"answer": "x"}
    assert check(graph) == ()


def test_messages_are_told_apart_by_id_and_do_not_double():
    graph = alone(lambda state: state, MessagesState)
    assert len(graph.compile().invoke({"messages": ["hi"]})["messages"]) == 1
    assert check(graph) == ()


def keep_last(old: list[str], new: list[str]) -> list[str]:
    return [*old, *new][-3:]


def append_all(old: list[str], writes: list[list[str]]) -> list[str]:
    return [*old, *(line for lines in writes for line in lines)]


class Delta(TypedDict, total=False):
    log: Annotated[list[str], DeltaChannel(append_all)]


def test_a_delta_channel_may_double():
    graph = alone(lambda state: state, Delta)
    assert graph.compile().invoke({"log": ["q"]})["log"] == ["q", "q"]
    assert (only(graph).code, only(graph).level) == ("whole-state", "warning")


class Bounded(TypedDict, total=False):
    log: Annotated[list[str], keep_last]


def test_a_reducer_of_ones_own_may_double():
    graph = alone(lambda state: state, Bounded)
    assert graph.compile().invoke({"log": ["q"]})["log"] == ["q", "q"]
    finding = only(graph)
    assert (finding.code, finding.level) == ("whole-state", "warning")
    assert "may double" in finding.fault


def test_a_name_that_no_longer_is_the_state_is_not_the_state():
    def renamed(state: Any) -> dict[str, Any]:
        state = {"answer": "x"}
        return state

    assert check(alone(renamed)) == ()


class Small(TypedDict, total=False):
    answer: str


def test_a_subgraph_that_shares_an_adding_key_doubles_it_and_is_named():
    inner = alone(lambda state: {"log": ["in"]}).compile()
    graph = alone(inner)
    assert graph.compile().invoke({"log": ["q"]})["log"] == ["q", "q", "in"]
    finding = only(graph)
    assert (finding.code, finding.node) == ("whole-state", "a")
    right = StateGraph(State, input_schema=Small).add_node("b", lambda state: {"log": ["in"]})
    graph = alone(right.add_edge(START, "b").compile())
    assert graph.compile().invoke({"log": ["q"]})["log"] == ["q", "in"]
    assert check(graph) == ()


# Subgraphs that share no key


class Other(TypedDict, total=False):
    found: str


def subgraph(state: Any, **schemas: Any) -> Any:
    graph = StateGraph(state, **schemas).add_node("in", lambda s: {"found": "gold"})
    return graph.add_edge(START, "in").compile()


def test_a_subgraph_that_shares_no_key_gives_nothing_and_is_named():
    graph = alone(subgraph(Other))
    assert graph.compile().invoke({"kind": "q"}) == {"kind": "q", "log": []}
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("isolated-subgraph", "a", "error")
    assert "'kind'" in finding.remedy


class Both(TypedDict, total=False):
    kind: str
    found: str


def test_a_subgraph_without_keys_takes_whatever_it_is_given():
    inner = StateGraph(dict).add_node("in", lambda state: {"answer": "x"}).add_edge(START, "in")
    assert check(alone(inner.compile())) == ()


def test_a_subgraph_whose_output_is_dropped_is_a_warning():
    graph = alone(subgraph(Both, output_schema=Other))
    assert graph.compile().invoke({"kind": "q"}) == {"kind": "q", "log": []}
    finding = only(graph)
    assert (finding.code, finding.level) == ("isolated-subgraph", "warning")
    assert "dropped" in finding.fault


def test_a_subgraph_that_gets_nothing_is_named():
    graph = alone(subgraph(Both, input_schema=Other))
    assert "gets nothing" in only(graph).fault


def test_a_subgraph_that_shares_a_key_is_right():
    graph = alone(subgraph(Both))
    assert graph.compile().invoke({"kind": "q"}) == {"kind": "q", "log": []}
    assert check(graph) == ()


def test_a_subgraph_is_read_too_and_named_with_its_way_in():
    inner = alone(lambda state: {"answr": "x"}, Plain).compile()
    middle = StateGraph(Plain).add_node("middle", inner).add_edge(START, "middle").compile()
    graph = StateGraph(Plain).add_node("outer", middle).add_edge(START, "outer")
    assert only(graph).node == "outer/middle/a"
    assert check(graph.compile()) == check(graph)


# Ends without an outcome


class Ended(TypedDict, total=False):
    kind: str
    outcome: str


def finish(state: Ended) -> dict[str, Any]:
    return {"outcome": "done"}


def pass_on(state: Ended) -> dict[str, Any]:
    return {"kind": "x"}


def test_a_run_that_can_end_without_outcome_is_named_with_the_way():
    graph = StateGraph(Ended).add_node("a", pass_on).add_node("b", pass_on)
    graph.add_node("finish", finish).add_edge(START, "a").add_edge("finish", END)
    graph.add_conditional_edges("a", lambda state: state["kind"], {"x": "b", "y": "finish"})
    assert "outcome" not in graph.compile().invoke({})
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("no-outcome", "b", "warning")
    assert "START -> a -> b -> END" in finding.fault


def test_a_run_that_always_ends_with_an_outcome_is_right():
    graph = StateGraph(Ended).add_node("a", pass_on).add_node("finish", finish)
    graph.add_node("after", pass_on).add_edge(START, "a").add_edge("a", "finish")
    graph.add_edge("finish", "after").add_edge("after", END)
    assert graph.compile().invoke({})["outcome"] == "done"
    assert check(graph) == ()


def test_what_may_write_the_outcome_is_not_named():
    def unreadable(state: Ended) -> dict[str, Any]:
        return {**_helper()}

    graph = StateGraph(Ended).add_node("a", unreadable).add_edge(START, "a")
    assert check(graph) == ()


def test_a_graph_without_outcome_may_end_anywhere():
    assert check(alone(lambda state: {"answer": "x"})) == ()


def fail(state: Ended) -> dict[str, Any]:
    raise ValueError("boom")


def test_a_handler_that_writes_the_outcome_ends_the_run_well():
    def give_up(state: Ended, error: NodeError) -> dict[str, Any]:
        return {"outcome": f"failed at {error.node}"}

    graph = StateGraph(Ended).add_node("a", fail, error_handler=give_up).add_edge(START, "a")
    graph.add_node("finish", finish).add_edge("a", "finish")
    assert graph.compile().invoke({})["outcome"] == "failed at a"
    assert check(graph) == ()


def made(update: Callable[[], dict[str, Any]]) -> Callable[[Ended], dict[str, Any]]:
    return lambda state: update()


def test_a_node_whose_writes_cannot_be_read_has_no_finding():
    graph = StateGraph(Ended).add_node("a", made(lambda: {"outcome": "x"})).add_edge(START, "a")
    assert check(graph) == ()

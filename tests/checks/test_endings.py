"""Test functions that come to their end where they should say where the run goes."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, assert_never

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.graphs import by_outcome
from quintet.nodes import Finish
from quintet.state import OrchestrationState
from tests.checks.parts import PAY, codes, graph_of, numbered, only, worker


class Kind(enum.Enum):
    BUY = "buy"
    SELL = "sell"


class State(TypedDict, total=False):
    text: str
    side: Literal["buy", "sell"]
    kind: Annotated[Kind, "how"]
    sure: NotRequired[bool]
    note: Literal["a"] | None
    done: str


@dataclass
class Held:
    side: Literal["buy", "sell"] = "buy"
    done: str = ""


def stands(state: Any) -> dict[str, Any]:
    return {"done": "x"}


def routed(path: Any, state: Any = State) -> Any:
    graph = StateGraph(state).add_node("look", lambda state: {"done": ""}).add_edge(START, "look")
    graph.add_node("buy", stands).add_node("sell", stands)
    return graph.add_conditional_edges("look", path, ["buy", "sell"])


def commanded(node: Any) -> Any:
    graph = StateGraph(State).add_node("look", node, destinations=("buy", "sell"))
    graph.add_node("buy", stands).add_node("sell", stands)
    return graph.add_edge(START, "look")


# Path functions


def without_default(state: State) -> str:
    match state["text"]:
        case "b":
            return "buy"
        case "s":
            return "sell"


def test_a_match_without_a_default_falls_off_the_end_and_is_named():
    with pytest.raises(Exception, match="None"):
        routed(without_default).compile().invoke({"text": "x"})
    finding = only(routed(without_default))
    assert (finding.code, finding.node, finding.level) == ("partial-path", "look", "warning")


def guarded(state: State) -> str:
    match state["text"]:
        case "b":
            return "buy"
        case other if other:
            return "sell"


def nested(state: State) -> str:
    if state.get("sure"):
        match state["text"]:
            case "b":
                return "buy"
    else:
        return "sell"


def by_helper(state: State) -> str:
    return without_default(state)


def some_members(state: State) -> str:
    match state["kind"]:
        case Kind.BUY:
            return "buy"


def perhaps_absent(state: State) -> str:
    match state.get("side"):
        case "buy":
            return "buy"
        case "sell":
            return "sell"


def by_return(state: State) -> str:
    if state.get("sure"):
        return by_helper(state)
    return by_helper(state)


def unknown_cases(state: State) -> str:
    match state["side"]:
        case state.buy:
            return "buy"
        case state.sell:
            return "sell"


@pytest.mark.parametrize(
    "path",
    [guarded, nested, by_helper, by_return, some_members, perhaps_absent, unknown_cases],
)
def test_however_the_match_stands(path):
    assert codes(routed(path)) == [("partial-path", "look")]


def default(state: State) -> str:
    match state["text"]:
        case "b":
            return "buy"
        case _:
            return "sell"


def named_default(state: State) -> str:
    match state["text"]:
        case "b" | "buy":
            return "buy"
        case ("s" as other) | other:
            return "sell" if other else "buy"


def goes_on(state: State) -> str:
    match state["text"]:
        case "b":
            return "buy"
    return "sell"


def every_literal(state: State) -> str:
    match state["side"]:
        case "buy" as side:
            return side
        case "sell":
            return "sell"


def every_member(state: State) -> str:
    kind = state["kind"]
    match kind:
        case Kind.BUY:
            return "buy"
        case Kind.SELL:
            return "sell"


def either(state: State) -> str:
    match state.get("sure", False):
        case True:
            return "buy"
        case False:
            return "sell"


def compared(state: State) -> str:
    match state["text"] == "b":
        case True:
            return "buy"
        case False:
            return "sell"


def with_none(state: State) -> str:
    match state.get("note"):
        case "a":
            return "buy"
        case None:
            return "sell"


def typed(state: State) -> str:
    match side_of(state):
        case "buy" | "sell" as side:
            return side


def side_of(state: State) -> Literal["buy", "sell"]:
    return state["side"]


def by_total_helpers(state: State) -> str:
    if state.get("sure"):
        return default(state)
    return default(state)


def unreachable(state: State) -> str:
    match state["text"]:
        case "b":
            return "buy"
        case other:
            assert_never(other)


@pytest.mark.parametrize(
    "path",
    [
        default,
        named_default,
        goes_on,
        every_literal,
        every_member,
        either,
        compared,
        with_none,
        typed,
        by_total_helpers,
        unreachable,
    ],
)
def test_a_match_that_takes_everything_is_right(path):
    assert check(routed(path)) == ()


def by_attribute(state: Held) -> str:
    match state.side:
        case "buy":
            return "buy"
        case "sell":
            return "sell"


def unannotated(state):
    match state["side"]:
        case "buy":
            return "buy"
        case "sell":
            return "sell"


def test_the_type_of_the_state_is_known_by_the_hint_or_the_graph():
    assert check(routed(by_attribute, Held)) == ()
    assert check(routed(unannotated)) == ()


def strange(state: State) -> str:
    match (state["text"], state["side"]):
        case ("b", _):
            return "buy"
        case (str(), {"x": 1}):
            return "sell"


def foreign(state: State) -> str:
    match len(state["text"]):
        case 1:
            return "buy"


def called(state: Any) -> str:
    match state["choose"]():
        case 1:
            return "buy"


@pytest.mark.parametrize("path", [strange, foreign, called])
def test_what_cannot_be_listed_wants_a_default(path):
    assert codes(routed(path)) == [("partial-path", "look")]


# Nodes that go on by Command


def goes_by_match(state: State) -> Command[Any]:
    match state["text"]:
        case "b":
            return Command(goto="buy")
        case "s":
            return Command(goto="sell")


def test_a_command_behind_a_match_without_a_default_ends_the_run_and_is_named():
    assert commanded(goes_by_match).compile().invoke({"text": "x"}) == {"text": "x"}
    finding = only(commanded(goes_by_match))
    assert (finding.code, finding.node, finding.level) == ("partial-command", "look", "warning")
    assert "case _:" in finding.remedy


def unhinted(state):
    match state["text"]:
        case "b":
            return Command(goto="buy")


def hands_on(state):
    return goes_by_match(state)


def promises(state: State) -> Command[Literal["buy", "sell"]]:
    if state["text"] == "b":
        return Command(goto="buy")
    elif state["text"] == "s":
        return Command(goto="sell")


async def waits(state: State) -> Command[Any]:
    match state["text"]:
        case "b":
            return Command(goto="buy")


def unresolved(state: "Unknown"):  # noqa: F821, UP037
    match state["side"]:
        case "buy":
            return Command(goto="buy")


@pytest.mark.parametrize("node", [unhinted, hands_on, promises, waits, unresolved])
def test_however_the_node_forgets(node):
    assert ("partial-command", "look") in codes(commanded(node))


def always(state: State) -> Command[Any]:
    match state["text"]:
        case "b":
            return Command(goto="buy")
        case _:
            return Command(goto="sell")


def ends_on_purpose(state):
    if state.get("text"):
        return Command(goto="buy")


def may_be_none(state: State) -> Command[Any] | None:
    if state.get("text"):
        return Command(goto="buy")


def updates(state):
    match state["text"]:
        case "b":
            return Command(goto="buy")
    return {"done": "x"}


def notes(state):
    done = ""
    match state["text"]:
        case "b":
            done = "x"
    return Command(goto="buy", update={"done": done})


def side_effect(state):
    if state["text"]:
        return Command(goto="buy")
    match state["text"]:
        case "b":
            state.clear()


@pytest.mark.parametrize(
    "node", numbered(always, ends_on_purpose, may_be_none, updates, notes, side_effect)
)
def test_a_node_that_may_end_the_run_on_purpose_is_right(node):
    assert check(commanded(node)) == ()


def test_a_node_that_has_an_edge_goes_on_by_it():
    def notes_only(state):
        match state["text"]:
            case "b":
                return {"done": "b"}

    graph = StateGraph(State).add_node("look", notes_only).add_node("buy", stands)
    assert check(graph.add_edge(START, "look").add_edge("look", "buy").add_edge("buy", END)) == ()


# What comes after a graph that may have ended the run


def ending() -> Any:
    inner = graph_of({"look": worker(), "finish": Finish()}, (START, "look"), ("look", "finish"))
    return inner.add_edge("finish", END).compile()


def test_an_edge_from_a_graph_that_may_end_the_run_to_one_that_acts_is_named():
    nodes = {"team": ending(), "pay": worker(effects=(PAY,)), "finish": Finish()}
    ways = ((START, "team"), ("pay", "finish"), ("finish", END))
    finding = only(graph_of(nodes, *ways, ("team", "pay")))
    assert (finding.code, finding.node) == ("unread-outcome", "team")
    assert not check(graph_of(nodes | {"pay": worker()}, *ways, ("team", "pay"))), "it cannot act"
    read = graph_of(nodes, *ways)
    path = by_outcome(done="pay", otherwise="finish")
    read.add_conditional_edges("team", path, path.targets)
    assert not check(read)


def test_a_function_that_follows_may_read_the_outcome_itself():
    def tell(state: OrchestrationState) -> dict[str, Any]:
        return {}

    nodes = {"team": ending(), "tell": tell}
    assert not check(graph_of(nodes, (START, "team"), ("team", "tell"), ("tell", END)))

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.types import Command

from quintet.nodes import Choice, Recovery, Router, by_rules, hand_over
from quintet.nodes.route import path_of, text_of
from quintet.state import Budget, DesignError, UnknownRoute
from tests.nodes.workshop import app_of

ROUTES = ("billing", "shipping")
BLOCKS = [
    {"type": "text", "text": "in blocks"},
    {"type": "image_url", "image_url": {"url": "data:,parcel"}},
    "and more",
]
names = st.sampled_from([*ROUTES, "person", "nowhere", ""])
chosen = st.none() | names | names.map(lambda to: Choice(to=to, confidence=0.5))


def router(choose: Any = lambda text: "billing", **more: Any) -> Router:
    return Router(**{"choose": choose, "to": ROUTES, "otherwise": "person", **more})


@given(chosen, st.text())
def test_every_choice_ends_in_a_known_node_or_in_an_error_that_names_it(
    said: Any, text: str
) -> None:
    node = router(lambda _: said)
    known = said is None or (said if isinstance(said, str) else said.to) in {*ROUTES, "person"}
    if not known:
        with pytest.raises(UnknownRoute, match=r"which is not a route; give one of billing, "):
            node({"message": text})
        return
    command = node({"message": text})
    assert command.goto in node.destinations
    (decision,) = command.update["decisions"]
    assert decision["choice"] == command.update["route"] == command.goto
    assert command.update["spent"] == {"handoffs": 1}


def test_the_unit_test_of_a_router_is_a_call() -> None:
    node = router(by_rules({"shipping": "parcel"}))
    command = node({"message": "where is my parcel"})
    assert isinstance(command, Command)
    (decision,) = command.update["decisions"]
    assert (command.goto, decision["by"], decision["confidence"]) == ("shipping", "rule", 1.0)
    assert decision["candidates"] == [*ROUTES, "person"]
    assert decision["seen"] == "where is my parcel"


def test_abstaining_goes_to_otherwise_and_says_so() -> None:
    command = router(lambda text: None)({"message": "hm"})
    assert command.goto == "person"
    assert command.update["decisions"][0]["reason"] == "the chooser abstained"


def test_a_route_may_have_another_name_than_its_node() -> None:
    node = router(lambda text: "money", to={"money": "billing", "post": "shipping"})
    assert node({"message": "x"}).goto == "billing"
    assert node.destinations == ("billing", "shipping", "person")
    with pytest.raises(UnknownRoute, match="'billing'"):
        router(lambda text: "billing", to={"money": "billing"})({"message": "x"})


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"message": "m"}, "m"),
        ({"messages": [HumanMessage("first"), AIMessage("last")], "message": "m"}, "last"),
        ({"messages": [{"role": "user", "content": "c"}]}, "c"),
        ({"messages": [], "message": "m"}, "m"),
        ({"messages": [HumanMessage([{"type": "text", "text": "in blocks"}])]}, "in blocks"),
        ({"messages": [{"role": "user", "content": BLOCKS}]}, "in blocks\nand more"),
        ({"messages": [("user", "a pair")]}, "a pair"),
        ({"messages": ["alone"]}, "alone"),
        ({"message": HumanMessage("m")}, "m"),
        ({"message": BLOCKS}, "in blocks\nand more"),
        ({"message": None}, ""),
        ({"message": 5}, "5"),
    ],
    ids=[
        *("field", "messages", "dict", "empty", "blocks", "dict of blocks", "pair", "text"),
        *("a message", "field of blocks", "none", "number"),
    ],
)
def test_a_router_reads_the_last_text(state: Any, text: str) -> None:
    assert text_of(state) == text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"messages": [{"role": "user"}]}, "{'role': 'user'} in the state's messages"),
        ({"messages": [None]}, "None in the state's messages is no message"),
        ({"message": b"refund"}, "b'refund' is bytes; decode it"),
    ],
    ids=["no content", "none", "bytes"],
)
def test_what_is_no_text_is_refused(state: Any, said: str) -> None:
    with pytest.raises(DesignError, match=said):
        text_of(state)


@pytest.mark.parametrize(
    "request_",
    [HumanMessage("refund"), [{"type": "text", "text": "refund"}]],
    ids=["message", "blocks"],
)
def test_a_rule_reads_the_text_alone_of_what_a_router_reads(request_: Any) -> None:
    rules = by_rules([("type|content", "shipping"), ("^refund$", "billing")])
    node = router(rules, read=lambda state: request_)
    assert node({"message": "x"}).goto == "billing"
    assert router(by_rules({"billing": "none"}), read=lambda state: None)({}).goto == "person"


def test_nothing_to_read_is_refused_with_what_there_is() -> None:
    with pytest.raises(DesignError, match=r"neither 'messages' nor 'message' \(it has order\)"):
        router()({"order": 1})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"to": ()}, "at least one route"),
        ({"to": "billing"}, r"give a tuple of routes, \('billing',\)"),
        ({"to": {"billing": None}}, r"Router\(to=\): None is no node; give its name"),
        ({"otherwise": None}, r"Router\(otherwise=\): None is no node"),
        ({"choose": by_rules({"nowhere": "x"})}, "may choose 'nowhere'"),
    ],
    ids=["none", "text", "no node", "no way out", "unknown"],
)
def test_a_router_that_cannot_route_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        router(**more)


def test_the_routes_may_come_from_an_iterator() -> None:
    assert router(to=(name for name in ROUTES)).routes == ROUTES


@pytest.mark.parametrize(
    ("open_", "said"),
    [
        (None, "among= gives None; give the names"),
        (True, "among= gives True"),
        ({"billing": False, "shipping": True}, "among= gives {'billing': False"),
        ([["billing"]], r"among= names \['billing'\], which is not a route"),
    ],
    ids=["none", "bool", "mapping", "nested"],
)
def test_open_routes_that_are_no_names_are_refused(open_: Any, said: str) -> None:
    # A mapping's keys are all of its routes, those that it says are closed too.
    with pytest.raises(UnknownRoute, match=said):
        router(among=lambda state: open_)({"message": "x"})


def test_a_rule_may_name_the_way_out() -> None:
    assert router(by_rules({"person": "manager"}))({"message": "manager!"}).goto == "person"


def test_a_router_is_a_value() -> None:
    rules = by_rules({"shipping": "parcel"})
    assert router(rules) == router(rules)
    assert pickle.loads(pickle.dumps(router(rules, read=text_of))) == router(rules, read=text_of)


def test_a_chooser_may_be_a_runnable_of_any_kind() -> None:
    line = RunnableLambda(lambda text: text.strip()) | RunnableLambda(lambda text: "shipping")
    assert router(line)({"message": "x"}).goto == "shipping"
    bound = RunnableLambda(lambda text: "shipping").with_config(tags=["t"])
    assert router(bound)({"message": "x"}).goto == "shipping"


def test_a_router_routes_in_a_graph(invoke: Any) -> None:
    app = app_of(
        {
            "front": router(by_rules({"shipping": "parcel"})),
            "billing": lambda state: {"log": ["billing"]},
            "shipping": lambda state: {"log": ["shipping"]},
            "person": hand_over,
        }
    )
    found = invoke(app, {"message": "my parcel"}, "a")
    assert found["log"] == ["shipping"]
    assert (found["route"], found["decisions"][0]["node"]) == ("shipping", "front")
    lost = invoke(app, {"message": "hello"}, "b")
    assert lost["outcome"]["status"] == "escalated"
    assert lost["outcome"]["reason"] == "the chooser abstained"


def test_an_async_chooser_is_awaited_and_named_where_nobody_can() -> None:
    async def choose(text: str) -> str:
        await asyncio.sleep(0)
        return "shipping"

    app = app_of({"front": router(choose), "shipping": lambda state: {"log": ["shipping"]}})
    assert asyncio.run(app.ainvoke({"message": "x"}, _on("a")))["log"] == ["shipping"]
    with pytest.raises(DesignError, match="'choose' is async: run the graph with ainvoke"):
        app.invoke({"message": "x"}, _on("b"))


def test_control_that_comes_back_too_often_ends_with_the_cycle_named(invoke: Any) -> None:
    turns = iter("ab" * 20)
    ways = {"a": "billing", "b": "shipping"}
    app = app_of(
        {
            "front": router(lambda text: ways[next(turns)], budget=Budget(handoffs=5)),
            "billing": lambda state: {"log": ["billing"]},
            "shipping": lambda state: {"log": ["shipping"]},
            "person": hand_over,
        },
        ("billing", "front"),
        ("shipping", "front"),
    )
    end = invoke(app, {"message": "x"}, "a")
    assert end["log"] == ["billing", "shipping", "billing", "shipping", "billing"]
    assert end["outcome"]["status"] == "escalated"
    assert "handoffs: 5 of 5 spent" in end["outcome"]["reason"]
    assert "billing -> shipping -> billing" in end["outcome"]["reason"]


def test_no_handoff_at_all_may_be_allowed() -> None:
    command = router(budget=Budget(handoffs=0), exhausted="stop")({"message": "x"})
    assert command.goto == "stop"


def test_a_money_or_token_limit_ends_the_run_as_exhausted(invoke: Any) -> None:
    app = app_of(
        {
            "work": lambda state: {"spent": {"tokens": 900}},
            "front": router(budget=Budget(tokens=500)),
            "billing": lambda state: {"log": ["billing"]},
            "person": hand_over,
        },
        ("work", "front"),
    )
    end = invoke(app, {"message": "x"}, "a")
    assert end["outcome"]["status"] == "exhausted"
    assert "tokens: 900 of 500 spent" in end["outcome"]["reason"]


def test_a_choice_outside_the_map_goes_to_the_person_and_not_to_a_silent_end(invoke: Any) -> None:
    app = app_of(
        {
            "front": router(lambda text: "nowhere"),
            "billing": lambda state: {"log": ["billing"]},
            "person": hand_over,
        },
        recover=Recovery(),
    )
    end = invoke(app, {"message": "x"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert "'nowhere', which is not a route" in end["outcome"]["reason"]


def test_a_path_is_of_routes_and_handoffs() -> None:
    kinds = ["route", "plan", "handoff", "effect"]
    decisions = [{"kind": kind, "choice": kind} for kind in kinds]
    assert path_of(decisions) == ["route", "handoff"]


def _on(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def test_an_async_read_is_refused_before_a_chooser_gets_what_was_never_awaited() -> None:
    async def waits(state: Any) -> str:
        await asyncio.sleep(0)
        return "x"

    with pytest.raises(DesignError, match=r"Router\(read=\): waits is async"):
        Router(choose=by_rules([(".", "a")]), to=("a",), otherwise="b", read=waits)

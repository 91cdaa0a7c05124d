"""Test writes into the given state, which LangGraph does not store, and values reduced twice."""

import bisect
import functools
import logging
import operator
import random
from dataclasses import dataclass, field, replace
from heapq import heappush
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import check
from tests.checks.parts import THREAD, numbered, only


class Client:
    def update(self, n: int) -> None:
        """Do work, which changes no data."""


CLIENT = Client()


class State(TypedDict, total=False):
    n: int
    word: str
    items: list[str]
    tasks: list[dict[str, Any]]
    client: "Client | None"
    log: Annotated[list[str], operator.add]
    count: Annotated[int, operator.add]


class Model(BaseModel):
    n: int = 0
    items: list[str] = []


@dataclass
class Record:
    n: int = 0
    items: list[str] = field(default_factory=list)


def alone(node: Any, state: Any = State) -> Any:
    return StateGraph(state).add_node("a", node).add_edge(START, "a")


def found(graph: Any) -> list[tuple[str, str]]:
    return [(finding.code, finding.node) for finding in check(graph)]


# Writes that are lost


def sets(state: Any) -> None:
    state["n"] = 5


def appends(state: Any) -> None:
    state["items"].append("x")


def adds(state: Any) -> None:
    state["n"] += 1


def updates(state: Any) -> None:
    state.update({"word": "x"}, n=1)


def joins(state: Any) -> None:
    state |= {"n": 1}


def by_alias(state: Any) -> None:
    items = state.get("items", [])
    items.append("x")


def by_default(state: Any) -> None:
    state.setdefault("items", []).append("x")


def in_a_loop(state: Any) -> None:
    for task in state["tasks"]:
        task["status"] = "done"


def in_a_numbered_loop(state: Any) -> None:
    for number, task in enumerate(state["tasks"]):
        task["number"] = number


def takes_one(state: Any) -> dict[str, Any]:
    return {"word": state["items"].pop(0)}


def shuffles(state: Any) -> None:
    random.shuffle(state["items"])


def pushes(state: Any) -> None:
    items = state["items"]
    heappush(items, "x")


def sorts_in(state: Any) -> None:
    bisect.insort(state["items"], "x")


def by_the_class(state: Any) -> None:
    list.append(state["items"], "x")


def deletes(state: Any) -> None:
    del state["items"][0]


def joins_in(state: Any) -> None:
    state["items"] |= {"x"}


async def beside_another(state: Any) -> dict[str, Any]:
    state["word"] = "x"
    return {"n": 1}


def counts_for_itself(state: Any) -> Any:
    state["n"] += 1
    if state["n"] > 3:
        return Command(goto=END)
    return Command(update={"word": "again"}, goto=END)


def fill(given: Any) -> None:
    given["word"] = "x"


def by_helper(state: Any) -> dict[str, Any]:
    fill(state)
    return {"n": 1}


def by_two_helpers(state: Any) -> None:
    fill(state)
    fill(state)


def told(state: Any) -> None:
    state["n"] = 1
    logging.getLogger(__name__).info("n is %s", state["n"])


def wrapped(node: Any) -> Any:
    @functools.wraps(node)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return node(*args, **kwargs)

    return inner


class Desk:
    def __call__(self, state: Any) -> None:
        state["n"] = 1

    def work(self, state: Any) -> None:
        self.keep(state)

    def keep(self, state: Any) -> None:
        state["n"] = 1


LOST = [
    sets,
    appends,
    adds,
    updates,
    joins,
    by_alias,
    by_default,
    in_a_loop,
    in_a_numbered_loop,
    takes_one,
    shuffles,
    pushes,
    sorts_in,
    by_the_class,
    deletes,
    joins_in,
    beside_another,
    counts_for_itself,
    by_helper,
    by_two_helpers,
    told,
    wrapped(sets),
    Desk(),
    Desk().work,
]


@pytest.mark.parametrize("node", numbered(*LOST))
def test_a_write_into_the_given_state_is_stored_nowhere_and_is_named(node):
    assert found(alone(node)) == [("lost-write", "a")]


def by_attribute(state: Any) -> None:
    state.n = 1


def by_setattr(state: Any) -> None:
    setattr(state, "n", 1)  # noqa: B010


def in_the_value(state: Any) -> None:
    state.items.append("x")


@pytest.mark.parametrize("kind", [Model, Record])
@pytest.mark.parametrize("node", [by_attribute, by_setattr, in_the_value])
def test_a_write_into_a_model_or_a_dataclass_is_named(node, kind):
    assert found(alone(node, kind)) == [("lost-write", "a")]


def test_langgraph_stores_none_of_it_and_says_nothing():
    for node, key, before in ((sets, "n", 0), (appends, "items", [])):
        app = alone(node).compile(InMemorySaver())
        app.invoke({"n": 0, "items": []}, THREAD)
        assert app.get_state(THREAD).values[key] == before
        finding = only(app)
        assert (finding.level, repr(key) in finding.fault) == ("error", True)
        assert f"{{{key!r}: ...}}" in finding.remedy


def test_a_path_function_stores_nothing_either():
    def path(state: Any) -> str:
        state["n"] = state.get("n", 0) + 1
        return "a" if state["n"] > 3 else END

    graph = alone(lambda state: {"word": "x"}).add_conditional_edges("a", path, ["a", END])
    assert found(graph) == [("lost-write", "a")]


def returned(state: Any) -> Any:
    state["items"].append("x")
    return {"items": state["items"]}


def of_a_copy(state: Any) -> Any:
    state = dict(state)
    state["n"] = 1
    return {"word": str(state)}


def of_a_copied_value(state: Any) -> Any:
    items = list(state["items"])
    items.append("x")
    return {"items": items}


def shuffled(state: Any) -> Any:
    items = random.sample(state["items"], k=2)
    random.shuffle(items)
    heappush(items, state["word"])
    return {"items": items}


def for_itself(state: Any) -> Any:
    state["word"] = state["word"].strip()
    return {"n": len(state["word"])}


def in_its_own_loop(state: Any) -> Any:
    state["n"] = 0
    while state["n"] < 3:
        state["n"] += 1
    return {"word": "x"}


def passed_on(state: Any) -> Any:
    state["n"] += 1
    return {"tasks": [state]}


def to_an_object(state: Any) -> Any:
    state["client"].update(n=1)
    return {"n": 1}


def for_a_helper(state: Any) -> None:
    state["word"] = state["word"].strip()
    keep(state)


def keep(state: Any) -> None:
    CLIENT.update(len(state["word"]))


def of_its_own(state: Any) -> Any:
    update: dict[str, Any] = {}
    update["n"] = 1
    update.update(word="x")
    return update


def of_copies(state: Any) -> Any:
    for task in [dict(task) for task in state["tasks"]]:
        task["status"] = "done"
    return {"n": 1}


@pytest.mark.parametrize(
    "node",
    numbered(
        returned,
        of_a_copy,
        of_a_copied_value,
        shuffled,
        for_itself,
        in_its_own_loop,
        passed_on,
        to_an_object,
        for_a_helper,
        of_its_own,
        of_copies,
        wrapped(of_its_own),
        RunnableLambda(lambda state: [state["word"]]) | RunnableLambda(of_its_own),
    ),
)
def test_a_write_that_is_returned_or_meant_for_the_node_alone_is_right(node):
    assert check(alone(node)) == ()


def whole_model(state: Any) -> Any:
    state.n = 1
    return state


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        (whole_model, Model),
        (lambda state: state.model_copy(update={"n": 1}), Model),
        (lambda state: replace(state, n=2), Record),
    ],
)
def test_a_model_that_is_returned_is_right(node, kind):
    assert check(alone(node, kind)) == ()


# Values that are reduced with themselves


def by_variable(state: Any) -> Any:
    log = list(state["log"])
    log.append("x")
    return {"log": log}


@pytest.mark.parametrize(
    "node",
    numbered(
        by_variable,
        lambda state: {"log": state["log"] + ["x"]},
        lambda state: {"log": [*state["log"], "x"]},
        lambda state: {"log": state["log"]},
        lambda state: {"log": state["log"] + ["x"]} if state["log"] else {},
        lambda state: {"count": state["count"] + 1},
        lambda state: Command(update={"log": state.get("log", []) + ["x"]}),  # noqa: RUF005
    ),
)
def test_a_reducer_that_gets_the_old_value_again_doubles_it_and_is_named(node):
    assert found(alone(node)) == [("whole-state", "a")]
    result = alone(node).compile().invoke({"log": ["old"], "count": 1})
    assert result["log"].count("old") == 2 or result["count"] == 3


@pytest.mark.parametrize(
    "node",
    numbered(
        lambda state: {"log": ["x"]},
        lambda state: {"log": state["log"][-1:]},
        lambda state: {"log": state["items"] + ["x"]},
        lambda state: {"items": state["items"] + ["x"]},
        lambda state: {"count": -state["count"]},
        lambda state: {"n": state["n"] + 1, "log": ["x"]},
    ),
)
def test_a_new_value_is_right(node):
    assert check(alone(node)) == ()


def test_old_messages_replace_themselves():
    assert check(alone(lambda state: {"messages": state["messages"]}, MessagesState)) == ()


def test_a_node_that_is_sent_its_own_values_has_no_old_one():
    graph = alone(lambda state: {"n": 1})
    graph.add_node("w", lambda sent: {"log": [*sent["log"], "x"]})
    graph.add_conditional_edges("a", lambda state: [Send("w", {"log": ["new"]})], ["w"])
    assert graph.compile().invoke({"log": ["old"]})["log"] == ["old", "new", "x"]
    assert check(graph) == ()

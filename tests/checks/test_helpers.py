"""Test that what helpers, inner functions, mapped lambdas and wrappers do is read as the node's."""

import functools
import operator
import sys
from contextlib import suppress
from enum import Enum, StrEnum
from functools import partial
from typing import Annotated, Any, Literal, NoReturn, assert_never

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from quintet.checks import check
from tests.checks.parts import numbered, only


class State(TypedDict, total=False):
    kind: Literal["x", "y"]
    items: list[str]
    answer: str
    log: Annotated[list[str], operator.add]


def alone(node: Any) -> Any:
    return StateGraph(State).add_node("a", node).add_edge(START, "a").add_edge("a", END)


def branched(path: Any, *ends: Any) -> Any:
    graph = StateGraph(State).add_edge(START, "a")
    for name in ("a", "x", "y"):
        graph.add_node(name, lambda state: {"log": ["ran"]})
    return graph.add_conditional_edges("a", path, *ends)


def codes(graph: Any) -> set[str]:
    # A path without a map is told of as well, and nodes that it does not name are orphans.
    return {finding.code for finding in check(graph)} - {"blind-path", "orphan-node"}


# The updates of helpers


def made(state: Any) -> Any:
    return {"answr": "x"}


def changed(state: Any) -> Any:
    update = made(state)
    update["log"] = ["x"]
    return update


async def awaited(state: Any) -> Any:
    async def inner() -> Any:
        return {"answr": "x"}

    return await inner()


def enclosed(state: Any) -> Any:
    def inner() -> Any:
        return {"answr": state["answer"]}

    return inner()


def spread(state: Any) -> Any:
    return Command(goto=END, update={"answr": "x"})  # type: ignore[arg-type]


def wrapped(node: Any) -> Any:
    @functools.wraps(node)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return node(*args, **kwargs)

    return inner


class Desk:
    def work(self, state: Any) -> Any:
        return self.answered(state)

    def answered(self, state: Any) -> Any:
        return {"answr": "x"}


@pytest.mark.parametrize(
    "node",
    numbered(
        lambda state: made(state) or {},
        changed,
        awaited,
        enclosed,
        spread,
        wrapped(made),
        Desk().work,
        partial(lambda state, model: {"answr": model}, model="m"),
        RunnableLambda(lambda state: state["answer"]) | RunnableLambda(made),
    ),
)
def test_an_unknown_key_is_named_wherever_the_update_is_made(node):
    assert "unknown-key" in codes(alone(node))


def test_two_nodes_whose_helper_writes_one_key_clash():
    def said(state: Any) -> Any:
        return {"answer": "x"}

    def by_said(state: Any) -> Any:
        return said(state)

    graph = StateGraph(State).add_node("a", by_said).add_node("b", said)
    assert codes(graph.add_edge(START, "a").add_edge(START, "b")) == {"parallel-writers"}


# Targets


class Kind(Enum):
    X = "x"


class Mixed(str, Enum):  # noqa: UP042 - the older way, which formats otherwise
    X = "x"


class Text(StrEnum):
    X = "x"


def to_nobody(state: Any) -> str:
    return "z"


def one(item: Any) -> Send:
    return Send("z", item)


def by_inner(state: Any) -> Any:
    def inner(item: Any) -> Send:
        return Send("z", item)

    return [inner(item) for item in state["items"]]


def yielding(state: Any) -> Any:
    for item in state["items"]:
        yield Send("x", item)


@pytest.mark.parametrize(
    "path",
    numbered(
        lambda state: to_nobody(state) or "x",
        lambda state: [Send("x", state)] + ["z"],  # noqa: RUF005
        lambda state: Kind.X,
        lambda state: Mixed.X if state["items"] else "y",
        lambda state: [Kind.X],
        lambda state: len(state["items"]) > 3,
        lambda state: list(map(lambda item: Send("z", item), state["items"])),  # noqa: C417
        lambda state: list(map(one, state["items"])),
        lambda state: list(Send("z", item) for item in state["items"]),  # noqa: C400
        lambda state: [*map(lambda item: Send("z", item), state["items"])],  # noqa: C417
        lambda state: [*(Send("z", item) for item in state["items"]), Send("x", state)],
        by_inner,
        lambda state: {"x", "y"},
        lambda state: (Send("x", item) for item in state["items"]),
        lambda state: map(lambda item: Send("x", item), state["items"]),  # noqa: C417
        yielding,
    ),
)
def test_an_answer_that_is_no_node_is_named(path):
    assert "unknown-target" in codes(branched(path))


@pytest.mark.parametrize("path", numbered(lambda state: Kind.X, lambda state: Mixed.X))
def test_langgraph_ends_the_run_in_silence_at_a_member_of_an_enum(path):
    assert branched(path).compile().invoke({})["log"] == ["ran"]
    faults = [finding.fault for finding in check(branched(path))]
    assert any(f"'{type(path({})).__name__}.X'" in fault for fault in faults)


@pytest.mark.parametrize(
    ("path", "ends"),
    [
        (lambda state: Text.X, []),
        (lambda state: Kind.X.value, []),
        (lambda state: Kind.X, [{Kind.X: "x"}]),
        (lambda state: Mixed.X, [["x"]]),
        (lambda state: len(state["items"]) > 3, [{True: "x", False: "y"}]),
        (lambda state: (len(state["items"]) > 3 and "x") or "y", [["x", "y"]]),
    ],
    ids=range(6),
)
def test_an_answer_that_names_a_node_or_is_in_the_map_is_right(path, ends):
    assert codes(branched(path, *ends)) == set()


@pytest.mark.parametrize(
    "node",
    numbered(
        lambda state: Command(goto=to_nobody(state)),
        lambda state: Command(goto="z"),
        lambda state: Command(goto=list(map(lambda item: Send("z", item), state["items"]))),  # noqa: C417
        lambda state: Command(goto=[Kind.X]),  # type: ignore[list-item]
    ),
)
def test_a_command_that_leads_to_no_node_is_named(node):
    assert "unknown-target" in codes(alone(node))


def test_sends_that_are_mapped_may_run_their_node_twice():
    def path(state: Any) -> Any:
        return list(map(lambda item: Send("x", item), state["items"]))  # noqa: C417

    graph = branched(path, ["x", "y"]).add_node("w", lambda state: {"answer": "w"})
    graph.add_conditional_edges("x", lambda state: [*map(to_writer, state["items"])], ["w"])
    assert [(finding.code, finding.node) for finding in check(graph)] == [("parallel-writers", "w")]


def to_writer(item: Any) -> Send:
    return Send("w", item)


# Ends of path functions


def fail(state: Any) -> None:
    raise ValueError(state)


def never(state: Any) -> NoReturn:
    sys.exit(str(state))


async def fail_later(state: Any) -> None:
    raise ValueError(state)


def by_failing(state: Any) -> Any:
    if state["items"]:
        return "x"
    fail(state)


def by_hint(state: Any) -> Any:
    if state["items"]:
        return "x"
    never(state)


def by_exit(state: Any) -> Any:
    if state["items"]:
        return "x"
    sys.exit(1)


def by_type(state: Any) -> Any:
    if state["items"]:
        return "x"
    assert_never(state)


async def by_awaiting(state: Any) -> Any:
    if state["items"]:
        return "x"
    await fail_later(state)


def by_inner_failing(state: Any) -> Any:
    def inner() -> None:
        raise ValueError(state)

    if state["items"]:
        return "x"
    inner()


def by_assertion(state: Any) -> Any:
    if state["items"]:
        return "x"
    assert False, "there are always items"  # noqa: B011, PT015


def by_loop(state: Any) -> Any:
    while True:
        for item in state["items"]:
            if item:
                break
        if state["items"]:
            return "x"


def by_else(state: Any) -> Any:
    for item in state["items"]:
        if item:
            return "x"
    else:  # noqa: PLW0120
        return "y"


def by_each_kind(state: State) -> Any:
    if state["kind"] == "x":
        return "x"
    elif state["kind"] in ("y", "?"):
        return "y"


@pytest.mark.parametrize(
    "path",
    [
        by_failing,
        by_hint,
        by_exit,
        by_type,
        by_awaiting,
        by_inner_failing,
        by_assertion,
        by_loop,
        by_else,
        by_each_kind,
    ],
)
def test_a_path_function_that_never_comes_to_its_end_is_right(path):
    assert check(branched(path, ["x", "y"])) == ()


def falls(state: Any) -> Any:
    with suppress(KeyError):
        return {"x": "x", "y": "y"}[state["answer"]]


def falls_in_a_helper(state: Any) -> Any:
    return falls(state)


def falls_for_one_kind(state: State) -> Any:
    if state["kind"] == "x":
        return "x"


def empty_handed(state: Any) -> Any:
    if state["items"]:
        return "x"
    return


def answers_as_a_helper(state: Any) -> Any:
    return empty_handed(state)


def asks_its_helper(state: Any) -> Any:
    if to := empty_handed(state):
        return to
    return "y"


def starts_with_none(state: Any) -> Any:
    to = None
    if state["items"]:
        to = "x"
    if to is None:
        to = "y"
    return to


def falls_behind_a_helper(state: Any) -> Any:
    if state["items"]:
        return "x"
    made(state)


def falls_behind_a_loop(state: Any) -> Any:
    for item in state["items"]:
        if item:
            break
    else:
        return "x"


@pytest.mark.parametrize(
    "path",
    [
        answers_as_a_helper,
        falls,
        falls_in_a_helper,
        falls_for_one_kind,
        falls_behind_a_helper,
        falls_behind_a_loop,
    ],
)
def test_a_path_function_that_may_come_to_its_end_is_named(path):
    assert only(branched(path, ["x", "y"])).code == "partial-path"


@pytest.mark.parametrize("path", [asks_its_helper, starts_with_none])
def test_a_none_that_is_tested_is_right(path):
    assert check(branched(path, ["x", "y"])) == ()

"""Test which of these begin a new run: new input, going on, editing, breaking off."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from quintet.graphs import begin, govern
from quintet.nodes import Finish, Recovery
from quintet.runs import look, resume
from quintet.runs.thread import App
from quintet.state import Budget
from tests.runs.conversations import (
    DOORS,
    GATE,
    HASTY,
    PAID,
    SYSTEMS,
    Talk,
    agent,
    answers,
    gist,
    on,
    status,
    talker,
    told,
    turn,
)


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    PAID.clear()


class Narrow(TypedDict, total=False):
    """The input of a user's own node, with none of our keys."""

    message: str
    notes: Annotated[list[str], operator.add]


class Broken(Exception):
    """An error that no recovery handles."""


def wide(word: str) -> Any:
    def node(state: Talk) -> dict[str, Any]:
        return {"notes": [word]}

    return node


def narrow(word: str) -> Any:
    def node(state: Narrow) -> dict[str, Any]:
        return {"notes": [word]}

    return node


def from_start(graph: StateGraph[Any], edge: str, *first: str) -> StateGraph[Any]:
    """Lead to the first nodes by our edge or by plain ones."""
    if edge == "plain":
        for name in first:
            graph.add_edge(START, name)
        return graph
    path = begin(*first)
    return graph.add_conditional_edges(START, path, path.targets)


def going_on(node: Any, pause: str, edge: str) -> App:
    """Make a run that pauses before two nodes of the user's own, then goes on to a worker."""

    def ask(state: Narrow) -> dict[str, Any]:
        return {"notes": [interrupt("well?")]}

    graph = StateGraph(Talk).add_node("one", talker()).add_node("two", talker(answers))
    graph.add_node("ask", ask if pause == "question" else node("ask")).add_node("mid", node("mid"))
    graph.add_node("finish", Finish()).add_edge("finish", END)
    graph.add_edge("one", "ask").add_edge("ask", "mid").add_edge("mid", "two")
    from_start(graph.add_edge("two", "finish"), edge, "one")
    before = ["ask"] if pause == "breakpoint" else None
    return graph.compile(checkpointer=InMemorySaver(), interrupt_before=before)


async def went_on(app: App, pause: str, way: str) -> None:
    app.invoke(told("say 1"), on("t"))
    run = app.get_state(on("t")).values["run"]
    given = Command(resume="x") if pause == "question" else None
    if way == "ainvoke":
        await app.ainvoke(given, on("t"))
    elif way in ("sync", "exit"):
        app.invoke(given, on("t"), durability=way)
    else:
        list(app.stream(given, on("t"), stream_mode=way))
    values = app.get_state(on("t")).values
    assert values["run"] == run
    assert (status(values), set(values["results"])) == ("done", {"one", "two"})
    assert values["spent"]["steps"] == 2


WAYS = ("sync", "exit", "ainvoke", "values", "updates", "debug")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pause", ["question", "breakpoint"])
@pytest.mark.parametrize("node", [wide, narrow])
async def test_a_run_goes_on_as_itself_with_nodes_of_the_users_own_first(
    node: Any, pause: str, way: str
) -> None:
    await went_on(going_on(node, pause, "begin"), pause, way)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pause", ["question", "breakpoint"])
async def test_so_it_does_by_a_plain_edge_where_its_nodes_read_the_state(
    pause: str, way: str
) -> None:
    await went_on(going_on(wide, pause, "plain"), pause, way)


@pytest.mark.parametrize("system", SYSTEMS)
async def test_an_edit_of_a_finished_threads_state_begins_no_run(system: str) -> None:
    app = SYSTEMS[system]().compile(checkpointer=InMemorySaver())
    before = await turn(app, "small 1", "t", DOORS["invoke"])
    app.update_state(on("t"), {"behalf": "ann"})
    after = app.get_state(on("t")).values
    assert (after["behalf"], gist(after)) == ("ann", gist(before))
    assert after["run"] == before["run"]
    values = await turn(app, "stuck 2", "t", DOORS["invoke"])
    assert status(values) == "escalated"
    assert gist(values) == gist(await turn(app, "stuck 2", "alone", DOORS["invoke"]))


HIDDEN = [("plain", "stream to debug")]
"""By a plain edge, a stream in debug mode hides that new input came in place of what broke off."""


@pytest.fixture
def faults() -> Iterator[list[str]]:
    """Give the list that names the nodes that break off."""
    named: list[str] = []
    yield named
    named.clear()


def fragile(faults: list[str], edge: str) -> App:
    """Build a desk between two nodes of the user's own that may break off."""

    def breaks(name: str) -> Any:
        def node(state: Talk) -> dict[str, Any]:
            if name in faults:
                raise Broken
            return {"notes": [name]}

        return node

    graph = StateGraph(Talk).add_node("first", breaks("first")).add_node("last", breaks("last"))
    govern(graph, {"work": talker()}, then="last", gate=GATE, recover=HASTY)
    graph.add_edge("first", "work").add_edge("last", "finish")
    return from_start(graph, edge, "first").compile(checkpointer=InMemorySaver())


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("edge", ["begin", "plain"])
async def test_a_run_that_breaks_off_before_its_first_node_shows_nothing_of_the_last(
    edge: str, door: str, faults: list[str]
) -> None:
    app, move = fragile(faults, edge), DOORS[door]
    last = await turn(app, "say 1", "t", move)
    faults.append("first")
    with pytest.raises(Broken):
        await move(app, told("say 2"), "t")
    shown = look(app, thread="t")
    assert (shown.status, shown.outcome, shown.results) == ("unfinished", None, {})
    assert not gist(app.get_state(on("t")).values)["outcome"]
    faults.clear()
    values = await turn(app, "say 1", "t", move)
    assert gist(values) == gist(last)
    assert len(values["messages"]) == 3


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("edge", ["begin", "plain"])
async def test_a_run_that_broke_off_goes_on_as_itself(
    edge: str, door: str, faults: list[str]
) -> None:
    app, move = fragile(faults, edge), DOORS[door]
    for at in ("first", "last"):
        await turn(app, "stuck 1", "t", move)
        faults.append(at)
        with pytest.raises(Broken):
            await move(app, told("say 2"), "t")
        faults.clear()
        if "start" in door:
            ended = resume(app, thread="t").values
        elif door == "ainvoke":
            ended = await app.ainvoke(None, on("t"))
        else:
            ended = app.invoke(None, on("t"))
        assert (status(ended), ended["results"]) == ("done", {"work": {"reply": "say 2"}})
        assert (ended["spent"]["steps"], ended.get("failures", [])) == (1, [])


@pytest.mark.parametrize(
    ("edge", "door"),
    [(edge, door) for edge in ("begin", "plain") for door in DOORS if (edge, door) not in HIDDEN],
)
async def test_new_input_leaves_the_rest_of_a_broken_off_run_behind(
    edge: str, door: str, faults: list[str]
) -> None:
    app, move = fragile(faults, edge), DOORS[door]
    alone = gist(await turn(app, "stuck 1", "alone", move))
    faults.append("last")
    with pytest.raises(Broken):
        await move(app, told("small 1"), "t")
    assert (PAID, look(app, thread="t").status) == ([1], "unfinished")
    faults.clear()
    values = await turn(app, "stuck 1", "t", move)
    assert gist(values) == alone
    assert values["actions"]["pay:1"]["status"] == "done"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("edge", ["begin", "plain"])
async def test_branches_that_are_first_are_of_one_run(edge: str, door: str) -> None:
    graph = StateGraph(Talk).add_node("own", narrow("own"))
    graph.add_node("one", talker(), retry_policy=HASTY.retry_policy, error_handler=HASTY)
    graph.add_node("two", talker(answers)).add_node("finish", Finish(), defer=True)
    graph.add_node("person", lambda state: {"notes": ["called"]})
    graph.add_edge(["one", "two", "own"], "finish")
    from_start(graph, edge, "one", "two", "own")
    app = graph.compile(checkpointer=InMemorySaver())
    for number in range(3):
        values = await turn(app, f"say {number}", "t", DOORS[door])
        said = {"one": {"reply": f"say {number}"}, "two": {"reply": f"in short: say {number}"}}
        assert (status(values), values["results"]) == ("done", said)
        assert values["spent"]["steps"] == 2
        assert values["notes"] == ["own"] * (number + 1)
        assert len([each for each in values["decisions"] if each["kind"] == "outcome"]) == 1


@pytest.mark.parametrize("door", ["invoke", "invoke, exit", "astart"])
async def test_no_count_runs_over_from_message_to_message(door: str) -> None:
    # Not even by the tightest budgets: each turn may spend all of them.
    graph = StateGraph(Talk)
    tight = talker(agent, budget=Budget(steps=2, retries=1))
    hasty = Recovery(transient=HASTY.transient, unknown=(), budget=Budget(retries=1))
    govern(graph, {"work": tight}, gate=GATE, recover=hasty)
    app = from_start(graph, "begin", "work").compile(checkpointer=InMemorySaver())
    for number in range(12):
        values = await turn(app, f"flaky {number}", "t", DOORS[door])
        assert (status(values), values["spent"]["retries"]) == ("done", 1)
        values = await turn(app, f"broken {number}", "t", DOORS[door])
        assert (status(values), values["remedies"]) == ("escalated", {"escalate:person at work": 1})

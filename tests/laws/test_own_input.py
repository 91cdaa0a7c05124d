"""Test a law: a run's outcome depends only on its own input and on what its thread keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from quintet.graphs import begin, govern
from quintet.runs.thread import App
from quintet.state.channels import OPEN
from tests.runs.conversations import (
    DOORS,
    FALLS_BACK,
    GATE,
    Door,
    Talk,
    answers,
    gist,
    handoff,
    on,
    sequential,
    single,
    talker,
    turn,
)

KEPT = ("messages", "notes", "actions", "behalf")


class Broken(Exception):
    """An error that no recovery handles."""


def breaks(word: str) -> Any:
    def node(state: Talk) -> dict[str, Any]:
        if state["message"] == f"break {word}":
            raise Broken
        return {"notes": [word]}

    return node


def fragile() -> StateGraph[Any]:
    """Put governed workers between two nodes of the user's own that may break a run off."""
    graph = StateGraph(Talk).add_node("first", breaks("first")).add_node("last", breaks("last"))
    workers = {"work": talker(), "basic": talker(answers)}
    govern(graph, workers, then="last", gate=GATE, recover=FALLS_BACK)
    path = begin("first")
    graph.add_conditional_edges(START, path, path.targets)
    return graph.add_edge("first", "work").add_edge("last", "finish")


orders = st.integers(0, 2)
"""Few, so that turns ask for what other turns have done, left open or were refused."""

said = st.one_of(
    st.sampled_from(["say so", "stuck", "flaky", "broken", "plan it", "break first", "break last"]),
    st.builds("pay {} {}".format, orders, st.sampled_from(["yes", "no"])),
    st.builds("pay {}".format, orders),
    st.builds("small {}".format, orders),
    st.builds("lost {}".format, orders),
)
turns = st.lists(st.tuples(said, st.sampled_from(sorted(DOORS))), min_size=1, max_size=5)


async def take(app: App, text: str, door: Door, thread: str) -> None:
    """Take a turn, though it may break off, or ask nothing where an answer is at hand."""

    async def open_door(app: App, given: Any, thread: str) -> None:
        if isinstance(given, Mapping) or app.get_state(on(thread)).interrupts:
            await door(app, given, thread)

    with suppress(Broken):
        await turn(app, text, thread, open_door)


def settled(actions: Mapping[str, Any]) -> dict[str, Any]:
    """Give actions as a new run finds them: what was open is withdrawn."""
    return {
        at: {**item, "status": "withdrawn"} if item["status"] in OPEN else item
        for at, item in actions.items()
    }


def ended(app: App, thread: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Give a turn's gist, and where each action stands."""
    values = app.get_state(on(thread)).values
    whole = gist(values)
    whole["decisions"] = [each for each in whole["decisions"] if each["choice"] != "withdrawn"]
    statuses = {at: item["status"] for at, item in (values.get("actions") or {}).items()}
    return whole, statuses


async def same(make: Any, before: list[tuple[str, str]], last: tuple[str, str]) -> None:
    """Check that the last of several turns ends as on a thread with only what this one keeps."""
    app = make().compile(checkpointer=InMemorySaver())
    for text, door in before:
        await take(app, text, DOORS[door], "long")
    values = app.get_state(on("long")).values
    kept = {key: values[key] for key in KEPT if key in values}
    kept["actions"] = settled(values.get("actions") or {})

    async def with_kept(app: App, given: Any, thread: str) -> None:
        if isinstance(given, Mapping):
            messages = [*kept.get("messages", ()), *given["messages"]]
            given = {**kept, **given, "messages": messages}
        await DOORS["invoke"](app, given, thread)

    text, door = last
    await take(app, text, DOORS[door], "long")
    await take(app, text, with_kept, "new")
    assert ended(app, "long") == ended(app, "new")


@pytest.mark.parametrize("make", [fragile, handoff, sequential, single])
@settings(max_examples=40, deadline=None)
@given(before=turns, last=st.tuples(said, st.sampled_from(sorted(DOORS))))
def test_a_turn_ends_as_it_would_on_a_new_thread_that_knows_what_this_one_keeps(
    make: Any, before: list[tuple[str, str]], last: tuple[str, str]
) -> None:
    asyncio.run(same(make, before, last))

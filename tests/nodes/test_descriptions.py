from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.tools import tool

from quintet.graphs import create_handoff
from quintet.nodes import Router, Worker, by_descriptions, by_rules, cascade
from quintet.state import Contract, DesignError

DESKS = {
    "moorings": "Give a berth in the harbour to a boat, and take the harbour dues.",
    "lighthouse": "Repair the lamp of the lighthouse and its fog horn.",
    "pilots": "Send a pilot who steers a ship through the channel.",
}
ASKED = {
    "is there a berth for a small boat": "moorings",
    "how high are the harbour dues": "moorings",
    "the lamp went out last night": "lighthouse",
    "nobody hears the fog horn": "lighthouse",
    "our ship needs a pilot for the channel": "pilots",
}
STRANGE = ("sing me a song", "what is seven times nine", "my cat is ill", "")


def test_it_chooses_by_what_candidates_say_and_abstains_where_none_fits() -> None:
    chooser = by_descriptions(DESKS)
    assert {text: chooser(text).to for text in ASKED} == ASKED  # type: ignore[union-attr]
    assert [chooser(text) for text in STRANGE] == [None] * len(STRANGE)
    choice = chooser("the lamp went out last night")
    assert choice is not None
    assert "'lamp'" in choice.reason
    assert (choice.who, choice.candidates[0]) == ("by_descriptions", "lighthouse")


def test_candidates_change_from_call_to_call() -> None:
    chooser = by_descriptions(DESKS, at_least=None)
    text = "a pilot for the boat"
    assert chooser(text).to == "pilots"  # type: ignore[union-attr]
    assert chooser.among(["moorings", "lighthouse"])(text).to == "moorings"  # type: ignore[union-attr]
    assert chooser.among(["lighthouse"]).routes == ("lighthouse",)
    with pytest.raises(DesignError, match="none of the names"):
        chooser.among(["bakery"])


@tool
def count_sheep(pasture: str) -> int:
    """Count the sheep that graze on a pasture."""
    return len(pasture)


def shear(sheep: str) -> str:
    """Shear the wool off a sheep."""
    return sheep


SERVED = SimpleNamespace(
    name="milk_goats",
    description="Milk goats",
    inputSchema={"type": "object", "properties": {"barn": {"description": "the barn"}}},
)


OPENAI = {
    "type": "function",
    "function": {
        "name": "makeCheese",
        "description": "",
        "parameters": {"properties": {"kind": {"enum": ["gouda", "brie"]}}},
    },
}
ANTHROPIC = {"name": "find_wolf", "description": "Find a wolf.", "input_schema": {"type": "object"}}


def test_tools_of_any_kind_are_read() -> None:
    chooser = by_descriptions([count_sheep, shear, SERVED, OPENAI, ANTHROPIC], at_least=None)
    names = ("count_sheep", "shear", "milk_goats", "makeCheese", "find_wolf")
    assert chooser.routes == names
    asked = ("sheep on the pasture", "the wool", "goats in the barn", "some brie", "a wolf")
    assert tuple(chooser(text).to for text in asked) == names  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("about", "more", "said"),
    [
        ("a text", {}, "mapping"),
        ([{"description": "no name"}], {}, "no name"),
        ([ANTHROPIC, ANTHROPIC], {}, "two candidates are named 'find_wolf'"),
        (DESKS, {"examples": [("hello", "bakery")]}, "'bakery'"),
        (DESKS, {"at_least": 2}, "at_least=2"),
    ],
    ids=["text", "nameless", "twice", "example", "number"],
)
def test_what_describes_nothing_is_refused(about: Any, more: dict[str, Any], said: str) -> None:
    with pytest.raises(DesignError, match=said):
        by_descriptions(about, **more)
    with pytest.raises(DesignError, match="no candidates"):
        by_descriptions()("hello")


def test_examples_teach_other_words_and_show_a_promise() -> None:
    assert by_descriptions(DESKS).promise is None
    learned = by_descriptions(
        DESKS, examples=[("where can i tie up my yacht", "moorings"), ("a joke, please", None)]
    )
    assert by_descriptions(DESKS)("can i tie up a yacht here") is None
    assert learned("can i tie up my yacht") is not None
    assert learned("a joke, please") is None
    assert learned.promise is not None
    assert not learned.promise.kept
    assert learned.promise.weak == ("moorings",)


class Topics(Embeddings):
    """Embed by a list of synonyms, one number a topic."""

    topics = (("boat", "yacht", "berth"), ("lamp", "light"), ("pilot", "steers"))

    def __init__(self) -> None:
        self.calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls += 1
        return [
            [float(sum(word in text for word in each)) for each in self.topics] for text in texts
        ]

    def embed_query(self, text: str) -> list[float]:
        raise AssertionError(text)


def test_embeddings_find_what_is_said_in_other_words_and_are_awaited() -> None:
    topics = Topics()
    chooser = by_descriptions(DESKS, embeddings=topics)
    assert by_descriptions(DESKS)("my yacht") is None
    choice = asyncio.run(chooser.acall("my yacht"))
    assert choice is not None
    assert choice.to == "moorings"
    assert chooser("another yacht") is not None
    assert topics.calls == 3


def test_two_that_are_as_like_as_each_other_are_at_most_even() -> None:
    twins = {"quay_one": "a berth for a boat", "quay_two": "a berth for a boat"}
    chooser = by_descriptions(twins, embeddings=Topics())
    assert chooser("a berth for my boat, which is a yacht") is None
    sure = replace(chooser, at_least=None)("a berth for my boat, which is a yacht")
    assert sure is not None
    assert sure.confidence == 0.5


def test_a_long_greeting_is_not_taken_for_a_request() -> None:
    greeting = "We hope that you had a fine summer. All of us are well. " * 4
    chooser = by_descriptions(DESKS)
    assert chooser(greeting) is None
    choice = chooser(f"{greeting} The fog horn of the lighthouse needs repair. {greeting}")
    assert choice is not None
    assert choice.to == "lighthouse"


def test_a_handoff_graph_tells_what_its_workers_contracts_say() -> None:
    def worker(goal: str) -> Worker:
        return Worker(
            agent=lambda request: goal,
            contract=Contract(goal=goal, needs=("message",)),
            then="finish",
        )

    for choose in (by_descriptions(), cascade(by_rules([("^sos", "pilots")]), by_descriptions())):
        graph = create_handoff(
            router=Router(choose=choose, to=tuple(DESKS), otherwise="person"),
            workers={name: worker(goal) for name, goal in DESKS.items()},
        )
        app = graph.compile()
        for text, desk in ASKED.items():
            assert app.invoke({"message": text})["route"] == desk

from __future__ import annotations

import asyncio
import builtins
import pickle
import sys
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

from quintet.nodes import Router, by_examples
from quintet.state import DesignError, MissingExtra, plain

PAIRS = [
    ("I was charged twice", "billing"),
    ("refund my money please", "billing"),
    ("the invoice is wrong", "billing"),
    ("where is my parcel", "shipping"),
    ("my package has not arrived", "shipping"),
    ("the delivery is late", "shipping"),
]


def test_it_chooses_as_the_examples_do_and_says_how_sure() -> None:
    choice = by_examples(PAIRS)("where is the parcel?")
    assert choice is not None
    assert (choice.to, choice.by, choice.who) == ("shipping", "learned", "by_examples")
    assert choice.confidence is not None
    assert 0.5 < choice.confidence < 1
    assert f"{choice.confidence:.2f}" in choice.reason
    assert choice.candidates == ("shipping", "billing")
    assert plain(choice)["confidence"] == choice.confidence


def test_all_examples_go_where_they_belong() -> None:
    chooser = by_examples(PAIRS)
    chosen = [chooser(text) for text, _ in PAIRS]
    assert [choice and choice.to for choice in chosen] == [route for _, route in PAIRS]


def test_it_abstains_under_its_threshold() -> None:
    assert by_examples(PAIRS, at_least=1.0)("parcel or invoice") is None
    assert by_examples(PAIRS, at_least=0.0)("parcel or invoice") is not None


def test_pairs_may_be_any_iterable_and_the_chooser_is_a_value() -> None:
    chooser = by_examples(pair for pair in PAIRS)
    assert chooser == by_examples(PAIRS)
    assert chooser.routes == ("billing", "shipping")
    again = pickle.loads(pickle.dumps(chooser))
    assert again("my parcel") == chooser("my parcel")


def test_any_text_has_an_answer() -> None:
    chooser = by_examples(PAIRS, at_least=0.0)
    for text in ("", "   ", "§§§", "x" * 10_000, "\ud800"):
        assert chooser(text) is not None


@pytest.mark.parametrize(
    ("pairs", "more", "message"),
    [
        ([], {}, "0 examples of 0 routes"),
        ([("a", "x"), ("b", "x")], {}, "2 examples of 1 routes"),
        (PAIRS, {"at_least": 2}, "at_least=2"),
        (PAIRS, {"at_least": float("nan")}, "at_least=nan"),
        ([("", "a"), (" ", "b")], {}, "no words"),
        ([("only text",)], {}, "pairs"),
    ],
    ids=["none", "one", "threshold", "nan", "empty", "single"],
)
def test_examples_that_teach_nothing_are_refused(
    pairs: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DesignError, match=message):
        by_examples(pairs, **more)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fail(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("sklearn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(MissingExtra, match=r"quintet\[learn\]"):
        by_examples(PAIRS)


def test_a_route_without_a_node_is_refused_when_the_router_is_built() -> None:
    with pytest.raises(DesignError, match="'shipping'"):
        Router(choose=by_examples(PAIRS), to=("billing",), otherwise="person")


def test_it_routes_sync_and_async() -> None:
    router = Router(choose=by_examples(PAIRS), to=("billing", "shipping"), otherwise="person")
    state = {"message": "my package is late"}
    assert router(state).goto == "shipping"
    assert asyncio.run(router.ainvoke(state)).goto == "shipping"

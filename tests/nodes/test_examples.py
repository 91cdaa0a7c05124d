from __future__ import annotations

import asyncio
import builtins
import json
import pickle
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

from quintet.nodes import Examples, Router, by_examples
from quintet.nodes.choosers.labels import spell_out
from quintet.state import DesignError, MissingExtra, plain

PAIRS = [
    ("I was charged twice", "billing"),
    ("refund my money please", "billing"),
    ("the invoice is wrong", "billing"),
    ("where is my parcel", "shipping"),
    ("my package has not arrived", "shipping"),
    ("the delivery is late", "shipping"),
]

THINGS = {
    "billing": ("invoice", "refund", "charge", "payment", "receipt", "bill"),
    "shipping": ("parcel", "delivery", "package", "courier", "address", "shipment"),
    "technical": ("screen", "battery", "charger", "app", "speaker", "button"),
}
SAYINGS = (
    "there is something about the {}",
    "the {} is not what it should be",
    "i have a question on my {}",
    "can you look at this {} for me",
    "what is wrong with the {} today",
    "please help with a {}",
)
MANY = [
    (saying.format(thing), route)
    for route, things in THINGS.items()
    for thing in things
    for saying in SAYINGS
]
NOBODYS: list[tuple[str, str | None]] = [
    (f"{start} {rest}", None)
    for start in ("who won", "sing", "tell a joke on", "how old is")
    for rest in ("the world cup", "moon river", "elephants", "the king of spain", "ludo")
]


class Letters(Embeddings):
    """Embed texts by counting letters, and note what is asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked.append(texts)
        return [[float(text.count(letter)) for letter in "abcdefghijklmnop"] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        raise AssertionError(f"asked as a query: {text}")


@pytest.fixture(scope="module")
def desk() -> Examples:
    return by_examples([*MANY, *NOBODYS], at_least=0.9)


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
    assert chooser != by_examples(PAIRS, at_least=0.7)
    assert chooser != by_examples(PAIRS, embeddings=Letters())


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
        (PAIRS, {"out_of_scope": 1}, "out_of_scope=1"),
        ([("", "a"), (" ", "b"), ("", "a")], {}, "no words"),
        ([("refund", "a"), ("parcel", "b")], {}, "near-duplicates counted once"),
        ([("refund it", "a"), ("refund it", "a"), ("parcel", "b")], {}, "near-duplicates"),
        ([("only text",)], {}, "pairs"),
        (PAIRS, {"at_least": "0.9"}, "at_least='0.9'"),
        (PAIRS, {"at_least": True}, "at_least=True"),
        (PAIRS, {"out_of_scope": "0.1"}, "out_of_scope='0.1'"),
        (dict(PAIRS), {}, r"items\(\) of a dict"),
        ([*PAIRS, ("no cell", float("nan"))], {}, "route is None for a text that belongs to none"),
        ([*PAIRS, (None, "billing")], {}, r"\(None, 'billing'\) is not one of"),
        ([*PAIRS, (b"refund", "billing")], {}, "both are texts"),
    ],
    ids=[
        *("none", "one", "threshold", "nan", "out_of_scope", "empty", "alone", "twins", "single"),
        *(
            "threshold text",
            "threshold bool",
            "share text",
            "dict",
            "nan route",
            "no text",
            "bytes",
        ),
    ],
)
def test_examples_that_teach_nothing_are_refused(
    pairs: Any, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(DesignError, match=message):
        by_examples(pairs, **more)


@pytest.mark.parametrize("texts", ["refund my money", [None]], ids=["text", "none"])
def test_messages_are_scored_as_a_list_of_texts_and_never_by_their_letters(texts: Any) -> None:
    chooser = by_examples(PAIRS)
    for asked in (chooser.scores, chooser.watch):
        with pytest.raises(DesignError, match="give a list of texts"):
            asked(texts)


def test_a_route_may_be_a_member_of_an_enum_of_texts() -> None:
    class Desk(str, Enum):  # noqa: UP042 - its `str` is another than its value
        billing = "billing"
        shipping = "shipping"

    chooser = by_examples([(text, Desk(route)) for text, route in PAIRS])
    assert chooser.routes == ("billing", "shipping")


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


# the promise


def test_a_promise_that_the_examples_bear_out_is_kept_and_measured(desk: Examples) -> None:
    promise = desk.promise
    assert promise.kept
    assert promise.low <= promise.accuracy <= promise.high
    assert promise.accuracy >= 0.9
    assert 0 < promise.coverage <= 1
    assert promise.n <= len(desk.pairs) * 2
    assert "promised 90.0%" in str(promise)


def test_a_promise_that_few_examples_cannot_bear_out_says_so_and_abstains() -> None:
    chooser = by_examples(PAIRS, at_least=0.97)
    assert not chooser.promise.kept
    assert "cannot be promised" in chooser.promise.reason
    assert [chooser(text) for text, _ in PAIRS] == [None] * len(PAIRS)


def test_what_looks_like_nobodys_examples_is_not_accepted(desk: Examples) -> None:
    assert desk("sing the king of spain") is None
    assert desk("who won the battery") is None or desk("the battery is wrong") is not None
    assert desk.routes == ("billing", "shipping", "technical")


def test_more_of_what_belongs_to_nobody_means_a_higher_threshold() -> None:
    few = by_examples([*MANY, *NOBODYS], at_least=0.9, out_of_scope=0.01).promise
    many = by_examples([*MANY, *NOBODYS], at_least=0.9, out_of_scope=0.6).promise
    assert few.coverage > many.coverage


def test_another_promise_needs_no_new_fit(desk: Examples) -> None:
    strict = desk.promising(0.99)
    assert strict.model is desk.model
    assert strict.promise.threshold >= desk.promise.threshold
    assert desk.promising(None)("sing moon river") is not None
    assert strict.promising(0.9) == desk


# many at once, why, corrections


@pytest.mark.parametrize("embeddings", [None, Letters()], ids=["plain", "embedded"])
def test_many_texts_at_once_are_scored_as_one_by_one(embeddings: Embeddings | None) -> None:
    chooser = by_examples(MANY, at_least=0.8, embeddings=embeddings)
    texts = ["my parcel", "", "sing", "the speaker is wrong", "x" * 9000, "\ud800", "my parcel"]
    scored = chooser.scores(texts)
    sure = chooser.promising(None)
    for text, one in zip(texts, scored, strict=True):
        choice = sure(text)
        assert choice is not None
        assert (choice.to, choice.confidence) == (one.route, one.confidence)
        assert (chooser(text) is not None) == one.accepted
    assert chooser.scores([]) == []


def test_it_explains_by_words_and_by_the_nearest_example(desk: Examples) -> None:
    why = desk.explain("the courier is not what it should be")
    assert why.choice.to == "shipping"
    assert "courier" in why.words
    assert repr(why.words[0]) in why.choice.reason
    assert why.nearest[0] == ("the courier is not what it should be", "shipping", 1.0)


def test_the_nearest_example_is_by_meaning_where_there_are_embeddings() -> None:
    why = by_examples(PAIRS, embeddings=Letters()).explain("parcel my is where")
    assert why.nearest[0][:2] == ("where is my parcel", "shipping")
    assert why.nearest[0][2] == pytest.approx(1, abs=1e-3)


def test_it_learns_from_corrections_and_the_last_one_stands(desk: Examples) -> None:
    text = "my invoice came with a parcel of elephants"
    wrong = [(text, "shipping"), (text, "technical"), ("what is wrong with the app today", None)]
    learned = desk.corrected(wrong)
    assert (text, "technical") in learned.pairs
    assert (text, "shipping") not in learned.pairs
    assert ("what is wrong with the app today", None) in learned.pairs
    assert ("what is wrong with the app today", "technical") not in learned.pairs
    assert learned.explain(text).choice.to == "technical"
    assert desk.explain(text).choice.to != "technical"


def test_embeddings_are_asked_as_documents_and_never_about_nothing() -> None:
    letters = Letters()
    chooser = by_examples(PAIRS, at_least=None, embeddings=letters)
    assert chooser("   ") is not None
    choice = asyncio.run(chooser.acall("where is my parcel"))
    assert choice is not None
    assert choice.to == "shipping"
    examples = [text for text, _ in PAIRS]
    assert letters.asked == [[*sorted(examples), "billing", "shipping"], ["where is my parcel"]]


def test_the_names_of_routes_teach_where_examples_are_few_and_bear_them_out() -> None:
    pairs = [
        ("move funds to savings", "transferFunds"),
        ("transfer to my wife", "transferFunds"),
        ("my card is lost", "lost_card"),
        ("i cannot find the visa card", "lost_card"),
    ]
    chooser = by_examples(pairs, at_least=None)
    assert "transfer funds" in chooser.model.vocabulary.words
    renamed = by_examples([(text, route[::-1]) for text, route in pairs], at_least=None)
    assert "transfer funds" not in renamed.model.vocabulary.words
    assert not {"sdnuf", "drac"} & set(renamed.model.vocabulary.words)
    assert chooser("funds") != renamed("funds")


def test_names_do_not_teach_where_examples_are_many(desk: Examples) -> None:
    letters = Letters()
    pairs = [(f"{text} {n}", route) for n in range(7) for text, route in PAIRS]
    by_examples(pairs, embeddings=letters)
    assert letters.asked == [sorted(text for text, _ in pairs)]
    assert "billing" not in desk.model.vocabulary.words


def test_the_name_of_a_route_is_never_shown_as_an_example_nor_judged() -> None:
    more = [("the battery of my phone is dead", "technical"), ("no sound from it", "technical")]
    pairs = [(f"{text} for {route}", route) for text, route in [*PAIRS, *more]]
    chooser = by_examples(pairs, embeddings=Letters())
    assert -1 in chooser.model.landmarks
    near = chooser.explain("billing").nearest
    assert len(near) == 5
    assert near[0][2] < 0.99
    kinds = chooser.model.held_out.kind.tolist()
    assert [kinds.count(kind) for kind in (0, 1, 2)] == [len(pairs), 0, len(pairs)]


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("transfer_funds", "transfer funds"),
        ("lostCard", "lost Card"),
        ("pay-by.phone", "pay by phone"),
        ("__", ""),
        ("größe_2", "größe 2"),
    ],
    ids=["snake", "camel", "marks", "none", "other"],
)
def test_a_route_is_named_as_people_would_write_it(route: str, name: str) -> None:
    assert spell_out(route) == name


def test_an_embedding_of_another_size_is_refused(tmp_path: Path) -> None:
    class Short(Letters):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[1.0, 2.0] for _ in texts]

    path = by_examples(PAIRS, embeddings=Letters()).save(tmp_path / "desk.npz")
    with pytest.raises(DesignError, match="2 numbers, where the examples' have 16"):
        Examples.load(path, embeddings=Short())("parcel")


# files


@pytest.mark.parametrize("embeddings", [None, Letters()], ids=["plain", "embedded"])
def test_a_saved_chooser_is_the_same_when_it_is_loaded(
    tmp_path: Path, embeddings: Embeddings | None
) -> None:
    chooser = by_examples([*MANY, *NOBODYS], at_least=0.9, embeddings=embeddings)
    chooser = chooser.promising(0.9, on=[*MANY[::5], *NOBODYS[::3]])
    again = Examples.load(chooser.save(tmp_path / "desk.npz"), embeddings=embeddings)
    texts = ["my parcel", "sing elephants", "", *(text for text, _ in MANY[::7])]
    assert again == chooser
    assert again.promise == chooser.promise
    assert again.promising(0.8).promise == chooser.promising(0.8).promise
    assert again.scores(texts) == chooser.scores(texts)


def test_a_chooser_fitted_with_embeddings_is_not_loaded_without(tmp_path: Path) -> None:
    path = by_examples(PAIRS, embeddings=Letters()).save(tmp_path / "desk.npz")
    with pytest.raises(DesignError, match="embeddings=Letters"):
        Examples.load(path)
    plain_path = by_examples(PAIRS).save(tmp_path / "plain.npz")
    with pytest.raises(DesignError, match="no embeddings"):
        Examples.load(plain_path, embeddings=Letters())


def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path: Path) -> None:
    path = by_examples(PAIRS).save(tmp_path / "desk.npz")
    whole = path.read_bytes()
    for number, content in enumerate(
        (b"", b"hello", whole[: len(whole) // 2], whole[:900] + b"\0" * 300 + whole[1200:])
    ):
        broken = tmp_path / f"broken{number}.npz"
        broken.write_bytes(content)
        with pytest.raises(DesignError, match=f"broken{number}"):
            Examples.load(broken)
    with pytest.raises(FileNotFoundError):
        Examples.load(tmp_path / "nowhere.npz")


def test_no_file_can_make_it_run_code(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.npz"
    bomb.write_bytes(pickle.dumps({"q_page": json.dumps({})}))
    with pytest.raises(DesignError, match="bomb"):
        Examples.load(bomb)

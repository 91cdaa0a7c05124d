from __future__ import annotations

import random
import warnings
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

import numpy as np
from scipy import sparse

from quintet.nodes import Examples, Router, by_examples, by_rules, cascade
from quintet.nodes.choosers.choose import Choice
from quintet.nodes.choosers.learned.duplicates import near_duplicates
from quintet.nodes.choosers.learned.ensemble import build_dataset
from quintet.nodes.choosers.learned.heldout import _blocks, _folds
from quintet.nodes.choosers.learned.parts import SHORTEST, Prediction, judged, parts
from quintet.nodes.choosers.promise import NEVER, Held, promised
from quintet.nodes.choosers.words import spoken, words
from quintet.state import DesignError, UnknownRoute

GOODS = {
    "bakery": "rye loaf crust oven flour",
    "forge": "anvil hammer horseshoe bellows nail",
    "mill": "millstone grain sack sluice wheel",
}
SAYINGS = (
    "the {} that i bought is no good",
    "can somebody look at my {}",
    "how much is a {} these days",
    "i lost the {} on my way home",
    "a {} for my neighbour please",
    "who made this {}",
)
PAIRS: list[tuple[str, str | None]] = [
    (saying.format(word), desk)
    for desk, some in GOODS.items()
    for word in some.split()
    for saying in SAYINGS
]
GREETING = (
    "It was a pleasure to see all of you in spring. Our children still talk about the fair. "
    "May the new year bring health and joy. Father sends his best. "
)


@pytest.fixture(scope="module")
def town() -> Examples:
    return by_examples(PAIRS, at_least=0.9, out_of_scope=0.05)


# long messages


@pytest.mark.parametrize("text", ["{} {}", "{}\n{}\n{}"], ids=["before", "around"])
def test_a_long_message_goes_by_the_sentence_that_asks(town: Examples, text: str) -> None:
    asked = [("can somebody look at my anvil", "forge"), ("how much is a loaf", "bakery")]
    for request, desk in asked:
        long = text.format(GREETING * 3, request + ".", GREETING)
        (scored,) = town.scores([long])
        assert scored.route == desk
        assert scored.confidence < town.scores([request])[0].confidence
        assert town.explain(long).choice.to == desk


def test_two_requests_in_one_long_message_are_nobodys(town: Examples) -> None:
    both = f"{GREETING} Can somebody look at my anvil. {GREETING} Who made this loaf."
    assert town(both) is None


def test_a_pleasantry_that_sounds_a_little_like_a_request_is_none() -> None:
    def said(*parts: tuple[int, float]) -> float:
        some = [Prediction(ranked=(to, 9), confidence=sure, top_words=()) for to, sure in parts]
        return judged(some, 0.15).confidence

    alone, beside, both = (
        said((0, 0.99), (1, 0.1)),
        said((0, 0.99), (1, 0.8)),
        said((0, 0.99), (1, 0.97)),
    )
    assert alone > beside > 0.9
    assert both < 0.2
    # Where half of all messages belong to no route, four in five is a strong word.
    some = [
        Prediction(ranked=(to, 9), confidence=sure, top_words=())
        for to, sure in ((0, 0.99), (1, 0.8))
    ]
    assert judged(some).confidence < 0.25


def test_a_message_as_long_as_the_examples_is_judged_whole() -> None:
    text = " ".join(["word"] * SHORTEST)
    assert parts(text, 5) == [text]
    assert parts("One two. " * 30, 5) == ["One two"]


@given(st.text(max_size=400), st.integers(1, 60))
def test_no_part_is_longer_than_asked_and_no_word_is_lost(text: str, longest: int) -> None:
    found = parts(text, longest)
    assert all(len(words(part)) <= 2 * max(longest, SHORTEST) for part in found)
    if len(found) > 1:
        assert {word for part in found for word in words(part)} >= set(words(text)) - {""}


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.999)), min_size=1, max_size=8))
def test_parts_together_are_never_surer_than_the_surest(said: list[tuple[int, float]]) -> None:
    predictions = [
        Prediction(ranked=(route, 9), confidence=sure, top_words=()) for route, sure in said
    ]
    whole = judged(predictions)
    assert whole.confidence <= max(sure for _, sure in said) + 1e-12
    assert whole.ranked[0] in {route for route, _ in said}


# near-duplicates


def test_near_duplicates_of_a_route_are_found_and_others_are_not() -> None:
    rows = [[1, 0, 0.1], [1, 0.1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0.1], [0, 0, 1]]
    labels = np.array([0, 0, 0, 0, 1, 1])
    groups = near_duplicates(sparse.csr_matrix(np.array(rows, float)), labels)
    assert groups[0] == groups[1] != groups[2] != groups[3]
    assert len({*groups[:4].tolist()} & {*groups[4:].tolist()}) == 0


def test_few_examples_of_a_route_are_near_duplicates_sooner_than_many() -> None:
    alike = [[1, 0.8, 0, 0], [1, 0, 0.8, 0], [0, 0, 0, 1], [0, 0.1, 0, -1]]
    few = near_duplicates(sparse.csr_matrix(np.array(alike, float)), np.zeros(4, int))
    assert len(set(few.tolist())) == 3
    filled = np.vstack([np.pad(np.array(alike, float), ((0, 0), (0, 20))), np.eye(24)[4:]])
    many = near_duplicates(sparse.csr_matrix(filled), np.zeros(24, int))
    assert len(set(many.tolist())) == 24


def test_near_duplicates_that_abound_are_found_behind_longer_openings() -> None:
    openings = [(0, 0), (0.5, 0), (0, 0.5), (0.95, 0), (0, 0.95)]
    made = [[*one, *opening] for one in np.eye(20).tolist() for opening in openings]
    groups = near_duplicates(sparse.csr_matrix(np.array([*made, *made[:1]])), np.zeros(101, int))
    assert len(set(groups.tolist())) == 20
    lone = [*np.eye(120).tolist(), [1, 0.95, *[0] * 118]]
    assert (
        len(set(near_duplicates(sparse.csr_matrix(np.array(lone)), np.zeros(121, int)).tolist()))
        == 121
    )


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(2, 10))
def test_no_group_of_near_duplicates_is_cut_and_each_example_of_others_stays_in_its_place(
    some: list[int], count: int
) -> None:
    groups = np.array(some)
    blocks = _blocks(groups, count)
    assert set(blocks.tolist()) <= set(range(count))
    firsts = [int(blocks[some.index(group)]) for group in dict.fromkeys(some)]
    assert firsts == sorted(firsts)
    for group in some:
        assert len(set(blocks[groups == group].tolist())) == 1
    # A route that were in one fold as a whole would be unknown to those who are asked about it.
    assert len(set(firsts)) >= min(2, len(firsts))


@given(st.integers(1, 60), st.integers(2, 10))
def test_examples_that_all_differ_make_blocks_of_about_one_size(size: int, count: int) -> None:
    sizes = np.bincount(_blocks(np.arange(size), count), minlength=count)
    assert sizes.max() - sizes.min() <= 1


def test_texts_that_begin_alike_are_held_out_together() -> None:
    texts = [f"{word} {end}" for word in ("ale", "bun", "cod", "dab") for end in "abcde"]
    shuffled = random.Random(2).sample(texts, len(texts))
    labels = [0] * len(texts)
    data = build_dataset(shuffled, labels, np.zeros((len(texts), 0), np.float32), 1, len(texts))
    data = replace(data, groups=np.arange(len(texts)))
    fold = _folds(data, 4, np.random.default_rng(0)).tolist()
    of_word: dict[str, set[int]] = {}
    for text, one in zip(shuffled, fold, strict=True):
        of_word.setdefault(text.split()[0], set()).add(one)
    assert sorted(map(len, of_word.values())) == [1, 1, 1, 1]
    assert set.union(*of_word.values()) == {0, 1, 2, 3}


def test_small_routes_do_not_fall_into_the_same_folds() -> None:
    texts = [f"word{number}" for number in range(20)]
    data = build_dataset(texts, list(range(20)), np.zeros((20, 0), np.float32), 20, 20)
    fold = _folds(data, 5, np.random.default_rng(0))
    assert np.bincount(fold, minlength=5).tolist() == [4] * 5


def test_what_stands_there_many_times_is_held_out_together_and_counts_once() -> None:
    openings = ("", "hello, ", "well, ", "so, ")
    many = [(opening + text, desk) for text, desk in PAIRS for opening in openings]
    once, often = by_examples(PAIRS, at_least=None), by_examples(many, at_least=None)
    held = often.model.held_out
    assert held.evidence.sum() < len(held.right) / 2
    n = len(PAIRS)
    assert often.promise.high - often.promise.low > 0.5 * (once.promise.high - once.promise.low)
    assert often.promise.n > n
    fold_of: dict[int, set[int]] = {}
    for group, row in zip(held.group.tolist(), held.row.tolist(), strict=True):
        fold_of.setdefault(group, set()).add(row)
    assert max(map(len, fold_of.values())) >= len(openings)


def test_the_order_of_examples_changes_nothing(town: Examples) -> None:
    mixed = by_examples(random.Random(4).sample(PAIRS, len(PAIRS)), at_least=0.9, out_of_scope=0.05)
    assert mixed.promise == town.promise
    texts = ["the wheel", "a loaf and a nail", "", GREETING]
    assert mixed.scores(texts) == town.scores(texts)


# each route


def held(route: str, chosen: str, count: int, sure: float = 0.9) -> list[Held]:
    return [Held(sure=sure, right=route == chosen, chosen=chosen, route=route)] * count


def test_a_route_whose_choices_are_wrong_is_not_accepted_though_all_together_are_right() -> None:
    choices = held("a", "a", 400) + held("b", "b", 400) + held("a", "c", 12) + held("c", "c", 8)
    promise = promised(choices, 0.9, 0.0)
    assert promise.kept
    assert promise.threshold_of("c") == NEVER
    assert promise.threshold_of("a") == promise.threshold <= 0.9


def test_messages_that_go_elsewhere_are_told_by_their_routes_name() -> None:
    choices = held("a", "a", 900) + held("b", "b", 900) + held("c", "c", 12) + held("c", "a", 8)
    promise = promised(choices, 0.6, 0.0)
    assert promise.weak == ()
    strict = promised([*choices, *held("d", "d", 900)], 0.9, 0.0)
    assert strict.weak == ("c",)
    assert "'c'" in strict.reason


def test_a_promise_holds_on_the_average_of_the_routes_too() -> None:
    common = held("a", "a", 4000, 0.8)
    rare = held("b", "b", 12, 0.95) + held("b", "a", 8, 0.7)
    assert promised(common + held("a", "a", 20, 0.7), 0.95, 0.0).threshold == 0.7
    assert promised(common + rare + held("a", "a", 20, 0.7), 0.95, 0.0).threshold == 0.8


@pytest.mark.parametrize(("at_least", "lowest"), [(0.97, 0.8), (0.95, 0.7), (0.8, 0.1)])
def test_no_doubtful_choice_is_accepted_on_the_credit_of_sure_ones(
    at_least: float, lowest: float
) -> None:
    # Messages that are unlike the held-out ones gather among the doubtful.
    ladder = [choice for sure in range(1, 10) for choice in held("a", "a", 50, sure / 10)]
    sure = held("a", "a", 4000, 0.99)
    assert promised([*sure, *ladder], at_least, 0.0).threshold == lowest


def test_a_route_of_few_examples_is_told_and_needs_to_be_sure_by_itself() -> None:
    few = [("a carpet for the hall", "weaver"), ("mend my rug", "weaver")]
    promise = by_examples([*PAIRS, *few], at_least=0.95, out_of_scope=0.05).promise
    assert "weaver" in promise.weak
    assert "'weaver'" in str(promise)
    assert promise.threshold_of("weaver") >= 0.95


def test_another_share_of_nobodys_messages_is_taken_seriously(town: Examples) -> None:
    other = town.promising(0.9, out_of_scope=0.4)
    assert (other.promise.out_of_scope, other.out_of_scope) == (0.4, 0.4)
    assert other.promise.coverage < town.promise.coverage
    assert other == by_examples(PAIRS, at_least=0.9, out_of_scope=0.4)
    assert other.promise == by_examples(PAIRS, at_least=0.9, out_of_scope=0.4).promise


# doubtful labels, messages unlike the examples


def test_examples_with_another_routes_label_are_suspects() -> None:
    wrong = {PAIRS[at] for at in (3, 40, 77)}
    desks = sorted(GOODS)
    after = {desk: desks[desks.index(desk) - 1] for desk in desks}
    noisy = [(text, after[str(desk)] if (text, desk) in wrong else desk) for text, desk in PAIRS]
    chooser = by_examples(noisy, at_least=0.9)
    suspects = chooser.suspects()
    assert {one.text for one in suspects[:3]} == {text for text, _ in wrong}
    assert {(one.text, one.likelier) for one in suspects[:3]} == wrong
    assert suspects[0].odds >= suspects[1].odds > 1
    assert "suspects()" in str(chooser.promise)
    assert "suspects()" not in str(by_examples(PAIRS, at_least=0.9).promise)


def test_messages_unlike_the_examples_are_told_without_labels(town: Examples) -> None:
    like = [saying.format(word) for saying in SAYINGS[:3] for word in ("flour", "nail", "grain")]
    strange = [f"quantum {word} of the nebula" for word in ("flux", "spin", "drift", "decay")] * 5
    assert not town.watch(like).unlike
    seen = town.watch(strange)
    assert seen.unlike
    assert (seen.n, seen.accepted, seen.expected) == (20, 0, town.promise.coverage)
    assert "unlike" in str(seen)
    for asked, said in ((town.promising(None), "never abstains"), (town, "no messages")):
        with pytest.raises(DesignError, match=said):
            asked.watch([] if asked is town else like)


# scripts


def test_scripts_without_spaces_are_read_by_characters_and_marks_stay_with_their_letter() -> None:
    assert words("我要退款 now") == ["我", "要", "退", "款", "now"]
    assert words("हिन्दी Größe don\u2019t") == ["हिन्दी", "größe", "don't"]
    assert words("ที่นี่") == ["ที่", "นี่"]
    assert spoken("退 款") == "退款"
    assert spoken("good day") == "good day"


def test_an_explanation_names_words_of_a_script_without_spaces() -> None:
    pairs = [
        ("返金してください", "返金"),
        ("お金を返してほしい", "返金"),
        ("二重に請求されました", "返金"),
        ("荷物はどこですか", "配送"),
        ("荷物がまだ届きません", "配送"),
        ("配達が遅れています", "配送"),
    ]
    why = by_examples(pairs, at_least=None).explain("荷物が届かない")
    assert why.choice.to == "配送"
    assert any("荷" in word or "届" in word for word in why.words)
    assert why.nearest[0][1] == "配送"


# open routes


def test_a_chooser_held_to_some_routes_names_no_other(town: Examples) -> None:
    loose = town.promising(None)
    asked = "the loaf that i bought is no good"
    held_to = loose.among(["forge", "mill"])
    assert loose(asked).to == "bakery"  # type: ignore[union-attr]
    choice = held_to(asked)
    assert choice is not None
    assert choice.to in held_to.routes == ("forge", "mill")
    assert choice.confidence is not None
    assert choice.confidence < 0.5
    assert held_to.among(["mill"])(asked).candidates == ("mill",)  # type: ignore[union-attr]
    with pytest.raises(DesignError, match="none of the names"):
        town.among(["harbour"])


def person(text: Any) -> Choice:
    return Choice(to="bakery", reason="as always")


@pytest.mark.parametrize("kind", ["examples", "rules", "function", "cascade"])
def test_a_router_takes_only_routes_that_are_open(town: Examples, kind: str) -> None:
    rules = by_rules([("loaf", "bakery"), ("good", "mill")])
    learned = town.promising(None)
    choose: Any = {
        "examples": learned,
        "rules": rules,
        "function": person,
        "cascade": cascade(rules, learned),
    }[kind]
    router = Router(
        choose=choose, to=tuple(GOODS), otherwise="person", among=lambda state: state["open"]
    )
    text = "the loaf that i bought is no good"
    assert router({"message": text, "open": ["bakery"]}).goto == "bakery"
    closed = router({"message": text, "open": ["forge", "mill"]}).goto
    assert closed in (("person",) if kind == "function" else ("forge", "mill"))
    assert router({"message": text, "open": []}).goto == "person"
    with pytest.raises(UnknownRoute, match="'harbour'"):
        router({"message": text, "open": ["harbour"]})
    with pytest.raises(DesignError, match="among"):
        replace(router, among="open")


# warnings


def test_no_warning_of_another_library_comes_up() -> None:
    pairs = [
        (f"ask the {desk} desk", desk) for desk in (f"{a}{b}" for a in "fbkl" for b in "aeiou")
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chooser = by_examples(pairs)
    assert len(chooser.routes) == 20

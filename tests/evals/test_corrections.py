from __future__ import annotations

import pytest

from quintet.evals import Case, Trajectory, corrections, evaluate
from quintet.evals.row import Row


def row(text: str, expected, went: str) -> Row:
    return Row(case=Case(input=text, route=expected), trajectory=Trajectory(route=went))


def test_only_wrong_routes_are_corrections_and_a_persons_messages_belong_to_nobody():
    rows = [
        row("right", "billing", "billing"),
        row("wrong", "billing", "shipping"),
        row("for nobody", "person", "shipping"),
        row("either", ("person", "shipping"), "billing"),
        Row(case=Case(input="unlabelled"), trajectory=Trajectory(route="billing")),
    ]
    assert corrections(rows) == (("wrong", "billing"), ("for nobody", None), ("either", "shipping"))


def test_a_desk_may_name_its_people_otherwise():
    assert corrections([row("x", "clerk", "billing")], people=("clerk",)) == (("x", None),)


def test_a_chooser_learns_from_what_an_evaluation_found():
    pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")
    from quintet.nodes import by_examples

    pairs = [
        ("refund my money", "billing"),
        ("charged twice on my card", "billing"),
        ("the invoice is wrong", "billing"),
        ("where is my parcel", "shipping"),
        ("the package is late", "shipping"),
        ("deliver to another address", "shipping"),
    ]
    chooser = by_examples(pairs, at_least=0.0)
    cases = [Case(input="the courier lost a wombat", route="billing")]
    before = evaluate(chooser, cases)
    assert corrections(before.rows) == (("the courier lost a wombat", "billing"),)
    after = evaluate(chooser.corrected(corrections(before.rows)), cases)
    assert after["routing_accuracy"].value == 1

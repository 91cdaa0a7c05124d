"""Test that two gates, effects or functions that were made separately are compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import pytest

from quintet.checks.graph.sameness import differences, same
from quintet.nodes import ApprovalGate, effect, over
from tests.checks.parts import MAIL, PAY, pay


def above(most: float) -> Any:
    return lambda action: action.arguments["amount"] > most


def counting(step: int) -> Any:
    def count(number: int) -> int:
        return count(number - step) if number else 0

    return count


def unset() -> Any:
    def function() -> Any:
        return later

    if function is None:
        later = 1
    return function


def keyword(*, most: int = 1) -> int:
    return most


class Quarrelsome:
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")

    __hash__ = None


@dataclass(frozen=True)
class Held:
    function: Any


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        (1, 1, True),
        (1, 2, False),
        (pay, pay, True),
        (pay, keyword, False),
        (above(1), above(1), True),
        (above(1), above(2), False),
        (counting(1), counting(1), True),
        (counting(1), counting(2), False),
        (unset(), unset(), True),
        (partial(pay, 1), partial(pay, 1), True),
        (partial(pay, order=1), partial(pay, order=2), False),
        (partial(pay, 1), partial(pay, 1, 2), False),
        (Held(above(1)), Held(above(1)), True),
        (Held(above(1)), Held(above(2)), False),
        (Held(1), over(1), False),
        (Quarrelsome(), Quarrelsome(), False),
        (PAY, effect(pay, key="pay:{order}:{amount}"), True),
        (PAY, MAIL, False),
    ],
    ids=map(str, count()),
)
def test_what_is_made_of_the_same_is_the_same(first, second, alike):
    assert same(first, second) is alike


def test_gates_differ_in_what_decides():
    gate = ApprovalGate(when=above(1), approvers=("maria",))
    assert differences(gate, ApprovalGate(when=above(1), approvers=("maria",), approved="x")) == []
    other = ApprovalGate(name="boss", when=above(2), expires="1h")
    assert differences(gate, other) == ["name", "when", "approvers"]

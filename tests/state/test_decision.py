from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.state import Decision, DesignError, plain
from quintet.state.decision import KINDS
from quintet.state.record import read

confidences = st.none() | st.floats(0, 1)


@given(st.sampled_from(KINDS), st.text(), confidences, st.lists(st.text()))
def test_a_decision_comes_back_from_plain_data(
    kind: str, reason: str, confidence: float | None, candidates: list[str]
) -> None:
    made = Decision(
        kind=kind,  # type: ignore[arg-type]
        node="n",
        choice="c",
        reason=reason,
        confidence=confidence,
        candidates=tuple(candidates),
    )
    assert read(Decision, plain(made)) == made


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DesignError, match=r"kind='odd'.*give one of route"):
        Decision(kind="odd", node="n", choice="c", reason="r")  # type: ignore[arg-type]


def test_a_decision_reads_as_a_sentence() -> None:
    rule = Decision(kind="route", node="front", choice="billing", reason="it says so")
    assert str(rule) == "route at front: billing, by rule: it says so"
    sure = Decision(
        kind="route", node="front", choice="b", reason="r", confidence=0.912, who="by_examples"
    )
    assert str(sure) == "route at front: b (0.91), by by_examples: r"


@pytest.mark.parametrize(
    "parts", [{"reason": None}, {"choice": 5}, {"who": b"x"}, {"candidates": ("a", 5)}]
)
def test_a_record_that_could_not_be_read_again_is_refused(parts: dict[str, Any]) -> None:
    known: dict[str, Any] = {"kind": "route", "node": "router", "choice": "a", "reason": "so"}
    with pytest.raises(DesignError, match=r"Decision.*give a t"):
        Decision(**{**known, **parts})

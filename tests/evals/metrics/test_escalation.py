from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintet.evals.metrics import (
    escalation_precision,
    escalation_recall,
    missed_approvals,
    missed_escalations,
    needless_approvals,
    needless_escalations,
)
from tests.evals.metrics.runs import case, point, run, value

ESCALATIONS = (escalation_precision, escalation_recall, needless_escalations, missed_escalations)
HIT, MISS = (1.0, 1.0), (0.0, 1.0)


@pytest.mark.parametrize(
    ("needed", "made", "expected"),
    [
        (True, True, (HIT, HIT, None, MISS)),
        (True, False, (None, MISS, None, HIT)),
        (False, True, (MISS, None, HIT, None)),
        (False, False, (None, None, MISS, None)),
        (None, True, (None, None, None, None)),
        (None, False, (None, None, None, None)),
    ],
)
def test_what_an_escalation_counts_as(needed, made, expected):
    found = [point(m, case(escalate=needed), run(escalated=made)) for m in ESCALATIONS]
    assert tuple(found) == expected


@pytest.mark.parametrize(
    ("needed", "asked", "needless", "missed"),
    [
        (True, ("refund",), None, MISS),
        (True, (), None, HIT),
        (False, ("refund", "refund"), HIT, None),
        (False, (), MISS, None),
        (None, ("refund",), None, None),
    ],
)
def test_what_a_question_for_a_yes_counts_as(needed, asked, needless, missed):
    given_run = run(asked=asked)
    assert point(needless_approvals, case(approval=needed), given_run) == needless
    assert point(missed_approvals, case(approval=needed), given_run) == missed


def test_a_gate_that_asks_for_a_yes_is_no_escalation():
    assert point(needless_escalations, case(escalate=False), run(asked=("refund",))) == MISS


PAIRS = st.lists(
    st.tuples(
        st.sampled_from([True, False, None]).map(lambda label: case(escalate=label)),
        st.booleans().map(lambda made: run(escalated=made)),
    )
)


@given(PAIRS)
def test_missed_is_what_recall_leaves(pairs):
    recall, missed = value(escalation_recall, pairs), value(missed_escalations, pairs)
    assert (recall is None) == (missed is None)
    assert recall is None or recall + missed == pytest.approx(1)


@given(PAIRS, st.randoms(use_true_random=False))
def test_escalation_stays_within_0_and_1_and_does_not_depend_on_the_order(pairs, random):
    for metric in ESCALATIONS:
        found = value(metric, pairs)
        assert found is None or 0 <= found <= 1
        assert found == value(metric, random.sample(pairs, len(pairs)))

from __future__ import annotations

import pytest

from quintet.evals import ToolCall
from quintet.evals.metrics import silent_ends, silent_failure_rate, silent_failures
from tests.evals.metrics.runs import case, point, run, value

HIT, MISS = (1.0, 1.0), (0.0, 1.0)


@pytest.mark.parametrize(
    ("labels", "said", "expected"),
    [
        ({"state": {"refunds": 1}}, {"state": {"refunds": 1}}, MISS),
        ({"state": {"refunds": 1}}, {"state": {}}, HIT),
        ({"outcome": "rejected"}, {}, HIT),
        ({"outcome": "done"}, {}, MISS),
        ({"calls": ["refund"]}, {}, HIT),
        ({"calls": ["refund"]}, {"calls": (ToolCall(name="refund"),)}, MISS),
        ({"never": ["refund"]}, {"calls": (ToolCall(name="refund"),)}, HIT),
        ({"never": ["refund"]}, {}, MISS),
        ({"route": "billing"}, {"route": "shipping"}, None),
        ({"path": ["a"], "plan": ["a"], "approval": True}, {}, None),
        ({}, {}, None),
        ({"state": {"refunds": 1}}, {"status": "escalated"}, None),
        ({"outcome": "done"}, {"status": "error", "error": "ValueError: x"}, None),
    ],
)
def test_a_silent_failure_claims_to_be_done_and_its_end_says_otherwise(labels, said, expected):
    assert point(silent_failure_rate, case(**labels), run(**said)) == expected


def test_the_rate_is_of_the_runs_that_claim_to_be_done():
    label = case(state={"refunds": 1})
    right, wrong = run(state={"refunds": 1}), run(state={"refunds": 0})
    gave_up = run(status="escalated", state={"refunds": 0})
    pairs = [(label, each) for each in (right, right, right, wrong, gave_up)]
    assert value(silent_failure_rate, pairs) == 0.25


@pytest.mark.parametrize(
    ("labels", "answer", "expected"),
    [
        ({"answer": "7"}, "7", MISS),
        ({"answer": "7"}, "8", HIT),
        ({"answer": "7", "outcome": "rejected"}, "7", HIT),
        ({"outcome": "done"}, "8", MISS),
        ({}, "8", None),
    ],
)
def test_an_answer_may_be_checked_too(labels, answer, expected):
    def answered(given, made):
        return None if given.answer is None else given.answer == made.answer

    metric = silent_failures(answered)
    assert metric.name == silent_failure_rate.name
    assert point(metric, case(**labels), run(answer=answer)) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("unfinished", HIT),
        ("", HIT),
        ("done", MISS),
        ("escalated", MISS),
        ("waiting", MISS),
        ("error", MISS),
        ("routed", None),
    ],
)
def test_a_run_ends_silently_without_an_outcome_and_without_a_question(status, expected):
    assert point(silent_ends, case(), run(status=status)) == expected

from __future__ import annotations

import asyncio
import threading

import pytest
from pydantic import ValidationError

from quintet.evals import evaluate
from quintet.evals.metrics import judged_by, model_judge
from quintet.evals.metrics.judge import Judged, ModelJudge
from quintet.evals.row import Share
from quintet.state import DesignError
from quintet.testing import ScriptedModel
from tests.evals.metrics.runs import case, run


def scored(metric, given, made):
    return asyncio.run(metric.score(given, made))


def shorter(given, made):
    return Judged(score=len(made.answer) < 10, reason="short enough")


async def half(given, made):
    return 0.5


def test_a_judge_may_be_a_plain_or_an_async_function():
    assert scored(judged_by(shorter), case(), run(answer="yes")) == Judged(
        score=True, reason="short enough"
    )
    assert scored(judged_by(half), case(), run(answer="yes")) == Judged(score=0.5)


def test_a_plain_judge_may_wait_without_holding_up_the_others():
    seen = []

    def waits(given, made):
        seen.append(threading.current_thread())
        return True

    scored(judged_by(waits), case(), run(answer="yes"))
    assert seen[0] is not threading.main_thread()


def test_a_judgement_is_a_share_that_keeps_its_reason():
    judged = Judged(score=0.75, reason="cites no page")
    assert isinstance(judged, Share)
    assert (judged.part, judged.whole, judged.reason) == (0.75, 1.0, "cites no page")
    assert judged_by(half).kept(judged) == (0.75, 1.0)
    assert (Judged(score=True).part, Judged(score=False).part) == (1.0, 0.0)


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), "good", None])
def test_a_score_outside_0_to_1_is_refused(score):
    with pytest.raises(DesignError, match="score="):
        Judged(score=score)


def test_a_judge_that_says_none_has_nothing_to_judge():
    assert scored(judged_by(lambda given, made: None), case(), run()) is None


def test_a_run_that_raised_is_worth_nothing_and_no_judge_is_asked():
    model = ScriptedModel([])
    broken = run(status="error", error="ValueError: x")
    found = scored(judged_by(model_judge(model)), case(), broken)
    assert (found.score, found.reason) == (0, "the run raised ValueError: x")
    assert model.calls == []


def test_a_metric_is_named_by_its_judge_or_as_told():
    assert judged_by(shorter).name == "judged_by_shorter"
    assert judged_by(shorter, name="brevity").name == "brevity"
    assert judged_by(lambda given, made: True).name == "judged_by_lambda"
    assert judged_by(ModelJudge(model=ScriptedModel([]))).name == "judged_by_ModelJudge"


def test_a_model_grades_by_the_rubric_and_says_why():
    model = ScriptedModel([{"score": 0.8, "reason": "no apology"}])
    judge = model_judge(model, rubric="It apologises.")
    found = judge(case(answer="Sorry, it is late"), run(answer="It is late"))
    assert found == Judged(score=0.8, reason="no apology")
    system, asked = model.calls[0].messages
    assert "It apologises." in system.text
    assert "never an instruction" in system.text
    for part in ("where is my parcel", "It is late", "Sorry, it is late"):
        assert part in asked.text


def test_a_model_is_asked_the_same_awaited():
    judge = model_judge(ScriptedModel([{"score": 1, "reason": "ok"}] * 2))
    assert asyncio.run(judge.acall(case(), run(answer="here"))).score == 1
    assert scored(judged_by(judge, name="helpful"), case(), run(answer="here")).score == 1


def test_a_run_without_an_answer_is_not_graded_unless_one_is_expected():
    judge = model_judge(ScriptedModel([]))
    assert judge(case(), run()) is None
    assert judge(case(answer="7"), run()) == Judged(score=0, reason="the run gave no answer")


def test_a_grade_outside_0_to_1_is_the_models_fault_and_raised():
    with pytest.raises(ValidationError):
        model_judge(ScriptedModel([{"score": 7, "reason": "great"}]))(case(), run(answer="a"))


def test_a_judge_without_a_rubric_is_refused():
    with pytest.raises(DesignError, match="rubric"):
        model_judge(ScriptedModel([]), rubric=" ")


def test_the_rubric_stands_in_the_metrics_definition():
    metric = judged_by(model_judge(ScriptedModel([]), rubric="It apologises."), name="polite")
    assert "It apologises." in metric.about


def test_in_an_evaluation_a_judge_that_raises_counts_as_0_and_is_named():
    grades = [{"score": 1, "reason": "ok"}, ConnectionError("away")]
    metric = judged_by(model_judge(ScriptedModel(grades)), name="helpful")
    cases = (case(id="a"), case(id="b"))
    from quintet.evals import Suite

    suite = Suite(cases=cases, target=lambda given: run(answer="here"), metrics=(metric,))
    report = evaluate(suite)
    assert (report["helpful"].value, report["helpful"].errors) == (0.5, 1)
    assert "away" in report.rows[1].errors["helpful"]

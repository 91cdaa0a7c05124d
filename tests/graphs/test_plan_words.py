"""Test that nothing a plan says is lost: a word that no step has is refused wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from quintet.nodes import SignOff, Vocabulary
from quintet.runs import edit, start
from quintet.state import AnswerRefused, DesignError, Plan, Step, checkpointer
from quintet.state.record import read
from quintet.testing import ScriptedModel
from tests.graphs.test_planner import graph, plan, run
from tests.nodes.test_program import Does, worker
from tests.state.test_steps import do, of

A = {"id": "a", "goal": "x", "assignee": "w"}


def test_an_edited_plan_with_a_misspelt_word_is_refused_and_not_run_without_it():
    with checkpointer("memory://") as saver:
        app = graph(plan(do("a")), sign_off=SignOff(approvers=("maria",))).compile(
            checkpointer=saver
        )
        asked = start(app, {"message": "g"}, thread="t")
        with pytest.raises(AnswerRefused, match=r"steps\.0\.inputz"):
            asked.answer(edit({"steps": [{**A, "inputz": {"amount": 5}}]}, by="maria"))
        assert asked.answer(edit({"steps": [A]}, by="maria")).status == "done"


def test_a_plan_in_json_with_a_word_of_another_tool_is_refused():
    with pytest.raises(DesignError, match=r"steps\.1\.depends_on"):
        read(Plan, {"goal": "g", "steps": [A, {**A, "id": "b", "depends_on": ["a"]}]})
    with pytest.raises(DesignError, match="owner"):
        read(Plan, {"goal": "g", "steps": [A], "owner": "maria"})


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([A, {**A, "id": "b", "depends_on": ["a"]}], "step 'b': a step has no 'depends_on'"),
        ([{**A, "kind": "each", "most": 3}], "step 'a': a step has no 'kind'"),
    ],
)
def test_a_model_is_told_of_a_word_that_no_step_has(steps: Any, told: str):
    model = ScriptedModel([{"steps": steps}, {"steps": [A]}])
    assert run(model).status == "done"
    assert told in str(model.calls[1].messages[-1].content)


def test_a_model_is_told_of_such_a_word_in_a_body_too():
    body = [{"id": "see", "goal": "see", "assignee": "w", "when": "later"}]
    each = {"id": "x", "goal": "look", "kind": "each", "over": "find", "most": 3, "body": body}
    model = ScriptedModel([{"steps": [each]}, {"steps": [A]}])
    assert run(model, vocabulary=Vocabulary(kinds=("do", "each"))).status == "done"
    assert "step 'see': a step has no 'when'" in str(model.calls[1].messages[-1].content)


def test_a_round_may_not_need_what_the_first_round_has_not():
    seen = Does(lambda request: 1)
    steps = of("until", condition="once", most=2, assignee="n")
    words = Vocabulary(conditions={"once": lambda result: True})
    workers = {"n": worker(seen, "goal", "last")}
    ended = run(plan(steps), workers, vocabulary=words)
    assert "step 'x': 'n' needs last" in ended.outcome.reason
    begun = Step(**{**steps.data, "inputs": {"last": 0}})
    assert run(plan(begun), workers, vocabulary=words).status == "done"


def test_a_criterion_that_nobody_judges_is_refused_and_not_asked_of_a_model():
    steps = (do("a", criterion="it is short"), of("vote", body=(do("p"), do("q", criterion="b"))))
    ended = run(plan(*steps))
    assert ended.status == "escalated"
    assert "step 'a': nobody judges its criterion 'it is short'" in ended.outcome.reason
    assert "step 'q': nobody judges its criterion 'b'" in ended.outcome.reason
    model = ScriptedModel([{"steps": [{**A, "criterion": "it is short"}]}, {"steps": [A]}])
    assert run(model).status == "done"
    assert "a step has no 'criterion'" in str(model.calls[1].messages[-1].content)
    judged = ScriptedModel([{"steps": [{**A, "criterion": "it is short"}]}])
    assert run(judged, check=lambda step, result: True).status == "done"

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from quintet.graphs import Task, create_workflow
from quintet.nodes import ApprovalGate, Finish, Recovery, Router, Worker, escalate
from quintet.state import Action
from quintet.testing import ScriptedModel
from tests.nodes.workshop import THREAD, app_of, bare, logs


def broken(request: Any) -> Any:
    return {}["tariff"]


def end_of(node: Any, caplog: Any, **policy: Any) -> Any:
    with caplog.at_level(logging.WARNING, "quintet"):
        return app_of({"work": node}, recover=Recovery(**policy)).invoke({"message": "m"}, THREAD)


@pytest.mark.parametrize(
    "node",
    [
        Worker(agent=broken, contract=bare()),
        Router(choose=broken, to=("a",), otherwise="person"),
        broken,
    ],
    ids=["worker", "router", "own"],
)
def test_a_failure_leaves_its_traceback_in_the_log_and_its_type_in_the_reason(
    node: Any, caplog: Any
) -> None:
    end = end_of(node, caplog)
    assert end["outcome"]["reason"] == "KeyError: 'tariff'"
    record = next(each for each in caplog.records if each.exc_info)
    assert (record.name, record.levelname) == ("quintet", "WARNING")
    assert "work: permanent: KeyError: 'tariff'" in record.getMessage()
    assert 'return {}["tariff"]' in caplog.text


@pytest.mark.parametrize("problem", [ConnectionError("busy"), TimeoutError("no answer")])
def test_a_criterion_that_did_not_reach_its_record_is_asked_again(problem: Any) -> None:
    left = [problem]

    def stands(result: Any) -> bool:
        if left:
            raise left.pop()
        return bool(result == "ok")

    contract = bare(success=(stands,))
    app = app_of({"work": Worker(agent=lambda r: "ok", contract=contract)}, recover=Recovery())
    end = app.invoke({"message": "m"}, THREAD)
    assert (end["results"]["work"], end["outcome"], left) == ("ok", None, [])


def test_the_failure_of_a_group_is_named_by_its_first(caplog: Any) -> None:
    async def agent(request: Any) -> Any:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.to_thread(broken, request))

    app = app_of({"work": Worker(agent=agent, contract=bare())}, recover=Recovery())
    with caplog.at_level(logging.WARNING, "quintet"):
        end = asyncio.run(app.ainvoke({"message": "m"}, THREAD))
    (failure,) = end["failures"]
    assert (failure["kind"], failure["error"]) == ("permanent", "KeyError")
    assert "ExceptionGroup" in caplog.text


def test_a_criterion_that_raises_is_its_own_failure_and_not_the_agents(caplog: Any) -> None:
    end = end_of(Worker(agent=lambda r: "ok", contract=bare(success=(broken,))), caplog)
    (failure,) = end["failures"]
    assert (failure["error"], failure["kind"]) == ("CriterionFailed", "contract")
    assert "broken could not judge the result: KeyError: 'tariff'" in failure["message"]
    assert 'return {}["tariff"]' in caplog.text


def test_a_criterion_of_the_end_that_raises_is_logged_too(caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, "quintet"):
        update = Finish(success=(broken,))({"results": {"work": 1}})
    assert "broken: KeyError: 'tariff'" in update["outcome"]["reason"]
    assert 'return {}["tariff"]' in caplog.text


@pytest.mark.parametrize("said", ["transient_", 5, True])
def test_a_classifier_that_names_no_class_is_logged_and_the_usual_rules_hold(
    caplog: Any, said: Any
) -> None:
    def classifier(problem: BaseException) -> Any:
        return said

    worker = Worker(agent=broken, contract=bare())
    end = end_of(worker, caplog, classify=classifier, permanent=escalate("there"))
    assert end["failures"][0]["kind"] == "permanent"
    assert end["log"] == ["there"]
    assert f"classifier: {said!r} is no class of failure" in caplog.text


def test_what_goes_well_leaves_nothing_in_the_log(caplog: Any) -> None:
    with caplog.at_level(logging.WARNING, "quintet"):
        app_of({"work": Worker(agent=lambda r: 1, contract=bare()), "end": logs("end")}).invoke(
            {}, THREAD
        )
    assert caplog.records == []


def by_tool(caplog: Any) -> Any:
    def look_up(order: int) -> str:
        """Look an order up."""
        return str(broken(order))

    ask = [{"name": "look_up", "args": {"order": 7}}]
    model = ScriptedModel(lambda messages: "gone" if messages[-1].type == "tool" else ask)
    return end_of(Worker(agent=model, contract=bare(tools=(look_up,))), caplog)


def by_gate(caplog: Any) -> Any:
    with caplog.at_level(logging.WARNING, "quintet"):
        return ApprovalGate(when=broken).wants(Action(name="pay", arguments={}))


def by_condition(caplog: Any) -> Any:
    tasks = {
        "a": Task(run=Worker(agent=lambda r: "x", contract=bare())),
        "b": Task(run=Worker(agent=lambda r: "x", contract=bare()), after="a", when=broken),
        "c": Task(run=Worker(agent=lambda r: "x", contract=bare()), after="a", when="else"),
    }
    with caplog.at_level(logging.WARNING, "quintet"):
        return create_workflow(tasks).compile().invoke({"message": "m"})


@pytest.mark.parametrize("way", [by_tool, by_gate, by_condition])
def test_what_a_model_or_a_person_is_told_instead_leaves_its_traceback_too(
    way: Any, caplog: Any
) -> None:
    way(caplog)
    assert "Traceback" in caplog.text
    assert 'return {}["tariff"]' in caplog.text

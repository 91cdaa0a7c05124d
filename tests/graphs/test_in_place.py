"""Test that what a user's function does in place, to what it is given, stays its own."""

from __future__ import annotations

from typing import Any

import pytest

from quintet.graphs import (
    Task,
    create_manager_worker,
    create_parallel,
    create_planner,
    create_sequential,
    create_single_agent,
    create_workflow,
    review,
)
from quintet.nodes import (
    ApprovalGate,
    FanOut,
    Manager,
    Merge,
    Planner,
    Recovery,
    Vocabulary,
    Worker,
    effect,
    retry,
)
from quintet.runs import approve, start
from quintet.state import Contract, OrchestrationState, Step, checkpointer


def run(app: Any, **given: Any) -> Any:
    """Run a graph without a thread; give its final state."""
    return app.invoke(given)


def worker(agent: Any, *needs: str, **more: Any) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="Work", needs=needs or ("message",), **more))


def gives(request: Any) -> dict[str, Any]:
    return {"x": 1, "list": [1]}


def forges(result: Any, *_: Any) -> bool:
    result["x"] = "forged"
    result["list"].append("forged")
    return True


class Items(OrchestrationState, total=False):
    items: list[str]


def test_what_an_agent_does_to_an_earlier_result_nobody_else_sees():
    steps = {
        "one": worker(gives),
        "two": worker(lambda request: forges(request["one"]), "one"),
        "three": worker(lambda request: request["one"], "one"),
    }
    ended = run(create_sequential(steps).compile(), message="m")
    assert ended["results"]["one"] == ended["results"]["three"] == gives(None)


def test_a_retry_begins_with_what_the_first_attempt_was_given():
    seen: list[list[str]] = []

    def takes(request: Any) -> dict[str, int]:
        seen.append([*request["items"]])
        request["items"].pop()
        if len(seen) == 1:
            raise ConnectionError("once")
        return {"left": len(request["items"])}

    graph = create_sequential(
        {"take": worker(takes, "items")},
        state=Items,
        recover=Recovery(transient=retry(2, wait=0)),
    )
    ended = run(graph.compile(), message="m", items=["a", "b"])
    assert seen == [["a", "b"], ["a", "b"]]
    assert ended["items"] == ["a", "b"]


@pytest.mark.parametrize("part", ["success", "escalate"])
def test_a_criterion_of_a_contract_changes_nothing(part):
    says = forges if part == "success" else lambda result: not forges(result)
    graph = create_single_agent(worker(gives, **{part: (says,)}))
    assert run(graph.compile(), message="m")["results"]["work"] == gives(None)


def test_a_review_changes_nothing():
    steps = {"write": worker(gives), "check": review("write", forges)}
    assert run(create_sequential(steps).compile(), message="m")["results"]["write"] == gives(None)


def test_a_condition_of_a_workflow_changes_nothing():
    graph = create_workflow(
        {
            "one": Task(run=lambda state: {"results": {"one": gives(None)}}),
            "two": Task(
                run=lambda state: {"results": {"two": state["results"]["one"]}},
                after="one",
                when=lambda state: forges(state["results"]["one"]),
            ),
            "three": Task(run=lambda state: {}, after="one", when="else"),
        }
    )
    results = run(graph.compile(), message="m")["results"]
    assert results == {"one": gives(None), "two": gives(None)}


def test_a_plans_condition_reducer_and_check_change_nothing():
    def last(results: list[Any]) -> Any:
        forges(results[0])
        return len(results)

    steps = [
        Step(id="u", goal="g", kind="until", condition="forges", most=2, assignee="w"),
        Step(id="e", goal="g", kind="each", over="n", most=2, inputs={"n": [1, 2]}, assignee="w"),
        Step(id="r", goal="g", kind="reduce", over="e", reducer="last"),
        Step(id="then", goal="g", assignee="reads", after=("u", "e")),
    ]
    words = Vocabulary(conditions={"forges": forges}, reducers={"last": last})

    def checks(step: Step, result: Any) -> bool:
        return not isinstance(result, dict) or forges(result)

    graph = create_planner(
        Planner(make=lambda goal: steps, assignees=("w", "reads"), vocabulary=words, check=checks),
        {
            "w": worker(gives, "goal"),
            "reads": worker(lambda request: [request["u"], request["e"]], "u", "e"),
        },
    )
    results = run(graph.compile(), message="m")["results"]
    assert results["u"] == gives(None)
    assert results["e"] == [gives(None)] * 2
    assert results["then"] == [gives(None), [gives(None)] * 2]


def test_a_manager_does_not_change_what_its_workers_gave():
    def leads(request: Any, ledger: Any) -> Any:
        if not ledger.steps:
            return Step(id="a", goal="a", assignee="one")
        if len(ledger.steps) == 1:
            forges(ledger.results["a"])
            return Step(id="b", goal="b", assignee="two", after=("a",))
        return ledger.results["b"]

    workers = {"one": worker(gives), "two": worker(lambda request: request["a"], "a")}
    manager = Manager(agent=leads, contract=Contract(goal="Lead", needs=("message",)))
    results = run(create_manager_worker(manager, workers).compile(), message="m")["results"]
    assert results["a"] == results["b"] == results["manager"] == gives(None)


def test_a_rule_of_a_merge_changes_nothing():
    def forges_all(field: str, values: Any) -> bool:
        for value in values.values():
            value.append("forged")
        return True

    graph = create_parallel(
        {
            "a": worker(lambda request: {"v": [1]}),
            "b": worker(lambda request: {"v": [2]}),
        },
        merge=Merge(of=("a", "b"), classify={"c": forges_all}, owners={"c": "b"}),
    )
    assert run(graph.compile(), message="m")["merged"] == {"v": [2]}


def test_a_choice_of_branches_changes_nothing():
    def all_of(state: Any) -> list[Any]:
        state["items"].append("forged")
        return [*range(len(state["items"]))]

    graph = create_parallel(
        {"a": worker(lambda request: request["items"], "items")},
        fan_out=FanOut(each=all_of),
        state=Items,
    )
    with checkpointer("memory://") as saver:
        ended = start(graph.compile(checkpointer=saver), {"message": "m", "items": ["x"]})
    assert [*ended.results.values()] == [["x"], ["x"]]
    assert ended.values["items"] == ["x"]


def test_a_rule_on_an_action_does_not_change_what_is_done():
    done: list[Any] = []

    def pay(order: int, items: list[str]) -> int:
        done.append((order, [*items]))
        items.clear()
        return order

    def forges_action(action: Any) -> bool:
        action.arguments["order"] = 999
        action.arguments["items"].append("forged")
        return False

    def key_of(order: int, items: Any) -> str:
        items.append("forged")
        return f"pay {order}"

    def allows(action: Any) -> bool:
        return not forges_action(action)

    paying = effect(pay, key=key_of, allow=allows)
    graph = create_single_agent(
        worker(lambda request, tools: str(tools.pay(order=1, items=["a"])), tools=(paying,)),
        gate=ApprovalGate(when=forges_action),
    )
    [action] = run(graph.compile(), message="m")["actions"].values()
    assert done == [(1, ["a"])]
    assert action["arguments"] == {"order": 1, "items": ["a"]}


def test_what_a_person_is_shown_is_what_is_done():
    done: list[Any] = []

    def pay(order: int, items: list[str]) -> int:
        done.append((order, [*items]))
        return order

    def named(action: Any) -> tuple[str, ...]:
        action.arguments["items"].append("forged")
        return ("maria",)

    def asks(action: Any) -> bool:
        return bool(named(action))

    graph = create_single_agent(
        worker(
            lambda request, tools: str(tools.pay(order=1, items=["a"])),
            tools=(effect(pay, key="{order}"),),
        ),
        gate=ApprovalGate(when=asks, approvers=named),
    )
    with checkpointer("memory://") as saver:
        asked = start(graph.compile(checkpointer=saver), {"message": "m"}, thread="t")
        assert asked.waiting[0].packet["arguments"] == {"order": 1, "items": ["a"]}
        ended = asked.answer(approve(by="maria"))
    assert (ended.status, done) == ("done", [(1, ["a"])])

"""Test what the items of a fan-out are worked on with, and graphs that are sent them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.errors import InvalidUpdateError
from langgraph.types import interrupt

from quintet.graphs import check, create_parallel, create_planner, create_sequential
from quintet.nodes import FanOut, Planner, Recovery, Worker, escalate, fallback, numbered
from quintet.runs import Run, start
from quintet.state import Contract, OrchestrationState, Step, checkpointer
from quintet.state.channels import Sent

SPARE = Recovery(
    transient=fallback("spare"),
    invalid=fallback("spare"),
    permanent=fallback("spare"),
    unknown=fallback("spare"),
    otherwise=escalate(),
)


class Goals(OrchestrationState, total=False):
    goal: str


def worker(agent: Callable[..., Any], *needs: str, tools: Any = ()) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="Look", needs=needs, tools=tools))


def shows(*needs: str) -> Worker:
    """Make a worker whose result is what it was given."""
    return worker(lambda request: {name: request[name] for name in needs}, *needs)


def items(*values: Any) -> FanOut:
    return FanOut(each=lambda state: [*values])


def begun(graph: Any, **given: Any) -> Run:
    app = graph.compile(checkpointer=checkpointer("memory://"))
    return start(app, {"message": "hi", **given}, thread="t")


def nested(*needs: str) -> Any:
    return create_sequential({"inner": shows(*needs)}).compile()


# What a worker is given


def test_an_items_goal_is_its_own_and_else_that_of_the_state():
    graph = create_parallel({"w": shows("goal")}, fan_out=items({"goal": "dig"}, {"n": 1}))
    with_state = create_parallel(
        {"w": shows("goal")}, fan_out=items({"goal": "dig"}, {"n": 1}), state=Goals
    )
    assert begun(with_state, goal="rest").results == {
        "w#1": {"goal": "dig"},
        "w#2": {"goal": "rest"},
    }
    assert begun(graph).status == "escalated"  # the second item has no goal, and says so


def test_an_item_and_a_fallback_are_given_earlier_results_as_a_branch_is():
    def facts(state: Goals) -> dict[str, Any]:
        return {"results": {"facts": {"n": 1}}}

    graph = create_parallel({"w": shows("item", "facts")}, fan_out=items(1), intake=facts)
    assert begun(graph).results["w#1"] == {"item": 1, "facts": {"n": 1}}
    workers = {
        "a": shows("message"),
        "b": worker(lambda request: 1 / 0, "facts"),
        "spare": shows("facts", "goal"),
    }
    run = begun(create_parallel(workers, intake=facts, recover=SPARE, state=Goals), goal="theirs")
    assert (run.status, run.results["b"]) == ("done", {"facts": {"n": 1}, "goal": "theirs"})


# Graphs that are sent items or steps


def test_a_graph_that_is_sent_items_leaves_their_results_to_them():
    graph = create_parallel(
        {"w": nested("item")}, fan_out=items(1, 2, 3), then={"tell": shows("message")}
    )
    run = begun(graph)
    assert run.status == "done"
    assert numbered(run.values, "w") == [{"item": 1}, {"item": 2}, {"item": 3}]
    assert run.results["tell"] == {"message": "hi"}
    one = begun(create_parallel({"w": nested("item")}, fan_out=items(1), then={"tell": shows()}))
    assert (one.results["w#1"], one.results["tell"]) == ({"item": 1}, {})


def test_a_graph_that_is_sent_items_may_ask_about_each():
    asks = worker(lambda request: {"said": interrupt({"gate": request["item"]})}, "item")
    graph = create_parallel(
        {"w": create_sequential({"inner": asks}).compile()}, fan_out=items(1, 2)
    )
    run = begun(graph)
    while run.waiting:
        run = run.answer(f"to {run.waiting[0].packet['gate']}", to=run.waiting[0].id)
    assert numbered(run.values, "w") == [{"said": "to 1"}, {"said": "to 2"}]


def test_steps_that_are_sent_to_graphs_at_once_do_not_meet():
    steps = (Step(id="s1", goal="one", assignee="p"), Step(id="s2", goal="two", assignee="p"))
    planner = Planner(make=lambda goal: steps, assignees=("p",))
    run = begun(create_planner(planner, {"p": nested("goal")}))
    assert run.status == "done"
    assert (run.results["s1"], run.results["s2"]) == ({"goal": "one"}, {"goal": "two"})


@pytest.mark.parametrize("number", [1, 2])
def test_a_step_is_answered_by_the_results_of_all_items(number: int):
    inner = create_parallel({"x": shows("item")}, fan_out=items(*range(number))).compile()
    step = Step(id="s", goal="g", assignee="p")
    planner = Planner(make=lambda goal: (step,), assignees=("p",))
    run = begun(create_planner(planner, {"p": inner}))
    assert run.results["s"] == {f"x#{n + 1}": {"item": n} for n in range(number)}


def test_steps_of_a_users_own_are_kept_where_they_agree():
    channel = Sent()
    assert channel.merge([{"id": "a"}, {"id": "a"}, {"id": "b", "path": "plan"}]) == {"id": "a"}
    with pytest.raises(InvalidUpdateError, match="several steps"):
        channel.merge([{"id": "a"}, {"id": "b"}])


# What `check` says of them


class Orders(OrchestrationState, total=False):
    order: int


def test_a_graph_that_is_sent_items_is_given_their_inputs():
    graph = create_parallel({"w": nested("item")}, fan_out=items(1, 2))
    assert check(graph) == ()
    step = Step(id="s", goal="g", assignee="p", inputs={"item": 1})
    planner = Planner(make=lambda goal: (step,), assignees=("p",))
    assert check(create_planner(planner, {"p": nested("item")})) == ()


def test_a_key_that_each_item_would_write_is_found():
    inner = create_sequential({"inner": shows("item")}, state=Orders).compile()

    def writes(state: Orders) -> dict[str, Any]:
        return {"order": 1}

    for worker in (inner, writes):
        graph = create_parallel({"w": worker}, fan_out=items(1, 2), state=Orders)
        [finding] = check(graph)
        assert (finding.code, finding.node, "'order'" in finding.fault) == (
            "parallel-writers",
            "w",
            True,
        )

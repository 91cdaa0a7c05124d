"""Test contracts that need what nobody gives."""

from __future__ import annotations

from typing import Any, NotRequired

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from quintet.checks import check
from quintet.graphs import Task, create_handoff, create_sequential, create_workflow
from quintet.nodes import Planner, Recovery, Router, Worker, fallback, hand_over, proposed
from quintet.state import Action, Contract, OrchestrationState, Plan, Step, StepFailed
from tests.checks.parts import answer, codes, graph_of, only, run, worker


class Texts(OrchestrationState, total=False):
    texts: list[str]
    order: int


def line(*names: str, state: Any = OrchestrationState, **nodes: Any) -> Any:
    edges = zip((START, *names), (*names, "finish"), strict=True)
    return graph_of(nodes, *edges, state=state)


def test_a_need_that_nobody_gives_fails_the_run_and_is_named_before():
    graph = line("draft", "review", draft=worker("message"), review=worker("darft"))
    with pytest.raises(StepFailed, match="needs darft"):
        run(graph)
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("unmet-need", "review", "error")
    assert "Write 'draft'" in finding.remedy


@pytest.mark.parametrize(
    "needs",
    [
        pytest.param(("message",), id="a key of the state"),
        pytest.param(("draft",), id="a worker before it"),
        pytest.param(("order", "draft"), id="a key of one's own"),
        pytest.param((), id="nothing"),
    ],
)
def test_what_the_state_or_a_worker_before_gives_is_right(needs):
    graph = line("draft", "review", draft=worker(), review=worker(*needs), state=Texts)
    assert check(graph) == ()


def test_the_ready_made_graphs_are_read_alike():
    assert codes(create_sequential({"draft": worker(), "review": worker("darft")})) == [
        ("unmet-need", "review")
    ]
    assert check(create_sequential({"draft": worker(), "review": worker("draft")})) == ()


class Wanted(TypedDict):
    order: int
    tone: NotRequired[str]


class Model(BaseModel):
    order: int
    tone: str = "kind"


@pytest.mark.parametrize("kind", [Wanted, Model])
def test_a_type_is_asked_for_its_required_keys(kind):
    node = Worker(agent=answer, contract=Contract(goal="work", needs=kind))
    assert codes(line("a", a=node)) == [("unmet-need", "a")]
    assert check(line("a", a=node, state=Texts)) == ()


def test_a_worker_that_reads_for_itself_is_left_alone():
    own = worker("anything", read=lambda state: {"anything": state["message"]})
    assert check(line("a", a=own)) == ()


# When


def test_a_result_that_comes_too_late_is_none():
    graph = line("review", "draft", draft=worker(), review=worker("draft"))
    with pytest.raises(StepFailed, match="needs draft"):
        run(graph)
    finding = only(graph)
    assert (finding.code, finding.node) == ("unmet-need", "review")
    assert "only 'draft' gives, which cannot run before it" in finding.fault


def test_a_result_of_a_worker_beside_or_of_itself_is_none():
    nodes = {"one": worker("other"), "other": worker()}
    edges = [(START, "one"), (START, "other"), ("one", "finish"), ("other", "finish")]
    assert codes(graph_of(nodes, *edges)) == [("unmet-need", "one")]
    assert codes(line("one", one=worker("one"))) == [("unmet-need", "one")]


def test_a_result_of_another_route_is_none_unless_the_ways_meet():
    router = Router(choose=lambda text: "a", to=("a", "b"), otherwise="person")
    assert codes(create_handoff(router, {"a": worker(), "b": worker("a")})) == [("unmet-need", "b")]
    again = {"a": worker(then="router"), "b": worker("a")}
    assert check(create_handoff(router, again)) == ()


def test_a_loop_and_a_handoff_are_ways():
    def again(state: Any) -> Command[Any]:
        return Command(goto="review")

    loop = {"review": worker("draft"), "draft": worker(), "again": again}
    assert check(graph_of(loop, (START, "draft"), ("draft", "again"), ("review", "finish"))) == ()
    passed = {"draft": worker(then="finish", handoffs=("review",)), "review": worker("draft")}
    assert check(graph_of(passed, (START, "draft"), ("review", "finish"))) == ()


def test_a_fallback_has_no_result_of_what_failed():
    handler = {"error_handler": Recovery(unknown=fallback("review"))}
    nodes = {"sketch": worker(), "draft": (worker(), handler), "review": worker("draft")}
    edges = [(START, "sketch"), ("sketch", "draft"), ("draft", "finish"), ("review", "finish")]
    assert codes(graph_of(nodes, *edges)) == [("unmet-need", "review")]
    assert check(graph_of(nodes | {"review": worker("sketch")}, *edges)) == ()


# Other givers of results


def by_hand(state: Any) -> dict[str, Any]:
    return {"results": {"draft": {"text": "x"}}}


def by_hand_later(state: Any) -> dict[str, Any]:
    update: dict[str, Any] = {}
    update["results"] = {"draft": {"text": "x"}}
    return update


def by_helper(state: Any) -> dict[str, Any]:
    return by_hand(state)


def unknown_names(state: Any) -> dict[str, Any]:
    return {"results": {state["message"]: 1}}


@pytest.mark.parametrize("node", [by_hand, by_hand_later, by_helper, unknown_names])
def test_a_function_of_ones_own_may_give_results(node):
    assert check(line("own", "review", own=node, review=worker("draft"))) == ()


def test_a_function_that_gives_another_result_does_not_help():
    def other(state: Any) -> dict[str, Any]:
        return {"results": {"sketch": 1}}

    graph = line("own", "review", own=other, review=worker("draft"))
    assert codes(graph) == [("unmet-need", "review")]


def test_what_cannot_be_read_may_give_anything():
    scope: dict[str, Any] = {}
    exec("def node(state):\n    return {}", scope)
    assert check(line("own", "review", own=scope["node"], review=worker("draft"))) == ()
    graph = line("own", "review", own=Worker.__call__.__get__, review=worker("draft"))
    assert check(graph) == ()


def test_a_worker_in_a_subgraph_gives_its_result_to_the_graph_around_it():
    team = line("draft", draft=worker()).compile()
    assert check(line("team", "review", team=team, review=worker("draft"))) == ()
    assert codes(line("review", "team", team=team, review=worker("draft"))) == [
        ("unmet-need", "review")
    ]
    inside = line("review", review=worker("draft")).compile()
    assert check(line("draft", "team", draft=worker(), team=inside)) == ()
    assert codes(line("team", team=inside)) == [("unmet-need", "team/review")]


# The input of a node


class Public(TypedDict, total=False):
    message: str


def test_a_key_that_only_another_schema_has_does_not_reach_the_worker():
    graph = StateGraph(OrchestrationState, input_schema=Texts)
    graph.add_node("a", worker("order")).add_edge(START, "a").add_edge("a", END)
    assert ("unmet-need", "a") in codes(graph)


def test_a_key_that_is_neither_input_nor_written_is_never_set():
    graph = StateGraph(Texts, input_schema=Public).add_node("a", worker("order"))
    graph.add_node("look", lambda state: {"texts": []}).add_edge(START, "look")
    graph.add_edge("look", "a").add_edge("a", END)
    assert ("unmet-need", "a") in codes(graph)
    graph.add_node("find", lambda state: {"order": 1}).add_edge("look", "find")
    assert ("unmet-need", "a") not in codes(graph)


class Kept(BaseModel):
    message: str = ""
    order: int = 1
    results: dict[str, Any] = {}
    actions: dict[str, Any] = {}
    spent: dict[str, Any] = {}
    decisions: list[Any] = []


def test_a_state_that_has_defaults_is_set():
    graph = StateGraph(Kept, input_schema=Public).add_node("a", worker("order"))
    assert "unmet-need" not in [code for code, _ in codes(graph.add_edge(START, "a"))]


# The payload of a Send


def sends(given: str) -> Any:
    return {
        "lacking": lambda state: [Send("count", {"texts": state["texts"]})],
        "holding": lambda state: [Send("count", {"message": state["texts"][0]})],
        "whole": lambda state: [Send("count", {**state, "texts": []})],
        "copied": lambda state: [Send("count", dict(state, texts=[]))],
        "joined": lambda state: [Send("count", state | {"texts": []})],
        "unknown": lambda state: [Send("count", state["texts"])],
        "with results": lambda state: [Send("count", {"results": state["results"]})],
    }[given]


def fan(given: str, *needs: str) -> Any:
    nodes = {"count": worker(*needs), "message": worker()}
    graph = graph_of({"count": nodes["count"]}, ("count", "finish"), state=Texts)
    return graph.add_conditional_edges(START, sends(given), ["count"])


def test_a_worker_that_is_sent_to_gets_what_is_sent_and_nothing_else():
    with pytest.raises(StepFailed, match="needs message"):
        run(fan("lacking", "message"), texts=["a"])
    finding = only(fan("lacking", "message"))
    assert (finding.code, finding.node) == ("unmet-need", "count")
    assert "the Send from '__start__' does not hold" in finding.fault


@pytest.mark.parametrize("given", ["holding", "whole", "copied", "joined", "unknown"])
def test_what_is_sent_with_it_is_there(given):
    assert check(fan(given, "message")) == ()


def test_a_result_that_is_sent_on_is_there():
    nodes = {"draft": worker(), "count": worker("draft")}
    graph = graph_of(nodes, (START, "draft"), ("count", "finish"), state=Texts)
    graph.add_conditional_edges("draft", sends("with results"), ["count"])
    assert check(graph) == ()
    bare = graph_of(nodes, (START, "draft"), ("count", "finish"), state=Texts)
    bare.add_conditional_edges("draft", sends("holding"), ["count"])
    assert codes(bare) == [("unmet-need", "count")]


# Steps of a plan


def planned(make: Any, *needs: str, **more: Any) -> Any:
    nodes = {
        "plan": (Planner(make=make, assignees=("w",)), {"defer": True}),
        "w": worker(*needs, **more),
    }
    return graph_of(nodes, (START, "plan"), ("w", "plan"))


def template(**more: Any) -> Plan:
    return Plan(goal="g", steps=(Step(id="a", goal="x", assignee="w", **more),))


def chained(goal: str) -> list[Step]:
    first = Step(id="a", goal="x", assignee="w", inputs={"part": 1})
    return [first, Step(id="b", goal="y", assignee="w", after=("a",), inputs={"part": 2})]


def loose(goal: str) -> list[Step]:
    return [Step(id=part, goal=part, assignee="w", inputs={"text": part}) for part in goal.split()]


def from_text() -> Any:
    scope: dict[str, Any] = {}
    exec("def make(goal):\n    return []", scope)
    return scope["make"]


def by_another(goal: str) -> Plan:
    return Plan(goal=goal, steps=tuple(loose(goal)))


def recursive(goal: str) -> list[Step]:
    return recursive(goal[1:]) if goal else chained(goal) + chained(goal)


def nothing_yet(goal: str) -> list[Step]:
    raise NotImplementedError(goal)


def copied(goal: str) -> list[Step]:
    inputs = {"part": goal}
    return [Step(id="a", goal="x", assignee="w", inputs=inputs.copy())]


def by_table(goal: str) -> list[Step]:
    known = {"x": chained(goal)}
    return known[goal]


def unread(goal: str) -> list[Step]:
    known = {"part": goal}
    known.update(other=1)
    return [Step(id="a", goal="x", assignee="w", inputs=known)]


def test_a_step_without_what_its_worker_needs_is_named():
    with pytest.raises(StepFailed, match="needs part"):
        run(planned(template(), "part"))
    finding = only(planned(template(), "part"))
    assert (finding.code, finding.node) == ("unmet-need", "w")
    assert "neither the state nor step 'a' of 'plan' gives" in finding.fault
    for make in (loose, by_another):
        assert "neither the state nor a step of 'plan' gives" in only(planned(make, "part")).fault


@pytest.mark.parametrize(
    ("make", "needs"),
    [
        (template(inputs={"part": 1}), ("part",)),
        (template(), ("goal", "message")),
        (chained, ("part",)),
        (loose, ("text",)),
        (unread, ("part",)),
        (from_text(), ("part",)),
        (recursive, ("part",)),
        (nothing_yet, ("part",)),
        (copied, ("part",)),
        (by_table, ("part",)),
        (template(), ()),
    ],
)
def test_a_step_gives_its_inputs_and_its_goal(make, needs):
    assert check(planned(make, *needs)) == ()


def test_what_a_step_waits_for_is_given_to_it():
    steps = (
        Step(id="a", goal="x", assignee="v"),
        Step(id="b", goal="y", assignee="w", after=("a",)),
    )
    nodes = {
        "plan": (Planner(make=Plan(goal="g", steps=steps), assignees=("v", "w")), {"defer": True}),
        "v": worker(),
        "w": worker("a"),
    }
    assert check(graph_of(nodes, (START, "plan"), ("v", "plan"), ("w", "plan"))) == ()
    nodes["v"], nodes["w"] = worker("b"), worker()
    found = codes(graph_of(nodes, (START, "plan"), ("v", "plan"), ("w", "plan")))
    assert found == [("unmet-need", "v")]


def test_a_worker_that_is_also_reached_without_a_step_needs_the_state_too():
    router = Router(choose=lambda text: "w", to=("w", "plan"), otherwise="person")
    planner = Planner(make=template(inputs={"part": 1}), assignees=("w",))
    graph = create_handoff(router, {"w": worker("part"), "plan": planner})
    assert codes(graph) == [("unmet-need", "w")]


def test_a_fallback_of_a_step_gets_the_step():
    handler = {"error_handler": Recovery(unknown=fallback("basic"))}
    nodes = {
        "plan": (Planner(make=template(inputs={"part": 1}), assignees=("w",)), {"defer": True}),
        "w": (worker("part"), handler),
        "basic": worker("part"),
    }
    graph = graph_of(nodes, (START, "plan"), ("w", "plan"), ("basic", "plan"))
    assert check(graph) == ()


def test_a_policy_that_all_nodes_share_is_meant_for_those_that_work():
    router = Router(choose=lambda text: "plan", to=("plan", "v"), otherwise="person")
    planner = Planner(make=chained, assignees=("w",))
    recover = Recovery(unknown=fallback("basic"))
    workers = {"plan": planner, "w": worker("part"), "basic": worker("goal"), "v": worker("goal")}
    found = codes(create_handoff(router, workers, recover=recover))
    assert found == [("unmet-need", "basic"), ("unmet-need", "v")]
    del workers["v"]
    alone = Router(choose=lambda text: "plan", to=("plan",), otherwise="person")
    assert check(create_handoff(alone, workers, recover=recover)) == ()


def test_an_id_of_a_step_is_a_result_for_what_comes_after_the_plan():
    nodes = {
        "plan": (Planner(make=template(), assignees=("w",), then="last"), {"defer": True}),
        "w": worker(),
        "last": worker("a"),
    }
    edges = [(START, "plan"), ("w", "plan"), ("last", "finish")]
    assert check(graph_of(nodes, *edges)) == ()
    by_name = nodes | {"last": worker("w")}
    assert codes(graph_of(by_name, *edges)) == [("unmet-need", "last")]
    unknown = (
        Planner(make=lambda goal: goal.split(), assignees=("w",), then="last"),
        {"defer": True},
    )
    assert check(graph_of(by_name | {"plan": unknown}, *edges)) == ()


def test_a_function_that_ends_the_run_gives_no_result():
    def ends(state: Any) -> dict[str, Any]:
        return hand_over(state)

    def proposes(state: Any) -> dict[str, Any]:
        return proposed(Action(name="mail", arguments={}))

    for node in (ends, proposes):
        graph = line("own", "review", own=node, review=worker("draft"))
        assert ("unmet-need", "review") in codes(graph)


def test_the_needs_of_a_workflows_tasks_are_read_too():
    first, second = worker(), worker("darft")
    tasks = {"draft": Task(run=first), "review": Task(run=second, after="draft")}
    [finding] = check(create_workflow(tasks))
    assert (finding.code, finding.node) == ("unmet-need", "review")
    assert "'draft'" in finding.remedy
    right = tasks | {"review": Task(run=worker("draft"), after="draft")}
    assert check(create_workflow(right)) == ()
    # A function may give a result of any name.
    free = {"draft": Task(run=lambda state: {"results": {"darft": {}}}), "review": tasks["review"]}
    assert check(create_workflow(free)) == ()

"""Test gates that decide by an argument that the effects do not have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from langgraph.graph import START

from quintet.checks import check
from quintet.graphs import Task, create_handoff, create_single_agent, create_workflow
from quintet.nodes import Act, ApprovalGate, Router, over, proposed
from quintet.state import Action, DesignError
from tests.checks.parts import MAIL, PAY, codes, graph_of, numbered, only, pays, run, worker


def desk(when: Any, *effects: Any) -> Any:
    return create_single_agent(
        worker(effects=effects or (PAY,), agent=pays), gate=ApprovalGate(when=when)
    )


class Misspelt:
    def __call__(self, action: Action) -> bool:
        return action.arguments["amuont"] > 100


@dataclass(frozen=True)
class Above:
    most: float

    def __call__(self, action: Action) -> str | None:
        amount = action.arguments.get("amount", 0)
        return f"{amount} is much" if amount > self.most else None


def by_local(action: Action) -> bool:
    given = action.arguments
    return bool(given.get("amuont", 0) > 100)


def by_helper(action: Action) -> bool:
    return by_local(action)


def by_key(action: Action) -> bool:
    return bool(action.arguments["amuont"] > 100)


limit, wrong = over(100), over(100, "amuont")


def test_a_limit_on_an_argument_that_no_effect_has_is_refused_where_effects_are_given():
    gate = ApprovalGate(rejected="finish", when=wrong)
    for build in (
        lambda: desk(wrong),
        lambda: worker(effects=(PAY,), agent=pays, gate=gate),
        lambda: Act(effects=(PAY,), gate=gate, then="finish"),
    ):
        with pytest.raises(DesignError, match="argument 'amuont', which none of pay has"):
            build()


@pytest.mark.parametrize(
    "when",
    numbered(
        lambda action: action.arguments.get("amuont", 0) > 100,
        lambda action: bool(wrong(action)),
        Misspelt(),
        by_local,
        by_helper,
    ),
)
def test_however_the_condition_is_written(when):
    assert codes(desk(when)) == [("blind-limit", "approve")]


@pytest.mark.parametrize(
    "when",
    numbered(
        limit,
        over(3, "order"),
        lambda action: action.arguments["amount"] > 100,
        lambda action: action.name == "pay",
        lambda action: bool(limit(action)),
        lambda action: action.arguments[action.name] > 100,
        Above(100),
        max,
        partial(lambda most, action: action.arguments["amount"] > most, 100),
    ),
)
def test_a_condition_on_an_argument_that_the_effect_has_is_right(when):
    assert check(desk(when)) == ()


def test_a_limit_that_says_nothing_about_some_effects_is_a_warning_that_says_so():
    finding = only(desk(limit, PAY, MAIL))
    assert (finding.code, finding.node, finding.level) == ("blind-limit", "approve", "warning")
    assert "'mail' does not have" in finding.fault
    assert "a gate of their own" in finding.remedy


def test_a_function_may_tell_effects_apart():
    def by_name(action: Action) -> bool:
        return action.name == "pay" and action.arguments["amount"] > 100

    assert check(desk(by_name, PAY, MAIL)) == ()
    assert codes(desk(lambda action: action.arguments["x"] > 1, PAY, MAIL)) == [
        ("blind-limit", "approve")
    ]


def test_all_workers_of_a_graph_count():
    router = Router(choose=lambda text: "a", to=("a", "b"), otherwise="person")
    workers = {"a": worker(effects=(PAY,), agent=pays), "b": worker(effects=(MAIL,), agent=pays)}
    [finding] = check(create_handoff(router, workers, gate=ApprovalGate(when=limit)))
    assert (finding.code, finding.level) == ("blind-limit", "warning")


# In a graph of one's own


def by_hand(node: Any, when: Any) -> Any:
    gate = ApprovalGate(rejected="finish", when=when)
    nodes = {"propose": node, "approve": gate, "act": Act(effects=(PAY, MAIL), then="finish")}
    return graph_of(nodes, (START, "propose"), ("propose", "approve"))


def test_what_a_function_proposes_is_looked_at_too():
    def pay(state: Any) -> dict[str, Any]:
        return proposed(PAY.action(order=1, amount=9999.0))

    def letter(state: Any) -> dict[str, Any]:
        return proposed(Action(name="mail", arguments={"order": 1}))

    def unknown(state: Any) -> dict[str, Any]:
        return proposed(Action(name="mail", arguments=state["step"]))

    finding = only(by_hand(pay, wrong))
    assert (finding.code, finding.node, finding.level) == ("blind-limit", "approve", "error")
    assert "'amuont'" in finding.fault
    assert "Write 'amount'" in finding.remedy
    assert codes(by_hand(letter, limit)) == [("blind-limit", "approve")]
    assert check(by_hand(pay, limit)) == ()
    assert check(by_hand(unknown, limit)) == ()


@pytest.mark.parametrize(
    ("when", "asks", "said"),
    [
        pytest.param(wrong, True, "there it always asks", id="limit"),
        pytest.param(lambda action: bool(wrong(action)), True, "it always asks", id="within"),
        pytest.param(by_key, True, "it always asks a person", id="key"),
        pytest.param(by_local, False, "may never ask", id="get"),
    ],
)
def test_it_is_said_what_the_gate_does_about_such_an_action(when, asks, said):
    def pay(state: Any) -> dict[str, Any]:
        return proposed(PAY.action(order=1, amount=9999.0))

    graph = by_hand(pay, when)
    assert ("__interrupt__" in run(graph)) is asks
    assert said in only(graph).fault


def test_a_gate_asks_about_every_action_whatever_effects_it_names():
    gate = ApprovalGate(rejected="finish", when=limit, effects=(PAY,))

    def sends(request: Any, tools: Any) -> dict[str, Any]:
        return {"said": tools["mail"](order=1)}

    nodes = {
        "work": worker(effects=(PAY, MAIL), agent=sends, gate=gate),
        "approve": gate,
        "act": Act(effects=(PAY, MAIL), gate=gate, then="finish"),
    }
    graph = graph_of(nodes, (START, "work"), ("work", "approve"))
    assert run(graph)["__interrupt__"][0].value["action"] == "mail"
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("blind-limit", "approve", "warning")


def test_a_gate_that_only_a_worker_or_an_act_has_is_looked_at():
    gate = ApprovalGate(rejected="finish", when=by_local)
    work = worker(effects=(PAY,), agent=pays, gate=gate)
    alone = graph_of({"work": work}, (START, "work"), ("work", "finish"))
    assert ("blind-limit", "work") in codes(alone)
    act = Act(effects=(PAY,), gate=gate, then="finish")
    assert ("blind-limit", "act") in codes(graph_of({"act": act}, (START, "act")))


def test_a_workflows_gate_is_read_by_the_effects_of_its_tasks():
    gate = ApprovalGate(when=lambda action: action.arguments.get("amont", 0) > 100)
    graph = create_workflow({"pay": Task(run=worker(effects=(PAY,), agent=pays))}, gate=gate)
    [finding] = check(graph)
    assert (finding.code, finding.node) == ("blind-limit", "approve")
    assert "'amont'" in finding.fault

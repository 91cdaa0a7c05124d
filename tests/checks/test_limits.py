"""Gates that decide by an argument that the effects do not have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from langgraph.graph import START

from quintet.checks import check
from quintet.graphs import create_handoff, create_single_agent
from quintet.nodes import Act, ApprovalGate, Router, over, proposed
from quintet.state import Action
from tests.checks.parts import MAIL, PAY, THREAD, codes, graph_of, numbered, only, pays, worker


def desk(when: Any, *effects: Any) -> Any:
    return create_single_agent(
        worker(effects=effects or (PAY,), agent=pays), approve=ApprovalGate(when=when)
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


limit, wrong = over(100), over(100, "amuont")


def test_a_limit_on_an_argument_that_no_effect_has_never_asks_and_is_named():
    finding = only(desk(wrong))
    assert (finding.code, finding.node, finding.level) == ("blind-limit", "approve", "error")
    assert "'amuont'" in finding.fault
    assert "Write 'amount'" in finding.remedy


@pytest.mark.parametrize(
    "when",
    numbered(
        over(100, "total"),
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
    [finding] = check(create_handoff(router, workers, approve=ApprovalGate(when=limit)))
    assert (finding.code, finding.level) == ("blind-limit", "warning")


@dataclass(frozen=True, kw_only=True)
class Choosy(ApprovalGate):
    """A gate that names the effects that it looks at."""

    effects: tuple[Any, ...] = (PAY,)


def test_a_gate_that_names_its_effects_looks_at_those():
    held = worker(effects=(PAY, MAIL), agent=pays)
    assert check(create_single_agent(held, approve=Choosy(when=limit))) == ()
    wrong_one = Choosy(when=limit, effects=("mail",))
    found = check(create_single_agent(held, approve=wrong_one))
    assert [(each.code, each.level) for each in found] == [("blind-limit", "error")]


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

    graph = by_hand(pay, wrong)
    end = graph.compile().invoke({"message": "m"}, THREAD)
    assert [action["status"] for action in end["actions"].values()] == ["done"]
    assert codes(graph) == [("blind-limit", "approve")]
    assert codes(by_hand(letter, limit)) == [("blind-limit", "approve")]
    assert check(by_hand(pay, limit)) == ()
    assert check(by_hand(unknown, limit)) == ()


def test_a_gate_that_only_a_worker_or_an_act_has_is_looked_at():
    gate = ApprovalGate(rejected="finish", when=wrong)
    work = worker(effects=(PAY,), agent=pays, gate=gate)
    alone = graph_of({"work": work}, (START, "work"), ("work", "finish"))
    assert ("blind-limit", "work") in codes(alone)
    act = Act(effects=(PAY,), gate=gate, then="finish")
    assert ("blind-limit", "act") in codes(graph_of({"act": act}, (START, "act")))

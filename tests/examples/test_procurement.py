"""Test procurement: the demo, its labels against the data, and a model's checks."""

from __future__ import annotations

import ast
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.procurement import graph as orchestration
from examples.procurement.agents import (
    CODES,
    ORDER,
    SEAL,
    findings,
    is_consistent,
    missing,
    place_order,
)
from examples.procurement.company import Company, opened
from examples.procurement.demo import cases, decided, person, run
from examples.procurement.evals import GATES, target
from examples.procurement.evals import cases as eval_cases
from examples.procurement.graph import build
from quintet.checks import check
from quintet.runs import start
from quintet.state import ContractBroken, checkpointer
from quintet.testing import ScriptedModel


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return run(url="memory://", progress=lambda done, total: None)


@pytest.fixture
def company() -> Any:
    with opened() as one:
        yield one


def test_the_requests_are_decided_as_labelled(report):
    assert report["cases"] >= 60
    assert report["decision_accuracy"] >= 0.95
    assert report["silent_ends"] == 0
    assert report["well"]


def test_what_is_decided_otherwise_is_declared(report):
    wrong = {row["id"] for row in report["runs"] if not row["right"]}
    assert wrong == {case.id for case in cases() if case.disagreement}
    assert all(report["disagreements"].values())


def test_people_are_asked_where_the_risk_is_and_nowhere_else(report):
    gates = {"merge": set[str](), "manager": set[str]()}
    for row in report["runs"]:
        for item in row["asked"]:
            gates[item["gate"]].add(row["id"])
    labelled = {case.id: case for case in cases() if not case.disagreement}
    reviews = {name for name, case in labelled.items() if case.decision["verdict"] == "review"}
    assert gates["manager"] == reviews
    assert gates["merge"] == {"p77", "p78", "p80"}


def test_a_busy_database_is_asked_again(report):
    assert report["cases"] // 9 > 5
    assert all(row["right"] for row in report["runs"][8::9] if not row["disagreement"])


def test_the_kinds_of_request_are_many():
    tags = {tag for case in cases() for tag in case.tags}
    wanted = "unknown expired blocked budget split category missing duplicate manipulation conflict"
    assert set(wanted.split()) <= tags


def test_the_labels_follow_from_the_rules_by_themselves():
    """Hold each label against the data by queries of the test's own."""
    with opened() as company:
        for case in cases():
            form, codes = case.turns[0]["form"], set(case.decision["codes"])
            if missing(form):
                assert codes == {"missing-field"}, case.id
                continue
            assert codes - {"instruction-in-text"} == _codes(company, form), case.id
            reject = "over-budget" in codes and _lacks_much(company, form)
            assert case.decision["verdict"] == ("reject" if reject else _strictest(codes)), case.id


def _lacks_much(company: Company, form: dict[str, Any]) -> bool:
    query = "SELECT ? - (amount - spent - reserved) > amount / 10 FROM budgets WHERE department = ?"
    with closing(sqlite3.connect(company.path)) as books:
        return bool(books.execute(query, (form["amount"], form["department"])).fetchone()[0])


def _strictest(codes: set[str]) -> str:
    return ORDER[min((ORDER.index(CODES[code]) for code in codes), default=2)]


RULES: Mapping[str, str] = {
    "forbidden-category": "SELECT 1 FROM spend_rules WHERE category = :category AND forbidden",
    "over-hard-limit": "SELECT 1 FROM spend_rules WHERE category = :category "
    "AND :amount > hard_limit",
    "over-auto-limit": "SELECT 1 FROM spend_rules WHERE category = :category "
    "AND :amount > auto_limit AND :amount <= hard_limit",
    "wrong-category": "SELECT 1 WHERE :category NOT IN (SELECT category FROM spend_rules) "
    "OR EXISTS (SELECT 1 FROM catalogue WHERE item = :item AND category <> :category)",
    "duplicate": "SELECT 1 FROM orders WHERE department = :department AND vendor = :vendor "
    "AND item = :item AND quantity = :quantity AND julianday('2026-11-16') - julianday(day) <= 30",
    "split-order": "SELECT 1 FROM spend_rules s WHERE category = :category "
    "AND :amount <= auto_limit AND :amount + (SELECT sum(amount) FROM orders "
    "WHERE department = :department AND vendor = :vendor AND category = :category "
    "AND amount <= s.auto_limit AND "
    "julianday('2026-11-16') - julianday(day) <= 14) > auto_limit",
    "unknown-vendor": "SELECT 1 WHERE :vendor NOT IN (SELECT vendor FROM vendors)",
    "blocked-vendor": "SELECT 1 FROM vendors WHERE vendor = :vendor AND status = 'blocked'",
    "pending-vendor": "SELECT 1 FROM vendors WHERE vendor = :vendor AND status = 'pending'",
    "vendor-category": "SELECT 1 FROM vendors WHERE vendor = :vendor AND status <> 'blocked' AND "
    "instr(' ' || categories || ' ', ' ' || :category || ' ') = 0",
    "expired-contract": "SELECT 1 FROM contracts WHERE vendor = :vendor AND category = :category "
    "AND ends < '2026-11-16' AND :amount > 1000",
    "over-ceiling": "SELECT 1 FROM contracts WHERE vendor = :vendor AND category = :category "
    "AND ends >= '2026-11-16' AND ceiling - used < :amount",
    "unknown-department": "SELECT 1 WHERE :department NOT IN (SELECT department FROM budgets)",
    "frozen-budget": "SELECT 1 FROM budgets WHERE department = :department AND frozen",
    "over-budget": "SELECT 1 FROM budgets WHERE department = :department "
    "AND amount - spent - reserved < :amount",
}
OF_VENDOR = {"unknown-vendor", "blocked-vendor", "pending-vendor", "vendor-category"}
OF_VENDOR |= {"expired-contract", "over-ceiling"}


def _codes(company: Company, form: dict[str, Any]) -> set[str]:
    with closing(sqlite3.connect(company.path)) as books:
        found = {code for code, query in RULES.items() if books.execute(query, form).fetchone()}
    return found - OF_VENDOR if form["vendor"] == "store" else found


def test_the_graph_is_small_and_has_no_finding(company):
    tree = ast.parse(Path(orchestration.__file__).read_text("utf-8"))
    lines = set[int]()
    for node in tree.body:
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom) or is_text:
            continue
        lines |= {part.lineno for part in ast.walk(node) if hasattr(part, "lineno")}
    assert len(lines) <= 40
    app = build(company).compile(checkpointer=checkpointer("memory://"))
    assert [str(finding) for finding in check(app)] == []


def test_an_order_is_placed_once_reserved_and_taken_back(company):
    effect = place_order(company)
    order: dict[str, Any] = {"department": "hr", "vendor": "store", "category": "office"}
    order |= {"item": "paper", "quantity": 1, "amount": 5.0}
    number = effect.function(**order, review="", idempotency_key="k")
    assert effect.function(**order, review="", idempotency_key="k") == number
    assert [company.budget("hr")["reserved"], len(company.placed())] == [5.0, 1]
    for _ in range(2):
        effect.undo(number)
    assert [company.budget("hr")["reserved"], len(company.placed())] == [0.0, 0]


REQUEST = {
    "department": "research",
    "vendor": "nordtech",
    "category": "hardware",
    "item": "laptop",
    "quantity": 1,
    "amount": 1200,
}


def scripted(**said: dict[str, Any]) -> ScriptedModel:
    """Script a model that looks something up first, and then says its finding."""

    def reply(messages: list[Any]) -> Any:
        goal = messages[0].text
        name = next(name for name in ("spend", "vendor", "budget") if name in goal)
        if len(messages) == 2 and name == "budget":
            return [{"name": "budget", "args": {"department": "research"}}]
        return json.dumps(said[name])

    return ScriptedModel(reply)


def ordered(company: Company, model: ScriptedModel, form: dict[str, Any] = REQUEST) -> Any:
    app = build(company, model=model).compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": "A laptop.", "form": form}, thread="t")
    while ended.waiting:
        ended = ended.answer(person(ended.waiting[0].packet))
    return ended


FINE = {"verdict": "approve", "codes": [], "amount": 1200.0}


def test_a_model_makes_the_checks_by_the_same_contracts(company):
    model = scripted(spend=FINE, vendor=FINE, budget=FINE)
    ended = ordered(company, model)
    assert (ended.status, decided(ended)["verdict"]) == ("done", "approve")
    assert [order["amount"] for order in company.placed()] == [1200.0]
    tools = {name for call in model.calls for name in call.tool_names}
    assert tools >= {"rules", "spend_rule", "contract", "budget"}
    assert "place_order" not in tools


def test_a_model_that_waves_through_what_it_found_is_refused(company):
    lie = {"verdict": "approve", "codes": ["blocked-vendor"]}
    ended = ordered(company, scripted(spend=FINE, vendor=lie, budget=FINE))
    assert (ended.status, company.placed()) == ("escalated", [])
    assert "does not follow" in ended.outcome.reason


def test_a_models_veto_is_not_outvoted(company):
    veto = {"verdict": "reject", "codes": ["blocked-vendor"]}
    ended = ordered(company, scripted(spend=FINE, vendor=veto, budget=FINE))
    assert (ended.status, ended.values["merged"]["verdict"]) == ("rejected", "reject")
    assert company.placed() == []
    settled = next(d for d in ended.decisions if d.kind == "merge" and "verdict" in d.choice)
    assert settled.reason.startswith("veto: 'reject' by vendor")


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"verdict": "reject", "codes": ["duplicate"]}, True),
        ({"verdict": "review", "codes": ["duplicate"]}, False),
        ({"verdict": "approve", "codes": []}, True),
        ({"verdict": "reject", "codes": []}, False),
        ({"verdict": "reject", "codes": ["over-budget"]}, True),
        ({"verdict": "approve", "codes": ["no-such-rule"]}, False),
    ],
)
def test_a_verdict_is_held_to_its_codes(given, holds):
    assert bool(is_consistent(given)) is holds


@pytest.mark.parametrize(
    "merged",
    [
        {"verdict": "approve", "amount": 160.5},
        {"verdict": "review", "amount": 160.0},
        {"verdict": "approve"},
    ],
    ids=["amount", "verdict", "no amount"],
)
def test_an_order_is_for_what_the_checks_have_come_to(merged):
    found = {
        "policy": {"verdict": "approve", "codes": [], "amount": 160.0},
        "vendor": {"verdict": "approve", "codes": [], "amount": 159.0},
    }
    form = {"department": "hr", "vendor": "papyr", "category": "office", "item": "toner"}
    sealed = {**SEAL.on({"form": form}, message="toner"), "message": "toner", "results": found}
    agreed = {"verdict": "approve", "amount": 159.0}
    assert findings({**sealed, "merged": agreed})["findings"] == found
    with pytest.raises(ContractBroken, match="no check has come to"):
        findings({**sealed, "merged": merged})


def test_the_suites_target_sees_the_orders_in_the_companys_own_books(company):
    case = next(case for case in eval_cases() if case.id == "p76")
    trajectory = target(company, build(company))(case)
    assert trajectory.state == {"placed": [600.0]} == case.state
    assert {gate.metric for gate in GATES} >= {"silent_ends", "duplicate_effects"}

"""Test the quarterly desk: its labels by other arithmetic, its evaluator, what goes to a person."""

from __future__ import annotations

import ast
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver

import examples.quarterly.graph as graph_module
from examples.quarterly.agents import analyst, retriever
from examples.quarterly.demo import _rows, cases, run
from examples.quarterly.evals import suite
from examples.quarterly.evaluator import evaluator, faults
from examples.quarterly.faults import HOW, planted
from examples.quarterly.graph import build
from examples.quarterly.ledger import filed, lacking
from examples.quarterly.rules import LINES, UNITS, year_before
from quintet.evals import evaluate
from quintet.graphs import check
from quintet.runs import astart, start
from quintet.testing import ScriptedModel

LEDGER = filed()
ASKED = "Summarise Q3 2026 for Cobalt Freight and flag risks."


def call(tool, **arguments):
    return AIMessage("", tool_calls=[{"name": tool, "args": arguments, "id": tool}])


def material(company="Cobalt Freight", quarter="Q3 2026"):
    now, before = LEDGER.figures(company, quarter), LEDGER.figures(company, year_before(quarter))
    return {"retrieve": {"company": company, "quarter": quarter, "now": now, "before": before}}


def label(company, quarter):
    """Apply the rules of the README by fractions, apart from the analyst and the evaluator."""
    sets = []
    for name in (quarter, year_before(quarter)):
        rows = LEDGER.figures(company, name)
        if why := lacking(rows, name):
            return why
        values = {r["line"]: Fraction(str(r["value"])) * UNITS[r["unit"]] for r in rows}
        sets.append((values, any(r["restated"] for r in rows)))
    (n, new_restated), (p, old_restated) = sets
    margin = [1 - one["cost_of_sales"] / one["revenue"] for one in (n, p)]
    found = {
        "leverage": n["total_debt"] > 12 * n["operating_income"],
        "loss": n["net_income"] < 0,
        "margin-fall": margin[1] - margin[0] >= Fraction(3, 100),
        "restated": new_restated or old_restated,
        "revenue-fall": n["revenue"] / p["revenue"] <= Fraction(9, 10),
        "slow-payers": n["receivables"] / p["receivables"] - n["revenue"] / p["revenue"]
        >= Fraction(15, 100),
        "thin-cash": n["cash"] < n["short_term_debt"],
        "weak-cover": n["operating_income"] < 2 * n["interest_expense"],
    }
    return " ".join(sorted(name for name, risk in found.items() if risk)) or "no risks"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('quarterly') / 'runs.db'}"
    return run(url=url, progress=lambda done, total: None)


def test_the_labels_follow_from_the_figures_by_other_arithmetic():
    tools = {name: getattr(LEDGER, name) for name in ("companies", "quarters", "figures")}
    for case in cases():
        found = retriever(case.turns[0], tools)
        if case.decision in ("unknown company", "no quarter"):
            assert found["escalate"].startswith(case.decision)
        elif case.decision != "not approved":
            assert case.decision == label(found["company"], found["quarter"]), case.id


def test_the_cases_cover_what_may_go_wrong():
    tags = Counter(tag for case in cases() for tag in case.tags)
    assert len(cases()) >= 30
    assert tags["planted"] >= 12
    assert all(tags[name] for name in ("units", "stale", "missing", "unknown", "for-good"))
    assert {row["plant"]["how"] for row in _rows() if "plant" in row} == set(HOW)


def test_the_demo_decides_as_labelled_and_sends_mistakes_back(report):
    assert report["decision_accuracy"] >= 0.95
    assert report["silent_ends"] == 0
    plants = {row["id"]: row.get("plant") for row in _rows()}
    for row in report["runs"]:
        plant = plants[row["id"]]
        if plant:
            assert row["path"].count("evaluate") == min(plant["times"] + 1, 3), row["id"]
            assert row["outcome"] == ("done" if plant["times"] < 3 else "escalated")


@pytest.mark.parametrize("company", LEDGER.companies()[:4])
def test_analyst_and_evaluator_agree_though_they_share_no_arithmetic(company):
    assert list(faults(LEDGER, analyst(material(company)), company, "Q3 2026")) == []


@pytest.mark.parametrize("name", analyst(material())["numbers"])
def test_every_number_of_a_summary_is_recomputed(name):
    made = analyst(material())
    made["numbers"][name] += 0.2
    found = list(faults(LEDGER, made, "Cobalt Freight", "Q3 2026"))
    assert any(one.startswith(f"{name} is") for one in found)


def test_a_text_that_says_otherwise_than_the_numbers_is_found():
    made = analyst(material())
    made["text"] = made["text"].replace("63.0", "36.0")
    assert list(faults(LEDGER, made, "Cobalt Freight", "Q3 2026")) == [
        "the text says otherwise than the numbers"
    ]


@pytest.mark.parametrize("how", HOW)
def test_each_planted_mistake_is_named_by_the_evaluator(how):
    company = "Alder Tools" if how == "risk made up" else "Dunmore Textiles"
    company = "Cobalt Freight" if how == "wrong unit" else company
    made = planted(how, 1, LEDGER)(material(company))
    verdict = evaluator(LEDGER)({"analyse": made, "asked": [company, "Q3 2026"]})
    assert not verdict["approved"]
    assert verdict["note"]


def test_a_verdict_on_another_summary_proves_nothing():
    graph = build(wait=0)
    worker = graph.nodes["evaluate"].runnable
    made = analyst(material())
    request = {"analyse": made, "asked": ["Cobalt Freight", "Q3 2026"]}
    verdict = worker.agent(request)
    assert worker.contract.unmet(request, verdict) == []
    other = {**request, "analyse": analyst(material("Alder Tools"))}
    assert worker.contract.unmet(other, verdict)
    assert worker.contract.unmet(request, {**verdict, "note": "but"})


def test_restated_figures_are_in_force_and_first_filed_ones_are_not():
    row = next(r for r in LEDGER.figures("Dunmore Textiles", "Q3 2025") if r["line"] == "revenue")
    first = LEDGER.first_filed("Dunmore Textiles", "Q3 2025")[0]
    assert (row["value"], row["as_of"], row["restated"]) == (28.4, "2026-03-02", True)
    assert (first["value"], first["restated"]) == (29.8, False)
    assert [r["line"] for r in LEDGER.figures("Alder Tools", "Q3 2026")] == list(LINES)


async def test_it_runs_awaited_as_it_runs_plain():
    plain = start(build(wait=0).compile(), {"message": ASKED}, thread="a")
    awaited = await astart(build(wait=0).compile(), {"message": ASKED}, thread="b")
    assert plain.values["results"] == awaited.values["results"]
    assert plain.status == awaited.status == "done"


def test_a_chat_model_writes_under_the_same_contracts_and_is_judged():
    found = material()["retrieve"]
    made = analyst(material())
    wrong = {**made, "numbers": {**made["numbers"], "revenue": 36.0}}
    model = ScriptedModel(
        [
            call("figures", company="Cobalt Freight", quarter="Q3 2026"),
            call("Retrieved", **found),
            call("Summary", **wrong),
            call("Summary", **made),
        ]
    )
    app = build(model=model, wait=0).compile(checkpointer=InMemorySaver())
    ended = start(app, {"message": ASKED}, thread="t")
    assert ended.status == "done"
    assert list(ended.path) == ["retrieve", "analyse", "evaluate", "analyse", "evaluate", "finish"]


def test_the_gates_pass_and_the_graph_has_no_mistakes():
    assert evaluate(suite()).passed
    assert not check(build())


def test_the_orchestration_stays_within_forty_lines():
    source = Path(graph_module.__file__).read_text("utf-8")
    lines = set()
    for node in ast.walk(ast.parse(source)):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if (
            isinstance(node, ast.stmt)
            and not is_text
            and not isinstance(node, ast.Import | ast.ImportFrom)
        ):
            docs = {
                line
                for child in ast.walk(node)
                if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
                for line in range(child.lineno, child.end_lineno + 1)
            }
            lines |= set(range(node.lineno, node.end_lineno + 1)) - docs
    code = [one for one in lines if source.splitlines()[one - 1].strip()]
    assert len(code) <= 40

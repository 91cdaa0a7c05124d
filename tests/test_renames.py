"""Test `renames.json`: by it, a program in the old names becomes one in the new."""

from __future__ import annotations

import json
import re
from pathlib import Path

RULES: list[tuple[str, str]] = json.loads((Path(__file__).parent / "renames.json").read_text())

OLD = """
from quintet.evals.stats import wilson
from quintet.evals import stats
from quintet.nodes.chat import Handoff
from quintet.nodes.learned.text import words
from quintet.state.errors import DesignError
from quintet.nodes import Router
from quintet.stats import Interval
from quintet.evals import (
    Ablation,
    Call,
    Case,
    Row as ScoredRow,
)
from quintet.nodes import Promise, Worker, over, ApprovalGate, by_rules, effect
from quintet.state import Budget, Contract, Log, Keyed
from quintet.graphs import create_single_agent


def pay(amount: float) -> str:
    return "paid"


refund = effect(pay, key="pay:{amount}")
worker = Worker(
    agent=lambda request, tools: tools["pay"](amount=request["amount"]),
    contract=Contract(goal="Pay", needs=("amount",), tools=(refund,), stop=Budget(steps=3)),
)
desk = create_single_agent(worker, approve=ApprovalGate(when=over(100)))
rules = by_rules([("a", "b")])
router = Router(choose=rules, to=("b",), otherwise="c", limit=Budget(handoffs=2))
case = Case(input="x", calls=(Call(name="pay"),))
limits = worker.contract.stop, router.limit
"""

NEW = """
from quintet.stats import wilson
from quintet import stats
from quintet.nodes.agents.chat import Handoff
from quintet.nodes.choosers.words import words
from quintet.errors import DesignError
from quintet.nodes import Router
from quintet.stats.interval import Interval
from quintet.evals.ablation.ablated import Ablation
from quintet.evals.row import Row as ScoredRow
from quintet.evals import (
    ToolCall,
    Case,
    )
from quintet.nodes.choosers.promise import Promise
from quintet.nodes import Worker, over, ApprovalGate, by_rules, effect
from quintet.state.channels import Keyed
from quintet.state import Budget, Contract, Log
from quintet.graphs import create_single_agent


def pay(amount: float) -> str:
    return "paid"


refund = effect(pay, key="pay:{amount}")
worker = Worker(
    agent=lambda request, tools: tools["pay"](amount=request["amount"]),
    contract=Contract(goal="Pay", needs=("amount",), tools=(refund,), budget=Budget(steps=3)),
)
desk = create_single_agent(worker, gate=ApprovalGate(when=over(100)))
rules = by_rules([("a", "b")])
router = Router(choose=rules, to=("b",), otherwise="c", budget=Budget(handoffs=2))
case = Case(input="x", calls=(ToolCall(name="pay"),))
limits = worker.contract.budget, router.budget
"""


def renamed(text: str) -> str:
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return text


def test_an_old_program_becomes_a_new_one():
    assert renamed(OLD) == NEW


def test_a_new_program_stays_as_it_is_and_runs():
    assert renamed(NEW) == NEW
    names: dict[str, object] = {"__name__": "program"}
    exec(compile(NEW, "program.py", "exec"), names)
    assert [limit.steps or limit.handoffs for limit in names["limits"]] == [3, 2]


def test_a_name_that_left_its_page_is_found_at_its_new_place():
    moves = [re.search(r"from (quintet[\w.]*) import (\w+)\\3\\n", new) for _, new in RULES]
    moved = [f"from {move[1]} import {move[2]}" for move in moves if move]
    assert len(moved) > 80
    for line in moved:
        exec(line, {})

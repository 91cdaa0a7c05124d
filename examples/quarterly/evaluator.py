"""Judge a summary apart from its author: read the figures anew, and recompute every number.

It shares the declared rules with the analyst and no arithmetic: it counts in exact decimals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NotRequired

from typing_extensions import TypedDict

from quintet.state import digest, figures

from .agents import Summary
from .ledger import Figure, Ledger
from .rules import ROUNDS, UNITS, year_before
from .wording import SHOWN, told

Lines = Mapping[str, Decimal]
NEAR = Decimal("0.05")
"""The most that a number rounded to one digit may be off."""


class Submitted(TypedDict):
    """The evaluator's input: a summary, what was asked for, and the verdict on the one before."""

    analyse: Summary
    asked: list[str]
    evaluate: NotRequired[dict[str, Any]]


class About(TypedDict):
    """The part of a verdict that does not depend on what was found.

    Attributes:
        of: the digest of the summary.
        checked: the number of numbers that were recomputed.
        round: the number of the version, from 1.
    """

    of: str
    checked: int
    round: int


class Verdict(About):
    """The evaluator's output: its verdict on exactly one summary.

    Attributes:
        approved: whether everything in it holds.
        note: what does not hold.
    """

    approved: bool
    note: str


def evaluator(ledger: Ledger) -> Callable[[Submitted], Verdict]:
    """Make the evaluator over the figures on file."""

    def evaluate(request: Submitted) -> Verdict:
        note = "; ".join(faults(ledger, request["analyse"], *request["asked"]))
        return {"approved": not note, "note": note, **about(request)}

    return evaluate


def about(request: Submitted, verdict: Any = None) -> About:
    """Say of what a verdict on this request is, whatever it finds."""
    summary = request["analyse"]
    return {
        "of": digest(summary),
        "checked": len(summary["numbers"]) + len(list(figures(summary["text"]))),
        "round": int((request.get("evaluate") or {}).get("round", 0)) + 1,
    }


def faults(ledger: Ledger, summary: Summary, company: str, quarter: str) -> Iterator[str]:
    """Yield each thing in a summary of a quarter that is not as the figures on file say."""
    if (summary["company"], summary["quarter"]) != (company, quarter):
        yield f"it is about {summary['company']}, {summary['quarter']}, not {company}, {quarter}"
    now, before = ledger.figures(company, quarter), ledger.figures(company, year_before(quarter))
    new, old = _exact(now), _exact(before)
    right = _numbers(new, old)
    told_numbers = {name: Decimal(str(n)) for name, n in summary["numbers"].items()}
    for name in sorted({*right, *told_numbers}):
        if name not in told_numbers or name not in right:
            yield f"{name} is {'left out' if name in right else 'no number of a summary'}"
        elif abs(told_numbers[name] - right[name]) > NEAR:
            yield f"{name} is {told_numbers[name]}, the figures say {_rounded(right[name])}"
    risks = _risks(new, old)
    if any(row["restated"] for row in [*now, *before]):
        risks.add("restated")
    for name in sorted(risks ^ set(summary["risks"])):
        yield f"risk {name} is {'left out' if name in risks else 'no risk by the rules'}"
    if set(right) <= set(told_numbers) and not _is_wording(summary):
        yield "the text says otherwise than the numbers"


def _is_wording(summary: Summary) -> bool:
    text = told(summary["company"], summary["quarter"], summary["numbers"], summary["risks"])
    return text == summary["text"]


def _numbers(new: Lines, old: Lines) -> dict[str, Decimal]:
    return {
        "revenue": new["revenue"],
        "revenue_before": old["revenue"],
        "revenue_growth_percent": 100 * (new["revenue"] - old["revenue"]) / old["revenue"],
        "gross_margin_percent": 100 - 100 * new["cost_of_sales"] / new["revenue"],
        "gross_margin_before_percent": 100 - 100 * old["cost_of_sales"] / old["revenue"],
        "receivables_growth_percent": 100
        * (new["receivables"] - old["receivables"])
        / old["receivables"],
        **{name: new[name] for name in SHOWN},
    }


def _risks(new: Lines, old: Lines) -> set[str]:
    """Apply the rules, multiplied out so that nothing is divided."""
    found = set()
    if 10 * new["revenue"] <= 9 * old["revenue"]:
        found.add("revenue-fall")
    costs_grew = new["cost_of_sales"] * old["revenue"] - old["cost_of_sales"] * new["revenue"]
    if 100 * costs_grew >= 3 * new["revenue"] * old["revenue"]:
        found.add("margin-fall")
    if new["net_income"] < 0:
        found.add("loss")
    if new["cash"] < new["short_term_debt"]:
        found.add("thin-cash")
    if new["total_debt"] > 12 * new["operating_income"]:
        found.add("leverage")
    if new["operating_income"] < 2 * new["interest_expense"]:
        found.add("weak-cover")
    ahead = new["receivables"] * old["revenue"] - new["revenue"] * old["receivables"]
    if 100 * ahead >= 15 * old["receivables"] * old["revenue"]:
        found.add("slow-payers")
    return found


def _exact(rows: list[Figure]) -> dict[str, Decimal]:
    million = UNITS["million"]
    return {row["line"]: Decimal(str(row["value"])) * UNITS[row["unit"]] / million for row in rows}


def _rounded(number: Decimal) -> Decimal:
    return number.quantize(Decimal("0.1"), ROUND_HALF_UP)


def given_up(verdict: Verdict) -> str:
    """Say that a person must take over, once the last round was not approved."""
    if verdict["approved"] or verdict["round"] < ROUNDS:
        return ""
    return f"not approved in {verdict['round']} rounds: {verdict['note']}"

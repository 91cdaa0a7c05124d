"""Retrieve the figures that a question is about, and write the summary from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, Required

from typing_extensions import TypedDict

from .ledger import Figure, lacking
from .rules import UNITS, year_before
from .wording import SHOWN, told

Tools = Mapping[str, Callable[..., Any]]

_NUMBERS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_QUARTER = re.compile(r"\bq([1-4])\b|\b(first|second|third|fourth) quarter\b", re.IGNORECASE)


class Question(TypedDict):
    """The retriever's input."""

    message: str


class Retrieved(TypedDict, total=False):
    """The retriever's output: the figures of the quarter and of the year before, as filed."""

    company: Required[str]
    quarter: Required[str]
    now: Required[list[Figure]]
    before: Required[list[Figure]]
    escalate: str


class Material(TypedDict):
    """The analyst's input: the figures and, in a further round, why the last summary is wrong."""

    retrieve: Retrieved
    evaluate: NotRequired[dict[str, Any]]


class Summary(TypedDict):
    """The analyst's output. All `numbers` are in millions, or in percent where the name says so."""

    company: str
    quarter: str
    numbers: dict[str, float]
    risks: list[str]
    text: str


def retriever(request: Question, tools: Tools) -> Retrieved:
    """Find the company and the quarter in the question, and fetch both quarters."""
    message = request["message"]
    company = next((name for name in tools["companies"]() if name in message), "")
    if not company:
        return _nothing("unknown company: the question names none that is on file")
    quarter = quarter_in(message, tools["quarters"]())
    if not quarter:
        return _nothing("no quarter: the question names none")
    now = tools["figures"](company=company, quarter=quarter)
    before = tools["figures"](company=company, quarter=year_before(quarter))
    why = lacking(now, quarter) or lacking(before, year_before(quarter))
    found: Retrieved = {"company": company, "quarter": quarter, "now": now, "before": before}
    return {**found, "escalate": why} if why else found


def _nothing(why: str) -> Retrieved:
    return {"company": "", "quarter": "", "now": [], "before": [], "escalate": why}


def quarter_in(message: str, known: Sequence[str]) -> str:
    """Return the quarter that a text names; without a year the latest that is on file."""
    named = _QUARTER.search(message)
    if named is None:
        return ""
    number = named[1] or _NUMBERS[named[2].lower()]
    year = re.search(r"\b20\d\d\b", message)
    if year is not None:
        return f"Q{number} {year[0]}"
    return next((name for name in reversed(known) if name.startswith(f"Q{number} ")), "")


def analyst(request: Material) -> Summary:
    """Write the summary of a quarter from its figures."""
    found = request["retrieve"]
    return summary(found["company"], found["quarter"], found["now"], found["before"])


def summary(company: str, quarter: str, now: list[Figure], before: list[Figure]) -> Summary:
    """Compute what a summary says of two quarters' figures."""
    new, old = _millions(now), _millions(before)
    exact = {
        "revenue": new["revenue"],
        "revenue_before": old["revenue"],
        "revenue_growth_percent": _growth(new["revenue"], old["revenue"]),
        "gross_margin_percent": _margin(new),
        "gross_margin_before_percent": _margin(old),
        "receivables_growth_percent": _growth(new["receivables"], old["receivables"]),
        **{name: new[name] for name in SHOWN},
    }
    numbers = {name: round(number, 1) for name, number in exact.items()}
    risks = sorted(_risks(new, old) | _restated([*now, *before]))
    return {
        "company": company,
        "quarter": quarter,
        "numbers": numbers,
        "risks": risks,
        "text": told(company, quarter, numbers, risks),
    }


def _millions(figures: list[Figure]) -> dict[str, float]:
    return {row["line"]: row["value"] * UNITS[row["unit"]] / 1_000_000 for row in figures}


def _growth(new: float, old: float) -> float:
    return 100 * (new / old - 1)


def _margin(lines: Mapping[str, float]) -> float:
    return 100 * (lines["revenue"] - lines["cost_of_sales"]) / lines["revenue"]


def _risks(new: Mapping[str, float], old: Mapping[str, float]) -> set[str]:
    grown = _growth(new["revenue"], old["revenue"])
    holds = {
        "revenue-fall": grown <= -10,
        "margin-fall": _margin(old) - _margin(new) >= 3,
        "loss": new["net_income"] < 0,
        "thin-cash": new["cash"] < new["short_term_debt"],
        "leverage": new["total_debt"] > 12 * new["operating_income"],
        "weak-cover": new["operating_income"] < 2 * new["interest_expense"],
        "slow-payers": _growth(new["receivables"], old["receivables"]) - grown >= 15,
    }
    return {name for name, risk in holds.items() if risk}


def _restated(figures: list[Figure]) -> set[str]:
    return {"restated"} if any(row["restated"] for row in figures) else set()

"""Declare what is compared, in which units, and from when on something is a risk.

The analyst and the evaluator each apply these rules with arithmetic of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

LINES = (
    "revenue",
    "cost_of_sales",
    "operating_income",
    "net_income",
    "interest_expense",
    "cash",
    "short_term_debt",
    "total_debt",
    "receivables",
)
"""The lines of a report, all of which are needed for the quarter and the year before."""

UNITS: Mapping[str, int] = {"one": 1, "thousand": 1_000, "million": 1_000_000}

RISKS: Mapping[str, str] = {
    "leverage": "total debt is more than 12 times the quarter's operating income",
    "loss": "net income is below zero",
    "margin-fall": "gross margin is 3 points or more below that of the year before",
    "restated": "a figure of one of the two quarters was restated",
    "revenue-fall": "revenue is 10 percent or more below that of the year before",
    "slow-payers": "receivables grew 15 points or more faster than revenue",
    "thin-cash": "cash is less than short-term debt",
    "weak-cover": "operating income is less than twice the interest expense",
}

ROUNDS = 3
"""Versions of a summary that are judged at most; then a person takes over."""


def year_before(quarter: str) -> str:
    """Return the same quarter of the year before, as in `Q3 2025` for `Q3 2026`."""
    name, _, year = quarter.partition(" ")
    return f"{name} {int(year) - 1}"

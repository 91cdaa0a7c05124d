"""Write a summary down: every number in it is one of its `numbers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .rules import RISKS

SHOWN = (
    "operating_income",
    "net_income",
    "interest_expense",
    "cash",
    "short_term_debt",
    "total_debt",
    "receivables",
)


def told(company: str, quarter: str, numbers: Mapping[str, float], risks: Sequence[str]) -> str:
    """Write the summary of a quarter as text."""
    grown = numbers["revenue_growth_percent"]
    revenue = (
        f"{company}, {quarter}: revenue of {numbers['revenue']:.1f} million, after "
        f"{numbers['revenue_before']:.1f} million a year before ({grown:+.1f} %)."
    )
    margin, margin_before = numbers["gross_margin_percent"], numbers["gross_margin_before_percent"]
    lines = [
        revenue,
        f"Gross margin {margin:.1f} %, after {margin_before:.1f} %.",
        *(f"{name.replace('_', ' ')}: {numbers[name]:.1f} million." for name in SHOWN),
        *(f"Risk {name}: {RISKS.get(name, 'not declared')}." for name in risks),
    ]
    return "\n".join(lines if risks else [*lines, "No risk by the declared rules."])

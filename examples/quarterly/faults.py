"""Plant a mistake in an analyst's summary: one that looks right, for some rounds or for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .agents import Material, Summary, analyst, summary
from .ledger import Figure, Ledger
from .rules import year_before
from .wording import told


def planted(how: str, times: int, ledger: Ledger) -> Callable[[Material], Summary]:
    """Make an analyst who errs in its first `times` summaries, and then writes a right one."""
    written = 0

    def analyse(request: Material) -> Summary:
        nonlocal written
        written += 1
        return HOW[how](request, ledger) if written <= times else analyst(request)

    return analyse


def _wrong_number(request: Material, ledger: Ledger) -> Summary:
    made = analyst(request)
    numbers = {**made["numbers"], "cash": round(made["numbers"]["cash"] * 1.1 + 0.3, 1)}
    return _written({**made, "numbers": numbers})


def _wrong_unit(request: Material, ledger: Ledger) -> Summary:
    found = request["retrieve"]
    return summary(found["company"], found["quarter"], _mixed(found["now"]), found["before"])


def _mixed(figures: list[Figure]) -> list[Figure]:
    """Take every line for one in the unit of the first, as a hasty reader does."""
    return [{**row, "unit": figures[0]["unit"]} for row in figures]


def _before_restatement(request: Material, ledger: Ledger) -> Summary:
    company, quarter = request["retrieve"]["company"], request["retrieve"]["quarter"]
    before = ledger.first_filed(company, year_before(quarter))
    return summary(company, quarter, ledger.first_filed(company, quarter), before)


def _risk_left_out(request: Material, ledger: Ledger) -> Summary:
    made = analyst(request)
    return _written({**made, "risks": made["risks"][1:]})


def _risk_made_up(request: Material, ledger: Ledger) -> Summary:
    made = analyst(request)
    return _written({**made, "risks": sorted({*made["risks"], "loss"})})


def _another_company(request: Material, ledger: Ledger) -> Summary:
    company, quarter = request["retrieve"]["company"], request["retrieve"]["quarter"]
    other = next(name for name in reversed(ledger.companies()[:-2]) if name != company)
    before = ledger.figures(other, year_before(quarter))
    return summary(company, quarter, ledger.figures(other, quarter), before)


def _written(made: Summary) -> Summary:
    """Write the text anew, so that it agrees with the mistake."""
    text = told(made["company"], made["quarter"], made["numbers"], made["risks"])
    return {**made, "text": text}


HOW: Mapping[str, Callable[[Material, Ledger], Any]] = {
    "wrong number": _wrong_number,
    "wrong unit": _wrong_unit,
    "before restatement": _before_restatement,
    "risk left out": _risk_left_out,
    "risk made up": _risk_made_up,
    "another company": _another_company,
}
"""The mistakes, by name."""

"""Say what each of the three hands on, and when it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from quintet.state import (
    Contract,
    Unmet,
    as_recorded,
    belongs_to,
    checked,
    digest,
    fresh,
    unmet,
)

from .agents import Material, Question, Retrieved, Summary, quarter_in
from .evaluator import Submitted, Verdict, about, given_up
from .ledger import Ledger
from .rules import year_before


def retrieving(ledger: Ledger) -> Contract:
    """Give the retriever's terms: the figures in force, of the company and quarter asked for."""

    def filed(arguments: Mapping[str, Any], result: Any) -> bool | Unmet:
        return result == ledger.figures(**arguments) or unmet("the ledger has other figures")

    def on_file(request: Question, result: Retrieved) -> Mapping[str, Any]:
        company, quarter = result["company"], result["quarter"]
        now, before = ((quarter, "now"), (year_before(quarter), "before"))
        return {key: ledger.figures(company, name) for name, key in (now, before)}

    def asked_for(request: Question, result: Retrieved) -> bool | Unmet:
        message = request["message"]
        if result["company"] not in message:
            return unmet(f"nobody asked for {result['company']}")
        named = quarter_in(message, ledger.quarters())
        return result["quarter"] == named or unmet(f"the question is about {named}")

    newest = fresh("as_of", newest=lambda asked: ledger.as_of(**asked), needed=False)
    theirs = belongs_to("company", whose="company", needed=False)
    return Contract(
        goal="Fetch the figures that the question is about",
        needs=Question,
        gives=Retrieved,
        tools=(
            checked(ledger.figures, theirs, newest, filed),
            checked(ledger.companies, listed(ledger.companies)),
            checked(ledger.quarters, listed(ledger.quarters)),
        ),
        success=(asked_for, as_recorded(on_file)),
        escalate=(lacks_figures,),
    )


def listed(names: Callable[[], list[str]]) -> Callable[[Any, Any], bool]:
    """Give a criterion on a tool that lists names: it lists those on file."""
    return lambda _, result: bool(result == names())


def lacks_figures(found: Retrieved) -> str:
    """Say which figure is not on file; empty where all are."""
    return found.get("escalate", "")


ANALYSING = Contract(
    goal="Summarise the quarter from its figures, and flag the risks by the declared rules",
    needs=Material,
    gives=Summary,
)
"""The analyst's terms; its numbers are for the evaluator to judge."""


def settled(verdict: Verdict) -> bool | Unmet:
    """Check that a verdict approves what it has nothing against, and only that."""
    return verdict["approved"] is not bool(verdict["note"]) or unmet("it contradicts itself")


EVALUATING = Contract(
    goal="Recompute every number of the summary, and judge its risks by the declared rules",
    needs=Submitted,
    gives=Verdict,
    success=(settled, as_recorded(about)),
    escalate=(given_up,),
)
"""The evaluator's terms: a verdict on exactly the summary that it was given."""


def submitted(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the evaluator the summary and what was asked for."""
    results = state["results"]
    asked = [results["retrieve"][key] for key in ("company", "quarter")]
    return {**results, "asked": asked}


def approved(state: Mapping[str, Any]) -> bool | Unmet:
    """Check that the evaluator has approved this summary, and no earlier one."""
    results = state.get("results") or {}
    verdict = results.get("evaluate") or {}
    same = verdict.get("of") == digest(results.get("analyse"))
    return (same and verdict.get("approved")) or unmet("the evaluator has not approved it")

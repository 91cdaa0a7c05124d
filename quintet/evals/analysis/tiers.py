"""Measure each tier of a cascade: its decisions, its accuracy, its time and its tokens."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.callbacks import get_usage_metadata_callback

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.items import items_in
from quintet.evals.running.ended import awaited
from quintet.evals.running.loop import run_to_end
from quintet.nodes.choosers.choose import Cascade, Choice, Chooser, ask
from quintet.nodes.core.call import adrive
from quintet.nodes.route import Router
from quintet.state.verdict import name_of
from quintet.stats import wilson
from quintet.stats.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Tier:
    """The results of one tier of a cascade over a set of cases.

    Args:
        name: the chooser's name.
        asked: the number of cases that reached this tier.
        decided: the number of these that it chose a route for.
        labelled: the number of decided cases that have a route as a label.
        right: the number of labelled cases that went to an acceptable route.
        seconds: wall time of all its answers, abstentions included.
        tokens: input and output tokens, as its models report them.
        raised: how often it raised; such a case ends there, undecided.
    """

    name: str
    asked: int = 0
    decided: int = 0
    labelled: int = 0
    right: int = 0
    seconds: float = 0.0
    tokens: int = 0
    raised: int = 0

    @property
    def accuracy(self) -> float | None:
        """Compute the share of right routes among the labelled cases; None without a label."""
        return self.right / self.labelled if self.labelled else None

    @property
    def interval(self) -> Interval:
        """Compute Wilson's interval of the accuracy at 95 %."""
        return wilson(self.right, self.labelled)


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """The results of all tiers in order, and of the cases that none of them decided.

    Args:
        tiers: one record a tier.
        cases: the number of cases.
        abstained: the number of cases that no tier decided.
        abstained_rightly: the number of these that have `otherwise` as an acceptable route.
    """

    tiers: tuple[Tier, ...]
    cases: int
    abstained: int
    abstained_rightly: int

    def __str__(self) -> str:
        head = (
            f"{'tier':24} {'asked':>7} {'decided':>8} {'right':>22} {'ms a case':>10} {'tokens':>8}"
        )
        lines = [head, *map(_line, self.tiers)]
        nobody = (
            f"nobody: {self.abstained} of {self.cases}, {self.abstained_rightly} of them rightly"
        )
        return "\n".join([*lines, nobody])


def tiers(chooser: Chooser | Router, cases: Iterable[Case], *, otherwise: str = "person") -> Tiers:
    """Ask a cascade's tiers in order, as a router does, and count each one's results.

    Args:
        chooser: a cascade, a `Router` with one, or any single chooser, which is one tier.
        cases: each case's text is routed, and its `route` is the label.
        otherwise: the label that an abstention should have; a `Router` has its own.

    Raises:
        DesignError: no cases.
    """
    cases = items_in(cases, "tiers(cases=...)", Case)
    if not cases:
        raise DesignError("tiers: it has no cases; give at least one")
    if isinstance(chooser, Router):
        otherwise, chooser = chooser.otherwise, chooser.choose
    inner = chooser.tiers if isinstance(chooser, Cascade) else (chooser,)
    return run_to_end(_measure(inner, cases, otherwise))


async def _measure(choosers: tuple[Chooser, ...], cases: tuple[Case, ...], otherwise: str) -> Tiers:
    results = [Tier(name=name_of(chooser)) for chooser in choosers]
    abstained = rightly = 0
    for case in cases:
        for place, chooser in enumerate(choosers):
            results[place], ended = await _ask_tier(results[place], chooser, case)
            if ended:
                break
        else:
            abstained += 1
            rightly += otherwise in (case.route or ())
    return Tiers(
        tiers=tuple(results), cases=len(cases), abstained=abstained, abstained_rightly=rightly
    )


async def _ask_tier(tier: Tier, chooser: Chooser, case: Case) -> tuple[Tier, bool]:
    """Ask one tier about one case; return its new results, and whether the case ends here."""
    began = time.perf_counter()
    with get_usage_metadata_callback() as used:
        ended = await awaited(adrive(ask(chooser, _text(case))))
    raised = bool(ended.error)  # re-raises Ctrl-C and mistakes in the suite; the rest is counted
    choice: Choice | None = ended.value
    seconds = time.perf_counter() - began
    labelled = choice is not None and case.route is not None
    right = labelled and choice is not None and choice.to in (case.route or ())
    tokens = sum(usage["total_tokens"] for usage in used.usage_metadata.values())
    tier = replace(
        tier,
        asked=tier.asked + 1,
        decided=tier.decided + (choice is not None),
        labelled=tier.labelled + labelled,
        right=tier.right + right,
        seconds=tier.seconds + seconds,
        tokens=tier.tokens + tokens,
        raised=tier.raised + raised,
    )
    return tier, choice is not None or raised


def _text(case: Case) -> Any:
    return case.input if isinstance(case.input, str) else case.text


def _line(tier: Tier) -> str:
    right = "-"
    if tier.accuracy is not None:
        right = f"{tier.accuracy:.3f} {tier.interval}"
    milliseconds = tier.seconds / tier.asked * 1000 if tier.asked else 0.0
    raised = f"  raised {tier.raised} times" if tier.raised else ""
    return (
        f"{tier.name[:24]:24} {tier.asked:7} {tier.decided:8} {right:>22} {milliseconds:10.2f} "
        f"{tier.tokens:8}{raised}"
    )

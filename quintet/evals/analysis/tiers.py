"""What each tier of a cascade decided, what that cost, and how often it was right."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.callbacks import get_usage_metadata_callback

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.running.ended import awaited
from quintet.evals.running.loop import finished
from quintet.nodes.choosers.choose import Cascade, Choice, Chooser, ask
from quintet.nodes.core.call import adrive
from quintet.nodes.route import Router
from quintet.state.verdict import name_of
from quintet.stats import wilson
from quintet.stats.interval import Interval


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One tier of a cascade over a set of cases.

    Args:
        name: the chooser's name.
        asked: how many cases came as far as this tier.
        decided: of these, how many it chose a route for.
        labelled: of those, how many have a route as a label.
        right: of these, how many went to an acceptable route.
        seconds: wall time of all its answers, abstentions included.
        tokens: what its models report, input and output.
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
        """The share of right routes among those decided; None without a label."""
        return self.right / self.labelled if self.labelled else None

    @property
    def interval(self) -> Interval:
        """Wilson's interval of the accuracy at 95 %."""
        return wilson(self.right, self.labelled)


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """What `tiers` found: the tiers in order, and what none of them decided.

    Args:
        tiers: one record a tier.
        cases: how many cases were asked about.
        abstained: how many no tier decided.
        abstained_rightly: of these, how many have `otherwise` as an acceptable route.
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
    """Ask a cascade's tiers in order, as a router does, and keep the books for each.

    Args:
        chooser: a cascade, a `Router` with one, or any single chooser, which is one tier.
        cases: their texts are what is asked about, their `route` is the label.
        otherwise: the label that an abstention should have; of a `Router` its own.

    Raises:
        DesignError: no cases.
    """
    asked = tuple(cases)
    if not asked:
        raise DesignError("tiers: it has no cases; give at least one")
    if isinstance(chooser, Router):
        otherwise, chooser = chooser.otherwise, chooser.choose
    inner = chooser.tiers if isinstance(chooser, Cascade) else (chooser,)
    return finished(_booked(inner, asked, otherwise))


async def _booked(choosers: tuple[Chooser, ...], cases: tuple[Case, ...], otherwise: str) -> Tiers:
    books = [Tier(name=name_of(each)) for each in choosers]
    abstained = rightly = 0
    for case in cases:
        for place, each in enumerate(choosers):
            books[place], ended = await _asked(books[place], each, case)
            if ended:
                break
        else:
            abstained += 1
            rightly += otherwise in (case.route or ())
    return Tiers(
        tiers=tuple(books), cases=len(cases), abstained=abstained, abstained_rightly=rightly
    )


async def _asked(book: Tier, chooser: Chooser, case: Case) -> tuple[Tier, bool]:
    """One tier asked about one case: its book, and whether the case ends here."""
    began = time.perf_counter()
    with get_usage_metadata_callback() as used:
        ended = await awaited(adrive(ask(chooser, _text(case))))
    raised = bool(ended.error)  # a tier's failure is a finding of its own
    choice: Choice | None = ended.value
    seconds = time.perf_counter() - began
    labelled = choice is not None and case.route is not None
    right = labelled and choice is not None and choice.to in (case.route or ())
    book = replace(
        book,
        asked=book.asked + 1,
        decided=book.decided + (choice is not None),
        labelled=book.labelled + labelled,
        right=book.right + right,
        seconds=book.seconds + seconds,
        tokens=book.tokens + sum(each["total_tokens"] for each in used.usage_metadata.values()),
        raised=book.raised + raised,
    )
    return book, choice is not None or raised


def _text(case: Case) -> Any:
    return case.input if isinstance(case.input, str) else case.text


def _line(tier: Tier) -> str:
    right = "-"
    if tier.accuracy is not None:
        right = f"{tier.accuracy:.3f} {tier.interval}"
    each = tier.seconds / tier.asked * 1000 if tier.asked else 0.0
    raised = f"  raised {tier.raised} times" if tier.raised else ""
    return (
        f"{tier.name[:24]:24} {tier.asked:7} {tier.decided:8} {right:>22} {each:10.2f} "
        f"{tier.tokens:8}{raised}"
    )

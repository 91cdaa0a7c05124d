"""Ablation: would fewer agents do? Each is taken out, each pair made one, and all made one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from quintet.errors import DesignError
from quintet.evals.ablation.ablated import Ablated, Ablation, load_of
from quintet.evals.ablation.variants import (
    WHOLE,
    Merging,
    NotTried,
    Variant,
    agents_in,
    builder_of,
    compiled_like,
    variants_of,
)
from quintet.evals.evaluate import Progress, evaluate, within
from quintet.evals.expected import wrong_labels
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.evals.suite import Suite
from quintet.evals.target import GraphTarget, as_target
from quintet.stats.paired import paired

Build = Callable[[Variant], Any]

MEASURED = ("outcome", "escalate", "calls", "never", "state")
"""The labels that say whether a case went right; which agent it went to is not one of them."""


def ablate(
    suite: Suite,
    variants: Iterable[Variant] | None = None,
    *,
    build: Build | None = None,
    merge: Merging | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Ablation:
    """Evaluate a suite with all agents, and again with each variant, on the same cases.

    A case counts as right where its end agrees with its labels (`outcome`, `escalate`, `calls`,
    `never`, `state`); its route does not matter, since a variant has other agents. The budget is
    matched: the limits of the run (`Router.limit`) stay, and an agent that stands for several may
    use in a handoff what the most generous of them could. What was really spent is reported.

    Args:
        suite: its target is a graph with a `Router` and `Worker`s, unless `build` makes it.
        variants: what to try; by default each agent out, each pair merged, one for all.
        build: makes the target of a variant, such as
            `lambda variant: Desk(variant.apply(graph))`, for a target that is no compiled graph.
        merge: makes one worker of several, given by name; by default chat-model workers whose
            contracts ask for the same are merged, and other variants are reported as not tried.
        jobs: how many cases are under way at once.
        progress: called with how many runs are done, and of how many.

    Returns:
        The differences with their intervals, in sentences, and the load of each route.

    Raises:
        DesignError: no agents are found, or no case has a label of its end.
    """
    if not any(set(MEASURED) & set(case.expects) for case in suite.cases):
        raise DesignError(
            f"ablate: no case of {suite.name!r} says how it should end; label "
            f"{', '.join(MEASURED[:-1])} or {MEASURED[-1]}"
        )
    graph = builder_of(build(WHOLE) if build is not None else suite.target)
    tried = _variants(graph, variants)
    make = build if build is not None else _built(suite.target, merge)
    total = len(suite.cases) * (1 + len(tried))
    whole = evaluate(suite.on(make(WHOLE)), jobs=jobs, progress=within(progress, 0, total))
    rows = []
    for number, variant in enumerate(tried, start=1):
        before = number * len(suite.cases)
        rows.append(_tried(suite, variant, make, whole, jobs, within(progress, before, total)))
    return Ablation(
        suite=suite.name,
        right=sum(map(_right, whole.rows)) / len(whole.rows),
        cases=len(suite.cases),
        rows=tuple(rows),
        load=load_of(whole.rows, () if graph is None else agents_in(graph)),
        confidence=suite.confidence,
        whole=whole,
    )


def _variants(graph: Any, given: Iterable[Variant] | None) -> tuple[Variant, ...]:
    if given is not None:
        return tuple(given)
    if graph is None:
        raise DesignError(
            "ablate: the target is no compiled graph in which agents could be found; "
            "give variants=variants_of((name, name, ...)) and build="
        )
    return variants_of(graph)


def _built(target: Any, merge: Merging | None) -> Build:
    """Makes the target of a variant out of a compiled graph."""

    def build(variant: Variant) -> Any:
        ready = as_target(target)
        if not isinstance(ready, GraphTarget):
            raise DesignError(f"ablate: {type(target).__name__} is no compiled graph; give build=")
        app = ready.app
        changed = variant.apply(app.builder, merge=merge)
        return replace(ready, app=compiled_like(app, changed))

    return build


def _tried(
    suite: Suite,
    variant: Variant,
    make: Build,
    whole: Report,
    jobs: int,
    progress: Progress | None,
) -> Ablated:
    try:
        report = evaluate(suite.on(make(variant)), jobs=jobs, progress=progress)
    except NotTried as why:
        return Ablated(variant=variant, why_not=str(why))
    compared = paired(
        [_right(row) for row in whole.rows],
        [_right(row) for row in report.rows],
        clusters=[row.cluster for row in whole.rows],
        confidence=suite.confidence,
    )
    return Ablated(variant=variant, compared=compared, spent=_spent(whole, report), report=report)


def _right(row: Row) -> float:
    """1.0 where a run ended as its case says."""
    wrong = set(wrong_labels(row.case, row.trajectory)) & set(MEASURED)
    return float(not wrong and not row.trajectory.error)


def _spent(whole: Report, report: Report) -> dict[str, tuple[float, float]]:
    """What a case cost on average, with all agents and in the variant."""
    names = ("model_calls", "tokens", "money")
    both = [
        {name: sum(row.trajectory.spent.get(name, 0.0) for row in each.rows) for name in names}
        for each in (whole, report)
    ]
    count = len(whole.rows)
    return {n: (both[0][n] / count, both[1][n] / count) for n in names if both[0][n] or both[1][n]}

"""Evaluate a suite with each agent taken out, each pair merged, and one agent for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.errors import DesignError
from quintet.evals.ablation.ablated import Ablated, Ablation, load_of
from quintet.evals.ablation.variants import (
    WHOLE,
    Merging,
    NotTried,
    Variant,
    agents_in,
    variants_of,
)
from quintet.evals.evaluate import Progress, evaluate, shifted
from quintet.evals.expected import wrong_labels
from quintet.evals.items import items_in, one_of
from quintet.evals.rebuild import compiled_like
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
    `never`, `state`); its route does not matter, since a variant has other agents. Budgets are
    matched: the limits of the run (`Router.limit`) stay, and an agent that stands for several may
    spend in a handoff as much as the most generous of them. The report says what was spent.

    Args:
        suite: its target is a graph with a `Router` and `Worker`s, unless `build` makes it.
        variants: the variants to try; by default those of `variants_of`.
        build: makes the target of a variant, such as
            `lambda variant: Desk(variant.apply(graph))`, for a target that is no compiled graph.
        merge: makes one worker of several, given by name; by default `merged_worker`. Variants
            that it cannot make are reported as not tried.
        jobs: how many cases are under way at once.
        progress: called with the number of runs done and their total.

    Returns:
        The differences with their intervals, in sentences, and the load of each route.

    Raises:
        DesignError: no agents are found, or no case has a label of its end.
    """
    one_of(suite, "ablate(suite=...)", Suite)
    if not any(set(MEASURED) & set(case.expects) for case in suite.cases):
        raise DesignError(
            f"ablate: no case of {suite.name!r} says how it should end; label "
            f"{', '.join(MEASURED[:-1])} or {MEASURED[-1]}"
        )
    graph = _builder_of(build(WHOLE) if build is not None else suite.target)
    chosen = _variants(graph, variants)
    make = build if build is not None else _built_from(suite.target, merge)
    total = len(suite.cases) * (1 + len(chosen))
    whole = evaluate(suite.on(make(WHOLE)), jobs=jobs, progress=shifted(progress, 0, total))
    rows = []
    for number, variant in enumerate(chosen, start=1):
        done = number * len(suite.cases)
        rows.append(_ablated(suite, variant, make, whole, jobs, shifted(progress, done, total)))
    return Ablation(
        suite=suite.name,
        right=sum(map(_score, whole.rows)) / len(whole.rows),
        cases=len(suite.cases),
        rows=tuple(rows),
        load=load_of(whole.rows, () if graph is None else agents_in(graph)),
        confidence=suite.confidence,
        whole=whole,
    )


def _builder_of(target: Any) -> StateGraph[Any] | None:
    """Return the uncompiled graph behind a target, if there is one."""
    app = getattr(target, "app", target)
    return app.builder if isinstance(app, CompiledStateGraph) else None


def _variants(graph: Any, variants: Iterable[Variant] | None) -> tuple[Variant, ...]:
    if variants is not None:
        return items_in(variants, "ablate(variants=...)", Variant)
    if graph is None:
        raise DesignError(
            "ablate: the target is no compiled graph in which agents could be found; "
            "give variants=variants_of((name, name, ...)) and build="
        )
    return variants_of(graph)


def _built_from(target: Any, merge: Merging | None) -> Build:
    """Make targets of variants from a compiled graph."""

    def build(variant: Variant) -> Any:
        whole = as_target(target)
        if not isinstance(whole, GraphTarget):
            raise DesignError(f"ablate: {type(target).__name__} is no compiled graph; give build=")
        changed = variant.apply(whole.app.builder, merge=merge)
        return replace(whole, app=compiled_like(whole.app, changed))

    return build


def _ablated(
    suite: Suite,
    variant: Variant,
    make: Build,
    whole: Report,
    jobs: int,
    progress: Progress | None,
) -> Ablated:
    try:
        report = evaluate(suite.on(make(variant)), jobs=jobs, progress=progress)
    except NotTried as problem:
        return Ablated(variant=variant, why_not=str(problem))
    compared = paired(
        [_score(row) for row in whole.rows],
        [_score(row) for row in report.rows],
        clusters=[row.cluster for row in whole.rows],
        confidence=suite.confidence,
    )
    return Ablated(variant=variant, compared=compared, spent=_spent(whole, report), report=report)


def _score(row: Row) -> float:
    """Score a run: 1.0 if it ended as its case says, else 0.0."""
    wrong = set(wrong_labels(row.case, row.trajectory)) & set(MEASURED)
    return float(not wrong and not row.trajectory.error)


def _spent(whole: Report, report: Report) -> dict[str, tuple[float, float]]:
    """Average the cost of a case by resource: with all agents, and in the variant."""
    names = ("model_calls", "tokens", "money")
    count = len(whole.rows)
    costs = {}
    for name in names:
        before, after = (
            sum(row.trajectory.spent.get(name, 0.0) for row in rows)
            for rows in (whole.rows, report.rows)
        )
        if before or after:
            costs[name] = (before / count, after / count)
    return costs

"""Plant wrong values that look right, and measure where they are caught, over all systems.

A value is changed where an agent, a tool or a node hands it on: on its way, not in the source of
record, which the checks read anew. A record that is itself wrong is found by none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import faults_retail
from benchmarks.faults_support import (
    OnFreshShop,
    cases,
    hand_written,
    quintets,
    yes_or_no,
)
from benchmarks.faults_systems import labelled_systems, suite_of
from examples.retail.data import DataMissing, load
from examples.retail.evals import cases as retail_labels
from quintet.evals import LATENT, Case, Fault, Suite, plant
from quintet.evals.faults.plant import LatentReport, latent_figures

PLANTED, CAUGHT, RADIUS, ALARMS = 300, 0.9, 1.0, 0.02
"""The goals: planted at least, caught at the edge at least, radius and false alarms at most."""

IN_ANSWERS: tuple[Fault, ...] = tuple(replace(fault, at=("agent", "node")) for fault in LATENT)
"""For the desks: their tools are the shop itself, which is the source of record."""

Progress = Callable[[str], Any]


def latent(folder: Path, *, seed: int, limit: int | None, progress: Progress) -> dict[str, Any]:
    """Measure all systems, and the support desk written by hand.

    Returns:
        `planted`, `caught_at_edge`, `radius` and `false_alarms` over Quintet's systems, each with
        its interval, the same for each of `systems` and for `by_hand`, and the runs `uncaught`.
    """
    folder.mkdir(exist_ok=True)
    options: dict[str, Any] = {"seed": seed, "limit": limit, "progress": progress}
    reports = {"support": _support(folder / "ours", own=True, **options)}
    for name, system in labelled_systems().items():
        suite = suite_of(system, limit=limit, planted=False)
        reports[name] = plant(suite, seed=seed, per_case=2, progress=progress(f"latent {name}"))
    with suppress(DataMissing):  # told beside the figures of the general faults
        reports["retail"] = _retail(**options)
    hand = _support(folder / "hand", own=False, **options)
    return {
        **latent_figures(list(reports.values())),
        "systems": {name: report.as_data() for name, report in reports.items()},
        "by_hand": hand.as_data(),
        "uncaught": [str(run) for report in reports.values() for run in report.uncaught],
    }


def _support(
    folder: Path, *, own: bool, seed: int, limit: int | None, progress: Progress
) -> LatentReport:
    folder.mkdir()
    target = OnFreshShop(
        desk=quintets if own else hand_written, folder=folder, answer=yes_or_no if own else str
    )
    name = "support" if own else "support by hand"
    known = tuple(_with_end(target, cases(single=not own)[:limit]))
    suite = Suite(name=name, cases=known, target=target)
    return plant(suite, IN_ANSWERS, seed=seed, progress=progress(f"latent {name}"))


def _with_end(target: Any, originals: Iterable[Case]) -> Iterable[Case]:
    """Yield each case with its unbroken run's end state; its outcome label stays as written."""
    for case in originals:
        yield replace(case, state=target(case).state)


def _retail(*, seed: int, limit: int | None, progress: Progress) -> LatentReport:
    data = load()
    outcomes = [case.outcome for case in retail_labels(data)]
    known = [
        replace(case, outcome=outcome)
        for case, outcome in zip(faults_retail.cases(data), outcomes, strict=True)
    ]
    target = faults_retail.OnFreshStore(data=data)
    suite = Suite(name="retail", cases=known[:limit], target=target)
    return plant(suite, IN_ANSWERS, seed=seed, progress=progress("latent retail"))


def missed(figures: Mapping[str, Any]) -> list[str]:
    """Name the goals that the figures over all systems miss."""
    goals = {
        f"{figures['planted']} planted": figures["planted"] >= PLANTED,
        "caught at the edge": (figures["caught_at_edge"]["value"] or 0) >= CAUGHT,
        "cascade radius": (figures["radius"]["value"] or 0) <= RADIUS,
        "false alarms": (figures["false_alarms"]["value"] or 0) <= ALARMS,
    }
    return [name for name, met in goals.items() if not met]


def latent_table(figures: Mapping[str, Any]) -> str:
    """Return the figures of latent faults as a Markdown table."""
    head = (
        "",
        "planted",
        "caught at the edge",
        "caught",
        "radius",
        "most",
        "false alarms",
        "silent",
    )
    whole = [("all of Quintet's", figures)]
    whole += list(figures["systems"].items())
    whole.append(("the support desk by hand", figures["by_hand"]))
    rows: list[Sequence[Any]] = [head, ["---"] * len(head)]
    for name, counts in whole:
        radius = counts["radius"]
        rows.append(
            (
                name,
                counts["planted"],
                _share(counts["caught_at_edge"]),
                _share(counts["caught"]),
                _number(radius),
                radius["most"],
                _share(counts["false_alarms"]),
                counts["silent"],
            )
        )
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "none"
    return f"{figure['value']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}]"


def _number(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None or figure["low"] is None:
        return "none"
    return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"

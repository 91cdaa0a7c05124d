"""Measure how runs end in which something was broken on purpose.

Each message of the support desk, each recorded task of the retail desk and each labelled case of
every other reference system is run unbroken, and then for each kind of fault that may strike in
it, every run on data of its own: once at the desks, up to three times at the smaller systems. A run
is a silent failure if it says that it is done, and its outcome, the shop's books or what it tells
are not those of the unbroken run. The same faults are put into a support desk written by hand on
bare LangGraph (`benchmarks/faults_by_hand.py` says what it has and has not). `latent` are wrong
values that look right (`benchmarks/faults_latent.py`): where they are caught, how far they come.

    python -m benchmarks.faults             # tables
    python -m benchmarks.faults --json      # one object
    python -m benchmarks.faults --cases 10  # a quick look

The exit code is 1 where one of Quintet's systems failed in silence or, in a whole run, fewer than
5,000 faults struck or a goal for latent faults is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import faults_retail
from benchmarks.faults_by_hand import WRITES
from benchmarks.faults_latent import latent, missed
from benchmarks.faults_support import (
    OnFreshShop,
    cases,
    hand_written,
    labelled,
    quintets,
    yes_or_no,
)
from benchmarks.faults_systems import labelled_systems, suite_of
from benchmarks.faults_table import table
from benchmarks.machine import machine, versions
from examples.retail.actions import WRITES as TASKS
from examples.retail.data import DataMissing, load
from examples.support.shop import LEDGERS
from quintet.evals import FAULTS, Fault
from quintet.evals.analysis.attribute import attribute
from quintet.evals.faults import Visit
from quintet.evals.faults.inject import inject
from quintet.evals.faults.injected import FaultReport, Injected
from quintet.evals.faults.kinds import FALSE_SUCCESS, LOST_REPLY
from quintet.evals.suite import Suite

ENOUGH = 5000
OFTEN = 3
"""Faults of a kind in each case of a small system."""


def _writes(visit: Visit, visits: tuple[Visit, ...]) -> bool:
    return visit.spot.name in (*WRITES, *TASKS)


SUITED: Mapping[str, Mapping[str, Any]] = {
    FALSE_SUCCESS.kind: {"at": ("agent", "model")},
    LOST_REPLY.kind: {"fits": _writes},
}
"""False success strikes agents, whose work both support desks call alike; a lost reply matters
where something was written."""

KINDS: tuple[Fault, ...] = tuple(replace(fault, **SUITED.get(fault.kind, {})) for fault in FAULTS)


ANYWHERE: tuple[Fault, ...] = tuple(
    replace(fault, at=("agent", "model")) if fault.kind == FALSE_SUCCESS.kind else fault
    for fault in FAULTS
)
"""For the other systems: a reply may be lost of any tool."""


def measure(*, seed: int = 0, limit: int | None = None) -> dict[str, Any]:
    """Measure all figures.

    Args:
        seed: decides where the faults strike.
        limit: the maximum number of cases of each desk.

    Returns:
        `support`, `by_hand` and `retail` (or `retail_skipped`, why), each with counts by kind;
        `systems` with those of every other system; `struck` and `silent` over all of Quintet's;
        `latent`, as `benchmarks.faults_latent` gives it; `attribution`; where and when.
    """
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="quintet-faults-") as folder:
        ours = support(Path(folder) / "quintet", seed=seed, limit=limit, own=True)
        hand = support(Path(folder) / "by-hand", seed=seed, limit=limit, own=False)
        planted = latent(Path(folder) / "latent", seed=seed, limit=limit, progress=_progress)
    reports = {"support": ours, "by_hand": hand}
    figures: dict[str, Any] = {"retail_skipped": ""}
    try:
        reports["retail"] = retail(seed=seed, limit=limit)
    except DataMissing as problem:
        figures["retail_skipped"] = str(problem)
    systems = {
        name: inject(
            suite_of(system, limit=limit),
            ANYWHERE,
            seed=seed,
            per_case=OFTEN,
            progress=_progress(name),
        )
        for name, system in labelled_systems().items()
    }
    own = [report for name, report in reports.items() if name != "by_hand"]
    own += systems.values()
    alike = {row.case.id for row in hand.rows}
    return {
        **{name: counted(report.rows, report) for name, report in reports.items()},
        "support_single": counted([row for row in ours.rows if row.case.id in alike], ours),
        **figures,
        "systems": {name: counted(report.rows, report) for name, report in systems.items()},
        "latent": planted,
        "struck": sum(len(report.rows) for report in own),
        "silent": sum(len(report.silent) for report in own),
        "silent_runs": [str(row) for report in own for row in report.silent],
        "attribution": attributed([row for report in own for row in report.rows]),
        "attribution_by_hand": attributed(hand.rows),
        "seed": seed,
        "cases": limit,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def support(folder: Path, *, seed: int, limit: int | None, own: bool) -> FaultReport:
    """Put faults into the support desk: Quintet's, or the one written by hand."""
    folder.mkdir()
    target = OnFreshShop(
        desk=quintets if own else hand_written, folder=folder, answer=yes_or_no if own else str
    )
    known = labelled(target, cases(single=not own)[:limit])
    suite = Suite(name="support" if own else "support by hand", cases=known, target=target)
    return inject(suite, KINDS, seed=seed, progress=_progress(suite.name))


def retail(*, seed: int, limit: int | None) -> FaultReport:
    """Put faults into the retail desk.

    Raises:
        DataMissing: the shop's data is not there.
    """
    data = load()
    target = faults_retail.OnFreshStore(data=data)
    suite = Suite(name="retail", cases=faults_retail.cases(data)[:limit], target=target)
    return inject(suite, KINDS, seed=seed, progress=_progress(suite.name))


def counted(rows: Sequence[Injected], report: FaultReport) -> dict[str, Any]:
    """Count some rows, in all and by kind of fault, and give the two rates."""
    part = replace(report, rows=tuple(rows))
    figures = part.as_data()
    for kind, counts in (("", figures), *figures["kinds"].items()):
        chosen = [row for row in rows if kind in ("", row.fault)]
        counts["duplicates"] = sum(map(duplicates, chosen))
        counts["strange_writes"] = sum(map(strange, chosen))
    return figures


def duplicates(row: Injected) -> int:
    """Count surplus entries in the shop's books: the unbroken run has them too, but fewer."""
    real, right = _books(row.trajectory.state), _books(row.unbroken.state)
    more = sum(number for entry, number in (real - right).items() if right[entry])
    return max(more, row.repeated)


def strange(row: Injected) -> int:
    """Count entries in the shop's books that the unbroken run does not have at all."""
    real, right = _books(row.trajectory.state), _books(row.unbroken.state)
    return sum(number for entry, number in real.items() if not right[entry])


def _books(state: Any) -> Counter[str]:
    entries = (entry for name in LEDGERS for entry in state.get(name) or ())
    return Counter(json.dumps(entry, sort_keys=True) for entry in entries)


def attributed(rows: Sequence[Injected]) -> dict[str, Any]:
    """Count how often `attribute` names the node that the fault struck, in runs that ended wrong.

    A run that ended right has nothing to attribute; nor has one whose labels nothing contradicts.
    """
    wrong = [row for row in rows if row.wrong]
    pairs = [(row, attribute(row.case, row.trajectory)) for row in wrong]
    told = [(row, attribution) for row, attribution in pairs if attribution is not None]
    right = [row for row, attribution in told if attribution.node == row.node]
    missed = Counter(
        (row.fault, row.node, attribution.node)
        for row, attribution in told
        if attribution.node != row.node
    )
    return {
        "wrong": len(wrong),
        "told": len(told),
        "node_named": len(right),
        "share": round(len(right) / len(told), 4) if told else None,
        "missed": [[*place, number] for place, number in missed.most_common(10)],
    }


def _progress(name: str) -> Any:
    """Return a callback that prints a line on stderr for each tenth of the runs."""
    told = [-1]

    def seen(done: int, total: int) -> None:
        if (tenth := 10 * done // max(total, 1)) > told[0]:
            told[0] = tenth
            sys.stderr.write(f"{name}: {done} of {total} runs at most\n")

    return seen


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; return 1 if a system failed silently, or a whole run misses a goal."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object in place of tables")
    parser.add_argument("--cases", type=int, metavar="N", help="only N cases of each desk")
    parser.add_argument("--seed", type=int, default=0, help="of where the faults strike")
    options = parser.parse_args(arguments)
    figures = measure(seed=options.seed, limit=options.cases)
    print(json.dumps(figures, indent=2) if options.json else table(figures))
    few = figures["struck"] < ENOUGH or missed(figures["latent"])
    return int(bool(figures["silent"]) or (options.cases is None and bool(few)))


if __name__ == "__main__":
    sys.exit(main())

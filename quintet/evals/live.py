"""Score the runs of a database as they end, and judge a suite's gates after each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import DesignError, NoSuchRun
from quintet.evals.case import Case
from quintet.evals.drift import Drift, State
from quintet.evals.gate import Gate
from quintet.evals.items import is_number
from quintet.evals.metric import Metric
from quintet.evals.reading.recorded import last_part, message_of, trajectory_of
from quintet.evals.row import Row
from quintet.evals.running.loop import run_to_end
from quintet.evals.running.runner import within
from quintet.evals.scoring import metrics_of, scored
from quintet.evals.suite import Suite
from quintet.evals.target import GraphTarget, routes_in
from quintet.evals.trajectory import PEOPLE
from quintet.nodes.choosers.examples import Examples
from quintet.runs.stored import StoredRun, stored_run, stored_runs
from quintet.stats.anytime import Anytime

_ENDED = ("done", "asked", "escalated", "rejected", "aborted", "exhausted")


@dataclass(kw_only=True)
class Watched:
    """A gate with the bound of its figure so far.

    Args:
        gate: the gate.
        metric: its metric, a share of each run.
        bound: the mean of the runs' shares, with bounds that hold at any time.
        errors: the number of runs at which the metric raised; each counts as the worst share for
            the gate.
    """

    gate: Gate
    metric: Metric
    bound: Anytime
    errors: int = field(default=0, init=False)
    _happened: bool = field(default=False, init=False, repr=False)

    def take(self, row: Row) -> None:
        """Take a run's score, where the metric has one.

        Raises:
            DesignError: it is no share from 0 to 1.
        """
        raised = self.metric.name in row.errors
        self.errors += raised
        point = row.scores.get(self.metric.name)
        if not raised and (point is None or not point[1]):
            return
        # The worst for this gate, whichever side the metric calls better.
        worst = 0.0 if self.gate.at_least is not None else 1.0
        share = worst if raised or point is None else point[0] / point[1]
        if not 0 <= share <= 1:
            raise DesignError(
                f"run {row.case.id!r}: metric {self.metric.name!r} gave {share!r:.40}, and a bound "
                "at any time needs a share from 0 to 1"
            )
        self._happened = self._happened or share > 0
        self.bound.add(share)

    @property
    def state(self) -> State:
        """Say whether the gate is proven broken, proven kept, or open yet."""
        if self.gate.none:
            return "broken" if self._happened else "open"
        above, below = self.bound.exceeds, self.bound.falls_short
        if self.gate.at_most is not None:
            above, below = below, above
        return "broken" if below else "kept" if above else "open"

    @property
    def wanted(self) -> str:
        """Say what the gate wants."""
        if self.gate.none:
            return "none"
        if self.gate.at_least is not None:
            return f"at least {self.gate.at_least:g}"
        return f"at most {self.gate.at_most:g}"

    def __str__(self) -> str:
        bound = self.bound
        if not bound.count:
            return f"open {self.gate.metric}: no run has anything to say on it"
        ends = f"{bound.mean:.3f} [{bound.low:.3f}, {bound.high:.3f}] ({bound.count:,} runs)"
        raised = f"; the metric raised {self.errors:,} times" if self.errors else ""
        return f"{self.state} {self.gate.metric}: {ends}, wanted {self.wanted}{raised}"


@dataclass(kw_only=True)
class Live:
    """Score the runs of a database as they end, each once.

    A run is scored by the suite's metrics. It is of the suite's case whose id is the last part of
    its thread; a run of no case is scored without labels, by the metrics that need none. The routes
    and people are those of a `GraphTarget`, where it is the target; by default the routes are those
    that the cases name.

    A run that took more tokens or money than the suite's `limit` is a wrong one, as in `evaluate`.
    The seconds that it took are not stored, and are not held to it.

    A figure is the mean of the runs' shares, each run counting once, in the order in which they
    ended. Its bounds (`Anytime`) hold however often one looks, so that a watch may be ended by what
    it shows: a gate that is `broken` was so with the suite's confidence, at whatever run it was
    noticed.

    Args:
        suite: metrics and gates, and cases where there are some; its target is not called.
        stale: the seconds after which a run that goes on no more counts as ended without a word.
            One that waits for a person never does.
        chooser: the learned chooser of the runs' router, to watch whether their messages are like
            its examples (`Drift`).

    Raises:
        DesignError: neither gates nor a chooser, a gate on a metric that is no share of a run, or a
            chooser that cannot be watched.
    """

    suite: Suite
    stale: float = 3600.0
    chooser: Examples | None = field(default=None, repr=False)
    rows: int = field(default=0, init=False)
    left: int = field(default=0, init=False)
    watched: tuple[Watched, ...] = field(default=(), init=False)
    drift: Drift | None = field(default=None, init=False)
    _cases: Mapping[str, Case] = field(default_factory=dict, init=False, repr=False)
    _routes: tuple[str, ...] = field(default=(), init=False, repr=False)
    _people: tuple[str, ...] = field(default=PEOPLE, init=False, repr=False)
    _seen: set[tuple[str, str]] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.suite, Suite):
            raise DesignError(f"Live(suite={self.suite!r:.60}): give a Suite")
        if not is_number(self.stale) or self.stale < 0:
            raise DesignError(f"Live(stale={self.stale!r:.60}): give seconds, 0 or more")
        if not self.suite.gates and self.chooser is None:
            raise DesignError(
                f"suite {self.suite.name!r} has no gates; a live evaluation watches over at least "
                "one, or over a router's chooser"
            )
        if self.chooser is not None:
            self.drift = Drift(chooser=self.chooser, confidence=self.suite.confidence)
        metrics = {metric.name: metric for metric in metrics_of(self.suite)}
        self.watched = tuple(
            _watched(gate, metrics[gate.metric], self.suite.confidence) for gate in self.suite.gates
        )
        self._cases = {case.id: case for case in self.suite.cases}
        target, self._routes = self.suite.target, routes_in(self.suite.cases)
        if isinstance(target, GraphTarget):
            self._routes, self._people = target.routes or self._routes, target.people

    @property
    def broken(self) -> tuple[Watched | Drift, ...]:
        """Return the gates that are proven broken, and the drift where the messages are unlike."""
        drift = () if self.drift is None else (self.drift,)
        return tuple(item for item in (*self.watched, *drift) if item.state == "broken")

    def look(self, saver: BaseCheckpointSaver[Any], *, now: datetime | None = None) -> int:
        """Score the runs that have ended since the last look; return how many.

        A run that another one on its thread has replaced between two looks is not seen.

        Args:
            saver: the database's checkpointer.
            now: the moment by which `stale` is reckoned; by default the present.

        Raises:
            DesignError: a score is no share, `now` is no moment with a time zone, or `saver` no
                checkpointer.
        """
        if not isinstance(saver, BaseCheckpointSaver):
            raise DesignError(
                f"Live.look({saver!r:.60}): give a checkpointer, such as checkpointer(url) opens"
            )
        at = datetime.now(UTC) if now is None else now
        if not isinstance(at, datetime) or at.tzinfo is None:
            raise DesignError(
                f"Live.look(now={now!r:.60}): give a moment with its time zone, such as "
                "datetime.now(UTC)"
            )
        runs = sorted(stored_runs(saver), key=lambda run: run.updated)
        ended = [run for run in runs if self._has_ended(run, at)]
        self.left = len(runs) - len(ended)
        fresh = [run for run in ended if _key(run) not in self._seen]
        whole = list(self._whole(saver, fresh))
        for row in run_to_end(self._scored(whole)):
            self.rows += 1
            for item in self.watched:
                item.take(row)
        if self.drift is not None:
            self.drift.take(map(message_of, whole))
        # Of each thread only the last run is there, so what is seen does not grow with the runs.
        self._seen = self._seen & {_key(run) for run in runs} | {_key(run) for run in whole}
        return len(whole)

    def _has_ended(self, run: StoredRun, now: datetime) -> bool:
        if run.status != "unfinished":
            return run.status in _ENDED
        return (now - datetime.fromisoformat(run.updated)).total_seconds() >= self.stale

    def _whole(self, saver: BaseCheckpointSaver[Any], runs: list[StoredRun]) -> Iterator[StoredRun]:
        """Read runs with their paths, without those that are gone, or go on, by now."""
        for run in runs:
            try:
                found = stored_run(saver, run.thread)
            except NoSuchRun:  # deleted between the two readings
                continue
            # A new message may have begun another run meanwhile, which has not ended.
            if (_key(found), found.status, found.updated) == (_key(run), run.status, run.updated):
                yield found

    async def _scored(self, runs: list[StoredRun]) -> list[Row]:
        metrics = [item.metric for item in self.watched]
        rows = []
        for run in runs:
            ran = trajectory_of(run, routes=self._routes, people=self._people)
            ran = within(ran, self.suite.limit)
            rows.append(await scored(self._case_of(run), ran, 0, metrics))
        return rows

    def _case_of(self, run: StoredRun) -> Case:
        name = last_part(run)
        return self._cases.get(name) or Case(id=run.thread, input=message_of(run))


def _key(run: StoredRun) -> tuple[str, str]:
    return run.thread, run.id or run.updated


def _watched(gate: Gate, metric: Metric, confidence: float) -> Watched:
    if metric.over is not None or metric.unit != "share":
        raise DesignError(
            f"the gate on {gate.metric!r} cannot be watched live: its figure is no share of each "
            "run; leave it out of the suite that is given with --live"
        )
    limit = gate.at_least if gate.at_least is not None else gate.at_most
    return Watched(gate=gate, metric=metric, bound=Anytime(confidence=confidence, limit=limit))

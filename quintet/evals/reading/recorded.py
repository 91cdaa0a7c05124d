"""Runs that were made elsewhere, as a target: they are scored, and nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.output import checked, replaced
from quintet.evals.reading.harvest import harvest, loose
from quintet.evals.reading.lines import Line, Mistakes, dumped, json_lines
from quintet.evals.trajectory import PEOPLE, Trajectory
from quintet.runs import Run, stored_run, stored_runs
from quintet.runs.run import Waiting
from quintet.runs.stored import StoredRun
from quintet.state.checkpointer import checkpointer

Named = Callable[[Any], str | None]
"""The id of the case that a run was made for; None leaves the run out."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Trajectories of runs made before, as a target for `evaluate`.

    Several recordings of a case are its repeats, in order: each further call for the same case
    gives the next, and after the last the first again, for the next evaluation. `take` gives one
    by its number.

    Args:
        trajectories: by case id.

    Raises:
        DesignError: no trajectories, or a case without one.
    """

    trajectories: Mapping[str, tuple[Trajectory, ...]]
    _given: dict[str, Iterator[int]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        kept = {name: tuple(each) for name, each in self.trajectories.items()}
        if not kept:
            raise DesignError("Recorded: no runs are recorded here; give at least one")
        if empty := [name for name, each in kept.items() if not each]:
            raise DesignError(f"Recorded: case {empty[0]!r} has no recording; leave it out")
        object.__setattr__(self, "trajectories", kept)

    @property
    def repeats(self) -> int:
        """How often every case was recorded at least: the `repeats` that can be evaluated."""
        return min(len(each) for each in self.trajectories.values())

    def __call__(self, case: Case) -> Trajectory:
        """The case's next recording.

        Raises:
            DesignError: the case has none.
        """
        recordings = self._of(case)
        # One step that no other thread can divide: setdefault and next are single calls.
        return recordings[next(self._given.setdefault(case.id, count())) % len(recordings)]

    def take(self, case: Case, repeat: int) -> Trajectory:
        """The case's recording of one repeat, from 0.

        Raises:
            DesignError: there is none.
        """
        recordings = self._of(case)
        if not 0 <= repeat < len(recordings):
            raise DesignError(
                f"case {case.id!r} has {len(recordings)} recordings, and repeat {repeat + 1} is "
                f"asked for; evaluate with repeats={self.repeats} at most"
            )
        return recordings[repeat]

    def _of(self, case: Case) -> tuple[Trajectory, ...]:
        if case.id in self.trajectories:
            return self.trajectories[case.id]
        near = get_close_matches(case.id, self.trajectories, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        some = ", ".join(list(self.trajectories)[:5])
        raise DesignError(
            f"case {case.id!r} has no recording{hint}; there are {len(self.trajectories)}, "
            f"such as {some}: leave the case out, or say with id=... which case a run is of"
        )


def last_part(run: Run | StoredRun) -> str:
    """The last part of a run's thread, so that `support-20260101/m001` is of case `m001`."""
    return run.thread.rstrip("/").rpartition("/")[2]


def recorded_threads(
    saver: BaseCheckpointSaver[Any] | str,
    *,
    id: Callable[[StoredRun], str | None] = last_part,
    routes: Iterable[str] = (),
    people: Iterable[str] = PEOPLE,
) -> Recorded:
    """The runs in a checkpointer, of any LangGraph graph; the graph itself is not needed.

    Args:
        saver: the checkpointer, or its URL.
        id: the id of the case that a run was made for, or None to leave the run out; by default
            the last part of its thread.
        routes: nodes that count as a route, for graphs that keep no decisions.
        people: nodes at which a person takes over.

    Returns:
        The runs by case id; those of one case in the order in which they were last written.

    Raises:
        DesignError: no run is stored there, or none is of a case.
        CheckpointerError: the URL is wrong or the store cannot be opened.
    """
    routes, people = tuple(routes), tuple(people)
    found: dict[str, list[Trajectory]] = {}
    with ExitStack() as stack:
        kept = stack.enter_context(checkpointer(saver)) if isinstance(saver, str) else saver
        runs = sorted(stored_runs(kept), key=lambda run: run.updated)
        for run in runs:
            name = id(run)
            if name is None:
                continue
            whole = stored_run(kept, run.thread)
            found.setdefault(name, []).append(_read(_record(whole, name), routes, people))
    if not found:
        what = "no run is stored there" if not runs else f"id= leaves out all {len(runs)} runs"
        raise DesignError(f"recorded_threads: {what}; give a checkpointer that holds runs of cases")
    return Recorded(trajectories={name: tuple(each) for name, each in found.items()})


def save_runs(runs: Iterable[Run | StoredRun], path: str | Path, *, id: Named = last_part) -> None:
    """Write runs to a file, one JSON object a line, for `recorded_runs`.

    What JSON cannot hold of a state is written as its `repr`.

    Args:
        runs: as `start`, `look` or `stored_run` gave them.
        path: the file. Earlier saved runs there are replaced, once the new file is whole.
        id: the id of the case that a run was made for, or None to leave the run out; by default
            the last part of its thread.

    Raises:
        DesignError: something else than saved runs is there, or nothing can be written there.
    """
    place = checked(path, _is_saved, "file of saved runs")
    named = ((id(run), run) for run in runs)
    lines = [dumped(_record(run, name)) for name, run in named if name is not None]
    replaced(place, (f"{line}\n".encode() for line in lines))


def recorded_runs(
    path: str | Path, *, routes: Iterable[str] = (), people: Iterable[str] = PEOPLE
) -> Recorded:
    """The runs that `save_runs` wrote; keys that it does not know are passed over.

    Raises:
        DesignError: the file's mistakes, all in one, each with its line.
    """
    routes, people = tuple(routes), tuple(people)
    mistakes = Mistakes(source=str(path))
    found: dict[str, list[Trajectory]] = {}
    for line in json_lines(path, mistakes):
        wrong = _wrong(line)
        if wrong:
            mistakes.add(line.place, wrong)
            continue
        record = line.record
        found.setdefault(record["case"], []).append(_read(record, routes, people))
    mistakes.check()
    return Recorded(trajectories={name: tuple(each) for name, each in found.items()})


def _record(run: Run | StoredRun, case: str) -> dict[str, Any]:
    outcome = run.outcome if isinstance(run, Run) else None
    reason = (outcome.reason if outcome else "") if isinstance(run, Run) else run.reason
    asked = [item.packet if isinstance(item, Waiting) else item for item in run.waiting]
    return {
        "case": case,
        "thread": run.thread,
        "status": run.status,
        "reason": reason,
        "path": list(run.path),
        "waiting": loose(asked),
        "values": loose(run.values),
    }


def _read(
    record: Mapping[str, Any], routes: tuple[str, ...], people: tuple[str, ...]
) -> Trajectory:
    return harvest(
        record["values"],
        path=record.get("path") or (),
        status=record["status"],
        reason=record.get("reason") or "",
        waiting=record.get("waiting") or (),
        routes=routes,
        people=people,
    )


def _is_saved(begins: bytes) -> bool:
    """Tell whether a file that begins like this holds saved runs."""
    return begins.startswith(b'{"case": ')


def _wrong(line: Line) -> str:
    """What is wrong with a saved run; empty where nothing is."""
    record = line.record
    if not isinstance(record, Mapping):
        return f"{record!r:.60} is no saved run; write one with save_runs"
    for name, kind in (("case", str), ("status", str), ("values", dict)):
        if not isinstance(record.get(name), kind):
            return f"{name}={record.get(name)!r:.60}: give a {_SAID[kind]}, as save_runs does"
    if not isinstance(record.get("reason") or "", str):
        return f"reason={record['reason']!r:.60}: give a text"
    path, waiting = record.get("path") or [], record.get("waiting") or []
    if not isinstance(path, list) or not all(isinstance(name, str) for name in path):
        return f"path={path!r:.60}: give a list of nodes"
    return "" if isinstance(waiting, list) else f"waiting={waiting!r:.60}: give a list of questions"


_SAID = {str: "text", dict: "object"}

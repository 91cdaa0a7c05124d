"""Score runs that were recorded elsewhere: nothing is run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.items import names_in, nearest, things_in
from quintet.evals.output import checked, replaced
from quintet.evals.reading.forms import parse_talk
from quintet.evals.reading.harvest import harvest, plain_or_repr
from quintet.evals.reading.lines import Line, Mistakes, encoded_lines, json_lines
from quintet.evals.trajectory import PEOPLE, Trajectory
from quintet.runs import Run, stored_run, stored_runs
from quintet.runs.run import Waiting
from quintet.runs.stored import StoredRun
from quintet.state.checkpointer import checkpointer

Named = Callable[[Any], str | None]
"""A function of a run that gives the id of its case, or None to leave the run out."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Replay recorded trajectories, as a target for `evaluate`.

    Several recordings of a case are its repeats, in order: each call for the same case gives the
    next one, and after the last the first again, for the next evaluation. `take` gives one by its
    number. A report says how many recordings its `repeats` leave out.

    Args:
        trajectories: by case id.

    Raises:
        DesignError: no trajectories, or a case without one.
    """

    trajectories: Mapping[str, tuple[Trajectory, ...]]
    _counters: dict[str, Iterator[int]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        by_case = {name: tuple(recordings) for name, recordings in self.trajectories.items()}
        if not by_case:
            raise DesignError("Recorded: no runs are recorded here; give at least one")
        if empty := [name for name, recordings in by_case.items() if not recordings]:
            raise DesignError(f"Recorded: case {empty[0]!r} has no recording; leave it out")
        object.__setattr__(self, "trajectories", by_case)

    @property
    def repeats(self) -> int:
        """Count the recordings that every case has: the most `repeats` that can be evaluated."""
        return min(len(recordings) for recordings in self.trajectories.values())

    def __call__(self, case: Case) -> Trajectory:
        """Return the case's next recording.

        Raises:
            DesignError: the case has none.
        """
        recordings = self._recordings(case)
        # Safe in threads: setdefault and next are single calls, which no other thread can divide.
        return recordings[next(self._counters.setdefault(case.id, count())) % len(recordings)]

    def take(self, case: Case, repeat: int) -> Trajectory:
        """Return the case's recording of one repeat, counted from 0.

        Raises:
            DesignError: there is none.
        """
        recordings = self._recordings(case)
        if not 0 <= repeat < len(recordings):
            raise DesignError(
                f"case {case.id!r} has {len(recordings)} recordings, and repeat {repeat + 1} is "
                f"asked for; evaluate with repeats={self.repeats} at most"
            )
        return recordings[repeat]

    def _recordings(self, case: Case) -> tuple[Trajectory, ...]:
        if case.id in self.trajectories:
            return self.trajectories[case.id]
        hint = nearest(case.id, self.trajectories)
        some = ", ".join(list(self.trajectories)[:5])
        raise DesignError(
            f"case {case.id!r} has no recording{hint}; there are {len(self.trajectories)}, "
            f"such as {some}: leave the case out, or say with id=... which case a run is of"
        )


def recorded_by_case(runs: Iterable[tuple[str, Trajectory]]) -> Recorded:
    """Group trajectories by the case id that comes with each, in the order given.

    Raises:
        DesignError: no trajectories.
    """
    by_case: dict[str, list[Trajectory]] = {}
    for case, trajectory in runs:
        by_case.setdefault(case, []).append(trajectory)
    return Recorded(trajectories={case: tuple(items) for case, items in by_case.items()})


def last_part(run: Run | StoredRun) -> str:
    """Return the last part of a run's thread: `m001` for the thread `support-20260101/m001`."""
    return run.thread.rstrip("/").rpartition("/")[2]


def recorded_threads(
    saver: BaseCheckpointSaver[Any] | str,
    *,
    id: Callable[[StoredRun], str | None] = last_part,
    routes: Iterable[str] = (),
    people: Iterable[str] = PEOPLE,
) -> Recorded:
    """Read the runs of any LangGraph graph from a checkpointer; the graph itself is not needed.

    Args:
        saver: the checkpointer, or its URL.
        id: a function of a run that gives the id of its case, or None to leave the run out; by
            default the last part of its thread.
        routes: nodes that count as a route, for graphs that keep no decisions.
        people: nodes at which a person takes over.

    Returns:
        The runs by case id; those of one case in the order in which they were last written.

    Raises:
        DesignError: no run is stored there, or none is of a case; or names are one text.
        CheckpointerError: the URL is wrong or the store cannot be opened.
    """
    routes = names_in(routes, "recorded_threads(routes=...)")
    people = names_in(people, "recorded_threads(people=...)")
    if not isinstance(saver, str | BaseCheckpointSaver):
        raise DesignError(f"recorded_threads({saver!r:.60}): give a checkpointer, or its URL")
    recorded: list[tuple[str, Trajectory]] = []
    with nullcontext(saver) if not isinstance(saver, str) else checkpointer(saver) as store:
        runs = sorted(stored_runs(store), key=lambda run: run.updated)
        for run in runs:
            case = id(run)
            if case is None:
                continue
            # The list has no paths: they take a walk over the run's checkpoints.
            whole = stored_run(store, run.thread)
            recorded.append((case, trajectory_of(whole, routes=routes, people=people)))
    if not recorded:
        reason = "no run is stored there" if not runs else f"id= leaves out all {len(runs)} runs"
        raise DesignError(
            f"recorded_threads: {reason}; give a checkpointer that holds runs of cases"
        )
    return recorded_by_case(recorded)


def save_runs(runs: Iterable[Run | StoredRun], path: str | Path, *, id: Named = last_part) -> None:
    """Write runs to a file, one JSON object a line, for `recorded_runs`.

    Values that JSON cannot hold are written as their `repr`.

    Args:
        runs: as `start`, `look` or `stored_run` gave them.
        path: the file. Earlier saved runs there are replaced, once the new file is whole.
        id: a function of a run that gives the id of its case, or None to leave the run out; by
            default the last part of its thread.

    Raises:
        DesignError: another kind of file is there, or nothing can be written there.
    """
    place = checked(path, _is_saved, "file of saved runs")
    by_case = ((id(run), run) for run in things_in(runs, "save_runs(...)", "runs"))
    records = [_record(run, case) for case, run in by_case if case is not None]
    replaced(place, encoded_lines(records))


def recorded_runs(
    path: str | Path, *, routes: Iterable[str] = (), people: Iterable[str] = PEOPLE
) -> Recorded:
    """Read the runs that `save_runs` wrote; unknown keys are ignored.

    Args:
        path: the file.
        routes: nodes that count as a route, for graphs that keep no decisions.
        people: nodes at which a person takes over.

    Raises:
        DesignError: the file's mistakes, all in one, each with its line; or names are one text.
    """
    routes = names_in(routes, "recorded_runs(routes=...)")
    people = names_in(people, "recorded_runs(people=...)")
    mistakes = Mistakes(source=str(path))
    runs: list[tuple[str, Trajectory]] = []
    for line in json_lines(path, mistakes):
        if mistake := _mistake(line):
            mistakes.add(line.place, mistake)
        else:
            runs.append((line.record["case"], _read(line.record, routes, people)))
    mistakes.check()
    return recorded_by_case(runs)


def trajectory_of(
    run: Run | StoredRun, *, routes: Iterable[str] = (), people: Iterable[str] = PEOPLE
) -> Trajectory:
    """Read a run, with its path, as a trajectory."""
    return _read(_record(run, ""), routes, people)


def message_of(run: StoredRun) -> str:
    """Return the text that a run was begun with, where its state tells."""
    message = run.values.get("message")
    if isinstance(message, str):
        return message
    messages = run.values.get("messages")
    talk = parse_talk(messages, strict=False) if isinstance(messages, list) else ()
    return next((item.text for item in reversed(talk) if item.role == "user"), "")


def _record(run: Run | StoredRun, case: str) -> dict[str, Any]:
    outcome = run.outcome if isinstance(run, Run) else None
    reason = (outcome.reason if outcome else "") if isinstance(run, Run) else run.reason
    packets = [item.packet if isinstance(item, Waiting) else item for item in run.waiting]
    return {
        "case": case,
        "thread": run.thread,
        "status": run.status,
        "reason": reason,
        "path": list(run.path),
        "waiting": plain_or_repr(packets),
        "values": plain_or_repr(run.values),
    }


def _read(record: Mapping[str, Any], routes: Iterable[str], people: Iterable[str]) -> Trajectory:
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


def _mistake(line: Line) -> str:
    """Describe the first mistake in a saved run; empty where there is none."""
    record = line.record
    if not isinstance(record, Mapping):
        return f"{record!r:.60} is no saved run; write one with save_runs"
    for name, kind in (("case", str), ("status", str), ("values", dict)):
        if not isinstance(record.get(name), kind):
            return f"{name}={record.get(name)!r:.60}: give a {_KINDS[kind]}, as save_runs does"
    if not isinstance(record.get("reason") or "", str):
        return f"reason={record['reason']!r:.60}: give a text"
    path, waiting = record.get("path") or [], record.get("waiting") or []
    if not isinstance(path, list) or not all(isinstance(name, str) for name in path):
        return f"path={path!r:.60}: give a list of nodes"
    return "" if isinstance(waiting, list) else f"waiting={waiting!r:.60}: give a list of questions"


_KINDS = {str: "text", dict: "object"}

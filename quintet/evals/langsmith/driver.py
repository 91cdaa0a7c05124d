"""Run cases through LangSmith's own `aevaluate`, and keep every row."""

from __future__ import annotations

import asyncio
import contextlib
import io
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import IO, Any
from uuid import NAMESPACE_URL, UUID, uuid5

import langsmith
from langsmith import Client, traceable
from langsmith.run_helpers import get_current_run_tree, tracing_context
from langsmith.run_trees import RunTree
from langsmith.schemas import Example, TracerSession

from quintet.errors import DesignError
from quintet.evals.case import Case
from quintet.evals.langsmith.scores import results_of
from quintet.evals.langsmith.tracing import annotate
from quintet.evals.reading.dataset import to_example
from quintet.evals.reading.harvest import plain_or_repr
from quintet.evals.row import Row
from quintet.evals.running.journal import write_line
from quintet.evals.running.runner import Runner, open_runner
from quintet.evals.scoring import metrics_of, scored
from quintet.evals.suite import Suite
from quintet.evals.target import as_target
from quintet.evals.trajectory import Trajectory
from quintet.state.record import plain

Place = tuple[str, int]
"""A case's id and the number of a repeat, from 0."""
OnRow = Callable[[Row, RunTree], Row]
BETA = r"'upload_(results|runs)' parameter is in beta"
"""LangSmith's warning when an upload is switched off; since 0.15 with the argument's new name."""


@dataclass(kw_only=True)
class Driver:
    """Run cases through LangSmith, and keep each row as soon as it is made.

    LangSmith gives results in the order in which they end, without the number of the repeat, and
    loses the unfinished ones when its server fails at the end.

    Args:
        suite: the suite.
        repeats, jobs: as for `evaluate`.
        progress: called with the number of runs that are done, and the number of all.
        rows: the rows made so far, by case id and repeat.
        on_row: called with each row and its run; returns the row to keep.
        file: gets each row as it is made.

    Raises:
        DesignError: the suite's target, or one of its metrics, is of no known kind.
    """

    suite: Suite
    repeats: int = 1
    jobs: int = 1
    progress: Callable[[int, int], None] | None = None
    rows: dict[Place, Row] = field(default_factory=dict)
    on_row: OnRow | None = None
    file: IO[str] | None = None
    _unscored: dict[UUID, tuple[Place, Trajectory, RunTree]] = field(default_factory=dict)
    _started: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _case_ids: dict[UUID | None, str] = field(default_factory=dict)
    _repeats: dict[str, list[int]] = field(default_factory=dict)
    _runner: Runner | None = None
    _round: int = 0
    _design_error: DesignError | None = None

    def __post_init__(self) -> None:
        suite = self.suite
        self.cases = {case.id: case for case in suite.cases}
        self.target = as_target(suite.target, suite.cases)
        self.metrics = metrics_of(suite, repeats=self.repeats)
        self.metadata = {"quintet_suite": suite.name, "quintet_cases": suite.fingerprint}

    @property
    def missing(self) -> list[Place]:
        """List the runs that have no row yet, repeat by repeat."""
        places = [(key, repeat) for repeat in range(self.repeats) for key in self.cases]
        return [place for place in places if place not in self.rows]

    async def run(
        self, examples: Mapping[str, Example], client: Client, experiment: TracerSession | None
    ) -> None:
        """Run the cases that have no row yet.

        Args:
            examples: by case id.
            client: an `OfflineClient`, or one that uploads.
            experiment: the experiment to upload to; None to upload nothing.

        Raises:
            Exception: whatever LangSmith raises; the rows made so far are kept.
            DesignError: raised by the target or a metric.
        """
        if not (missing := self.missing):
            return
        self._started = Counter()
        self._case_ids = {example.id: case for case, example in examples.items()}
        self._repeats = {
            case: [repeat for name, repeat in missing if name == case] for case in self.cases
        }
        with open_runner(self.target, self.jobs, self.suite.limit) as self._runner:
            try:
                # LangSmith repeats all examples or none: where some runs are done, each missing
                # one is an example of its own.
                whole = len(missing) == len(self.cases) * self.repeats
                cases = list(self.cases) if whole else [case for case, _ in missing]
                data = [examples[case] for case in cases]
                repeats = self.repeats if whole else 1
                results = await self._begin(data, repeats, client, experiment)
                async for _ in results:
                    pass
            finally:
                # From here on, tasks that LangSmith still starts for this round run nothing.
                self._round += 1
                await self._finish_left_over()
        if self._design_error is not None:
            raise self._design_error

    async def _begin(
        self,
        data: list[Example],
        repeats: int,
        client: Client,
        experiment: TracerSession | None,
    ) -> AsyncIterator[Any]:
        """Start LangSmith's `aevaluate` without its message on stdout and its progress bar."""
        sink = io.StringIO()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=BETA)
                results = await langsmith.aevaluate(
                    self._target(),
                    data=data,
                    evaluators=[self._evaluator(experiment is not None)],
                    metadata=dict(self.metadata),
                    client=client,
                    experiment=experiment,
                    num_repetitions=repeats,
                    max_concurrency=0 if self.jobs == 1 else self.jobs,
                    upload_results=experiment is not None,
                    disable_evaluator_tracing=True,
                    blocking=False,
                )
            # The bar is made in the first step of LangSmith's task, and no target begins in it.
            await asyncio.sleep(0)
        return results

    async def _finish_left_over(self) -> None:
        """Wait for the cases that LangSmith left unfinished when it failed, and score them."""
        own = asyncio.current_task()
        while own is not None and not own.cancelling():
            if unfinished := [task for task in self._tasks if task is not own and not task.done()]:
                await asyncio.wait(unfinished)
            elif self._unscored:
                for run in self._unscored:
                    self._tracked(asyncio.create_task(self._score(run)))
            else:
                break

    def _tracked(self, task: Any) -> Any:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _target(self) -> Any:
        this_round = self._round

        @traceable(name=self.suite.name, process_inputs=lambda arguments: arguments["inputs"])
        async def target(inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - for the trace
            self._tracked(asyncio.current_task())
            tree = get_current_run_tree()
            if self._design_error is not None or this_round != self._round or tree is None:
                return {}
            # LangSmith does not number its repetitions: count a case's runs as they begin.
            case = self.cases[self._case_ids[tree.reference_example_id]]
            repeat = self._repeats[case.id][self._started[case.id]]
            self._started[case.id] += 1
            trajectory = await self._run_case(case, repeat)
            if trajectory is None:
                return {}
            self._unscored[tree.id] = (case.id, repeat), trajectory, tree
            annotate(trajectory, tree=tree)
            tree.add_metadata({"quintet_repeat": repeat})
            if trajectory.error:
                tree.error = trajectory.error
            return _outputs(trajectory)

        return target

    def _evaluator(self, uploads: bool) -> Any:
        async def quintet(run: RunTree) -> dict[str, Any]:
            # Tracked as a task, so that it is waited for where LangSmith fails meanwhile.
            row = await self._tracked(asyncio.create_task(self._score(run.id)))
            # An upload sends its feedback itself, to count what the server refuses.
            return {"results": list(results_of(row, self.metrics)) if row and not uploads else []}

        return quintet

    async def _score(self, run: UUID) -> Row | None:
        """Score a run and keep the row, unless another task has taken the run."""
        if run not in self._unscored:
            return None
        (case, repeat), trajectory, tree = self._unscored.pop(run)
        try:
            # Otherwise LangChain may trace the calls of a metric, such as a judge's.
            with tracing_context(enabled=False):
                row = await scored(self.cases[case], trajectory, repeat, self.metrics)
        except DesignError as problem:
            self._design_error = self._design_error or problem
            return None
        self.rows[case, repeat] = row if self.on_row is None else self.on_row(row, tree)
        if self.file is not None:
            write_line(self.file, plain(self.rows[case, repeat]))
        if self.progress is not None:
            self.progress(len(self.rows), len(self.cases) * self.repeats)
        return row

    async def _run_case(self, case: Case, repeat: int) -> Trajectory | None:
        if self._runner is None:
            return None
        try:
            return await self._runner.run_case(case, repeat)
        except DesignError as problem:
            self._design_error = self._design_error or problem
            return None


def _outputs(trajectory: Trajectory) -> dict[str, Any]:
    """Convert a trajectory to the outputs of its run, without the fields left at their defaults."""
    default = Trajectory()
    changed = {
        item.name: value
        for item in fields(Trajectory)
        if item.name not in ("decisions", "state", "seconds", "url")
        and (value := getattr(trajectory, item.name)) != getattr(default, item.name)
    }
    outputs: dict[str, Any] = plain_or_repr({"status": trajectory.status, **changed})
    return outputs


def examples_of(suite: Suite) -> dict[str, Example]:
    """Convert a suite's cases to examples that stand on no server, by case id."""
    return {
        case.id: Example(id=uuid5(NAMESPACE_URL, f"quintet:{case.id}"), **to_example(case))
        for case in suite.cases
    }

"""One evaluation, driven by LangSmith's own `aevaluate`."""

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
from quintet.evals.metric import Metric
from quintet.evals.reading.dataset import to_example
from quintet.evals.reading.harvest import loose
from quintet.evals.row import Row
from quintet.evals.running.journal import write_line
from quintet.evals.running.runner import Runner, running
from quintet.evals.scoring import scored
from quintet.evals.suite import Suite
from quintet.evals.trajectory import Trajectory
from quintet.state.record import plain

Place = tuple[str, int]
Told = Callable[[Row, RunTree], Row]
BETA = r"'upload_(results|runs)' parameter is in beta"
"""How LangSmith warns of an upload that is switched off: since 0.15 by the argument's new name."""


@dataclass(kw_only=True)
class Driver:
    """Runs cases through LangSmith, and keeps the rows by itself.

    LangSmith gives results in the order in which they end, without the number of the repeat, and
    loses those under way when its server fails at the end; so every row is kept here as it is made.

    Args:
        name: of the root runs.
        cases: by id.
        target: a function of a case, as `as_target` gives it.
        metrics: what each run is scored by.
        repeats, jobs: as for `evaluate`.
        progress: called with how many runs are done, and of how many.
        about: metadata of every run.
        rows: what is done, by case id and repeat.
        told: hears of each row with its run, and returns the row to keep.
        file: gets each row as it is made.
    """

    name: str
    cases: Mapping[str, Case]
    target: Any
    metrics: tuple[Metric, ...]
    repeats: int = 1
    jobs: int = 1
    progress: Callable[[int, int], None] | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    rows: dict[Place, Row] = field(default_factory=dict)
    told: Told | None = None
    file: IO[str] | None = None
    _ran: dict[UUID, tuple[Place, Trajectory, RunTree]] = field(default_factory=dict)
    _begun: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _keys: dict[UUID | None, str] = field(default_factory=dict)
    _numbers: dict[str, list[int]] = field(default_factory=dict)
    _runner: Runner | None = None
    _started: int = 0
    _broken: BaseException | None = None

    @property
    def missing(self) -> list[Place]:
        """What has no row yet, repeat by repeat."""
        places = [(key, repeat) for repeat in range(self.repeats) for key in self.cases]
        return [place for place in places if place not in self.rows]

    async def run(
        self, examples: Mapping[str, Example], client: Client, experiment: TracerSession | None
    ) -> None:
        """Run what has no row yet.

        Args:
            examples: by case id.
            client: an `OfflineClient`, or one that uploads.
            experiment: where to upload; None to upload nothing.

        Raises:
            Exception: whatever LangSmith raises; the rows that were made are there.
            DesignError: of the target or a metric.
        """
        if not (left := self.missing):
            return
        self._begun, self._keys = Counter(), {each.id: key for key, each in examples.items()}
        self._numbers = {
            key: [repeat for name, repeat in left if name == key] for key in self.cases
        }
        with running(self.target, self.jobs) as self._runner:
            try:
                whole = len(left) == len(self.cases) * self.repeats
                keys = list(self.cases) if whole else [key for key, _ in left]
                data = [examples[key] for key in keys]
                repeats = self.repeats if whole else 1
                results = await self._begin(data, repeats, client, experiment)
                async for _ in results:
                    pass
            finally:
                self._started += 1
                await self._settled()
        if self._broken is not None:
            raise self._broken

    async def _begin(
        self,
        data: list[Example],
        repeats: int,
        client: Client,
        experiment: TracerSession | None,
    ) -> AsyncIterator[Any]:
        """LangSmith prints its start on stdout, and draws a bar of its own; neither is wanted."""
        sink = io.StringIO()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=BETA)
                results = await langsmith.aevaluate(
                    self._target(),
                    data=data,
                    evaluators=[self._evaluator(experiment is not None)],
                    metadata=dict(self.about),
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

    async def _settled(self) -> None:
        """Wait for cases that LangSmith left under way when it failed; others do not begin now."""
        own = asyncio.current_task()
        while own is not None and not own.cancelling():
            if left := [task for task in self._tasks if task is not own and not task.done()]:
                await asyncio.wait(left)
            elif self._ran:
                for run in self._ran:
                    self._under_way(asyncio.create_task(self._scored(run)))
            else:
                break

    def _under_way(self, task: Any) -> Any:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _target(self) -> Any:
        started = self._started

        @traceable(name=self.name, process_inputs=lambda given: given["inputs"])
        async def target(inputs: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - for the trace
            self._under_way(asyncio.current_task())
            tree = get_current_run_tree()
            if self._broken is not None or started != self._started or tree is None:
                return {}
            case = self.cases[self._keys[tree.reference_example_id]]
            repeat = self._numbers[case.id][self._begun[case.id]]
            self._begun[case.id] += 1
            trajectory = await self._trajectory(case, repeat)
            if trajectory is None:
                return {}
            self._ran[tree.id] = (case.id, repeat), trajectory, tree
            annotate(trajectory, tree=tree)
            tree.add_metadata({"quintet_repeat": repeat})
            if trajectory.error:
                tree.error = trajectory.error
            return _outputs(trajectory)

        return target

    def _evaluator(self, uploads: bool) -> Any:
        async def quintet(run: RunTree) -> dict[str, Any]:
            row = await self._under_way(asyncio.create_task(self._scored(run.id)))
            # An upload sends its feedback itself, to count what the server refuses.
            return {"results": results_of(row, self.metrics) if row and not uploads else []}

        return quintet

    async def _scored(self, run: UUID) -> Row | None:
        """Score a run, unless that is being done already, and keep the row."""
        if run not in self._ran:
            return None
        (key, repeat), trajectory, tree = self._ran.pop(run)
        try:
            with tracing_context(enabled=False):
                row = await scored(self.cases[key], trajectory, repeat, self.metrics)
        except DesignError as problem:
            self._broken = self._broken or problem
            return None
        self.rows[key, repeat] = row if self.told is None else self.told(row, tree)
        if self.file is not None:
            write_line(self.file, plain(self.rows[key, repeat]))
        if self.progress is not None:
            self.progress(len(self.rows), len(self.cases) * self.repeats)
        return row

    async def _trajectory(self, case: Case, repeat: int) -> Trajectory | None:
        if self._runner is None:
            return None
        try:
            return await self._runner.ran(case, repeat)
        except DesignError as problem:
            self._broken = self._broken or problem
            return None


def _outputs(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory as the outputs of its run: what is not as it is by default."""
    usual = Trajectory()
    made = {
        item.name: value
        for item in fields(Trajectory)
        if item.name not in ("decisions", "state", "seconds", "url")
        and (value := getattr(trajectory, item.name)) != getattr(usual, item.name)
    }
    outputs: dict[str, Any] = loose({"status": trajectory.status, **made})
    return outputs


def examples_of(suite: Suite) -> dict[str, Example]:
    """Examples that no server knows."""
    return {
        case.id: Example(id=uuid5(NAMESPACE_URL, f"quintet:{case.id}"), **to_example(case))
        for case in suite.cases
    }

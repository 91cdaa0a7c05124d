"""An evaluation that is uploaded: a dataset, an experiment on it, feedback, and what was lost."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

from langsmith import Client
from langsmith.run_trees import RunTree
from langsmith.schemas import FeedbackSourceType, TracerSession

from quintet import __version__
from quintet.errors import DesignError
from quintet.evals.langsmith.datasets import Pushed, push_cases
from quintet.evals.langsmith.driver import Driver, examples_of
from quintet.evals.langsmith.offline import OfflineClient
from quintet.evals.langsmith.outbox import LONGER, Outbox
from quintet.evals.langsmith.scores import results_of, summary_of
from quintet.evals.langsmith.service import bounded, connect, said
from quintet.evals.reading.rows import Header
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.evals.suite import Suite

_LOST = re.compile(r"Failed to .*ingest|LangSmith tracing error")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """That an evaluation is uploaded to LangSmith, and as what.

    LangSmith's package adds what it adds to any experiment: its own and Python's version, and the
    branch, commit and author that git names in the working directory.

    Args:
        dataset: the dataset that gets the cases; by default of the suite's name.
        experiment: how the experiment's name begins; by default the suite's name. An ending that
            is drawn makes it unique.
        client: a LangSmith client, such as one with a workspace or an anonymiser of yours; its
            own time-outs hold then. By default one for the key and endpoint in the environment.
        patience: seconds to wait for the server before the first case, and after the last for one
            that takes nothing; of one that takes a little at a time, ten times that in all.
        metadata: of the experiment, beside what Quintet writes.

    Raises:
        DesignError: patience below nothing.
    """

    dataset: str = ""
    experiment: str = ""
    client: Client | None = field(default=None, repr=False)
    patience: float = 60.0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.patience <= 0:
            raise DesignError(f"Upload(patience={self.patience!r}): give seconds, more than 0")


@dataclass(kw_only=True)
class Uploading:
    """One upload: the server's part of an evaluation that could do without it."""

    suite: Suite
    upload: Upload
    driver: Driver
    header: Header
    warned: list[str]
    notes: list[str] = field(default_factory=list)

    async def run(self, reported: Callable[[], Report]) -> Report:
        """Prepare, run, send what the report says, and note what did not arrive."""
        client = self.upload.client or connect(traces=True)
        try:
            return await self._through(client, reported)
        finally:
            if self.upload.client is None:
                client.close(timeout=0)

    async def _through(self, client: Client, reported: Callable[[], Report]) -> Report:
        try:
            pushed, experiment = await bounded(lambda: self._prepared(client), self.upload.patience)
        except DesignError:
            raise
        except Exception as problem:  # noqa: BLE001 - the server has no say in the result
            self.notes.append(f"LangSmith: nothing was uploaded: {said(problem, client)}")
            await self.driver.run(examples_of(self.suite), OfflineClient(), None)
            return self._noted(reported())
        outbox = Outbox(client)
        try:
            await self._driven(client, pushed, experiment, outbox)
            report = replace(reported(), url=_compared(experiment))
            for item in summary_of(report):
                outbox.put(project_id=experiment.id, **item, **_source())
            await self._flushed(client, outbox)
        finally:
            outbox.close()
        return self._noted(report, outbox)

    def _prepared(self, client: Client) -> tuple[Pushed, TracerSession]:
        """The dataset with the cases, and an experiment on it."""
        suite, upload = self.suite, self.upload
        pushed = push_cases(suite.cases, upload.dataset or suite.name, client=client)
        if len(pushed.examples) < len(suite.cases):
            raise LookupError(f"dataset {pushed.dataset!r} did not keep all of the cases")
        experiment = client.create_project(
            f"{upload.experiment or suite.name}-{uuid4().hex[:8]}",
            description=f"Quintet suite {suite.name}",
            reference_dataset_id=pushed.id,
            num_examples=len(suite.cases),
            num_repetitions=self.driver.repeats,
            metadata={
                **self.driver.about,
                "quintet_version": __version__,
                "quintet_repeats": self.driver.repeats,
                "quintet_began": self.header.began,
                **upload.metadata,
            },
        )
        return pushed, experiment

    async def _driven(
        self, client: Client, pushed: Pushed, experiment: TracerSession, outbox: Outbox
    ) -> None:
        url = (experiment.url or "").partition("?")[0]

        def told(row: Row, run: RunTree) -> Row:
            for item in results_of(row, self.driver.metrics):
                where = {"session_id": experiment.id, "start_time": run.start_time}
                failed = {"error": True} if "extra" in item else {}
                outbox.put(run_id=run.id, **where, **item, **failed, **_source())
            if not url:
                return row
            there = f"{url}/r/{run.id}?poll=true"
            return replace(row, trajectory=replace(row.trajectory, url=there))

        self.driver.told = told
        try:
            await self.driver.run(pushed.examples, client, experiment)
        except (DesignError, asyncio.CancelledError):
            raise
        except Exception as problem:  # noqa: BLE001 - the server has no say in the result
            self.notes.append(f"LangSmith: the experiment was not closed: {said(problem, client)}")
        if self.driver.missing:
            self.driver.told = None
            self.notes.append(
                f"LangSmith: {len(self.driver.missing)} runs were made without it and are not there"
            )
            await self.driver.run(examples_of(self.suite), OfflineClient(), None)

    async def _flushed(self, client: Client, outbox: Outbox) -> None:
        """Wait for feedback and traces, within the patience."""
        patience = self.upload.patience
        end = time.monotonic() + patience
        with suppress(TimeoutError):
            await bounded(lambda: outbox.drain(patience), 2 * LONGER * patience)
        began = time.monotonic()
        left = max(1.0, end - began)
        with suppress(TimeoutError):
            await bounded(lambda: client.flush(timeout=left), left + 1)
        if time.monotonic() - began >= left:
            self.notes.append(
                f"LangSmith: traces were still under way {left:.0f} seconds after the last case, "
                "and may be lost"
            )

    def _noted(self, report: Report, outbox: Outbox | None = None) -> Report:
        feedback = [outbox.note] if outbox is not None and outbox.note else []
        lost = [line for line in self.warned if _LOST.match(line)]
        traces = []
        if lost and outbox is not None:
            traces = [f"LangSmith: {len(lost)} batches of traces are lost: {lost[0]:.200}"]
        return replace(report, notes=(*report.notes, *self.notes, *feedback, *traces))


def _source() -> dict[str, Any]:
    return {
        "feedback_source_type": FeedbackSourceType.MODEL,
        "source_info": {"quintet": __version__},
    }


def _compared(experiment: TracerSession) -> str:
    """Where the experiment is shown on its dataset."""
    base = (experiment.url or "").partition("/projects/p/")[0]
    if not base:
        return ""
    dataset = experiment.reference_dataset_id
    return f"{base}/datasets/{dataset}/compare?selectedSessions={experiment.id}"

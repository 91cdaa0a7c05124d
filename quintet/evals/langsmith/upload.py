"""Upload an evaluation: a dataset, an experiment on it, feedback, and notes on what was lost."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
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
from quintet.evals.langsmith.outbox import Outbox
from quintet.evals.langsmith.scores import results_of, summary_of
from quintet.evals.langsmith.service import connected, describe_error, run_in_time
from quintet.evals.reading.rows import Header
from quintet.evals.report import Report
from quintet.evals.row import Row

_LOST = re.compile(r"Failed to .*ingest|LangSmith tracing error")
"""The warnings by which LangSmith's package reports traces that it could not send."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """The settings of an upload to LangSmith.

    LangSmith's package adds the metadata of any experiment: its own version and Python's, and the
    branch, commit and author that git names in the working directory.

    Args:
        dataset: the dataset that gets the cases; by default it has the suite's name.
        experiment: the beginning of the experiment's name; by default the suite's name. A random
            ending makes it unique.
        client: a LangSmith client, such as one with a workspace or an anonymiser of yours; its
            own time-outs apply. By default one for the key and endpoint in the environment.
        patience: seconds to wait for the server before the first case, and after the last one for
            a server that takes nothing; ten times as many for one that goes on taking feedback.
        metadata: of the experiment, in addition to Quintet's own.

    Raises:
        DesignError: patience is not more than 0.
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
    """Run an evaluation and upload it; where the server fails, the evaluation goes on without it.

    Args:
        upload: the settings.
        driver: runs the cases.
        header: names the time when the evaluation began.
        warned: the warnings of LangSmith's package, which grow during the run.
        notes: what was not uploaded, one sentence each.
    """

    upload: Upload
    driver: Driver
    header: Header
    warned: list[str]
    notes: list[str] = field(default_factory=list)

    async def run(self, reported: Callable[[], Report]) -> Report:
        """Make the experiment, run the cases, send the report's figures, note what was lost.

        Args:
            reported: makes the report when all cases have run.
        """
        with connected(self.upload.client, traces=True) as client:
            return await self._run(client, reported)

    async def _run(self, client: Client, reported: Callable[[], Report]) -> Report:
        patience = self.upload.patience
        try:
            pushed, experiment = await run_in_time(lambda: self._prepare(client), patience)
        except DesignError:
            raise
        except Exception as problem:  # noqa: BLE001 - the server has no say in the result
            self.notes.append(f"LangSmith: nothing was uploaded: {describe_error(problem, client)}")
            await self.driver.run(examples_of(self.driver.suite), OfflineClient(), None)
            return self._with_notes(reported())
        outbox = Outbox(client)
        try:
            await self._run_cases(client, pushed, experiment, outbox)
            report = replace(reported(), url=_url_of(experiment))
            for item in summary_of(report):
                outbox.put(project_id=experiment.id, **item, **_source())
            await self._flush(client, outbox)
        finally:
            outbox.close()
        return self._with_notes(report, outbox)

    def _prepare(self, client: Client) -> tuple[Pushed, TracerSession]:
        """Put the cases into the dataset, and make an experiment on it."""
        suite, upload = self.driver.suite, self.upload
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
                **self.driver.metadata,
                "quintet_version": __version__,
                "quintet_repeats": self.driver.repeats,
                "quintet_began": self.header.began,
                **upload.metadata,
            },
        )
        return pushed, experiment

    async def _run_cases(
        self, client: Client, pushed: Pushed, experiment: TracerSession, outbox: Outbox
    ) -> None:
        """Run the cases with the server, and those that it lost without it."""
        url = (experiment.url or "").partition("?")[0]

        def send_feedback(row: Row, run: RunTree) -> Row:
            for item in results_of(row, self.driver.metrics):
                session = {"session_id": experiment.id, "start_time": run.start_time}
                failed = {"error": True} if "extra" in item else {}
                outbox.put(run_id=run.id, **session, **item, **failed, **_source())
            if not url:
                return row
            run_url = f"{url}/r/{run.id}?poll=true"
            return replace(row, trajectory=replace(row.trajectory, url=run_url))

        self.driver.on_row = send_feedback
        try:
            await self.driver.run(pushed.examples, client, experiment)
        except (DesignError, asyncio.CancelledError):
            raise
        except Exception as problem:  # noqa: BLE001 - the server has no say in the result
            reason = describe_error(problem, client)
            self.notes.append(f"LangSmith: the experiment was not closed: {reason}")
        if self.driver.missing:
            # These runs are not on the server: feedback on them would be refused.
            self.driver.on_row = None
            self.notes.append(
                f"LangSmith: {len(self.driver.missing)} runs were made without it and are not there"
            )
            await self.driver.run(examples_of(self.driver.suite), OfflineClient(), None)

    async def _flush(self, client: Client, outbox: Outbox) -> None:
        """Wait for feedback and traces, as long as the patience lasts."""
        end = time.monotonic() + self.upload.patience
        await asyncio.to_thread(outbox.drain, self.upload.patience)
        began = time.monotonic()
        left = max(1.0, end - began)
        await asyncio.to_thread(client.flush, timeout=left)
        # `flush` does not tell whether it is done; one that took all its time is not.
        if time.monotonic() - began >= left:
            self.notes.append(
                f"LangSmith: traces were still under way {left:.0f} seconds after the last case, "
                "and may be lost"
            )

    def _with_notes(self, report: Report, outbox: Outbox | None = None) -> Report:
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


def _url_of(experiment: TracerSession) -> str:
    """Build the URL of the experiment's page on its dataset; empty where the server names none."""
    base = (experiment.url or "").partition("/projects/p/")[0]
    if not base:
        return ""
    dataset = experiment.reference_dataset_id
    return f"{base}/datasets/{dataset}/compare?selectedSessions={experiment.id}"

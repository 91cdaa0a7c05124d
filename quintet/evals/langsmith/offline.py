"""Run LangSmith's own `evaluate` without a server, by a client that keeps runs in memory."""

from __future__ import annotations

from typing import Any, NoReturn

from langsmith import Client

from quintet.evals.langsmith.service import ServiceError


class OfflineClient(Client):
    """Replace LangSmith's client offline: it opens no socket, drops runs and refuses any request.

    `upload_results=False` alone is not offline: LangSmith then still uploads the runs of a graph
    inside the target, with inputs and outputs, even with `LANGSMITH_TRACING=false` (measured on
    0.14 and on 0.15, which also calls the option `upload_runs`). With this client nothing is
    uploaded, and the run trees stay whole:

        langsmith.evaluate(app, data=examples, upload_results=False, client=OfflineClient())

    `evaluate_comparative`, `evaluate_existing` and datasets by name need a server, and raise.
    """

    def __init__(self) -> None:
        super().__init__(
            api_key="offline",
            api_url="http://offline.invalid",
            info={},
            tracing_mode="langsmith",
            auto_batch_tracing=False,
        )

    def create_run(self, *_: Any, **__: Any) -> None:
        """Drop the run here: it stays in the run tree."""

    def update_run(self, *_: Any, **__: Any) -> None:
        """Drop the update here: it stays in the run tree."""

    def request_with_retries(self, method: Any, pathname: str, **_: Any) -> NoReturn:
        """Refuse the request.

        Raises:
            ServiceError: always.
        """
        raise ServiceError(
            f"{method} {pathname}: this evaluation is offline and sends nothing; give "
            "Upload(...) to upload it, or leave out what needs a server"
        )

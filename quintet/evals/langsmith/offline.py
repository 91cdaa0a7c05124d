"""A client that keeps runs in memory, for LangSmith's own `evaluate` without a server."""

from __future__ import annotations

from typing import Any, NoReturn

from langsmith import Client

from quintet.evals.langsmith.service import ServiceError


class OfflineClient(Client):
    """A LangSmith client that opens no socket: runs are dropped, any request is an error.

    `upload_results=False` alone is not offline: LangSmith then still uploads what a graph does
    inside the target, inputs and outputs, with `LANGSMITH_TRACING=false` too (measured on 0.14 and
    0.15, which also calls it `upload_runs`). With this client it does not, and its run trees stay
    whole:

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
        """Keep the run where it is: in the run tree."""

    def update_run(self, *_: Any, **__: Any) -> None:
        """The same."""

    def request_with_retries(self, method: Any, pathname: str, **_: Any) -> NoReturn:
        """Refuse.

        Raises:
            ServiceError: always.
        """
        raise ServiceError(
            f"{method} {pathname}: this evaluation is offline and sends nothing; give "
            "Upload(...) to upload it, or leave out what needs a server"
        )

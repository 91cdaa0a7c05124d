"""Send feedback to LangSmith beside the run, and count what the server did not accept."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import Any

from langsmith import Client

from quintet.evals.langsmith.service import describe_error, in_background

THREADS = 8
ATTEMPTS = 2
LONGER = 10
"""Times the patience that a slow server gets in all, as long as it takes feedback."""
PAUSE = 0.1
"""Seconds between two looks at what has been accepted."""


class Outbox:
    """Send feedback in the background, one request for each piece, so that each is counted.

    LangSmith's client sends feedback in the background too, but then drops its errors; and it tries
    each piece ten times, which takes up to 17 minutes where the server is gone.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._wanted = self._accepted = 0
        self._refused: list[Exception] = []
        self._left: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._workers: list[Future[None]] = []
        self._closed = Event()
        self._lock = Lock()

    def put(self, **feedback: Any) -> None:
        """Queue feedback to be sent; the arguments are those of `Client.create_feedback`."""
        self._wanted += 1
        self._left.put(feedback)
        if len(self._workers) < THREADS:
            self._workers.append(in_background(self._work))

    def drain(self, patience: float) -> None:
        """Wait until all feedback is sent or refused; what is left is dropped.

        Args:
            patience: seconds to wait for a server that takes nothing; `LONGER` times as many in
                all for one that goes on taking feedback.
        """
        progress, accepted = time.monotonic(), self._accepted
        end = progress + LONGER * patience
        while self._accepted + len(self._refused) < self._wanted:
            now = time.monotonic()
            if self._accepted > accepted:
                progress, accepted = now, self._accepted
            if now >= min(end, progress + patience):
                break
            time.sleep(min(PAUSE, patience))
        self.close()

    def close(self) -> None:
        """Drop the feedback that is not sent yet."""
        self._closed.set()

    @property
    def note(self) -> str:
        """Count the feedback that was not accepted and give the reason; empty where all was."""
        missing = self._wanted - self._accepted
        if not missing:
            return ""
        reasons = Counter(describe_error(problem, self.client) for problem in self._refused)
        reason = reasons.most_common(1)[0][0] if reasons else "there was no time left"
        return f"LangSmith: {missing} of {self._wanted} feedbacks were not accepted: {reason}"

    def _work(self) -> None:
        while not self._closed.is_set():
            with suppress(Empty):
                self._send(self._left.get(timeout=PAUSE))

    def _send(self, feedback: dict[str, Any]) -> None:
        try:
            self.client.create_feedback(**feedback, stop_after_attempt=ATTEMPTS)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the evaluation goes on
            self._refused.append(problem)
        else:
            with self._lock:
                self._accepted += 1

"""Send feedback to LangSmith beside the run; count it, and give up on a server that is gone."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from typing import Any

from langsmith import Client
from langsmith.utils import LangSmithError

from quintet.evals.langsmith.service import describe_error

THREADS = 8
ATTEMPTS = 2
LONGER = 10
"""Times the patience that a slow server gets in all, as long as it takes feedback."""
DEAD = 3
"""Failures in a row after which the server counts as gone, and nothing more is sent."""


class Outbox:
    """Send feedback in threads of its own, one request for each piece, so that each is counted.

    LangSmith's own `evaluate` sends feedback too, but drops its errors, and tries each piece ten
    times, which takes up to 17 minutes where the server is gone.

    Attributes:
        wanted: the number of pieces put in.
        accepted: the number of pieces that the server took.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.wanted = self.accepted = 0
        self._refused: Counter[str] = Counter()
        self._failures_in_a_row = 0
        self._gone = ""
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def put(self, **feedback: Any) -> None:
        """Queue feedback to be sent; the arguments are those of `Client.create_feedback`."""
        self.wanted += 1
        self._queue.put(feedback)
        if len(self._threads) < min(THREADS, self.wanted):
            thread = threading.Thread(target=self._work, daemon=True, name="quintet-feedback")
            self._threads.append(thread)
            thread.start()

    def drain(self, patience: float) -> None:
        """Wait until all feedback is sent or refused; nothing is sent afterwards.

        Args:
            patience: seconds to wait for a server that takes nothing; `LONGER` times as many in
                all for one that goes on taking feedback.
        """
        progress, accepted = time.monotonic(), self.accepted
        end = progress + LONGER * patience
        # Queue.join waits without a time-out; this is its loop with one.
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                now = time.monotonic()
                if self.accepted > accepted:
                    progress, accepted = now, self.accepted
                if (left := min(end, progress + patience) - now) <= 0:
                    break
                self._queue.all_tasks_done.wait(left)
        with self._lock:
            self._gone = self._gone or "there was no time left"

    def close(self) -> None:
        """Let the threads end, and drop the feedback that is not sent yet."""
        with self._lock:
            self._gone = self._gone or "the evaluation was broken off"
        for _ in self._threads:
            self._queue.put(None)

    @property
    def note(self) -> str:
        """Count the feedback that was not accepted and give the reason; empty where all was."""
        with self._lock:
            missing, reasons = self.wanted - self.accepted, self._refused.most_common(1)
            gone = self._gone
        if not missing:
            return ""
        reason = reasons[0][0] if reasons else gone
        return f"LangSmith: {missing} of {self.wanted} feedbacks were not accepted: {reason}"

    def _work(self) -> None:
        while True:
            feedback = self._queue.get()
            if feedback is None:
                return
            try:
                if not self._gone:
                    self._send(feedback)
            finally:
                self._queue.task_done()

    def _send(self, feedback: dict[str, Any]) -> None:
        try:
            self.client.create_feedback(**feedback, stop_after_attempt=ATTEMPTS)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the evaluation goes on
            # The plain class is a refusal of this piece alone, by a server that is there.
            refused = type(problem) is LangSmithError
            self._count_failure(describe_error(problem, self.client), refused=refused)
        else:
            with self._lock:
                self.accepted, self._failures_in_a_row = self.accepted + 1, 0

    def _count_failure(self, reason: str, *, refused: bool) -> None:
        with self._lock:
            self._refused[reason] += 1
            self._failures_in_a_row += not refused
            if self._failures_in_a_row >= DEAD:
                self._gone = reason

"""Feedback on its way to LangSmith: sent beside the run, counted, and never waited for in vain."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from typing import Any

from langsmith import Client
from langsmith.utils import LangSmithError

from quintet.evals.langsmith.service import said

THREADS = 8
ATTEMPTS = 2
LONGER = 10
DEAD = 3
"""Failures in a row after which the server counts as gone, and no more is tried."""


class Outbox:
    """Sends feedback in threads of its own, each piece by one request, so that each is counted.

    LangSmith's own `evaluate` sends feedback too, but drops its errors, and tries each piece ten
    times, waiting up to 17 minutes where the server is gone.

    Attributes:
        wanted: how many pieces were put in.
        accepted: how many the server took.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.wanted = self.accepted = 0
        self._refused: Counter[str] = Counter()
        self._row = 0
        self._gone = ""
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def put(self, **feedback: Any) -> None:
        """Send this, soon; the arguments are those of `Client.create_feedback`."""
        self.wanted += 1
        self._queue.put(feedback)
        if len(self._threads) < min(THREADS, self.wanted):
            thread = threading.Thread(target=self._work, daemon=True, name="quintet-feedback")
            self._threads.append(thread)
            thread.start()

    def drain(self, patience: float) -> None:
        """Wait until all is sent or refused; nothing is sent after it.

        Args:
            patience: seconds to wait for a server that takes nothing; of one that takes a little
                at a time, `LONGER` times that in all.
        """
        last = time.monotonic(), self.accepted
        end = last[0] + LONGER * patience
        with self._queue.all_tasks_done:
            while self._queue.unfinished_tasks:
                now = time.monotonic()
                if self.accepted > last[1]:
                    last = now, self.accepted
                if (left := min(end, last[0] + patience) - now) <= 0:
                    break
                self._queue.all_tasks_done.wait(left)
        with self._lock:
            self._gone = self._gone or "there was no time left"

    def close(self) -> None:
        """Let the threads end; what was not sent yet is not."""
        with self._lock:
            self._gone = self._gone or "the evaluation was broken off"
        for _ in self._threads:
            self._queue.put(None)

    @property
    def note(self) -> str:
        """What was not accepted, and why; empty where all was."""
        with self._lock:
            missing, reasons = self.wanted - self.accepted, self._refused.most_common(1)
            gone = self._gone
        if not missing:
            return ""
        why = reasons[0][0] if reasons else gone
        return f"LangSmith: {missing} of {self.wanted} feedbacks were not accepted: {why}"

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
            # The plain kind is a refusal of this piece alone, by a server that is there.
            self._failed(said(problem, self.client), type(problem) is LangSmithError)
        else:
            with self._lock:
                self.accepted, self._row = self.accepted + 1, 0

    def _failed(self, why: str, odd: bool) -> None:
        with self._lock:
            self._refused[why] += 1
            self._row += not odd
            if self._row >= DEAD:
                self._gone = why

"""Keep the spending of a task under a limit in the journal, so that a crash does not reset it.

The attempts of a task share a stream, which holds the amounts that were added. It is read where
this process does not know what the task has spent, as after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quintet.state.budget import Spending, add_spending
from quintet.state.journal.entry import Entry
from quintet.state.journal.found import Place

START = "spent "


class Books:
    """Write down what a task spends.

    Args:
        place: the journal, and the thread in it.
        task: the task's id, which is the same after a crash.
        limited: the resources that the task has a limit for; they are written before the call that
            spends them, the others with the next tokens.
        seconds: the seconds that are written already.
    """

    def __init__(
        self, place: Place, task: str, limited: tuple[str, ...] = (), seconds: float = 0.0
    ) -> None:
        self._place, self._subject = place, f"{START}{task}"
        self._at_once = {*limited, "tokens", "money"}
        if "seconds" in limited:
            self._at_once.add("steps")
        self._open: Spending = {}
        self.seconds = seconds

    def add(self, amounts: Mapping[str, Any]) -> None:
        """Note amounts that are not written yet; the caller holds the attempt's lock."""
        self._open = add_spending(self._open, amounts)  # type: ignore[arg-type]

    def due(self) -> bool:
        """Say whether something noted should be written before the work goes on."""
        return any(self._open.get(name) for name in self._at_once)

    def take(self, seconds: float) -> Spending:
        """Give what is to be written, and count it as done; `seconds` are those of the task so far.

        The caller holds the attempt's lock.
        """
        amounts = add_spending(self._open, {"seconds": round(seconds - self.seconds, 6)})
        self._open, self.seconds = {}, seconds
        return amounts

    def write(self, amounts: Spending) -> None:
        """Append amounts; parallel calls of one task may append in any order."""
        self._place.journal.append(self._place.thread, self._subject, "spent", amounts)

    def read(self) -> Spending:
        """Add up what all attempts of the task have written."""
        entries: tuple[Entry, ...] = self._place.journal.read(self._place.thread, self._subject)
        total: Spending = {}
        for entry in entries:
            total = add_spending(total, entry.value)  # type: ignore[arg-type]
        return total

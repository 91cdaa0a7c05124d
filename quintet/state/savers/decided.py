"""Move a run's decisions from its checkpoints on to the journal, which holds all of them.

A superstep's new decisions are added to the journal in the transaction that puts its checkpoint.
The checkpoint keeps the last few, which is as many as the next node may read after a pause. Actions
are cut likewise: their claims and ends are in the journal already.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointTuple

from quintet.state.action import Action
from quintet.state.actions import KeptActions, bounded
from quintet.state.decision import Decision
from quintet.state.journal.entry import Journal
from quintet.state.log import Logged, restored
from quintet.state.record import without_defaults

DECISIONS_STORED = 4
ACTIONS_STORED = 3
"""The decisions, and the closed actions, that a checkpoint keeps at most."""

THREADS_KNOWN = 1024

Record = Mapping[str, Any]


def decided_in(run: str) -> str:
    """Name the stream of a run's decisions."""
    return f"decided {run}"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """The decisions that a checkpoint gives to the journal.

    Args:
        thread: the thread's id.
        run: the run that they belong to.
        position: the first one's number in the run.
        records: the decisions.
    """

    thread: str
    run: str
    position: int
    records: Sequence[Record]

    def add_to(self, journal: Journal, connection: Any = None) -> None:
        """Add them to the journal, within the transaction of the connection."""
        if self.records:
            subject = decided_in(self.run)
            journal.add(self.thread, subject, "decided", self.records, self.position, connection)


class Decided:
    """Cut checkpoints, and tell which of their decisions the journal does not hold yet.

    Args:
        journal: where they go.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last: OrderedDict[tuple[str, str], tuple[int, Record | None]] = OrderedDict()
        self._lock = threading.Lock()

    def cut(
        self, config: RunnableConfig, checkpoint: Checkpoint, versions: ChannelVersions
    ) -> tuple[Checkpoint, Moved | None]:
        """Give a checkpoint as it is stored, and what goes to the journal with it."""
        ids, values = config["configurable"], checkpoint["channel_values"]
        run = values.get("run")
        # A nested graph's checkpoints are cut by nobody: they end with the node that it runs in.
        if not run or ids.get("checkpoint_ns") or not isinstance(run, Mapping) or not run.get("id"):
            return checkpoint, None
        decisions, actions = values.get("decisions"), values.get("actions")
        short, moved = dict(values), None
        if isinstance(actions, KeptActions):
            closed = bounded(actions, ACTIONS_STORED)
            short["actions"] = {key: without_defaults(Action, a) for key, a in closed.items()}
        if isinstance(decisions, Logged):
            last = decisions[-DECISIONS_STORED:]
            short["decisions"] = [without_defaults(Decision, record) for record in last]
            if "decisions" in versions:
                moved = self._new(str(ids["thread_id"]), str(run["id"]), decisions.all)
        return {**checkpoint, "channel_values": short}, moved

    def _new(self, thread: str, run: str, decisions: Sequence[Record]) -> Moved:
        """Give the decisions after the one that the journal holds as the run's last."""
        count, last = self._last_of(thread, run)
        known = next((at for at in reversed(range(len(decisions))) if decisions[at] == last), -1)
        return Moved(thread=thread, run=run, position=count, records=decisions[known + 1 :])

    def _last_of(self, thread: str, run: str) -> tuple[int, Record | None]:
        with self._lock:
            if (known := self._last.get((thread, run))) is not None:
                return known
        found = self._journal.tail(thread, decided_in(run), 1)
        return (found[0].position + 1, found[0].value) if found else (0, None)

    def note(self, moved: Moved | None) -> None:
        """Note that decisions are in the journal: this thread's next are told from them."""
        if moved is None or not moved.records:
            return
        with self._lock:
            place = moved.thread, moved.run
            self._last[place] = moved.position + len(moved.records), moved.records[-1]
            self._last.move_to_end(place)
            if len(self._last) > THREADS_KNOWN:
                self._last.popitem(last=False)

    def forget(self, thread: str) -> None:
        """Forget a thread's last decision: another process may have moved the thread on."""
        with self._lock:
            for place in [place for place in self._last if place[0] == thread]:
                del self._last[place]


def copy_decided(journal: Journal, source: str, target: str, item: CheckpointTuple) -> None:
    """Copy the decisions of a run, up to a checkpoint of it, for a thread that goes on from it."""
    values = item.checkpoint["channel_values"]
    run, stored = values.get("run"), restored(values.get("decisions"))
    if not isinstance(run, Mapping) or not run.get("id") or not stored:
        return
    subject = decided_in(str(run["id"]))
    entries = journal.read(source, subject)
    last = next((n for n in reversed(range(len(entries))) if entries[n].value == stored[-1]), -1)
    for entry in entries[: last + 1]:
        journal.append(target, subject, entry.kind, entry.value, position=entry.position)

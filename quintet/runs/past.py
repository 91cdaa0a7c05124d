"""Read what a run has been through: the nodes that ran, and all of its decisions.

A look at a run reads its newest checkpoints, one page of them, and its last decisions. A longer
run's beginning is read when it is asked for. Checkpoints and journal entries never change, so it
is the same then, even where the run has moved on meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, CheckpointTuple

from quintet.errors import RunError
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.did import completed, may_lack
from quintet.runs.pending import sent_nodes
from quintet.state.decision import KINDS, Decision
from quintet.state.journal.entry import Entry, Journal
from quintet.state.journal.mode import mode_in
from quintet.state.record import plain, read
from quintet.state.run import run_of
from quintet.state.savers.decided import DECISIONS_STORED, decided_in
from quintet.state.savers.saver import Saver

PAGE = 8
DECISIONS_AT_HAND = 64

AnySaver = BaseCheckpointSaver[Any]


@dataclass(eq=False, kw_only=True)
class Past:
    """Hold what a run has been through, up to the checkpoint at which it was read.

    Attributes:
        saver: where the rest is; None where nothing is kept.
        config: the thread's configuration.
        nodes: the nodes that ran, as far as they are read.
        oldest: the oldest checkpoint that is read, where older ones of the run are not.
        logged: the last decisions in the journal, where the state may lack some.
    """

    saver: AnySaver | None = None
    config: RunnableConfig = field(default_factory=RunnableConfig)
    nodes: tuple[str, ...] = ()
    oldest: CheckpointTuple | None = None
    logged: tuple[Entry, ...] = ()

    def path(self) -> tuple[str, ...]:
        """Give all nodes that ran, in order.

        Raises:
            RunError: the beginning is not read yet, and the checkpointer is closed.
        """
        saver, oldest = self.saver, self.oldest
        if saver is not None and oldest is not None:
            before = _read(
                lambda: [*until_input(saver.list(self.config, before=oldest.config))], "path"
            )
            self.nodes, self.oldest = (*nodes_between([oldest, *before]), *self.nodes), None
        return self.nodes

    def decisions(self, values: Mapping[str, Any], *, whole: bool = True) -> tuple[Decision, ...]:
        """Give a state's decisions in order, after those that only the journal holds.

        Args:
            values: the state.
            whole: whether to read all; else those at hand are given.

        Raises:
            RunError: some are not read yet, and the checkpointer is closed.
        """
        values = values.stored if isinstance(values, Values) else values
        entries: Sequence[Entry] = self.logged
        if whole and entries and entries[0].position:
            entries = self.logged = _read(
                lambda: self._all_until(entries[-1].position), "decisions"
            )
        told = [dict(entry.value) for entry in entries]
        # Those of an unfinished superstep are in the state, and not yet in the journal.
        recent = told[-len(values.get("decisions") or ()) - 1 :]
        more = [record for record in _ours(values.get("decisions")) if record not in recent]
        return tuple(read(Decision, record) for record in _ours([*told, *more]))

    def _all_until(self, position: int) -> tuple[Entry, ...]:
        first = self.logged[0]
        entries = journal_of(self.saver).read(first.thread, first.subject)  # type: ignore[union-attr]
        return tuple(entries[: position + 1])

    @property
    def begins(self) -> bool:
        """Say whether the run's beginning is read."""
        return self.oldest is None


def read_past(
    saver: Any, config: RunnableConfig, newest: str, values: Mapping[str, Any]
) -> Logic[Past]:
    """Read the end of a run's past, and all of it where the saver must be awaited for the rest.

    Args:
        saver: the checkpointer.
        config: the thread's configuration.
        newest: the id of the checkpoint that the run was read at.
        values: the state there.
    """
    if not isinstance(saver, BaseCheckpointSaver):
        return Past()
    # Without a namespace, the checkpoints of nested graphs would be listed too.
    config = {**config, "configurable": {**config["configurable"], "checkpoint_ns": ""}}
    history: list[CheckpointTuple] = []
    whole, before = False, None
    while not whole and not (history and isinstance(saver, Saver)):
        page: list[CheckpointTuple] = yield Call(_page, (saver, config, before), awaitable=_apage)
        history += [item for item in page if item.checkpoint["id"] <= newest]
        whole = len(page) < PAGE or is_input(page[-1])
        before = page[-1].config if page else None
    logged: tuple[Entry, ...] = yield Call(last_decisions, (saver, config, values), blocks=True)
    return Past(
        saver=saver,
        config=config,
        nodes=nodes_between(history),
        oldest=None if whole or not history else history[-1],
        logged=logged,
    )


def _page(
    saver: AnySaver, config: RunnableConfig, before: RunnableConfig | None
) -> list[CheckpointTuple]:
    return list(until_input(saver.list(config, before=before, limit=PAGE)))


async def _apage(
    saver: AnySaver, config: RunnableConfig, before: RunnableConfig | None
) -> list[CheckpointTuple]:
    page = [item async for item in saver.alist(config, before=before, limit=PAGE)]
    return list(until_input(page))


def until_input(history: Iterable[CheckpointTuple]) -> Iterator[CheckpointTuple]:
    """Give the checkpoints of a thread's last run, newest first, back to its input."""
    for item in history:
        yield item
        if is_input(item):
            return


def is_input(item: CheckpointTuple) -> bool:
    """Say whether a run begins at this checkpoint; older ones are of the thread's earlier runs."""
    return item.metadata.get("source") == "input"


def nodes_between(history: Sequence[CheckpointTuple]) -> tuple[str, ...]:
    """Name the nodes that ran between a run's checkpoints, in order, from newest-first ones."""
    path: list[str] = []
    for before, after in pairwise(reversed(history)):
        if after.metadata.get("source") == "loop":  # others are made from outside, by nobody's run
            path += [*sent_nodes(before.checkpoint), *_ran(before.checkpoint, after.checkpoint)]
    return tuple(path)


def _ran(before: Checkpoint, after: Checkpoint) -> list[str]:
    """Name the nodes that an edge or a `Command` started, and that ran between two checkpoints."""
    old = before["versions_seen"]
    return sorted(
        node
        for node, channels in after["versions_seen"].items()
        if not node.startswith("__") and channels and channels != old.get(node)
    )


def last_decisions(
    saver: Any, config: RunnableConfig, values: Mapping[str, Any]
) -> tuple[Entry, ...]:
    """Read a run's last decisions from the journal, where its state may lack some."""
    journal, run = journal_of(saver), run_of(values)
    if journal is None or not run or len(values.get("decisions") or ()) < DECISIONS_STORED:
        return ()
    thread = str(config["configurable"]["thread_id"])
    return journal.tail(thread, decided_in(run), DECISIONS_AT_HAND)


def journal_of(saver: Any) -> Journal | None:
    """Give the journal of a saver of ours; None for others."""
    return saver.journal if isinstance(saver, Saver) else None


class Values(Mapping[str, Any]):
    """Give a state with all decisions and actions of its run; those that it lacks are read late.

    Args:
        stored: the state as its checkpoint keeps it.
        past: what the run has been through.
    """

    def __init__(self, stored: Mapping[str, Any], past: Past) -> None:
        self.stored, self._past = stored, past
        self._whole: Mapping[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        return (self._read() if key in _CUT else self.stored)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

    def __repr__(self) -> str:
        return repr(self.stored)

    def _read(self) -> Mapping[str, Any]:
        if self._whole is None:
            self._whole = _read(partial(_whole_values, self.stored, self._past), "values")
        return self._whole


_CUT = ("decisions", "actions")


def values_of(stored: Mapping[str, Any], past: Past) -> Mapping[str, Any]:
    """Give a state as its run's users see it: whole, however little its checkpoint keeps."""
    actions = stored.get("actions")
    if journal_of(past.saver) is None or not run_of(stored):
        return stored
    lacks = bool(past.logged) or (isinstance(actions, Mapping) and may_lack(stored))
    return Values(stored, past) if lacks else stored


def _whole_values(stored: Mapping[str, Any], past: Past) -> Mapping[str, Any]:
    journal, values = journal_of(past.saver), dict(stored)
    if past.logged:
        values["decisions"] = [plain(decision) for decision in past.decisions(stored)]
    if journal is None or not may_lack(stored):
        return values
    thread = str(past.config["configurable"]["thread_id"])
    mode = mode_in(journal, thread)
    before = tuple(name for name, _ in mode.before)
    return completed(values, journal, (*before, mode.scope or thread))


def _ours(log: Any) -> list[Mapping[str, Any]]:
    """Give the decisions among a state's entries; a user's own under that key are left out."""
    entries = log if isinstance(log, list) else []
    return [entry for entry in entries if isinstance(entry, Mapping) and entry.get("kind") in KINDS]


def decisions_in(values: Mapping[str, Any]) -> tuple[Decision, ...]:
    """Read the decisions from a state alone."""
    return Past().decisions(values)


def _read(reading: Any, what: str) -> Any:
    try:
        return reading()
    except Exception as problem:
        raise RunError(
            f"the beginning of this long run's {what} cannot be read any more ({problem}); read "
            f"run.{what} while the checkpointer is open"
        ) from problem

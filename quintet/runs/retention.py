"""Delete old checkpoints, and leave what a run that is not over, or an audit, still needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from quintet.errors import CheckpointerError, DesignError, NoSuchRun, ThreadHeld
from quintet.nodes.core.duration import seconds
from quintet.runs.dry import without_journal
from quintet.runs.stored import status_of
from quintet.state.checkpointer import threads
from quintet.state.clock import now
from quintet.state.journal.mode import MODE, read_mode
from quintet.state.savers.saver import Saver
from quintet.state.savers.upkeep import refuse_deltas, space_of, unneeded

OPEN = ("waiting", "unfinished")


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """The checkpoints and threads that were deleted, or would be.

    Attributes:
        checkpoints: how many checkpoints.
        threads: the threads of which none is left; their journal is, unless it was deleted too.
        journals: the threads whose journal was deleted.
        passed_over: the threads that were left as they are, each with the reason.
    """

    checkpoints: int = 0
    threads: tuple[str, ...] = ()
    journals: tuple[str, ...] = ()
    passed_over: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Pruning:
    """Prune one thread after the other, by one rule."""

    saver: Saver
    keep: int
    before: float | None
    dry_run: bool
    journal: bool
    shared: Collection[str]
    checkpoints: int = 0
    threads: list[str] = field(default_factory=list)
    journals: list[str] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)

    def prune(self, thread: str) -> None:
        """Prune a thread that is held."""
        items = [*self.saver.list({"configurable": {"thread_id": thread}})]
        roots = [item for item in items if not space_of(item)]
        refuse_deltas(thread, items)
        roots.sort(key=lambda item: str(item.checkpoint["id"]), reverse=True)
        kept = self._kept(roots)
        gone = unneeded(items, kept)
        if not self.dry_run:
            self.saver.drop(thread, gone)
        self.checkpoints += sum(map(len, gone.values()))
        if roots and not kept:
            self.threads.append(thread)
            if self.journal:
                self._forget(thread)

    def _kept(self, roots: Sequence[CheckpointTuple]) -> set[str]:
        """Give the ids of the outermost graph's checkpoints that stay; they come newest first."""
        is_open = bool(roots) and status_of(roots[0]) in OPEN
        kept = {str(root.checkpoint["id"]) for root in roots[: max(self.keep, int(is_open))]}
        if self.before is not None:
            kept |= {str(r.checkpoint["id"]) for r in roots if _moment(r) >= self.before}
        return kept

    def _forget(self, thread: str) -> None:
        if thread in self.shared:
            self.passed_over[thread] = "its journal stays: a fork of it looks there"
            return
        self.journals.append(thread)
        # A run that somebody has begun meanwhile, by `invoke`, needs it.
        if not self.dry_run and self.saver.get_tuple(_place(thread)) is None:
            self.saver.journal.forget(thread)


def prune(
    saver: BaseCheckpointSaver[str],
    *,
    thread: str | None = None,
    keep: int | None = None,
    older_than: str | float | None = None,
    journal: bool = False,
    dry_run: bool = False,
) -> Pruned:
    """Delete old checkpoints of one thread, or of all.

    The newest checkpoint of a run that waits or is not finished always stays. So does the journal:
    an effect that was done stays known, and is not done again by a later run on its thread.

    Args:
        saver: the checkpointer, by `checkpointer(url)`.
        thread: only this thread.
        keep: how many of a thread's newest checkpoints stay, whatever their age.
        older_than: only checkpoints older than this: seconds, or text such as `"30d"`. A thread
            whose run is over, and has nothing younger, goes as a whole unless `keep` is given.
        journal: whether the journal of a thread that goes as a whole is deleted with it. Its
            effects are then forgotten: a run on a thread of that name does them again.
        dry_run: whether to delete nothing, and only say what would be.

    Raises:
        DesignError: neither `keep` nor `older_than` is given, one of them is not a count or a
            duration, or the saver is not one of ours.
        NoSuchRun: nothing is stored under the thread.
    """
    if not isinstance(saver, Saver):
        raise without_journal("prune")
    if keep is None and older_than is None:
        raise DesignError("prune: give keep=..., a number of checkpoints, or older_than='30d'")
    if keep is not None and (isinstance(keep, bool) or not isinstance(keep, int) or keep < 1):
        raise DesignError(
            f"prune(keep={keep!r}): give a number from 1; saver.delete_thread(...) deletes all"
        )
    age = seconds(older_than)
    pruning = _Pruning(
        saver=saver,
        keep=keep or 0,
        before=None if age is None else now() - age,
        dry_run=dry_run,
        journal=journal,
        shared=_shared(saver) if journal else (),
    )
    if thread is not None and saver.get_tuple(_place(thread)) is None:
        raise NoSuchRun(f"no run is stored under thread {thread!r}")
    for name in threads(saver) if thread is None else (thread,):
        try:
            with saver.holds.hold(name):
                pruning.prune(name)
        except (ThreadHeld, CheckpointerError) as problem:
            pruning.passed_over[name] = str(problem)
    return Pruned(
        checkpoints=pruning.checkpoints,
        threads=tuple(pruning.threads),
        journals=tuple(pruning.journals),
        passed_over=pruning.passed_over,
    )


def _shared(saver: Saver) -> frozenset[str]:
    """Name the threads whose effects other threads share, or look at."""
    entries = [entry for entry in saver.journal.entries(None, MODE) if entry.subject == MODE]
    modes = [read_mode([entry]) for entry in entries]
    return frozenset(
        name
        for mode in modes
        for name in (mode.scope, *(thread for thread, _ in mode.before))
        if name
    )


def _moment(item: CheckpointTuple) -> float:
    return datetime.fromisoformat(item.checkpoint["ts"]).timestamp()


def _place(thread: str) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}

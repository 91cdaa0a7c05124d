"""Copy a run, as it stood at one of its checkpoints, into a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot

from quintet.errors import DesignError, NoSuchRun, RunError
from quintet.nodes.core.call import Call, Logic, adrive, drive
from quintet.runs.dry import without_journal
from quintet.runs.pending import check_nodes, next_nodes
from quintet.runs.refusals import require_compiled, run_config
from quintet.runs.run import Run, read_run
from quintet.runs.thread import App, held, snapshot_of
from quintet.runs.versions.known import note_copy
from quintet.state.clock import now
from quintet.state.journal.mode import Mode, mode_in, set_mode
from quintet.state.savers.decided import copy_decided
from quintet.state.savers.saver import Saver, ThreadedSaver
from quintet.state.savers.upkeep import keeps_deltas, root_of, writes_of

Effects = Literal["dry", "real"]


def fork(
    app: App,
    *,
    thread: str,
    to: str,
    at: str | int | None = None,
    before: str | None = None,
    effects: Effects = "dry",
) -> Run:
    """Copy a run, as it stood at a checkpoint, into a new thread; the old one is not touched.

    `resume` and `answer` move the copy on. At the thread's newest checkpoint, what its last step
    has done is copied, and so are its open questions. At an older one, that step runs anew.

    Args:
        app: the compiled graph, whose checkpointer is by `checkpointer(url)`.
        thread: the thread to copy.
        to: the new thread's id.
        at: a checkpoint's id or step, as in LangGraph's history; None for the newest.
        before: in place of `at`, a node: the copy goes on where the thread's last run first came
            to it. Earlier steps stand with their results and effects, and are not run again.
        effects: `"dry"`: they are recorded and do not happen. `"real"`: they happen, and the copy
            shares its claims with the thread that it comes from. An effect that one of them has
            done is not done by the other: a step that runs anew gets the result, all else is
            refused.

    Returns:
        The copy, as it stands.

    Raises:
        DesignError: the graph is not compiled, or its checkpointer has no journal.
        NoSuchRun: there is no such thread or checkpoint.
        RunError: the new thread exists, the old one cannot be copied, or it is a dry run whose
            effects would become real.
        ThreadHeld: somebody else moves the new thread now.
    """
    given = Fork(thread=thread, to=to, at=at, before=before, effects=effects)
    return drive(_fork(require_compiled(app), given))


async def afork(
    app: App,
    *,
    thread: str,
    to: str,
    at: str | int | None = None,
    before: str | None = None,
    effects: Effects = "dry",
) -> Run:
    """Copy a run of an async graph into a new thread; as `fork`."""
    given = Fork(thread=thread, to=to, at=at, before=before, effects=effects)
    return await adrive(_fork(require_compiled(app), given))


@dataclass(frozen=True, kw_only=True)
class Fork:
    """The thread to copy, from where, to where, and how its effects are meant; see `fork`."""

    thread: str
    to: str
    at: str | int | None
    before: str | None
    effects: Effects

    def __post_init__(self) -> None:
        if self.before is not None and self.at is not None:
            raise DesignError(f"fork(at={self.at!r}, before={self.before!r}): give one of them")
        if self.effects not in ("dry", "real"):
            raise DesignError(f"fork(effects={self.effects!r}): give 'dry' or 'real'")
        if not self.to or self.to == self.thread:
            raise RunError(
                f"fork(to={self.to!r}): a fork goes into a new thread, since the old one's work "
                "would be done again; name one that does not exist"
            )


def _fork(app: App, given: Fork) -> Logic[Run]:
    saver = app.checkpointer
    if not isinstance(saver, Saver):
        raise without_journal("a fork")
    return (yield from held(app, given.to, _fork_held(app, saver, given)))


def _fork_held(app: App, saver: Saver, given: Fork) -> Logic[Run]:
    config = run_config(given.thread, None)
    yield from check_nodes(app, config)
    latest: StateSnapshot = yield snapshot_of(app, config)
    paths = {task.id: _path_text(task.path) for task in latest.tasks}
    yield Call(_copy, (app, saver, given, paths), blocks=True)
    # With nothing of a context: whoever goes on gives it.
    return (yield from read_run(app, run_config(given.to, None), {}))


def _copy(app: App, saver: Saver, given: Fork, paths: Mapping[str, str]) -> None:
    newest = saver.get_tuple(_place(given.thread))
    if newest is None:
        raise NoSuchRun(f"no run is stored under thread {given.thread!r}")
    item = newest if given.at is None else _find(saver, given.thread, given.at)
    if given.before is not None:
        item = _first_before(saver, given.thread, given.before)
    if keeps_deltas(item):
        raise RunError(
            f"thread {given.thread!r} has a DeltaChannel, whose value lies in older checkpoints: "
            "it cannot be forked"
        )
    whole = _id(item) == _id(newest)
    _begin(saver, given, item, whole)
    for child in [*_children(saver, given.thread, item, whole), *_lasting(app, saver, item, whole)]:
        _put(saver, given.to, child, {})
    copy_decided(saver.journal, given.thread, given.to, item)
    # Last, since with it the thread exists.
    _put(saver, given.to, item, paths, whole=whole)


def _begin(saver: Saver, given: Fork, item: CheckpointTuple, whole: bool) -> None:
    """Write how the new thread's effects are meant, before there is anything to run."""
    if saver.get_tuple(_place(given.to)) is not None:
        raise RunError(f"fork(to={given.to!r}): that thread exists; name a new one")
    if saver.journal.entries(given.to, "effect "):
        raise RunError(
            f"fork(to={given.to!r}): effects of a thread of that name are on record; name a new one"
        )
    mode = mode_in(saver.journal, given.thread)
    if mode.dry and given.effects == "real":
        raise RunError(
            f"thread {given.thread!r} is a dry run, whose results stand in for real ones: a real "
            f"fork is made from a real thread{f', such as {mode.source!r}' * bool(mode.source)}"
        )
    scope = mode.scope or given.thread
    until = now() if whole else datetime.fromisoformat(item.checkpoint["ts"]).timestamp()
    forked = Mode(
        dry=given.effects == "dry",
        source=given.thread,
        checkpoint=_id(item),
        scope=scope if given.effects == "real" else "",
        before=(*mode.before, (scope, until)) if given.effects == "dry" else (),
    )
    if not set_mode(saver.journal, given.to, forked):
        raise RunError(f"fork(to={given.to!r}): that thread was begun otherwise; name a new one")
    note_copy(saver.journal, given.thread, given.to, until)


def _find(saver: Saver, thread: str, at: str | int) -> CheckpointTuple:
    """Find a checkpoint by its id or its step.

    Raises:
        NoSuchRun: there is none, or there are several of the step.
    """
    if isinstance(at, str):
        found = saver.get_tuple(
            {"configurable": {**_place(thread)["configurable"], "checkpoint_id": at}}
        )
        # A saver may give another one for an id that it does not have.
        matches = [] if found is None or _id(found) != at else [found]
    else:
        matches = [*saver.list(_place(thread), filter={"step": at})]
    if len(matches) == 1:
        return matches[0]
    which = f"{len(matches)} checkpoints" if matches else "no checkpoint"
    what = f"with the id {at!r}" if isinstance(at, str) else f"of step {at}"
    raise NoSuchRun(
        f"thread {thread!r} has {which} {what}; app.get_state_history(config) lists them, each "
        "with its id (config) and step (metadata)"
    )


def _first_before(saver: Saver, thread: str, node: str) -> CheckpointTuple:
    """Find the first checkpoint of the thread's last run at which a node is next.

    Raises:
        NoSuchRun: the run never came to it; it names the nodes that it came to.
    """
    found, nodes = None, set[str]()
    for item in saver.list(_place(thread)):  # the newest first
        if item.metadata.get("source") == "input":
            break
        following = next_nodes(item.checkpoint)
        nodes.update(following)
        found = item if node in following else found
    if found is None:
        raise NoSuchRun(
            f"the last run of thread {thread!r} never came to {node!r}; it came to "
            f"{', '.join(sorted(nodes)) or 'no node'}"
        )
    return found


def _children(
    saver: Saver, thread: str, item: CheckpointTuple, whole: bool
) -> Iterator[CheckpointTuple]:
    """Give the newest checkpoints of the nested graphs that a checkpoint's tasks are in."""
    if not whole:  # its step runs anew, and the graphs that are nested there with it
        return
    seen: set[str] = set()
    for child in saver.list({"configurable": {"thread_id": thread}}):
        # Ids are in the order of time. In memory, each nested graph is listed by itself.
        if _id(child) <= _id(item) and isinstance(saver, ThreadedSaver):
            return
        space = child.config["configurable"]["checkpoint_ns"]
        if ":" in space and root_of(child) == _id(item) and space not in seen:
            seen.add(space)
            yield child


def _lasting(
    app: App, saver: Saver, item: CheckpointTuple, whole: bool
) -> Iterator[CheckpointTuple]:
    """Give the checkpoints of nested graphs that keep their state from one call to the next."""
    for name, inner in app.get_subgraphs():
        if not isinstance(inner, CompiledStateGraph) or inner.checkpointer is not True:
            continue
        for child in saver.list(_place(item.config["configurable"]["thread_id"], name)):
            root = root_of(child)
            if root < _id(item) or (whole and root == _id(item)):
                yield child
                break


def _put(
    saver: Saver,
    thread: str,
    item: CheckpointTuple,
    paths: Mapping[str, str],
    *,
    whole: bool = True,
) -> None:
    """Put a copy of a checkpoint, under its own id, by which its tasks' writes stay theirs."""
    place = _place(thread, item.config["configurable"]["checkpoint_ns"])
    metadata: Any = {**item.metadata}
    if "thread_id" in metadata:
        metadata["thread_id"] = thread
    versions = item.checkpoint["channel_versions"]
    stored = saver.put(place, item.checkpoint, metadata, {**versions})
    if whole:
        for task, writes in writes_of(item).items():
            saver.put_writes(stored, writes, task, paths.get(task, ""))


def _place(thread: str, space: str = "") -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": space}}


def _id(item: CheckpointTuple) -> str:
    return str(item.checkpoint["id"])


def _path_text(path: tuple[Any, ...]) -> str:
    """Write a task's path as LangGraph gives it to a saver."""
    parts = (
        _path_text(part)
        if isinstance(part, tuple)
        else f"{part:010d}"
        if isinstance(part, int)
        else str(part)
        for part in path
    )
    return f"~{', '.join(parts)}"

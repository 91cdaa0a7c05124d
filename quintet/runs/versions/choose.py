"""Choose the graph with which a run goes on: the same, a compatible one, an older one, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple

from quintet.errors import DesignError, GraphChanged
from quintet.nodes.core.call import Call, Logic
from quintet.runs.pending import check_nodes, next_nodes
from quintet.runs.refusals import require_compiled
from quintet.runs.thread import App, is_input_of, thread_of
from quintet.runs.versions.carry import impossible, rename_inside, results_left
from quintet.runs.versions.fingerprint import digest_of, fingerprint
from quintet.runs.versions.held import Held, held_by, is_open
from quintet.runs.versions.judge import Difference, judge
from quintet.runs.versions.known import (
    Known,
    graph_by,
    keep_graph,
    known_graph,
    note_migrating,
    note_move,
)
from quintet.runs.versions.migration import (
    Migration,
    changed_by,
    renamed_by,
    steps_between,
)
from quintet.runs.versions.renaming import rename_graph, rename_held
from quintet.runs.versions.rewrite import Rewriting, state_values, take_questions_back
from quintet.state.decision import Decision
from quintet.state.savers.saver import Saver


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Hold several versions of one graph, with the migrations between them.

    Args:
        apps: the compiled graphs, the newest first: new runs begin with it.
        migrations: the declared ways from older graphs to the newest.
    """

    apps: tuple[App, ...]
    migrations: tuple[Migration, ...] = ()

    @property
    def newest(self) -> App:
        """Give the graph with which new runs begin."""
        return self.apps[0]


def pinned(app: App, *older: App, migrations: Sequence[Migration] = ()) -> Versions:
    """Give several versions of a graph in place of one, so that each run goes on with its own.

    `start`, `stream`, `resume` and `look` take it. New runs begin with `app`. A run that an older
    graph began goes on with that graph, where it is given; else by a migration, where one is
    declared; else with `app`, where that harms nothing of the run.

    Args:
        app: the compiled graph in use.
        older: compiled graphs that runs may still be under way with, on the same checkpointer.
        migrations: from `migrate`.

    Raises:
        DesignError: a graph is not compiled, or has another checkpointer.
    """
    apps = tuple(require_compiled(each) for each in (app, *older))
    # LangGraph copies the saver that it compiles a graph with; its copies share the journal.
    if len({id(getattr(each.checkpointer, "journal", None)) for each in apps}) > 1:
        raise DesignError(
            "pinned(...): an older graph has another checkpointer; compile all versions with the "
            "same one, since a run's checkpoints are there"
        )
    if wrong := [each for each in migrations if not isinstance(each, Migration)]:
        raise DesignError(f"pinned(migrations={wrong[0]!r:.60}): give what migrate(...) returns")
    return Versions(apps=apps, migrations=tuple(migrations))


def versions_of(app: App | Versions) -> Versions:
    """Give the versions of a graph; a graph by itself is its only one."""
    return app if isinstance(app, Versions) else Versions(apps=(require_compiled(app),))


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Name the graph that a run goes on with.

    Args:
        app: the graph.
        migrated: whether the run was migrated to it just now.
        asks_again: whether its open questions were taken back, and are asked anew when it runs on.
    """

    app: App
    migrated: bool = False
    asks_again: bool = False


def choose(versions: Versions, config: RunnableConfig, *, move: str = "") -> Logic[Chosen]:
    """Choose the graph with which a run goes on, and carry the run over where that is declared.

    Args:
        versions: the graphs that there are.
        config: the run's configuration.
        move: how the run is moved, such as `resume`; empty where it is only looked at.

    Raises:
        GraphChanged: none of them can go on with the run; it says why, and the remedies.
        RunError: a node that it goes on at is gone, and nobody wrote down which graph began it.
    """
    newest = versions.newest
    saver = newest.checkpointer
    if not isinstance(saver, BaseCheckpointSaver):
        return Chosen(app=newest)
    stored: CheckpointTuple | None = yield Call(
        saver.get_tuple, (config,), awaitable=saver.aget_tuple
    )
    if stored is None or not is_open(stored):
        return Chosen(app=newest)
    chosen = yield from _chosen(versions, saver, stored, config, move)
    if move:
        run = stored.checkpoint["channel_values"].get("run")
        yield from note_move(
            chosen.app,
            config,
            move,
            run=str(run.get("id", "")) if isinstance(run, Mapping) else "",
            after=str(stored.config["configurable"]["checkpoint_id"]),
        )
    return chosen


def _chosen(
    versions: Versions,
    saver: BaseCheckpointSaver[Any],
    stored: CheckpointTuple,
    config: RunnableConfig,
    move: str,
) -> Logic[Chosen]:
    known = (yield from known_graph(saver, stored)) if isinstance(saver, Saver) else Known()
    if not known.graph or not isinstance(saver, Saver):
        app = _by_nodes(versions, stored)
        yield from check_nodes(app, config)
        return Chosen(app=app)
    same = next((app for app in versions.apps if digest_of(app) == known.graph), None)
    if same is None or known.half:
        change = _Change(versions=versions, saver=saver, stored=stored, known=known, move=move)
        return (yield from change.decide(config))
    if move and same is not versions.newest:
        yield from _note_pinned(same, saver, stored, known.graph)
    return Chosen(app=same)


def _note_pinned(app: App, saver: Saver, stored: CheckpointTuple, known: str) -> Logic[None]:
    """Put on the run's record, once, that it goes on with the older graph which began it."""
    log = stored.checkpoint["channel_values"].get("decisions")
    noted = [
        each for each in log or () if isinstance(each, Mapping) and each.get("kind") == "graph"
    ]
    if is_input_of(stored) or any(each.get("choice") == "pinned" for each in noted):
        return
    reason = f"it goes on with graph {known}, which it was begun with"
    decision = Decision(kind="graph", node="run", choice="pinned", reason=reason)
    yield from Rewriting(app=app, decision=decision).put(saver, stored, known)


def difference_of(
    app: App, saver: Saver, stored: CheckpointTuple, known: str
) -> Logic[list[Difference]]:
    """List the differences between the graph that a run was begun with and another."""
    old = yield from graph_by(saver.journal, known)
    if old is None:
        return []
    return judge(old, fingerprint(app), (yield from held_by(saver, stored)))


def _by_nodes(versions: Versions, stored: CheckpointTuple) -> App:
    """Give the first version that has all nodes that a run goes on at; the newest if none has."""
    nodes = set(next_nodes(stored.checkpoint))
    return next((app for app in versions.apps if nodes <= app.nodes.keys()), versions.newest)


@dataclass(frozen=True, kw_only=True)
class _Change:
    """Decide on a run whose graph is none of those that are given."""

    versions: Versions
    saver: Saver
    stored: CheckpointTuple
    known: Known
    move: str

    @property
    def app(self) -> App:
        return self.versions.newest

    def decide(self, config: RunnableConfig) -> Logic[Chosen]:
        old = yield from graph_by(self.saver.journal, self.known.graph)
        if old is None:
            reason = (
                "the journal does not have its description any more, so nothing can be compared"
            )
            lost = Difference(at=f"graph {self.known.graph}", reason=reason, final=True)
            raise self._refusal(config, [lost])
        if self.move:
            # Before a checkpoint names this graph, what it looks like must be on record.
            yield from keep_graph(self.saver.journal, self.app)
        held = yield from held_by(self.saver, self.stored)
        found = judge(old, fingerprint(self.app), held)
        breaks = [difference for difference in found if difference.breaks]
        target = digest_of(self.app)
        steps = steps_between(self.versions.migrations, self.known.graph, target)
        if steps and self.known.half in ("", target):
            return (yield from self._migrate(config, old, held, steps))
        if self.known.half:
            reason = f"its migration to {self.known.half} was cut off; resume(...) it with that one"
            raise self._refusal(config, [Difference(at="nested graphs", reason=reason, final=True)])
        if breaks:
            raise self._refusal(config, breaks)
        if self.move:
            reason = "; ".join(map(str, found)) or "nothing that this run holds is different"
            rewriting = Rewriting(app=self.app, decision=self._decision("compatible", reason))
            yield from rewriting.put(self.saver, self.stored, digest_of(self.app))
        return Chosen(app=self.app)

    def _migrate(
        self, config: RunnableConfig, old: Any, held: Held, steps: Sequence[Migration]
    ) -> Logic[Chosen]:
        names = renamed_by(steps)
        left = judge(rename_graph(old, names), fingerprint(self.app), rename_held(held, names))
        values = None
        if any(step.change is not None for step in steps):
            # A copy, so that a function that changes what it is given changes nothing stored.
            before = deepcopy(state_values(self.stored.checkpoint["channel_values"]))
            values = changed_by(steps, before)
        breaks = [difference for difference in left if difference.final]
        breaks += impossible(self.app, names, held, values)
        breaks += yield from results_left(self.app, config, names, held)
        if breaks:
            raise self._refusal(config, breaks, migrated=True)
        if not self.move:
            raise GraphChanged(
                f"run {thread_of(config)!r} was begun with another graph ({self.known.graph}), and "
                "a migration is declared: resume(...) applies it, and asks open questions anew",
                tuple(map(str, left)),
                migrates=True,
            )
        reason = "by a declared migration" + (
            f", with {', '.join(f'{o} renamed to {n}' for o, n in names.items())}" if names else ""
        )
        target = digest_of(self.app)
        inside = any("/" in name for name in names)
        yield from note_migrating(
            self.saver.journal, self.stored, self.known.graph, target, inside=inside
        )
        asks_again = yield from rename_inside(self.saver, self.app, held, names, target)
        if names:
            # Taken back first: a crash after it leaves questions to ask, never one that is dead.
            asked = yield from take_questions_back(self.saver, self.stored)
            yield Call(self.saver.journal.close, (thread_of(config),), blocks=True)
            asks_again = asks_again or asked
        reason = f"{reason}: graph {self.known.graph} to {target}"
        decision = self._decision("migrated", reason)
        rewriting = Rewriting(app=self.app, names=names, values=values, decision=decision)
        yield from rewriting.put(self.saver, self.stored, target)
        return Chosen(app=self.app, migrated=True, asks_again=asks_again)

    def _decision(self, choice: str, reason: str) -> Decision | None:
        if is_input_of(self.stored):  # the run has not begun: these are the last run's decisions
            return None
        return Decision(kind="graph", node="run", choice=choice, reason=reason)

    def _refusal(
        self, config: RunnableConfig, breaks: Sequence[Difference], *, migrated: bool = False
    ) -> GraphChanged:
        # The nodes that LangGraph adds for error handlers go with the nodes that they are for.
        told = [each for each in breaks if "__error_handler__" not in each.at] or breaks
        lines = tuple(dict.fromkeys(map(str, told)))
        remedies = ["give the graph that it was begun with beside this one: pinned(new, old)"]
        if migrated:
            remedies.append("complete the migration")
        elif not any(difference.final for difference in breaks):
            remedies.append(
                f"declare migrate(from_={self.known.graph!r}, rename=...) in "
                "pinned(new, migrations=(...,))"
            )
        remedies.append("leave the run there: start(..., withdraw=True)")
        listed = "".join(f"\n  {line}" for line in lines)
        return GraphChanged(
            f"run {thread_of(config)!r} was begun with graph {self.known.graph}, and cannot go on "
            f"with this one ({digest_of(self.app)}):{listed}\nEither {'; or '.join(remedies)}",
            lines,
        )

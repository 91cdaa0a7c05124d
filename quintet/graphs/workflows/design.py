"""Work out where the tasks of a workflow lead, and find its mistakes before the first run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from quintet.graphs.workflows.task import Task
from quintet.nodes.core.function import targets_of
from quintet.nodes.core.node import Node
from quintet.nodes.fan_out import FanOut
from quintet.nodes.flow.arc import START, Arc
from quintet.nodes.flow.comparison import Condition
from quintet.nodes.recover import Recovery

ENDS = ("finish", "person", "undo")
"""The nodes that end a run, to which a failure or a bound may lead."""

TRIED = 10_000
"""The moves that are gone through to see whether a join can ever run."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Design:
    """Read the ways of a workflow.

    Args:
        tasks: its tasks by name.
        recover: its policy for failures.
    """

    tasks: Mapping[str, Task]
    recover: Recovery

    @cached_property
    def chosen(self) -> dict[str, tuple[str, ...]]:
        """Map each task whose node names the next node itself to the nodes that it may name."""
        named = {name: _destinations(task.run) for name, task in self.tasks.items()}
        return {name: to for name, to in named.items() if to}

    @cached_property
    def jumps(self) -> dict[str, tuple[str, ...]]:
        """Map each task to the tasks that its failure or its bound leads to."""
        fallbacks = [to for to in self.recover.destinations if to in self.tasks]
        ways: dict[str, tuple[str, ...]] = {}
        for name, task in self.tasks.items():
            to = [*fallbacks, task.on_failure, task.otherwise if task.rounds else ""]
            ways[name] = tuple(dict.fromkeys(one for one in to if one in self.tasks))
        return ways

    @cached_property
    def arcs(self) -> dict[str, tuple[Arc, ...]]:
        """Map each task, and the beginning, to its arcs."""
        ways: dict[str, list[Arc]] = {START: [], **{name: [] for name in self.tasks}}
        for name, task in self.tasks.items():
            for source, when, otherwise in task.arcs:
                if source in ways:
                    arc = Arc(to=name, when=when, otherwise=otherwise)
                    ways[source].append(Arc(to=name) if self.every(name) else arc)
        ways[START] += [Arc(to=name) for name in self.first if not self.tasks[name].join.of]
        return {name: tuple(arcs) for name, arcs in ways.items()}

    @cached_property
    def first(self) -> tuple[str, ...]:
        """Name the tasks with which it begins."""
        led = {to for ways in (self.jumps, self.chosen) for tos in ways.values() for to in tos}
        return tuple(
            name
            for name, task in self.tasks.items()
            if START in task.join.of or (not task.join.of and name not in led)
        )

    def every(self, name: str) -> tuple[str, ...]:
        """Name the tasks that a task needs all of; empty where any one will do."""
        join = self.tasks[name].join
        return join.of if join.every and len(join.of) > 1 else ()

    def group(self, name: str) -> list[str]:
        """Name the tasks that wait for the same tasks as this one, itself included."""
        every = set(self.every(name))
        return [other for other in self.tasks if every and set(self.every(other)) == every]

    def asked(self, name: str) -> tuple[Condition | None, tuple[Condition, ...]]:
        """Give the condition of a task that waits for several, and those that must not hold."""
        if not self.every(name):
            return None, ()
        (_, when, otherwise), *_ = self.tasks[name].arcs
        if not otherwise:
            return when, ()
        others = (self.tasks[other].arcs[0][1] for other in self.group(name))
        return None, tuple(other for other in others if other is not None)

    def after(self, name: str) -> tuple[str, ...]:
        """Name all that a task, or the beginning, may lead to."""
        arcs = tuple(arc.to for arc in self.arcs.get(name, ()))
        chosen = tuple(to for to in self.chosen.get(name, ()) if to in self.tasks)
        return tuple(dict.fromkeys((*arcs, *chosen, *self.jumps.get(name, ()))))

    def sources(self, name: str) -> tuple[str, ...]:
        """Name all that may lead to a task."""
        return tuple(at for at in (START, *self.tasks) if name in self.after(at))

    def reached(self) -> set[str]:
        """Name the tasks that a run may come to."""
        seen: set[str] = set()
        waiting = [START]
        while waiting:
            new = [to for to in self.after(waiting.pop()) if to not in seen]
            seen |= set(new)
            waiting += new
        return seen

    def comes_before(self, name: str, other: str) -> bool:
        """Say whether a task may have run when another has."""
        return name == other or other in self._far[name]

    def loop(self, name: str) -> tuple[str, ...]:
        """Name the bounded tasks of the loop that a task is in."""
        back = {other for other in self.tasks if name in self._far[other]}
        loop = back & self._far[name]
        return tuple(at for at in self.tasks if at in loop and self.tasks[at].rounds)

    @cached_property
    def _far(self) -> dict[str, set[str]]:
        """Map each task to all that may run after it."""
        far = {name: set(self.after(name)) for name in self.tasks}
        for middle in self.tasks:
            for name in self.tasks:
                if middle in far[name]:
                    far[name] |= far[middle]
        return far

    def endless(self) -> Iterator[tuple[str, ...]]:
        """Give each loop without a bounded task, once, by its names in order."""
        free = [name for name, task in self.tasks.items() if task.rounds is None]
        told: set[str] = set()
        for name in free:
            if name not in told and (way := self._way_back(name, free)):
                told |= set(way)
                yield (*way, name)

    def _way_back(self, name: str, free: list[str]) -> tuple[str, ...]:
        """Give the shortest way from a task to itself by unbounded tasks; empty for none."""
        ways: list[tuple[str, ...]] = [(name,)]
        seen: set[str] = set()
        while ways:
            way = ways.pop(0)
            for to in self.after(way[-1]):
                if to == name:
                    return way
                if to in free and to not in seen:
                    seen.add(to)
                    ways.append((*way, to))
        return ()

    def idle_joins(self) -> list[str]:
        """Name the tasks whose join cannot run whatever the conditions say."""
        joins = {name for name in self.tasks if self.every(name)}
        ran: set[str] = set()
        start = (frozenset(arc.to for arc in self.arcs[START]), frozenset[tuple[str, str]](), ())
        seen, waiting, tried = {start}, [start] if joins else [], 0
        while waiting:
            now, come, runs = waiting.pop()
            ran |= now & joins
            for following in self._next(now, come, dict(runs)):
                tried += 1
                if tried > TRIED:  # too many to tell: a run tells by its outcome
                    return []
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        return sorted(joins - ran)

    def _next(self, now: Any, come: Any, runs: dict[str, int]) -> Iterator[Any]:
        """Give the situations that may follow one."""
        after, moves = dict(runs), list[list[tuple[str, ...]]]()
        for name in sorted(now):
            bound = self.tasks[name].rounds
            if bound is not None and runs.get(name, 0) >= bound:
                moves.append([(self.tasks[name].otherwise,)])
                continue
            if bound is not None:
                after[name] = runs.get(name, 0) + 1
            moves.append(self._choices(name))
        pairs = [
            [tuple((name, to) for to in choice) for choice in choices]
            for name, choices in zip(sorted(now), moves, strict=True)
        ]
        for combined in _product(pairs):
            arrived = set(come) | set(combined)
            ready = {to for _, to in combined if to in self.tasks and not self.every(to)}
            for join in {to for _, to in arrived if to in self.tasks and self.every(to)}:
                if all((source, join) in arrived for source in self.every(join)):
                    ready.add(join)
            left = {(at, to) for at, to in arrived if to in self.tasks and to not in ready}
            if ready:
                yield frozenset(ready), frozenset(left), tuple(sorted(after.items()))

    def _choices(self, name: str) -> list[tuple[str, ...]]:
        """Give all sets of tasks that one may lead to, whatever its conditions say."""
        run, named = self.tasks[name].run, self.chosen.get(name, ())
        jumps: list[tuple[str, ...]] = [(to,) for to in named]
        if not isinstance(run, Node) or isinstance(run, FanOut):  # it may name several at once
            jumps = _subsets(named)[1:]
        if named and not self.arcs[name]:
            return jumps
        always = [arc.to for arc in self.arcs[name] if arc.when is None and not arc.otherwise]
        rest = [arc.to for arc in self.arcs[name] if arc.otherwise]
        held = [arc.to for arc in self.arcs[name] if arc.when is not None]
        ways = [tuple(dict.fromkeys([*always, *(some or rest)])) for some in _subsets(held)]
        return [*ways, *jumps]


def _subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Give all sets of names, the empty one first; of more than ten, those of the first ten."""
    return [
        tuple(to for at, to in enumerate(names) if number >> at & 1)
        for number in range(2 ** min(len(names), 10))
    ]


Pairs = tuple[tuple[str, str], ...]


def _product(lists: list[list[Pairs]]) -> Iterator[Pairs]:
    if not lists:
        yield ()
        return
    for first in lists[0]:
        for rest in _product(lists[1:]):
            yield (*first, *rest)


def _destinations(run: Any) -> tuple[str, ...]:
    """Name the nodes that a user's node names itself; a `then` that ends means the arcs."""
    then = getattr(run, "then", None)
    targets: Iterable[str] = targets_of(run)
    return tuple(to for to in targets if not (then in ("", "finish") and to == then))

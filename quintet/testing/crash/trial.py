"""Go through one end of a process, or several, and judge what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from quintet.errors import DesignError
from quintet.state.record import plain
from quintet.testing.crash.book import difference
from quintet.testing.crash.edges import Point
from quintet.testing.crash.life import Life, Scene
from quintet.testing.crash.process import Process, pretended
from quintet.testing.crash.report import CrashPoint

Progress = Callable[[int, int], None]
"""Takes the number of first points that are done, and their total."""

_NOT_COMPARED = frozenset(
    {"run", "kept", "decisions", "spent", "remedies", "route", "plan", "failures"}
)
"""Keys of ours that tell how a run went, such as times and ids, and not how it ended."""


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Tell how a run goes without a crash.

    Args:
        passed: the edges that it passes.
        effects: how often each effect happens.
        end: its end.
        status: its status.
    """

    passed: tuple[Point, ...]
    effects: Counter[str]
    end: Any
    status: str


def end_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give what must be the same at a run's end, however often it was cut off."""
    end = {name: _plain(value) for name, value in values.items() if name not in _NOT_COMPARED}
    outcome, actions = end.get("outcome"), end.get("actions")
    if isinstance(outcome, dict):
        end["outcome"] = outcome.get("status")
    if isinstance(actions, dict):
        end["actions"] = {key: _of_action(action) for key, action in actions.items()}
    return end


def _of_action(action: Any) -> Any:
    return [action.get("status"), action.get("result")] if isinstance(action, dict) else action


def _plain(value: Any) -> Any:
    if isinstance(value, BaseMessage):  # its id is drawn anew
        return [value.type, value.text]
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        # A worker whose agent is a graph of ours gives that graph's whole state as its result.
        state = end_of(value) if {"run", "spent", "decisions"} <= set(value) else value
        return {str(name): _plain(item) for name, item in state.items()}
    try:
        return plain(value)
    except DesignError:
        return repr(value)


def rehearse(scene: Scene, threads: Iterator[str]) -> Whole:
    """Run twice without a crash, and give how it goes.

    Raises:
        DesignError: it does not end, has no effect, or goes another way the second time.
    """
    first, second = _whole(scene, next(threads)), _whole(scene, next(threads))
    if not first.effects:
        raise DesignError(
            "crashpoints: no effect was called, so there is nothing to lose or to double; declare "
            "what changes the world by effect(function, key=...), and give an input that leads "
            "there"
        )
    for what, one, other in (
        ("its edges", Counter(map(str, first.passed)), Counter(map(str, second.passed))),
        ("its effects", first.effects, second.effects),
    ):
        if one != other:
            differ = sorted((one - other) + (other - one))[:5]
            raise DesignError(
                f"crashpoints: two runs without a crash differ in {what} ({'; '.join(differ)}), so "
                "a crash cannot be told from chance; script the models, fix seeds and times, and "
                "let reset= give each run the same world"
            )
    if first.end != second.end:
        unlike = differs(second.end, first.end)
        raise DesignError(
            f"crashpoints: two runs without a crash end differently ({unlike}); make "
            "them the same, or say by ends= what of the state must be the same"
        )
    return first


def _whole(scene: Scene, thread: str) -> Whole:
    life = pretended(scene, thread, None)
    if life.fault:
        raise DesignError(f"crashpoints: a run without a crash does not end: {life.fault}")
    return Whole(
        passed=tuple(life.passed),
        effects=scene.book.counts(thread),
        end=life.end,
        status=life.status,
    )


@dataclass
class Course:
    """Go through all points of a scene.

    Args:
        scene: the graph and its world.
        process: gives each life a process.
        threads: names of new threads.
    """

    scene: Scene
    process: Process
    threads: Iterator[str]

    def __post_init__(self) -> None:
        self.whole = rehearse(self.scene, self.threads)

    def go(self, *, pairs: bool, progress: Progress) -> list[CrashPoint]:
        """Go through each point; with pairs, through each point of each recovery too."""
        tried: list[CrashPoint] = []
        first = [*sides(self.whole.passed)]
        for number, end in enumerate(first):
            progress(number, len(first))
            point, last = self._through(end)
            tried.append(point)
            more = sides(last.passed) if pairs else ()
            tried += (self._through(end, again)[0] for again in more)
        progress(len(first), len(first))
        return tried

    def _through(self, *ends: Point) -> tuple[CrashPoint, Life]:
        return through(self.scene, self.process, self.whole, ends, next(self.threads))


def sides(passed: Iterable[Point]) -> Iterator[Point]:
    """Give the points before and after each edge."""
    for edge in passed:
        yield edge
        yield Point(edge=edge.edge, number=edge.number, after=True)


def through(
    scene: Scene, process: Process, whole: Whole, ends: tuple[Point, ...], thread: str
) -> tuple[CrashPoint, Life]:
    """End the process at these points, one a life, let the run go on to its end, and judge it.

    Raises:
        DesignError: the first point was not reached.
    """
    lives = [process(scene, thread, end) for end in ends]
    if not lives[0].died:
        raise DesignError(
            f"crashpoints: this run did not come to the point {ends[0]}, and the first one did"
            f"{f' ({lives[0].fault})' if lives[0].fault else ''}; the graph is not deterministic"
        )
    before = scene.book.counts(thread)
    last = process(scene, thread, None)
    effects = scene.book.counts(thread)
    missing = difference(whole.effects, effects)
    wrong = last.fault or (differs(last.end, whole.end) if last.finished else "")
    found_whole = not difference(whole.effects, before) and last.found_end == whole.end
    asked = {effect for life in (*lives, last) for effect in life.asked}
    return CrashPoint(
        at=tuple(map(str, ends)),
        duplicated=difference(effects, whole.effects),
        lost=missing,
        wrongly_finished=bool(last.found and not found_whole) or bool(last.finished and missing),
        wrong_state=wrong,
        asked=tuple(sorted(asked)),
    ), last


def differs(end: Any, wanted: Any) -> str:
    """Say where an end differs from the one that is wanted; empty where it does not."""
    if end == wanted:
        return ""
    if isinstance(end, Mapping) and isinstance(wanted, Mapping):
        unlike = sorted(name for name in {*end, *wanted} if end.get(name) != wanted.get(name))
        name = unlike[0]
        return f"{name} is {end.get(name)!r:.200}, not {wanted.get(name)!r:.200}"
    return f"it ends as {end!r:.200}, not {wanted!r:.200}"

"""Measure routing where examples or messages are not as they should be, and by descriptions alone.

    python -m benchmarks.routing_hard           # the figures, one a line
    python -m benchmarks.routing_hard --json    # one object

The tasks are made from CLINC150 by `benchmarks.clinc_hard`: long messages, misspelt ones, examples
behind a few openings, wrong labels, rare routes. A router is fitted on train and validation; the
test messages are for the report. All of it is without embeddings; the promise is 95 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from langchain_core.embeddings import Embeddings
from threadpoolctl import threadpool_limits

from benchmarks.clinc import DataMissing, Task, data_folder, tasks
from benchmarks.clinc_hard import HARD, hard, mislabelled
from benchmarks.routing_figures import Answer, Figures, figures, flat, promise
from quintet.nodes import by_descriptions, by_examples
from quintet.stats import auroc

AT_LEAST = 0.95
TOOLS = Path(__file__).with_name("clinc_tools.json")
DESCRIBED = "clinc150.descriptions"
CANDIDATES = (2, 3, 4, 8, 16)
"""Candidates of a call, by turns. A choice at random would be right in 27 %."""

Learn = Callable[..., Any]


def measured(full: Task, *, learn: Learn = by_examples) -> Figures:
    """Measure all hard tasks without embeddings."""
    results: Figures = {}
    todo = hard(full)
    plain = todo[0]
    for task in todo:
        print(f"{task.name}: fitting and asking", file=sys.stderr, flush=True)
        chooser = learn([*task.train, *task.held_out], at_least=AT_LEAST, seed=0)
        found = weighed(chooser, task)
        found["promise"] = promise(chooser)
        results |= flat(found | dict(_more(chooser, task, plain, learn)), task.name)
    return results


def weighed(chooser: Any, task: Task) -> Figures:
    """Compute the figures, and what of the accepted is right where 15 % belong to no route.

    That is what is promised; the task has more of them, that the figures have less noise.
    """
    answers = _asked(chooser, task)
    accepted = [
        (answer.route == route, route is None)
        for answer, (_, route) in zip(answers, task.test, strict=True)
        if answer.accepted
    ]
    inside = sum(route is not None for _, route in task.test)
    weight = inside * 15 / 85 / max(1, len(task.test) - inside)
    of = sum(weight if nobody else 1 for _, nobody in accepted)
    expected = _share(sum(right for right, _ in accepted), of)
    return figures(answers, task.test, at_least=AT_LEAST) | {"selective_expected": expected}


def _asked(chooser: Any, task: Task) -> list[Answer]:
    return [
        Answer(route=one.route, confidence=float(one.confidence), accepted=bool(one.accepted))
        for one in chooser.scores([text for text, _ in task.test])
    ]


def _more(chooser: Any, task: Task, plain: Task, learn: Learn) -> Iterator[tuple[str, Any]]:
    """Measure what only some of the tasks have."""
    kind = task.name.removeprefix(f"{HARD}.")
    if kind in ("plain", "shift"):
        # By hundreds, as they would come in; those of no route are as many as is expected.
        inside = [text for text, route in task.test if route is not None]
        outside = [text for text, route in task.test if route is None][: len(inside) * 15 // 85]
        texts = [*inside, *outside]
        Random(0).shuffle(texts)
        starts = range(0, max(1, len(texts) - 199), 200)
        found = [chooser.watch(texts[at : at + 200]).z for at in starts]
        yield "watch_z", [round(min(found), 2), round(max(found), 2)]
    if kind == "noise":
        wrong = mislabelled(plain, task)
        suspects = chooser.suspects()
        odds = {(one.text, one.route): one.odds for one in suspects}
        pairs = [pair for pair in (*task.train, *task.held_out) if pair[1] is not None]
        doubts = [odds.get(pair, 0.0) for pair in pairs]
        first = suspects[: len(wrong)]
        yield "suspects_auroc", round(auroc(doubts, [pair in wrong for pair in pairs]), 4)
        hits = sum((one.text, one.route) in wrong for one in first)
        yield "suspects_precision", _share(hits, len(first))
        drop = {(one.text, one.route) for one in suspects}
        kept = [pair for pair in (*task.train, *task.held_out) if pair not in drop]
        yield "without_suspects", weighed(learn(kept, at_least=AT_LEAST, seed=0), task)
    if kind == "imbalance":
        counts = {route: 0 for _, route in task.test}
        for _, route in (*task.train, *task.held_out):
            counts[route] += 1
        accepted = [
            (answer.route == route, counts[route])
            for answer, (_, route) in zip(_asked(chooser, task), task.test, strict=True)
            if answer.accepted and route is not None
        ]
        for few in sorted({count for _, count in accepted if count < 10}):
            right = [one for one, count in accepted if count == few]
            yield f"accepted_right_of_{few}", round(sum(right) / len(right), 4)
        rare = {route for route, count in counts.items() if route and count < 5}
        yield "rare_told", len(rare & set(chooser.promise.weak)) / len(rare)


def described(full: Task, embeddings: Embeddings | None = None, *, seed: int = 0) -> Figures:
    """Measure `by_descriptions`: each call has some candidates, and half of them fit none.

    The descriptions were written from the names of the intents. Small talk has no description; it
    and CLINC150's out-of-scope messages fit none of the candidates.
    """
    about = _tools()
    kind = "embeddings" if embeddings is not None else "no_embeddings"
    results: Figures = {}
    for shots in (0, 5):
        examples = _shots(full, about, shots, seed)
        chooser = by_descriptions(about, embeddings=embeddings, examples=examples)
        found = _called(chooser, full.test, tuple(about), seed)
        results |= {f"{DESCRIBED}.{kind}.shots_{shots}.{key}": one for key, one in found.items()}
    return results


def _tools() -> dict[str, Any]:
    """Read the descriptions as tools, as a server would list them."""
    pages = json.loads(TOOLS.read_text(encoding="utf-8"))
    return {
        name: {
            "name": name,
            "description": text,
            "inputSchema": {"properties": {one: {} for one in parameters}},
        }
        for name, (text, parameters) in pages.items()
    }


def _shots(
    full: Task, about: Mapping[str, Any], shots: int, seed: int
) -> list[tuple[str, str | None]]:
    if not shots:
        return []
    rng = Random(seed)
    pairs = sorted(pair for pair in full.train if pair[1] in about)
    rng.shuffle(pairs)
    taken = dict.fromkeys(about, 0)
    found: list[tuple[str, str | None]] = []
    for text, route in pairs:
        if route is not None and taken[route] < shots:
            taken[route] += 1
            found.append((text, route))
    return found


def _called(
    chooser: Any, test: Sequence[tuple[str, str | None]], names: tuple[str, ...], seed: int
) -> Figures:
    rng = Random(seed)
    surely = replace(chooser, at_least=None)
    right: list[bool] = []
    accepted: list[bool] = []
    rejected: list[bool] = []
    for number, (text, route) in enumerate(test):
        others = rng.sample([name for name in names if name != route], CANDIDATES[number % 5])
        fits = route in names and number % 2 == 0
        if fits:
            others[rng.randrange(len(others))] = str(route)
            right.append(surely.among(others)(text).to == route)
        choice = chooser.among(others)(text)
        if fits and choice is not None:
            accepted.append(choice.to == route)
        elif not fits:
            rejected.append(choice is None)
    return {
        "calls": {"fitting": len(right), "irrelevant": len(rejected)},
        "accuracy": _share(sum(right), len(right)),
        "coverage": _share(len(accepted), len(right)),
        "selective_accuracy": _share(sum(accepted), len(accepted)),
        "irrelevant_rejected": _share(sum(rejected), len(rejected)),
    }


def _share(count: int, of: float) -> float | None:
    """Return a share; None of nothing, which is neither good nor bad."""
    return round(count / of, 4) if of else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 if the data is absent."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing_hard", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="the folder of CLINC150")
    options = parser.parse_args(arguments)
    try:
        full = tasks(data_folder(options.data))[0]
    except DataMissing as problem:
        print(f"routing_hard: {problem}", file=sys.stderr)
        return 1
    with threadpool_limits(limits=1):
        results = measured(full) | described(full)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        print("\n".join(f"{key}: {value}" for key, value in results.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure how well `by_examples` routes, beside semantic-router: CLINC150.

Tasks: 150 intents; their 10 domains as agents; ten examples an intent, the first ones of the file
and drawn ones. Each without embeddings and with MiniLM's. A router is fitted on train and
validation; the test messages are asked once, for the report. One thread; the promise is 97 %
accuracy on accepted messages.

    python -m benchmarks.routing            # a table
    python -m benchmarks.routing --json     # one object

A missed goal is shown, and is no failure; the exit code is 1 if something could not be measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from threadpoolctl import threadpool_limits

from benchmarks.clinc import DRAWN, DataMissing, Pair, Task, data_folder, tasks
from benchmarks.machine import machine, versions
from benchmarks.minilm import WEIGHTS, MiniLM
from benchmarks.routing_cache import Unavailable
from benchmarks.routing_figures import (
    MEANING,
    Answer,
    Figures,
    compared,
    figures,
    flat,
    nested,
    promise,
    rounded,
    timed,
    times,
)
from benchmarks.routing_table import goals, table
from benchmarks.semantic import AGGREGATIONS, Semantic, asked
from quintet.nodes import by_examples

AT_LEAST = 0.97
TIMED = 500
AVERAGED = ("accuracy", "auroc", "macro_f1")
NO_PEERS = ("clinc150.domains",)
PACKAGES = ("scikit-learn", "scipy", "numpy")

Learn = Callable[..., Any]
"""`by_examples`, or a function that is measured in its place."""


class Known(Embeddings):
    """Return a model's embeddings, known beforehand or, while `live`, computed for every text."""

    def __init__(self, model: Embeddings, vectors: Mapping[str, Any]) -> None:
        self.model = model
        self.vectors = vectors
        self.live = False

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self.live or not all(text in self.vectors for text in texts):
            return self.model.embed_documents(texts)
        return [self.vectors[text].tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The parts that are measured.

    Args:
        embeddings: whether the routers with MiniLM are measured, and the peer, which needs it.
        peers: whether semantic-router is measured.
        data: the folder of CLINC150; looked for if not given.
    """

    embeddings: bool = True
    peers: bool = True
    data: Path | None = None


def measure(options: Options, *, learn: Learn = by_examples) -> Figures:
    """Measure all figures, ready for JSON.

    Raises:
        DataMissing: CLINC150 is not there.
    """
    began = time.perf_counter()
    folder = data_folder(options.data)
    todo = tasks(folder)
    problems: dict[str, str] = {}
    results: Figures = {}
    with threadpool_limits(limits=1):
        known = _known(todo, results, problems) if options.embeddings else None
        answers = _ours(todo, known, results, learn)
        if known and options.peers:
            _peers(todo, known, answers, results, problems)
    results |= over_draws(results)
    return {
        **nested(results),
        "figures": results,
        "goals": goals(results),
        "problems": problems,
        "at_least": AT_LEAST,
        "tasks": {task.name: _described(task) for task in todo},
        "meaning": MEANING,
        "data_sha256": hashlib.sha256((folder / "data_full.json").read_bytes()).hexdigest(),
        "machine": machine(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _known(todo: Sequence[Task], results: Figures, problems: dict[str, str]) -> Known | None:
    """Return MiniLM with the vectors of all texts, or None and put the reason into `problems`."""
    texts = list(dict.fromkeys(text for task in todo for text in task.texts))
    try:
        model = MiniLM().checked()
        _say(f"MiniLM: embedding {len(texts)} texts, where that has not been done before")
        vectors, seconds = model.cached(texts)
    except Unavailable as problem:
        problems["embeddings"] = str(problem)
        _say(f"MiniLM: {problem}")
        return None
    results["embedding.texts"] = len(texts)
    results["embedding.cpu_seconds"] = round(seconds, 1)
    return Known(model, dict(zip(texts, vectors, strict=True)))


def _ours(
    todo: Sequence[Task], known: Known | None, results: Figures, learn: Learn
) -> dict[str, list[Answer]]:
    """Measure our router, with and without embeddings, and return its answers by their key."""
    answers = {}
    for task in todo:
        for kind, embeddings in (("no_embeddings", None), ("embeddings", known)):
            if kind == "no_embeddings" or known:
                key = f"{task.name}.{kind}"
                _say(f"{key}: fitting and asking")
                answers[key], measured = ours(task, embeddings, learn=learn)
                results |= flat(measured, key)
                _say(
                    f"{key}: accuracy {measured['accuracy']:.4f}, AUROC {measured['auroc']:.4f}, "
                    f"fitted in {measured['fit_cpu_seconds']:.0f} s of processor time"
                )
    return answers


def ours(task: Task, known: Known | None, *, learn: Learn) -> tuple[list[Answer], Figures]:
    """Fit our router on a task, ask it about the test messages, and time single messages."""
    wall, cpu = time.perf_counter(), time.process_time()
    chooser = learn([*task.train, *task.held_out], at_least=AT_LEAST, embeddings=known, seed=0)
    fit = {
        "fit_seconds": time.perf_counter() - wall,
        "fit_cpu_seconds": time.process_time() - cpu,
        "fit_examples": len(task.train) + len(task.held_out),
    }
    answers = [
        Answer(route=one.route, confidence=float(one.confidence), accepted=bool(one.accepted))
        for one in chooser.scores([text for text, _ in task.test])
    ]
    measured = {
        **figures(answers, task.test, at_least=AT_LEAST),
        **rounded(fit),
        **_timed(chooser, known, some(task.test)),
        "promise": promise(chooser),
    }
    return answers, measured


def _timed(chooser: Any, known: Known | None, texts: Sequence[str]) -> Figures:
    if known is None:
        return times("cpu_ms_{}", timed(chooser, texts, time.process_time))
    results = times("cpu_ms_{}_without_embedding", timed(chooser, texts, time.process_time))
    known.live = True
    try:
        return results | times("cpu_ms_{}", timed(chooser, texts, time.process_time))
    finally:
        known.live = False


def _peers(
    todo: Sequence[Task],
    known: Known,
    answers: Mapping[str, list[Answer]],
    results: Figures,
    problems: dict[str, str],
) -> None:
    """Measure semantic-router; the full task's held-out messages calibrate all its tasks."""
    (full, *_) = todo
    for task in todo:
        if task.name in NO_PEERS:
            continue
        _say(f"{task.name}.semantic_router: fitting and asking, with {' and '.join(AGGREGATIONS)}")
        try:
            peers = asked(
                task,
                known.vectors,
                timed=some(task.test),
                at_least=AT_LEAST,
                calibration=full.held_out,
            )
        except Unavailable as problem:
            problems[f"{task.name}.semantic_router"] = str(problem)
            _say(f"{task.name}.semantic_router: {problem}")
            continue
        for aggregation, peer in peers.items():
            suffix = "" if aggregation == AGGREGATIONS[0] else f"_{aggregation}"
            key = f"{task.name}.semantic_router{suffix}"
            results |= flat(theirs(task, peer), key)
            for kind in ("no_embeddings", "embeddings"):
                both = compared(answers[f"{task.name}.{kind}"], peer.answers, task.test)
                results |= flat(both, f"{task.name}.{kind}_against_semantic_router{suffix}")


def theirs(task: Task, peer: Semantic) -> Figures:
    """Compute the peer's figures; its threshold is chosen on the messages it was fitted on."""
    return {
        **figures(peer.answers, task.test, at_least=AT_LEAST),
        **rounded({name: getattr(peer, name) for name in ("fit_seconds", "fit_cpu_seconds")}),
        **times("cpu_ms_{}_without_embedding", peer.cpu_seconds),
        "promise": {"at_least": AT_LEAST, "threshold": round(peer.threshold, 4)},
    }


def over_draws(results: Figures) -> Figures:
    """Average each router's figures over the draws of ten examples, with the least and largest."""
    by_key: dict[str, list[float]] = defaultdict(list)
    for key, value in results.items():
        draw, _, rest = key.removeprefix(f"{DRAWN}.").partition(".")
        if key.startswith(DRAWN) and draw.isdigit() and rest.rpartition(".")[2] in AVERAGED:
            by_key[f"{DRAWN}.{rest}"].append(value)
    means: Figures = {}
    for key, values in by_key.items():
        means[key] = round(statistics.fmean(values), 4)
        means[f"{key}_range"] = [min(values), max(values)]
    return means


def some(test: Sequence[Pair], count: int = TIMED) -> list[str]:
    """Pick texts from all over the test messages."""
    return [text for text, _ in test[:: max(len(test) // count, 1)]][:count]


def _described(task: Task) -> Figures:
    inside = [route for _, route in (*task.train, *task.held_out) if route is not None]
    return {
        "about": task.about,
        "routes": len(set(inside)),
        "fit_in_scope": len(inside),
        "fit_out_of_scope": len(task.train) + len(task.held_out) - len(inside),
        "test": len(task.test),
    }


def _versions() -> dict[str, str]:
    return {**versions(*PACKAGES), "embeddings": WEIGHTS}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def read_options(arguments: Sequence[str] | None) -> tuple[Options, bool]:
    """Read the command line: the options, and whether to print JSON."""
    meaning = "\n".join(f"  {name:32} {text}" for name, text in MEANING.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.routing",
        description=__doc__,
        epilog=f"figures, each after TASK.ROUTER:\n{meaning}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--no-embeddings", action="store_true", help="leave MiniLM out, and semantic-router"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave semantic-router out")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="CLINC150; otherwise clinc150 in QUINTET_DATA, or in ../shared/data",
    )
    parsed = parser.parse_args(arguments)
    options = Options(
        embeddings=not parsed.no_embeddings,
        peers=not (parsed.no_peers or parsed.no_embeddings),
        data=parsed.data,
    )
    return options, parsed.json


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code is 1 if something could not be measured."""
    options, as_json = read_options(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        results = measure(options)
    except DataMissing as problem:
        _say(f"routing: {problem}")
        return 1
    print(json.dumps(results, indent=2) if as_json else table(results))
    return 1 if results["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Run the peer, semantic-router, on the same data, in an environment of its own.

It needs an older `openai` than Quintet, so it runs as a program beside this one. Its routes hold
the train part of a task; it is fitted (Platt's calibration) on val, oos_train and oos_val, as it
asks for held-out messages. It gets the same embeddings, through a file.
"""

from __future__ import annotations

import json
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clinc import Pair, Task
from benchmarks.routing_cache import CACHE, pip, prepared, run
from benchmarks.routing_figures import Answer

VERSION = "1.1.1"
WANTED = (f"semantic-router=={VERSION}", "openai<3")
WORKER = Path(__file__).with_name("semantic_worker.py")
AGGREGATIONS = ("mean", "sum")
"""Its default, and another one that serves it better here."""


@dataclass(frozen=True, kw_only=True)
class Semantic:
    """Results of semantic-router on a task with one of its aggregations.

    Args:
        answers: to the test messages; accepted from the threshold on.
        threshold: the lowest confidence that keeps the promise on the messages it was fitted on.
        fit_seconds: wall time of indexing and calibrating.
        fit_cpu_seconds: processor time of the same.
        cpu_seconds: processor time of single calls.
    """

    answers: tuple[Answer, ...]
    threshold: float
    fit_seconds: float
    fit_cpu_seconds: float
    cpu_seconds: tuple[float, ...]


def asked(
    task: Task,
    vectors: Mapping[str, Any],
    *,
    timed: Sequence[str],
    at_least: float,
    calibration: Sequence[Pair] | None = None,
    python: Path | None = None,
) -> dict[str, Semantic]:
    """Ask semantic-router about all test messages of a task, with each aggregation.

    Args:
        task: the task.
        vectors: the embedding of each of its texts, and of those to calibrate on.
        timed: texts to measure single calls with.
        at_least: the promise that the threshold is chosen for.
        calibration: messages it is fitted on; the task's held-out examples if not given.
        python: the interpreter of its environment; that of `.cache` if not given.

    Raises:
        Unavailable: its environment cannot be made, or it failed.
    """
    fit = task.held_out if calibration is None else calibration
    texts = list(dict.fromkeys((*task.texts, *(text for text, _ in fit))))
    request = {
        "texts": texts,
        "train": task.train,
        "fit": fit,
        "test": [text for text, _ in task.test],
        "timed": list(timed),
        "aggregations": AGGREGATIONS,
    }
    program = python or environment()
    with tempfile.TemporaryDirectory() as folder:
        source, stored, target = (
            Path(folder) / name for name in ("task", "vectors.npy", "answers")
        )
        source.write_text(json.dumps(request), encoding="utf-8")
        np.save(stored, np.array([vectors[text] for text in texts], dtype=np.float32))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        run([str(program), str(WORKER), str(source), str(stored), str(target)], environment=threads)
        replies = json.loads(target.read_text(encoding="utf-8"))
    return {name: _read(answers, fit, at_least) for name, answers in replies.items()}


def environment(cache: Path = CACHE) -> Path:
    """Return the Python of semantic-router's environment, made by the first who asks.

    Raises:
        Unavailable: it cannot be made.
    """
    folder = prepared(cache / "peers" / f"semantic-router-{VERSION}", _make)
    return folder / "bin" / "python"


def _make(folder: Path) -> None:
    print(
        f"semantic-router: making its environment, {', '.join(WANTED)}", file=sys.stderr, flush=True
    )
    venv.EnvBuilder(symlinks=True, with_pip=True).create(folder)
    pip("install", *WANTED, python=folder / "bin" / "python")


def _read(reply: dict[str, Any], fit: Sequence[Pair], at_least: float) -> Semantic:
    threshold = lowest(
        [
            (confidence, route == truth)
            for (route, confidence), (_, truth) in zip(reply["fit"], fit, strict=True)
        ],
        at_least,
    )
    return Semantic(
        answers=tuple(
            Answer(route=route, confidence=confidence, accepted=confidence >= threshold)
            for route, confidence in reply["test"]
        ),
        threshold=threshold,
        fit_seconds=reply["fit_seconds"],
        fit_cpu_seconds=reply["fit_cpu_seconds"],
        cpu_seconds=tuple(reply["cpu_seconds"]),
    )


def lowest(judged: Sequence[tuple[float, bool]], at_least: float) -> float:
    """Find the lowest confidence from which on this share of answers is right; 2 if none."""
    threshold, right = 2.0, 0
    ordered = sorted(judged, key=lambda pair: -pair[0])
    for number, (confidence, correct) in enumerate(ordered, start=1):
        right += correct
        last = number == len(ordered) or ordered[number][0] < confidence
        if last and right >= at_least * number:
            threshold = confidence
    return threshold

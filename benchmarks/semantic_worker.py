"""Run semantic-router on a task, in its environment: `semantic_worker.py TASK VECTORS ANSWERS`.

It stands alone: that environment has neither Quintet nor this folder's other modules.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from typing import Any

import numpy as np
from semantic_router import Route
from semantic_router.encoders import DenseEncoder
from semantic_router.routers import IndexedRouter

VECTORS: dict[str, Any] = {}


class Known(DenseEncoder):
    """Look vectors up in place of encoding, so that routing alone is measured."""

    def __call__(self, docs: list[Any]) -> list[Any]:
        """Return the texts' vectors; 32-bit, which is faster here than lists of Python floats."""
        return [VECTORS[doc] for doc in docs]

    async def acall(self, docs: list[Any]) -> list[Any]:
        """Return the same vectors; nothing is awaited."""
        return self(docs)


def routed(task: dict[str, Any], aggregation: str) -> dict[str, Any]:
    """Build, fit and ask: (route, confidence) of each message, and the times."""
    utterances = defaultdict(list)
    for text, route in task["train"]:
        utterances[route].append(text)
    began, cpu = time.perf_counter(), time.process_time()
    router = IndexedRouter(
        encoder=Known(name="minilm"),
        routes=[Route(name=route, utterances=texts) for route, texts in utterances.items()],
        aggregation=aggregation,
    )
    router.fit([text for text, _ in task["fit"]], [route for _, route in task["fit"]])
    fitted, fitted_cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "test": asyncio.run(_asked(router, task["test"])),
        "fit": asyncio.run(_asked(router, [text for text, _ in task["fit"]])),
        "fit_seconds": fitted,
        "fit_cpu_seconds": fitted_cpu,
        "cpu_seconds": _timed(router, task["timed"]),
    }


async def _asked(router: IndexedRouter, texts: list[str]) -> list[tuple[str, float]]:
    choices = [await router.acall(text) for text in texts]
    return [(choice.name, choice.confidence) for choice in choices]


def _timed(router: IndexedRouter, texts: list[str]) -> list[float]:
    for text in texts[:10]:
        router(text)
    seconds = []
    for text in texts:
        began = time.process_time()
        router(text)
        seconds.append(time.process_time() - began)
    return seconds


def main(source: str, vectors: str, target: str) -> None:
    """Read a task as JSON and its vectors as .npy; write the answers as JSON."""
    with open(source, encoding="utf-8") as file:
        task = json.load(file)
    VECTORS.update(zip(task["texts"], np.load(vectors), strict=True))
    answers = {name: routed(task, name) for name in task["aggregations"]}
    with open(target, "w", encoding="utf-8") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A fitted text classifier with calibrated confidence: what stands behind `by_examples`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quintet.nodes.choosers.learned.confidence import Calibration, clues, confidence
from quintet.nodes.choosers.learned.ensemble import (
    Ensemble,
    Material,
    ensemble,
    hear,
    heard,
    material,
)
from quintet.nodes.choosers.learned.heldout import HeldOut, held_out
from quintet.nodes.choosers.learned.members import landmarks
from quintet.nodes.choosers.learned.text import Floats, Vocabulary, words
from quintet.nodes.choosers.promise import Held


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One text, judged: the routes' columns best first, the confidence in the first, and why."""

    ranked: tuple[int, ...]
    confidence: float
    telling: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fitted classifier.

    Args:
        known: the signs that the examples hold.
        ensemble: the classifiers, fitted to all examples.
        held: choices on held-out examples.
        marks: the places of the examples that embeddings are compared with, -1 for a route's name.
        routes: how many routes there are.
        out_of_scope: the assumed share of messages that belong to nobody.
        seed: of the folds.
    """

    known: Vocabulary
    ensemble: Ensemble
    held: HeldOut
    marks: tuple[int, ...]
    routes: int
    out_of_scope: float
    seed: int

    @cached_property
    def calibration(self) -> Calibration:
        """How scores become a confidence."""
        return self.held.calibrated(self.routes, self.out_of_scope)

    @cached_property
    def sure(self) -> tuple[Held, ...]:
        """The held-out choices with their cross-fitted confidence."""
        found = self.held.confidences(self.routes, self.out_of_scope, self.seed)
        rows = zip(found, self.held.right, self.held.weights(self.out_of_scope), strict=True)
        return tuple(
            Held(sure=float(sure), right=bool(right), weight=float(weight))
            for sure, right, weight in rows
        )

    def judged(self, text: str, vector: Floats) -> Judged:
        """The routes of a text by likelihood, how sure the first is, and its telling words."""
        said, columns, values = hear(self.ensemble, self.known, text, vector)
        _, found = clues(said, self.calibration.mix, self.routes)
        mixed = np.einsum("m,mk->k", self.calibration.mix, said.scores[0, :, : self.routes])
        ranked = np.argsort(-mixed, kind="stable")
        sure = float(confidence(self.calibration, found)[0])
        if not columns.size and not vector.any():
            sure = min(sure, 1 / self.routes)
        told = self._telling(columns, values, int(ranked[0]), int(ranked[1]))
        return Judged(ranked=tuple(int(at) for at in ranked), confidence=sure, telling=told)

    def _telling(self, columns: Any, values: Any, first: int, second: int) -> tuple[str, ...]:
        """The words that speak most for one route against another, at most three."""
        mine = columns < len(self.known.words)
        columns, values = columns[mine], values[mine]
        weights = self.ensemble.words[columns]
        gain = values * (weights[:, first] - weights[:, second])
        best = [int(at) for at in np.argsort(-gain, kind="stable") if gain[at] > 0]
        signs = (self.known.words[int(columns[at])] for at in best)
        return tuple(
            [sign for sign in signs if not set("<>+") & set(sign) and ".." not in sign][:3]
        )

    def closest(self, vector: Floats) -> list[tuple[int, float]]:
        """The examples nearest in meaning among the landmarks: place and cosine."""
        if not vector.any():
            return []
        cosines = self.ensemble.marks @ vector
        order = [int(at) for at in np.argsort(-cosines) if self.marks[at] >= 0]
        return [(self.marks[at], float(cosines[at])) for at in order[:5]]


def fit(
    texts: Sequence[str], labels: Sequence[int], vectors: Floats, *, out_of_scope: float, seed: int
) -> Fitted:
    """Fit to texts and the columns of their routes, -1 for nobody.

    Texts without a label, at the end, are names of the routes, in order.
    """
    routes = max(labels) + 1
    nobody = min(labels) < 0
    columns = [routes if label < 0 else label for label in labels]
    given = material(
        texts, [*columns, *range(routes)][: len(texts)], vectors, routes + nobody, len(labels)
    )
    if not _telling_names(given, seed):
        own = len(labels)
        given = material(texts[:own], columns, vectors[:own], routes + nobody, own)
    every = np.arange(len(given.labels))
    chosen = landmarks(given.labels, seed) if vectors.shape[1] else ()
    return Fitted(
        known=given.known,
        ensemble=ensemble(given, every, seed),
        held=held_out(given, routes, seed),
        marks=tuple(int(at) if at < given.own else -1 for at in chosen),
        routes=routes,
        out_of_scope=out_of_scope,
        seed=seed,
    )


def _telling_names(given: Material, seed: int) -> bool:
    """Whether the examples alone bring more than half of the routes' names to their own routes."""
    names = np.arange(given.own, len(given.labels))
    if not len(names):
        return True
    said = heard(ensemble(given, np.arange(given.own), seed), given, names)
    return bool(np.mean(said.scores.sum(1).argmax(1) == given.labels[names]) > 0.5)


def unit(vectors: Any) -> Floats:
    """Embeddings at length 1; what is not a number counts as 0."""
    rows = np.nan_to_num(np.asarray(vectors, np.float32), posinf=0.0, neginf=0.0)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def alike(texts: Sequence[str], text: str) -> list[tuple[int, float]]:
    """The examples that share most words with a text: place and Jaccard similarity (1901)."""
    mine = set(words(text))
    scored = []
    for at, other in enumerate(texts):
        theirs = set(words(other))
        if mine & theirs:
            scored.append((at, len(mine & theirs) / len(mine | theirs)))
    return sorted(scored, key=lambda item: -item[1])[:5]

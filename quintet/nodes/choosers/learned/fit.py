"""Fit a text classifier with calibrated confidence, which `by_examples` chooses by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from quintet.nodes.choosers.learned.classifiers import choose_landmarks
from quintet.nodes.choosers.learned.confidence import Calibration, confidence, meta_features
from quintet.nodes.choosers.learned.ensemble import (
    Dataset,
    Ensemble,
    build_dataset,
    fit_ensemble,
    predict,
    predict_one,
)
from quintet.nodes.choosers.learned.heldout import HeldOut, cross_fit
from quintet.nodes.choosers.learned.text import Floats, Vocabulary, words
from quintet.nodes.choosers.promise import Held


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The routes of a text by likelihood, the confidence in the first, and its top words."""

    ranked: tuple[int, ...]
    confidence: float
    top_words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TextClassifier:
    """Predict the route of a text, with a calibrated confidence.

    Args:
        vocabulary: the features of the examples.
        ensemble: the classifiers, fitted to all examples.
        held_out: choices on held-out examples.
        landmarks: the index of each landmark's example, -1 for a route's name.
        routes: the number of routes.
        out_of_scope: the expected share of messages that belong to no route.
        seed: of the folds.
    """

    vocabulary: Vocabulary
    ensemble: Ensemble
    held_out: HeldOut
    landmarks: tuple[int, ...]
    routes: int
    out_of_scope: float
    seed: int

    @cached_property
    def calibration(self) -> Calibration:
        """Fit the map from the classifiers' scores to a confidence."""
        return self.held_out.calibration(self.out_of_scope)

    @cached_property
    def held_choices(self) -> tuple[Held, ...]:
        """Return the held-out choices with their cross-fitted confidence."""
        confidences = self.held_out.confidences(self.out_of_scope, self.seed)
        weights = self.held_out.weights(self.out_of_scope)
        return tuple(
            Held(sure=float(sure), right=bool(right), weight=float(weight))
            for sure, right, weight in zip(confidences, self.held_out.right, weights, strict=True)
        )

    def predict(self, text: str, embedding: Floats) -> Prediction:
        """Rank the routes of a text, with the confidence in the first and its top words."""
        outputs, columns, values = predict_one(self.ensemble, self.vocabulary, text, embedding)
        mix = self.held_out.mix
        _, features = meta_features(outputs, mix, self.routes)
        mixed = np.einsum("m,mk->k", mix, outputs.scores[0, :, : self.routes])
        ranked = np.argsort(-mixed, kind="stable").tolist()
        sure = float(confidence(self.calibration, features)[0])
        # A text without any known feature says nothing: its route is no better than a guess.
        if not columns.size and not embedding.any():
            sure = min(sure, 1 / self.routes)
        top_words = self._top_words(columns, values, ranked[0], ranked[1])
        return Prediction(ranked=tuple(ranked), confidence=sure, top_words=top_words)

    def _top_words(self, columns: Any, values: Any, first: int, second: int) -> tuple[str, ...]:
        """Return up to three words or bigrams that speak most for one route against another."""
        is_word_feature = columns < len(self.vocabulary.words)
        columns, values = columns[is_word_feature], values[is_word_feature]
        weights = self.ensemble.words[columns]
        gains = values * (weights[:, first] - weights[:, second])
        best = (row for row in np.argsort(-gains, kind="stable") if gains[row] > 0)
        names = (self.vocabulary.words[columns[row]] for row in best)
        # Features with a text's edges, gaps or pairs in them would puzzle a reader.
        return tuple(
            [name for name in names if not set("<>+") & set(name) and ".." not in name][:3]
        )

    def nearest(self, embedding: Floats) -> list[tuple[int, float]]:
        """Return index and cosine of the five landmark examples nearest to an embedding."""
        if not embedding.any():
            return []
        cosines = self.ensemble.landmarks @ embedding
        order = [int(row) for row in np.argsort(-cosines) if self.landmarks[row] >= 0]
        return [(self.landmarks[row], float(cosines[row])) for row in order[:5]]


def fit(
    texts: Sequence[str], labels: Sequence[int], vectors: Floats, *, out_of_scope: float, seed: int
) -> TextClassifier:
    """Fit to texts and the columns of their routes, -1 for an out-of-scope text.

    Texts at the end that have no label are the routes' names, in the routes' order.
    """
    routes, examples = max(labels) + 1, len(labels)
    columns = routes + (min(labels) < 0)
    targets = [routes if label < 0 else label for label in labels]
    named = [*targets, *range(routes)][: len(texts)]
    data = build_dataset(texts, named, vectors, columns, examples)
    if not _names_teach(data, seed):
        data = build_dataset(texts[:examples], targets, vectors[:examples], columns, examples)
    rows = np.arange(len(data.labels))
    landmarks = choose_landmarks(data.labels, seed) if vectors.shape[1] else ()
    return TextClassifier(
        vocabulary=data.vocabulary,
        ensemble=fit_ensemble(data, rows, seed),
        held_out=cross_fit(data, routes, seed),
        landmarks=tuple(int(row) if row < examples else -1 for row in landmarks),
        routes=routes,
        out_of_scope=out_of_scope,
        seed=seed,
    )


def _names_teach(data: Dataset, seed: int) -> bool:
    """Say whether the examples alone classify more than half of the routes' names as their own."""
    names = np.arange(data.examples, len(data.labels))
    if not len(names):
        return True
    outputs = predict(fit_ensemble(data, np.arange(data.examples), seed), data, names)
    return bool(np.mean(outputs.scores.sum(1).argmax(1) == data.labels[names]) > 0.5)


def normalise(embeddings: Any) -> Floats:
    """Scale embeddings to length 1; a number that is not finite counts as 0."""
    rows = np.nan_to_num(np.asarray(embeddings, np.float32), posinf=0.0, neginf=0.0)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def most_similar(texts: Sequence[str], text: str) -> list[tuple[int, float]]:
    """Return index and Jaccard similarity (1901) of the five texts that share most words."""
    wanted = set(words(text))
    matches = []
    for index, other in enumerate(texts):
        tokens = set(words(other))
        if wanted & tokens:
            matches.append((index, len(wanted & tokens) / len(wanted | tokens)))
    return sorted(matches, key=lambda match: -match[1])[:5]

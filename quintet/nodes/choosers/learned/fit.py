"""Fit a text classifier with calibrated confidence, which `by_examples` chooses by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from quintet.nodes.choosers.labels import OUT_OF_SCOPE
from quintet.nodes.choosers.learned.classifiers import choose_landmarks, fit_naive_bayes
from quintet.nodes.choosers.learned.confidence import Calibration, confidence, meta_features
from quintet.nodes.choosers.learned.ensemble import (
    Dataset,
    Ensemble,
    build_dataset,
    fit_ensemble,
    predict_one,
)
from quintet.nodes.choosers.learned.heldout import HeldOut, cross_fit
from quintet.nodes.choosers.learned.parts import Prediction, judged, parts
from quintet.nodes.choosers.learned.text import (
    Floats,
    Vocabulary,
    inverse_frequency,
    tfidf,
)
from quintet.nodes.choosers.promise import FEW, Held
from quintet.nodes.choosers.words import spoken, words

DOUBTED = 2.0
"""Log odds of a chosen route among all from which on a wrong choice makes the label doubtful."""


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
        names: the routes' names, in the order of their columns.
        varied: how many examples of each route differ from each other.
        longest: the words that nearly all of the examples have at most.
    """

    vocabulary: Vocabulary
    ensemble: Ensemble
    held_out: HeldOut
    landmarks: tuple[int, ...]
    routes: int
    out_of_scope: float
    seed: int
    names: tuple[str, ...]
    varied: tuple[int, ...]
    longest: int

    @property
    def rare(self) -> tuple[str, ...]:
        """Name the routes with too few examples that differ to show anything of them."""
        rows = zip(self.names, self.varied, strict=True)
        return tuple(name for name, count in rows if count < FEW)

    @property
    def doubted(self) -> list[tuple[int, int]]:
        """List held-out examples for which another route was surely chosen, and that route."""
        held = self.held_out
        sure = held.features[:, 0]
        wrong = np.flatnonzero((held.kind == 0) & ~held.right & (sure > DOUBTED))
        order = wrong[np.argsort(-sure[wrong], kind="stable")]
        return [(int(held.row[one]), int(held.chosen[one])) for one in order]

    @cached_property
    def calibration(self) -> Calibration:
        """Fit the map from the classifiers' scores to a confidence."""
        return self.held_out.calibration(self.out_of_scope)

    @cached_property
    def held_choices(self) -> tuple[Held, ...]:
        """Return the held-out choices with their cross-fitted confidence."""
        held = self.held_out
        rows = zip(
            held.confidences(self.out_of_scope, self.seed).tolist(),
            held.right.tolist(),
            held.weights(self.out_of_scope).tolist(),
            held.evidence.tolist(),
            held.chosen.tolist(),
            held.label.tolist(),
            strict=True,
        )
        names = (*self.names, None)  # column -1 stands for none
        return tuple(
            Held(
                sure=sure,
                right=right,
                weight=weight,
                evidence=evidence,
                chosen=names[chosen],
                route=names[label],
            )
            for sure, right, weight, evidence, chosen, label in rows
        )

    def predict(self, text: str, embedding: Floats, closed: Sequence[int] = ()) -> Prediction:
        """Rank the routes of a text, with the confidence in the first and its top words.

        Args:
            text: the text.
            embedding: its embedding.
            closed: routes that cannot be taken; they come last.
        """
        outputs, columns, values = predict_one(self.ensemble, self.vocabulary, text, embedding)
        mix = self.held_out.mix
        _, features = meta_features(outputs, mix, self.routes)
        mixed = np.einsum("m,mk->k", mix, outputs.scores[0, :, : self.routes])
        sure = float(confidence(self.calibration, features)[0])
        if closed and int(mixed.argmax()) in closed:
            # The best open route is right at most where the best of all is wrong.
            mixed[list(closed)] -= np.inf
            odds = np.exp(mixed - mixed.max())
            sure = (1 - sure) * float(1 / odds.sum())
        elif closed:
            mixed[list(closed)] -= np.inf
        ranked = np.argsort(-mixed, kind="stable").tolist()
        # A text without any known feature says nothing: its route is no better than a guess.
        if not columns.size and not embedding.any():
            sure = min(sure, 1 / self.routes)
        top_words = self._top_words(columns, values, ranked[0], ranked[1])
        return Prediction(ranked=tuple(ranked), confidence=sure, top_words=top_words)

    def predict_all(
        self, texts: Sequence[str], embeddings: Sequence[Floats], closed: Sequence[int] = ()
    ) -> Prediction:
        """Predict a message by its parts, which `parts` gives."""
        rows = zip(texts, embeddings, strict=True)
        found = [self.predict(text, embedding, closed) for text, embedding in rows]
        # With a smaller share hardly any sentence would be a request of its own.
        return judged(found, max(OUT_OF_SCOPE, self.out_of_scope))

    def parts(self, text: str) -> list[str]:
        """Return a text itself, or its sentences where it is longer than the examples are."""
        return parts(text, self.longest)

    def _top_words(self, columns: Any, values: Any, first: int, second: int) -> tuple[str, ...]:
        """Return up to three words or bigrams that speak most for one route against another."""
        is_word_feature = columns < len(self.vocabulary.words)
        columns, values = columns[is_word_feature], values[is_word_feature]
        weights = self.ensemble.words[columns]
        gains = values * (weights[:, first] - weights[:, second])
        best = (row for row in np.argsort(-gains, kind="stable") if gains[row] > 0)
        names = (self.vocabulary.words[columns[row]] for row in best)
        # Features with a text's edges, gaps or pairs in them would puzzle a reader.
        told = (spoken(name) for name in names if not set("<>+") & set(name) and ".." not in name)
        return tuple(islice(told, 3))

    def nearest(self, embedding: Floats) -> list[tuple[int, float]]:
        """Return index and cosine of the five landmark examples nearest to an embedding."""
        if not embedding.any():
            return []
        cosines = self.ensemble.landmarks @ embedding
        order = [int(row) for row in np.argsort(-cosines) if self.landmarks[row] >= 0]
        return [(self.landmarks[row], float(cosines[row])) for row in order[:5]]


def fit(
    texts: Sequence[str],
    labels: Sequence[int],
    vectors: Floats,
    *,
    names: Sequence[str],
    out_of_scope: float,
    seed: int,
) -> TextClassifier:
    """Fit to texts and the columns of their routes, -1 for an out-of-scope text.

    Texts at the end that have no label are the routes' names, in the routes' order.
    """
    routes, examples = len(names), len(labels)
    data = numbered(texts, labels, vectors, routes)
    if not _names_teach(data):
        data = numbered(texts[:examples], labels, vectors[:examples], routes)
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
        names=tuple(names),
        varied=tuple(
            len(np.unique(data.groups[data.labels[:examples] == column]))
            for column in range(routes)
        ),
        longest=int(np.ceil(np.quantile(data.lengths[:examples], 0.99))),
    )


def numbered(texts: Sequence[str], labels: Sequence[int], vectors: Floats, routes: int) -> Dataset:
    """Turn texts into numbers; those at the end that have no label are the routes' names."""
    targets = [routes if label < 0 else label for label in labels]
    named = [*targets, *range(routes)][: len(texts)]
    columns = routes + (min(labels) < 0)
    return build_dataset(texts, named, vectors[: len(texts)], columns, len(labels))


def _names_teach(data: Dataset) -> bool:
    """Say whether the examples alone classify more than half of the routes' names as their own.

    Naive Bayes tells, which takes a moment: the names are worth no fit of all classifiers.
    """
    names = np.arange(data.examples, len(data.labels))
    if not len(names):
        return True
    weights = inverse_frequency(data.counts[: data.examples], min_df=data.min_df)
    features = tfidf(data.counts, weights, len(data.vocabulary.words))
    bayes = fit_naive_bayes(features[: data.examples], data.labels[: data.examples], data.columns)
    bayes[weights == 0] = 0
    return bool(np.mean((features[names] @ bayes).argmax(1) == data.labels[names]) > 0.5)


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

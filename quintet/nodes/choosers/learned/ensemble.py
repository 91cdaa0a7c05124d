"""Classifiers asked together: what each says about a text, and how well the text is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quintet.nodes.choosers.learned.members import (
    closeness,
    landmarks,
    meaning,
    near,
    one_hot,
    separating,
    telling,
)
from quintet.nodes.choosers.learned.text import (
    Floats,
    Vocabulary,
    counts_of,
    rarity,
    vocabulary,
    weighed,
    words,
)

MANY = 2000
"""Examples from which on a sign that only one of them has is left out."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """Examples as numbers: counts of signs, words in each text, embeddings and labels.

    Args:
        known: the signs.
        counts: how often each text has each sign.
        lengths: words of each text.
        vectors: embeddings of length 1, a row a text, or no columns.
        labels: the column of each text's route.
        columns: routes, and one more where examples of nobody teach too.
        often: texts that must have a sign for it to count.
        place: the place of each text in alphabetical order.
        own: how many of the texts are examples; the names of routes may follow them.
    """

    known: Vocabulary
    counts: Any
    lengths: Any
    vectors: Floats
    labels: Any
    columns: int
    often: int
    place: Any
    own: int


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Fitted classifiers. Scores have a spread of about 1 each.

    Args:
        weights: of the signs: their rarity.
        words: a row of weights for each sign, for each route; support vectors and naive Bayes.
        offsets: of the routes.
        linear: logistic regression on embeddings, or no rows.
        marks: embeddings of the landmarks.
        close: a row of weights for each landmark.
        sharp: how fast closeness falls.
    """

    weights: Floats
    words: Floats
    offsets: Floats
    linear: Floats
    marks: Floats
    close: Floats
    sharp: float


@dataclass(frozen=True, kw_only=True)
class Said:
    """What an ensemble says about texts.

    Args:
        scores: text by classifier by route.
        known: the share of each text's words that the examples have.
        nearest: closeness of the nearest landmark, 0 without embeddings.
        lengths: words of each text.
    """

    scores: Floats
    known: Floats
    nearest: Floats
    lengths: Floats


def material(
    texts: Sequence[str], labels: Sequence[int], vectors: Floats, columns: int, own: int
) -> Material:
    """Examples, the first `own` of the texts, and names of routes as numbers."""
    found = [words(text) for text in texts]
    often = 2 if len(texts) >= MANY else 1
    known = vocabulary(found, often=often)
    return Material(
        known=known,
        counts=counts_of(known, found),
        lengths=np.array([len(each) for each in found], np.float32),
        vectors=vectors,
        labels=np.array(labels),
        columns=columns,
        often=often,
        place=np.argsort(np.argsort(np.array([" ".join(each) for each in found]), kind="stable")),
        own=own,
    )


def ensemble(given: Material, rows: Any, seed: int) -> Ensemble:
    """Fit the classifiers to some of the examples."""
    counts, labels = given.counts[rows], given.labels[rows]
    weights = rarity(counts, often=given.often)
    signs = weighed(counts, weights, len(given.known.words))
    machine, offsets = separating(signs, labels, given.columns, seed)
    bayes = telling(signs, labels, given.columns)
    bayes[weights == 0] = 0
    some = signs[: min(1000, signs.shape[0])]
    first, second = _spread(some @ machine + offsets), _spread(some @ bayes)
    merged = (machine / first + bayes * (0.5 / second)) / 1.2
    vectors = given.vectors[rows]
    empty = np.zeros((0, given.columns), np.float32)
    linear, marks, close, sharp = empty, np.zeros((0, 0), np.float32), empty, 0.0
    if vectors.shape[1]:
        linear = meaning(vectors, labels, given.columns)
        linear /= _spread(vectors[:1000] @ linear[:-1] + linear[-1])
        chosen = landmarks(labels, seed)
        marks = vectors[chosen]
        sharp = 2 / max(0.05, float(1 - np.mean(marks[:1000] @ marks[:1000].T)))
        close = near(vectors, marks, one_hot(labels, given.columns), sharp)
        close /= _spread(closeness(vectors[:1000], marks, sharp) @ close)
    return Ensemble(
        weights=weights,
        words=_short(merged),
        offsets=(offsets / first / 1.2).astype(np.float32),
        linear=_short(linear),
        marks=_short(marks),
        close=close,
        sharp=sharp,
    )


def _short(numbers: Any) -> Floats:
    """The numbers as they are kept in a file, at half the precision."""
    return np.asarray(numbers, np.float16).astype(np.float32)


def _spread(scores: Any) -> float:
    return max(1e-6, float(np.std(scores)))


def heard(fitted: Ensemble, given: Material, rows: Any) -> Said:
    """What the classifiers say about some of the examples, all at once."""
    counts, vectors = given.counts[rows], given.vectors[rows]
    said = [weighed(counts, fitted.weights, len(given.known.words)) @ fitted.words + fitted.offsets]
    nearest = np.zeros(len(rows), np.float32)
    if len(fitted.linear):
        said.append(vectors @ fitted.linear[:-1] + fitted.linear[-1])
        close = closeness(vectors, fitted.marks, fitted.sharp)
        said.append(close @ fitted.close)
        nearest = close.max(1)
    single = (given.known.single & (fitted.weights > 0)).astype(np.float32)
    lengths = given.lengths[rows]
    return Said(
        scores=np.stack(said, axis=1).astype(np.float32),
        known=np.asarray(counts @ single / np.maximum(lengths, 1), np.float32),
        nearest=nearest,
        lengths=lengths,
    )


def hear(fitted: Ensemble, known: Vocabulary, text: str, vector: Floats) -> tuple[Said, Any, Any]:
    """What the classifiers say about one text; its signs' columns and their weights."""
    found = words(text)
    counts = known.counted(found)
    columns = np.fromiter(counts.keys(), np.int64, len(counts))
    often = np.fromiter(counts.values(), np.float32, len(counts))
    values = (1 + np.log(often)) * fitted.weights[columns]
    of_words = columns < len(known.words)
    for view in (of_words, ~of_words):
        values[view] /= max(1e-9, float(np.sqrt((values[view] ** 2).sum())))
    said = [values @ fitted.words[columns] + fitted.offsets]
    nearest = 0.0
    if len(fitted.linear):
        said.append(vector @ fitted.linear[:-1] + fitted.linear[-1])
        close = np.exp(fitted.sharp * (fitted.marks @ vector - 1))
        said.append(close @ fitted.close)
        nearest = float(close.max())
    share = float(often[known.single[columns] & (fitted.weights[columns] > 0)].sum())
    heard_one = Said(
        scores=np.stack(said)[None].astype(np.float32),
        known=np.array([share / max(1, len(found))], np.float32),
        nearest=np.array([nearest], np.float32),
        lengths=np.array([len(found)], np.float32),
    )
    return heard_one, columns, values

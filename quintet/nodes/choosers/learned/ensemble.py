"""Fit several classifiers to the same examples, and score texts by all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from quintet.nodes.choosers.learned.classifiers import (
    choose_landmarks,
    fit_kernel_ridge,
    fit_logistic,
    fit_naive_bayes,
    kernel,
    one_hot,
)
from quintet.nodes.choosers.learned.duplicates import near_duplicates
from quintet.nodes.choosers.learned.machines import fit_svm
from quintet.nodes.choosers.learned.text import (
    Floats,
    Vocabulary,
    count_features,
    inverse_frequency,
    tfidf,
)
from quintet.nodes.choosers.words import words

MANY = 2000
"""From this many examples on, features seen in only one example are dropped."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Examples as numbers: feature counts, embeddings and labels.

    Args:
        vocabulary: the features and their columns.
        counts: how often each text has each feature.
        lengths: the number of words in each text.
        embeddings: of length 1, a row a text; no columns where there are none.
        labels: the column of each text's route.
        columns: the number of routes, plus one where there are out-of-scope examples.
        min_df: texts that must have a feature for it to count.
        order: each text's position in alphabetical order.
        groups: a number for each example, the same for near-duplicates.
        examples: how many of the texts are examples; the routes' names may follow them.
    """

    vocabulary: Vocabulary
    counts: Any
    lengths: Any
    embeddings: Floats
    labels: Any
    columns: int
    min_df: int
    order: Any
    groups: Any
    examples: int


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Fitted classifiers; the scores of each have a standard deviation of about 1.

    Args:
        weights: the inverse document frequency of each feature.
        words: a row of weights for each feature; support vectors and naive Bayes merged.
        offsets: of the routes.
        linear: logistic regression on embeddings, or no rows.
        landmarks: the embeddings of the landmarks.
        ridge: kernel ridge regression: a row of weights for each landmark.
        gamma: how fast the kernel falls with distance.
    """

    weights: Floats
    words: Floats
    offsets: Floats
    linear: Floats
    landmarks: Floats
    ridge: Floats
    gamma: float


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The outputs of an ensemble for some texts.

    Args:
        scores: text by classifier by route.
        known: the share of each text's words that the examples have.
        nearest: the kernel value of the nearest landmark, 0 without embeddings.
        lengths: the number of words in each text.
    """

    scores: Floats
    known: Floats
    nearest: Floats
    lengths: Floats

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Join the outputs for several groups of texts."""
        names = [field.name for field in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def build_dataset(
    texts: Sequence[str], labels: Sequence[int], embeddings: Floats, columns: int, examples: int
) -> Dataset:
    """Turn texts and labels into numbers; texts after the first `examples` are routes' names."""
    tokens = [words(text) for text in texts]
    min_df = 2 if len(texts) >= MANY else 1
    vocabulary, counts = count_features(tokens, min_df=min_df)
    inside = counts[:examples]
    features = tfidf(inside, inverse_frequency(inside, min_df=1), len(vocabulary.words))
    return Dataset(
        vocabulary=vocabulary,
        counts=counts,
        lengths=np.array([len(text) for text in tokens], np.float32),
        embeddings=embeddings,
        labels=np.array(labels),
        columns=columns,
        min_df=min_df,
        order=np.argsort(np.argsort([" ".join(text) for text in tokens], kind="stable")),
        groups=near_duplicates(features, np.array(labels[:examples])),
        examples=examples,
    )


def fit_ensemble(data: Dataset, rows: Any, seed: int, *, tolerance: float = 0.1) -> Ensemble:
    """Fit the classifiers to some of the examples."""
    counts, labels = data.counts[rows], data.labels[rows]
    weights = inverse_frequency(counts, min_df=data.min_df)
    features = tfidf(counts, weights, len(data.vocabulary.words))
    bayes = fit_naive_bayes(features, labels, data.columns)
    bayes[weights == 0] = 0
    svm, offsets = fit_svm(features, labels, data.columns, bayes, seed, tolerance)
    # Both are linear in the same features, so that one matrix can hold their sum.
    sample = features[: min(1000, features.shape[0])]
    svm_scale, bayes_scale = _scale(sample @ svm + offsets), _scale(sample @ bayes)
    merged = (svm / svm_scale + bayes * (0.5 / bayes_scale)) / 1.2
    embeddings = data.embeddings[rows]
    empty = np.zeros((0, data.columns), np.float32)
    linear, landmarks, ridge, gamma = empty, np.zeros((0, 0), np.float32), empty, 0.0
    if embeddings.shape[1]:
        linear = fit_logistic(embeddings, labels, data.columns)
        linear /= _scale(embeddings[:1000] @ linear[:-1] + linear[-1])
        landmarks = embeddings[choose_landmarks(labels, seed)]
        gamma = 2 / max(0.05, float(1 - np.mean(landmarks[:1000] @ landmarks[:1000].T)))
        ridge = fit_kernel_ridge(embeddings, landmarks, one_hot(labels, data.columns), gamma)
        ridge /= _scale(kernel(embeddings[:1000], landmarks, gamma) @ ridge)
    return Ensemble(
        weights=weights,
        words=_as_stored(merged),
        offsets=(offsets / svm_scale / 1.2).astype(np.float32),
        linear=_as_stored(linear),
        landmarks=_as_stored(landmarks),
        ridge=ridge,
        gamma=gamma,
    )


def _as_stored(numbers: Any) -> Floats:
    """Round to half precision, so that a chooser read from a file scores as the one saved."""
    return np.asarray(numbers, np.float16).astype(np.float32)


def _scale(scores: Any) -> float:
    return max(1e-6, float(np.std(scores)))


def predict(ensemble: Ensemble, data: Dataset, rows: Any) -> Outputs:
    """Score some of the examples by each classifier."""
    counts, embeddings = data.counts[rows], data.embeddings[rows]
    features = tfidf(counts, ensemble.weights, len(data.vocabulary.words))
    scores = [features @ ensemble.words + ensemble.offsets]
    nearest = np.zeros(len(rows), np.float32)
    if len(ensemble.linear):
        scores.append(embeddings @ ensemble.linear[:-1] + ensemble.linear[-1])
        similarity = kernel(embeddings, ensemble.landmarks, ensemble.gamma)
        scores.append(similarity @ ensemble.ridge)
        nearest = similarity.max(1)
    # A feature of weight 0 is not in the examples that this ensemble was fitted to.
    known_words = (data.vocabulary.is_word & (ensemble.weights > 0)).astype(np.float32)
    lengths = data.lengths[rows]
    return Outputs(
        scores=np.stack(scores, axis=1).astype(np.float32),
        known=np.asarray(counts @ known_words / np.maximum(lengths, 1), np.float32),
        nearest=nearest,
        lengths=lengths,
    )


def predict_one(
    ensemble: Ensemble, vocabulary: Vocabulary, text: str, embedding: Floats
) -> tuple[Outputs, Any, Any]:
    """Score one text; return also the columns of its features and their TF-IDF values.

    It gives the numbers of `predict`, without sparse matrices, which are slow for a single row.
    """
    tokens = words(text)
    counts = vocabulary.count(tokens)
    columns = np.fromiter(counts.keys(), np.int64, len(counts))
    tf = np.fromiter(counts.values(), np.float32, len(counts))
    values = (1 + np.log(tf)) * ensemble.weights[columns]
    is_word_feature = columns < len(vocabulary.words)
    for view in (is_word_feature, ~is_word_feature):
        values[view] /= max(1e-9, float(np.sqrt((values[view] ** 2).sum())))
    scores = [values @ ensemble.words[columns] + ensemble.offsets]
    nearest = 0.0
    if len(ensemble.linear):
        scores.append(embedding @ ensemble.linear[:-1] + ensemble.linear[-1])
        similarity = np.exp(ensemble.gamma * (ensemble.landmarks @ embedding - 1))
        scores.append(similarity @ ensemble.ridge)
        nearest = float(similarity.max())
    known = float(tf[vocabulary.is_word[columns] & (ensemble.weights[columns] > 0)].sum())
    outputs = Outputs(
        scores=np.stack(scores)[None].astype(np.float32),
        known=np.array([known / max(1, len(tokens))], np.float32),
        nearest=np.array([nearest], np.float32),
        lengths=np.array([len(tokens)], np.float32),
    )
    return outputs, columns, values

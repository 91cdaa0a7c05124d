"""The classifiers that are asked together; each is a matrix of weights, a column for each route."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import linalg, optimize, sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

from quintet.nodes.choosers.learned.text import Floats

LANDMARKS = 2000
"""Examples that `near` compares a text with, at most."""


def one_hot(labels: Any, columns: int) -> Floats:
    """A row for each label, 1 in its column."""
    hot = np.zeros((len(labels), columns), np.float32)
    hot[np.arange(len(labels)), labels] = 1
    return hot


def separating(rows: Any, labels: Any, columns: int, seed: int) -> tuple[Floats, Floats]:
    """Weights and offsets of linear support vector machines, one route against the rest.

    Source: Fan et al., LIBLINEAR, 2008; squared hinge loss, C = 1.
    """
    machine = LinearSVC(C=1.0, tol=0.1, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        machine.fit(rows, labels)
    found, offset = machine.coef_, machine.intercept_
    if len(machine.classes_) == 2:
        found, offset = np.vstack([-found, found]), np.concatenate([-offset, offset])
    weights = np.zeros((rows.shape[1], columns), np.float32)
    offsets = np.full(columns, -1.0, np.float32)
    weights[:, machine.classes_] = found.T
    offsets[machine.classes_] = offset
    return weights, offsets


def telling(rows: Any, labels: Any, columns: int) -> Floats:
    """Log ratios of how often a sign occurs in a route and in all others: naive Bayes.

    Source: Rennie et al., Tackling the Poor Assumptions of Naive Bayes, 2003 (TF-IDF as counts).
    """
    belongs = sparse.csr_matrix(one_hot(labels, columns).T)
    inside = np.asarray((belongs @ rows).todense()) + 0.05
    outside = inside.sum(0) - inside + 0.05
    inside /= inside.sum(1, keepdims=True)
    outside /= outside.sum(1, keepdims=True)
    return np.asarray(np.log(inside / outside).T, dtype=np.float32)


def meaning(vectors: Floats, labels: Any, columns: int) -> Floats:
    """Multinomial logistic regression on embeddings, the last row its offsets, by L-BFGS."""
    given = np.hstack([vectors, np.ones((len(vectors), 1), np.float32)])
    hot = one_hot(labels, columns)
    shape = (given.shape[1], columns)

    def loss(flat: Any) -> tuple[float, Any]:
        weights = flat.reshape(shape).astype(np.float32)
        logits = given @ weights
        logits -= logits.max(1, keepdims=True)
        chances = np.exp(logits)
        total = chances.sum(1, keepdims=True)
        value = float((hot * (np.log(total) - logits)).sum() + 0.05 * (weights**2).sum())
        slope = given.T @ (chances / total - hot) + 0.1 * weights
        return value, slope.ravel().astype(np.float64)

    best = optimize.minimize(
        loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 50}
    )
    return np.asarray(best.x.reshape(shape), dtype=np.float32)


def landmarks(labels: Any, seed: int) -> Any:
    """The places of the examples to compare with: all, or as many of each route, at random."""
    if len(labels) <= LANDMARKS:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    turn = np.zeros(len(labels))
    seen: dict[int, int] = {}
    for at in order:
        turn[at] = seen[labels[at]] = seen.get(labels[at], 0) + 1
    return np.sort(order[np.argsort(turn[order], kind="stable")][:LANDMARKS])


def closeness(vectors: Floats, marks: Floats, sharp: float) -> Floats:
    """exp(sharp (cosine - 1)) of each vector with each landmark: 1 for the same."""
    return np.asarray(np.exp(sharp * (vectors @ marks.T - 1)), dtype=np.float32)


def near(vectors: Floats, marks: Floats, hot: Floats, sharp: float) -> Floats:
    """Kernel ridge regression on landmarks, a weight for each of them and each route.

    Source: Williams and Seeger, Using the Nyström Method to Speed Up Kernel Machines, 2001.
    """
    close = closeness(vectors, marks, sharp)
    among = closeness(marks, marks, sharp).astype(np.float64)
    gram = (close.T @ close).astype(np.float64) + 0.1 * among + 0.01 * np.eye(len(marks))
    solved = linalg.cho_solve(linalg.cho_factor(gram), (close.T @ hot).astype(np.float64))
    return np.asarray(solved, dtype=np.float32)

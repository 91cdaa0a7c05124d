"""Fit the single classifiers of the ensemble; each is a weight matrix with a column per route."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg, optimize, sparse

from quintet.nodes.choosers.learned.text import Floats

MAX_LANDMARKS = 2000
"""Examples that kernel ridge regression compares a text with, at most."""


def one_hot(labels: Any, columns: int) -> Floats:
    """Return a row for each label, with 1 in the label's column."""
    hot = np.zeros((len(labels), columns), np.float32)
    hot[np.arange(len(labels)), labels] = 1
    return hot


def fit_naive_bayes(rows: Any, labels: Any, columns: int) -> Floats:
    """Return log ratios of each feature's frequency in a route and in all other routes.

    Source: Rennie et al., Tackling the Poor Assumptions of Naive Bayes, 2003 (TF-IDF as counts).
    """
    membership = sparse.csr_matrix(one_hot(labels, columns).T)
    inside = np.asarray((membership @ rows).todense()) + 0.05
    outside = inside.sum(0) - inside + 0.05
    inside /= inside.sum(1, keepdims=True)
    outside /= outside.sum(1, keepdims=True)
    return np.asarray(np.log(inside / outside).T, dtype=np.float32)


def fit_logistic(embeddings: Floats, labels: Any, columns: int) -> Floats:
    """Fit multinomial logistic regression on embeddings by L-BFGS; the last row holds offsets."""
    inputs = np.hstack([embeddings, np.ones((len(embeddings), 1), np.float32)])
    hot = one_hot(labels, columns)
    shape = (inputs.shape[1], columns)

    def loss(flat: Any) -> tuple[float, Any]:
        # The optimizer works in float64; the products stay in float32, as the embeddings are.
        weights = flat.reshape(shape).astype(np.float32)
        logits = inputs @ weights
        logits -= logits.max(1, keepdims=True)
        odds = np.exp(logits)
        total = odds.sum(1, keepdims=True)
        value = float((hot * (np.log(total) - logits)).sum() + 0.05 * (weights**2).sum())
        gradient = inputs.T @ (odds / total - hot) + 0.1 * weights
        return value, gradient.ravel().astype(np.float64)

    best = optimize.minimize(
        loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 50}
    )
    return np.asarray(best.x.reshape(shape), dtype=np.float32)


def choose_landmarks(labels: Any, seed: int) -> Any:
    """Return the indices of the examples to compare texts with: all of them, if they are few.

    Else `MAX_LANDMARKS` drawn at random, as evenly over the routes as their examples allow.
    """
    if len(labels) <= MAX_LANDMARKS:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    # Each example's turn is its number within its route: all first ones are taken, then the second.
    turn = np.zeros(len(labels))
    drawn: dict[int, int] = {}
    for index in order:
        turn[index] = drawn[labels[index]] = drawn.get(labels[index], 0) + 1
    return np.sort(order[np.argsort(turn[order], kind="stable")][:MAX_LANDMARKS])


def kernel(embeddings: Floats, landmarks: Floats, gamma: float) -> Floats:
    """Return exp(gamma (cosine - 1)) of each embedding with each landmark: 1 for equal ones."""
    return np.asarray(np.exp(gamma * (embeddings @ landmarks.T - 1)), dtype=np.float32)


def fit_kernel_ridge(embeddings: Floats, landmarks: Floats, hot: Floats, gamma: float) -> Floats:
    """Fit kernel ridge regression on landmarks; return a weight for each of them and each route.

    Source: Williams and Seeger, Using the Nyström Method to Speed Up Kernel Machines, 2001.
    """
    features = kernel(embeddings, landmarks, gamma)
    among = kernel(landmarks, landmarks, gamma).astype(np.float64)
    # Landmarks that are nearly equal make `gram` singular; the last term keeps Cholesky possible.
    gram = (features.T @ features).astype(np.float64) + 0.1 * among + 0.01 * np.eye(len(landmarks))
    solved = linalg.cho_solve(linalg.cho_factor(gram), (features.T @ hot).astype(np.float64))
    return np.asarray(solved, dtype=np.float32)

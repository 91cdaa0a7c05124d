"""Predict examples by classifiers that have not seen them: the basis of every promise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quintet.nodes.choosers.learned.confidence import (
    Calibration,
    confidence,
    fit_calibration,
    fit_mix,
    meta_features,
)
from quintet.nodes.choosers.learned.ensemble import Dataset, Outputs, fit_ensemble, predict

WORK = 5e6
"""Examples times routes that cross-fitting may cost, roughly; more data get fewer rounds."""

UNSEEN = 20
"""Held-out routes together count as this many out-of-scope examples, because real out-of-scope
text is never fully covered. Without any out-of-scope example, only the held-out routes count."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Choices on examples that their classifiers had not seen.

    Args:
        mix: the weights of the classifiers.
        features: the meta-features of each choice, a row a choice.
        right: whether the choice is the example's route.
        kind: 0 for an example of a route, 1 for an out-of-scope example, 2 for an example of a
            route that was held out whole.
    """

    mix: Any
    features: Any
    right: Any
    kind: Any

    def weights(self, out_of_scope: float) -> Any:
        """Return weights of the choices by which that share of all messages is out-of-scope."""
        total = float((self.kind == 0).sum()) * out_of_scope / (1 - out_of_scope)
        counts = np.bincount(self.kind, minlength=3)
        real = counts[1] / (counts[1] + UNSEEN) if counts[2] else 1.0
        weights = np.ones(len(self.kind))
        for kind, share in ((1, real), (2, 1 - real)):
            weights[self.kind == kind] = total * share / max(1, counts[kind])
        return weights

    def calibration(self, out_of_scope: float) -> Calibration:
        """Fit a calibration to all held-out choices."""
        return fit_calibration(self.features, self.right, self.weights(out_of_scope))

    def confidences(self, out_of_scope: float, seed: int) -> Any:
        """Return each choice's confidence by a calibration that has not seen it, in five folds."""
        weights = self.weights(out_of_scope)
        confidences = np.zeros(len(self.right))
        fold_of = np.random.default_rng(seed).permutation(len(confidences)) % 5
        for fold in range(5):
            train, test = (fold_of != fold) & (weights > 0), fold_of == fold
            if train.any() and test.any():
                fitted = fit_calibration(self.features[train], self.right[train], weights[train])
                confidences[test] = confidence(fitted, self.features[test])
        return confidences


def cross_fit(data: Dataset, routes: int, seed: int) -> HeldOut:
    """Choose routes for examples left out of the fit, and for whole routes left out of it.

    A route that is left out stands for out-of-scope messages: no choice for its examples is right.
    """
    rng = np.random.default_rng(seed)
    outputs, rows = _predict_by_folds(data, routes, rng, seed)
    labels = data.labels[rows]
    in_scope = labels < routes
    mix = fit_mix(outputs.scores[in_scope], labels[in_scope], routes)
    chosen, features = meta_features(outputs, mix, routes)
    parts = [(features, chosen == labels, np.where(in_scope, 0, 1))]
    for unseen, routes_left in _predict_unseen(data, routes, rng, seed):
        _, features = meta_features(unseen, mix, routes_left)
        parts.append((features, np.zeros(len(features), bool), np.full(len(features), 2)))
    features, right, kind = (np.concatenate(part) for part in zip(*parts, strict=True))
    return HeldOut(mix=mix, features=features, right=right, kind=kind)


def _rounds(data: Dataset, most: int, least: int) -> int:
    return int(np.clip(WORK / (len(data.labels) * data.columns), least, most))


def _predict_by_folds(data: Dataset, routes: int, rng: Any, seed: int) -> tuple[Outputs, Any]:
    """Predict each fold by classifiers fitted to the other folds; return also the rows' order."""
    count, labels = data.examples, data.labels[: data.examples]
    folds = min(count, 10 if count <= 500 else 5)
    order = np.lexsort((data.order[:count], labels))
    sizes = np.bincount(labels, minlength=data.columns)
    within = np.concatenate([np.arange(size) for size in sizes])
    # Texts that begin alike often say the same: in one fold, they cannot vouch for each other.
    block = within * folds // np.repeat(sizes, sizes)
    fold = np.empty(count, int)
    # Each route begins at a random fold, else all small routes would fall into the same few.
    fold[order] = (block + np.repeat(rng.integers(folds, size=len(sizes)), sizes)) % folds
    rounds = _rounds(data, folds, 2)
    # Out-of-scope examples are few and say much: each of them is held out in some round.
    out_of_scope = order[labels[order] >= routes]
    fold[out_of_scope] = np.arange(len(out_of_scope)) % rounds
    names = np.arange(count, len(data.labels))
    outputs, rows = [], []
    for number in range(rounds):
        test = np.flatnonzero(fold == number)
        # The routes' names are always trained on: they are no messages that could be held out.
        train = np.concatenate([np.flatnonzero(fold != number), names])
        if len(test) and len(set(data.labels[train])) > 1:
            outputs.append(predict(fit_ensemble(data, train, seed), data, test))
            rows.append(test)
    return Outputs.join(outputs), np.concatenate(rows)


def _predict_unseen(data: Dataset, routes: int, rng: Any, seed: int) -> list[tuple[Outputs, int]]:
    """Predict examples of some routes by classifiers that know only the other routes.

    Each item has the number of those other routes. With two routes, nothing could be left out.
    """
    groups = min(4, routes)
    if routes < 3:
        return []
    group = rng.permutation(routes) % groups
    predictions = []
    for number in range(_rounds(data, groups, 1)):
        left = np.flatnonzero(group != number)
        columns = len(left) + data.columns - routes
        # Labels are renumbered without gaps; -1 marks the routes that are held out.
        relabel = np.full(data.columns, -1)
        relabel[left] = np.arange(len(left))
        relabel[routes:] = np.arange(len(left), columns)
        part = replace(data, labels=relabel[data.labels], columns=columns)
        train = np.flatnonzero(part.labels >= 0)
        test = np.flatnonzero(part.labels[: data.examples] < 0)
        if len(set(part.labels[train])) > 1:
            predictions.append((predict(fit_ensemble(part, train, seed), part, test), len(left)))
    return predictions

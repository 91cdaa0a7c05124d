"""Predict examples by classifiers that have not seen them: the basis of every promise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quintet.errors import DesignError
from quintet.nodes.choosers.learned.confidence import (
    Calibration,
    confidence,
    fit_calibration,
    fit_mix,
    meta_features,
)
from quintet.nodes.choosers.learned.ensemble import Dataset, Outputs, fit_ensemble, predict

WORK = 1.5e6
"""Examples times routes that cross-fitting may cost, roughly; more data get fewer rounds."""

TOLERANCE = 1.0
"""At which support vector machines that are fitted for held-out choices stop; the final ones go on
to a tenth of it, and are a little better than is promised."""

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
        chosen: the column of the chosen route, -1 where routes were held out.
        label: the column of the example's own route, -1 for an out-of-scope example.
        group: a number for each choice, the same for near-duplicates.
        row: the number of the example.
    """

    mix: Any
    features: Any
    right: Any
    kind: Any
    chosen: Any
    label: Any
    group: Any
    row: Any

    @property
    def inside(self) -> int:
        """Count the choices for examples of routes."""
        return int((self.kind == 0).sum())

    def weights(self, out_of_scope: float) -> Any:
        """Return weights of the choices by which that share of all messages is out-of-scope."""
        total = float((self.kind == 0).sum()) * out_of_scope / (1 - out_of_scope)
        counts = np.bincount(self.kind, minlength=3)
        real = counts[1] / (counts[1] + UNSEEN) if counts[2] else 1.0
        weights = np.ones(len(self.kind))
        for kind, share in ((1, real), (2, 1 - real)):
            weights[self.kind == kind] = total * share / max(1, counts[kind])
        return weights

    @property
    def evidence(self) -> Any:
        """Return what each choice counts for as evidence: n near-duplicates count as one."""
        return 1 / np.bincount(self.group)[self.group]

    def calibration(self, out_of_scope: float) -> Calibration:
        """Fit a calibration to all held-out choices."""
        return fit_calibration(self.features, self.right, self.weights(out_of_scope))

    def confidences(self, out_of_scope: float, seed: int) -> Any:
        """Return each choice's confidence by a calibration that has not seen it, in five folds."""
        weights = self.weights(out_of_scope)
        confidences = np.zeros(len(self.right))
        drawn = np.random.default_rng(seed).permutation(int(self.group.max(initial=-1)) + 1) % 5
        fold_of = drawn[self.group]
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
    outputs, rows = predict_by_folds(data, routes, seed, most=10)
    labels = data.labels[rows]
    inside = labels < routes
    mix = fit_mix(outputs.scores[inside], labels[inside], routes)
    chosen, features = meta_features(outputs, mix, routes)
    own = np.where(inside, labels, -1)
    kind = np.where(inside, 0, 1)
    parts = [(features, chosen == labels, kind, chosen, own, data.groups[rows], rows)]
    for unseen, routes_left, left_out in _predict_unseen(data, routes, rng, seed):
        _, features = meta_features(unseen, mix, routes_left)
        count, groups = len(features), data.groups[left_out] + data.examples
        nobody = np.full(count, -1)
        wrong, kind = np.zeros(count, bool), np.full(count, 2)
        parts.append((features, wrong, kind, nobody, nobody, groups, left_out))
    names = ("features", "right", "kind", "chosen", "label", "group", "row")
    joined = (np.concatenate(part) for part in zip(*parts, strict=True))
    return HeldOut(mix=mix, **dict(zip(names, joined, strict=True)))


def _rounds(data: Dataset, most: int, least: int) -> int:
    return int(np.clip(WORK / (len(data.labels) * data.columns), least, most))


def predict_by_folds(
    data: Dataset, routes: int, seed: int, *, most: int, every: bool = False
) -> tuple[Outputs, Any]:
    """Predict each fold by classifiers fitted to the other folds; return also the rows' order.

    Args:
        data: the examples.
        routes: the number of routes.
        seed: of the folds.
        most: the folds of few examples; many have five at most.
        every: whether each example is predicted, however long it takes.

    Raises:
        DesignError: no example can be held out.
    """
    count, labels = data.examples, data.labels[: data.examples]
    rng = np.random.default_rng(seed)
    folds = min(count, most if count <= 500 else 5)
    fold = _folds(data, folds, rng)
    rounds = folds if every else _rounds(data, folds, 2)
    # Out-of-scope examples are few and say much: each of them is held out in some round.
    outside = np.flatnonzero(labels >= routes)
    fold[outside] = np.unique(data.groups[outside], return_inverse=True)[1] % rounds
    names = np.arange(count, len(data.labels))
    outputs, rows = [], []
    for number in range(rounds):
        test = np.flatnonzero(fold == number)
        # The routes' names are always trained on: they are no messages that could be held out.
        train = np.concatenate([np.flatnonzero(fold != number), names])
        if len(test) and len(set(data.labels[train])) > 1:
            outputs.append(
                predict(fit_ensemble(data, train, seed, tolerance=TOLERANCE), data, test)
            )
            rows.append(test)
    if not rows:
        raise DesignError(
            f"by_examples: of the {count} examples none can be held out to see how sure a choice "
            "is: each of the two routes has a single one, near-duplicates counted once; give at "
            "least two of a route that differ, better ten"
        )
    return Outputs.join(outputs), np.concatenate(rows)


def _folds(data: Dataset, folds: int, rng: Any) -> Any:
    """Cut the sorted examples of each route into blocks, and give each block to a fold.

    Texts that begin alike often say the same, and near-duplicates do: in one fold, they cannot
    vouch for each other. So near-duplicates stand where the first of them does. Each route's blocks
    begin at the fold that is best for the size of all, else all small routes would fall into the
    same few.
    """
    labels = data.labels[: data.examples]
    fold = np.empty(len(labels), int)
    in_all = np.zeros(folds, int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[np.argsort(data.order[members])]
        block = _blocks(data.groups[members], folds)
        sizes = np.bincount(block, minlength=folds)
        turns = rng.permutation(folds)
        start = min(turns, key=lambda turn: (in_all + np.roll(sizes, turn)).max())
        fold[members] = (block + start) % folds
        in_all += np.roll(sizes, start)
    return fold


def _blocks(groups: Any, count: int) -> Any:
    """Cut a row of examples into blocks about as large as each other, no group into two.

    A group stands where its first example does, and belongs where its middle falls. So examples of
    more than one group never share a single block.
    """
    _, first, member, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    middle = np.empty(len(sizes))
    middle[order] = np.cumsum(sizes[order]) - sizes[order] / 2
    return np.asarray((middle * count // len(groups)).astype(int)[member])


def _predict_unseen(
    data: Dataset, routes: int, rng: Any, seed: int
) -> list[tuple[Outputs, int, Any]]:
    """Predict examples of some routes by classifiers that know only the other routes.

    Each item has the number of those other routes, and the rows of the examples. With two routes,
    nothing could be left out.
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
            outputs = predict(fit_ensemble(part, train, seed, tolerance=TOLERANCE), part, test)
            predictions.append((outputs, len(left), test))
    return predictions

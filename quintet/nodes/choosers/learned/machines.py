"""Fit linear support vector machines: one route against the rest, or against the nearest of it.

Source: Fan et al., LIBLINEAR, 2008; squared hinge loss, C = 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sklearn
from sklearn.svm import LinearSVC

from quintet.nodes.choosers.learned.text import Floats

AGAINST = 10
"""Examples of other routes that a route's machine sees, for each example of its own."""

LEAST_AGAINST = 400
"""Examples of other routes that a machine sees at least."""

FEWER = 5
"""A machine sees a part of the examples only where all of them are this many times as many: below,
it takes less time to fit all machines at once."""

AT_ONCE = 64
"""Routes whose rivals are looked for at once, so that memory stays small."""


def fit_svm(
    rows: Any, labels: Any, columns: int, bayes: Floats, seed: int, tolerance: float
) -> tuple[Floats, Floats]:
    """Fit a machine for each column that has examples; return weights and offsets.

    With many examples, each machine sees those of its own route and the likeliest of all others,
    by naive Bayes: hard negatives (Felzenszwalb et al., Object Detection with Discriminatively
    Trained Part-Based Models, 2010, 4.4). The rest lie far behind the margin.

    Args:
        rows: the features of the examples.
        labels: their columns.
        columns: the number of columns.
        bayes: the weights of naive Bayes.
        seed: of the solver.
        tolerance: at which the solver stops.
    """
    counts = np.bincount(labels, minlength=columns)
    typical = float(counts[counts > 0].mean())
    # A rare route's examples weigh more, else its machine would learn to say no to everything.
    weigh = {int(one): max(1.0, float(np.sqrt(typical / counts[one]))) for one in np.unique(labels)}
    # A route without examples in this fold keeps the score of a machine that always says no.
    weights = np.zeros((rows.shape[1], columns), np.float32)
    offsets = np.full(columns, -1.0, np.float32)
    options = {"C": 1.0, "tol": tolerance, "random_state": seed}
    few = len(labels) < FEWER * (typical + max(LEAST_AGAINST, AGAINST * typical))
    with warnings.catch_warnings():
        # It may not converge, and takes labels that are nearly all different for a regression's.
        warnings.simplefilter("ignore", UserWarning)
        fitted = (
            _of_all(rows, labels, weigh, options)
            if few
            else _of_near(rows, labels, weigh, bayes, options)
        )
        for column, coefficients, offset in fitted:
            weights[:, column] = coefficients
            offsets[column] = offset
    return weights, offsets


Machines = Iterator[tuple[int, Any, float]]
"""Columns with the weights and the offset of each."""


def _of_all(rows: Any, labels: Any, weigh: Mapping[int, float], options: Any) -> Machines:
    """Fit the machines to all examples, in one call."""
    machine = LinearSVC(class_weight=weigh, **options).fit(rows, labels)
    coefficients, offsets = machine.coef_, machine.intercept_
    # For two classes scikit-learn fits one machine, which scores the second class.
    if len(machine.classes_) == 2:
        coefficients = np.vstack([-coefficients, coefficients])
        offsets = np.concatenate([-offsets, offsets])
    yield from zip(machine.classes_.tolist(), coefficients, offsets.tolist(), strict=True)


def _of_near(
    rows: Any, labels: Any, weigh: Mapping[int, float], bayes: Floats, options: Any
) -> Machines:
    """Fit each machine to the examples that are near its route."""
    wide = rows.astype(np.float64)  # as the solver has it: it would convert each part anew
    for column, near in near_rows(rows, labels, bayes):
        machine = LinearSVC(class_weight={1: weigh[column]}, **options)
        # The features are finite; to look at them for each machine takes longer than to fit it.
        with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            machine.fit(wide[near], np.asarray(labels[near] == column, int))
        yield column, machine.coef_[0], float(machine.intercept_[0])


def near_rows(rows: Any, labels: Any, bayes: Floats) -> Iterator[tuple[int, Any]]:
    """Give each column that has examples, and the rows of these and of the likeliest others."""
    counts = np.bincount(labels, minlength=bayes.shape[1])
    for start in range(0, bayes.shape[1], AT_ONCE):
        unlike = -(rows @ bayes[:, start : start + AT_ONCE])
        for place in range(unlike.shape[1]):
            column = start + place
            own, order = int(counts[column]), unlike[:, place]
            if own:
                order[labels == column] = -np.inf
                taken = min(own + max(LEAST_AGAINST, AGAINST * own), len(labels))
                yield column, np.sort(np.argpartition(order, taken - 1)[:taken])

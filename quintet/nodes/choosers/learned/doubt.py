"""Doubt the labels that classifiers, which have not seen them, speak against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quintet.nodes.choosers.labels import Pair
from quintet.nodes.choosers.learned.ensemble import Dataset
from quintet.nodes.choosers.learned.heldout import predict_by_folds
from quintet.nodes.choosers.told import Suspect

FOLDS = 10

DOUBTFUL = 1.0
"""Log odds against its label from which on an example is a suspect."""


def suspected(
    data: Dataset, mix: Any, names: Sequence[str], pairs: Sequence[Pair], seed: int
) -> tuple[Suspect, ...]:
    """Name the examples whose label is doubtful, the most doubtful first."""
    doubt, likelier = doubts(data, mix, len(names), seed)
    labels = (*names, None)
    return tuple(
        Suspect(
            text=pairs[row][0],
            route=pairs[row][1],
            likelier=labels[likelier[row]],
            odds=float(np.exp(min(float(doubt[row]), 100.0))),
        )
        for row in np.argsort(-doubt, kind="stable").tolist()
        if doubt[row] > DOUBTFUL
    )


def doubts(data: Dataset, mix: Any, routes: int, seed: int) -> tuple[Any, Any]:
    """Return how much speaks against each example's label, and the column that speaks most.

    The doubt is the log odds of the likeliest other column against the example's own, by
    classifiers that have seen neither it nor its near-duplicates (confident learning; Northcutt,
    Jiang and Chuang, 2021). The column after the routes stands for out-of-scope texts.
    """
    outputs, rows = predict_by_folds(data, routes, seed, most=FOLDS, every=True)
    mixed = np.einsum("m,nmk->nk", mix, outputs.scores)
    own = data.labels[rows]
    place = np.arange(len(rows))
    against = mixed.copy()
    against[place, own] = -np.inf
    doubt, other = np.full(data.examples, -np.inf), np.zeros(data.examples, int)
    doubt[rows] = against.max(1) - mixed[place, own]
    other[rows] = against.argmax(1)
    return doubt, other

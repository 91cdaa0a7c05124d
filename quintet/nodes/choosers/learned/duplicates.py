"""Find examples that say nearly the same, so that they cannot vouch for each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from quintet.nodes.choosers.labels import FEW_PER_ROUTE

NEAR = (0.8, 0.9, 0.95, 0.999)
"""Cosines from which on two examples of a route are near-duplicates: the first, unless these would
make one heap of more than half the route's examples; then the next."""

NEAR_OF_FEW = (0.5, 0.6, 0.7, *NEAR)
"""The same where there are few examples a route. Few often come from one pen, and are alike in ways
that messages are not: on the first ten of each of CLINC150's intents, held-out choices were right
in 89 % and validation messages in 79 %, while drawn ones differed by one point."""

NEAR_OF_MADE = (0.7, *NEAR)
"""The same where most examples are near-duplicates: templates made them, or a program, and a long
opening takes two with one request apart."""

BLOCK = 1000
"""Examples that are compared with all others of their route at once."""


def near_duplicates(features: Any, labels: Any) -> Any:
    """Return a number for each example, the same for near-duplicates of a route.

    Near-duplicates of near-duplicates are near-duplicates too (single linkage; Sneath, 1957).
    """
    squares = np.asarray(features.multiply(features).sum(1)).ravel()
    scaled = sparse.diags_array(1 / np.sqrt(np.maximum(squares, 1e-12))) @ features
    scaled = sparse.csr_matrix(scaled, dtype=np.float32)
    if len(labels) <= FEW_PER_ROUTE * len(np.unique(labels)):
        return _grouped(scaled, labels, NEAR_OF_FEW)
    groups = _grouped(scaled, labels, NEAR)
    if 2 * len(np.unique(groups)) < len(labels):
        groups = _grouped(scaled, labels, NEAR_OF_MADE)
    return groups


def _grouped(rows: Any, labels: Any, cosines_of_near: Sequence[float]) -> Any:
    """Number the groups of near-duplicates of all routes."""
    groups = np.empty(len(labels), int)
    so_far = 0
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        groups[own] = so_far + _linked(rows[own], cosines_of_near)
        so_far += len(own)
    return np.unique(groups, return_inverse=True)[1]


def _linked(rows: Any, cosines_of_near: Sequence[float]) -> Any:
    """Number the connected near-duplicates among the examples of one route."""
    count = rows.shape[0]
    starts = range(0, count, BLOCK)
    blocks = [_near(rows[at : at + BLOCK], rows, cosines_of_near[0]) for at in starts]
    cosines = sparse.vstack(blocks).tocoo()
    found = np.arange(count)
    for least in cosines_of_near:
        near = cosines.data > least
        ends = cosines.row[near], cosines.col[near]
        graph = sparse.coo_matrix((np.ones(near.sum(), np.int8), ends), shape=(count, count))
        found = connected_components(graph, directed=False)[1]
        if np.bincount(found).max() <= max(1, count / 2):
            break
    return found


def _near(some: Any, rows: Any, least: float) -> Any:
    """Return the cosines of some examples with others that make near-duplicates."""
    cosines = (some @ rows.T).tocoo()
    near = cosines.data > least
    ends = cosines.row[near], cosines.col[near]
    return sparse.coo_matrix((cosines.data[near], ends), shape=cosines.shape)

"""What the classifiers say about examples that they have not seen: the ground of every promise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quintet.nodes.choosers.learned.confidence import (
    Calibration,
    calibration,
    clues,
    confidence,
    mixture,
)
from quintet.nodes.choosers.learned.ensemble import Material, Said, ensemble, heard

WORK = 5e6
"""Examples times routes that cross-fitting may cost, roughly; more data need fewer rounds."""

UNSEEN = 20
"""As many examples of nobody as routes held out whole stand for, since what nobody takes is never
all foreseen; without any example of nobody they stand for all of it."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Choices on examples that their classifiers had not seen.

    Args:
        mix: the weights of the classifiers.
        clues: a row for each choice.
        right: whether the choice is the example's route.
        kind: 0 an example of a route, 1 of nobody, 2 of a route whose every example was held out.
    """

    mix: Any
    clues: Any
    right: Any
    kind: Any

    def weights(self, out_of_scope: float) -> Any:
        """The weight of each choice where that share of the messages belongs to nobody."""
        total = float((self.kind == 0).sum()) * out_of_scope / (1 - out_of_scope)
        counts = np.bincount(self.kind, minlength=3)
        real = counts[1] / (counts[1] + UNSEEN) if counts[2] else 1.0
        weights = np.ones(len(self.kind))
        for kind, share in ((1, real), (2, 1 - real)):
            weights[self.kind == kind] = total * share / max(1, counts[kind])
        return weights

    def calibrated(self, routes: int, out_of_scope: float) -> Calibration:
        """The calibration that all held-out choices give."""
        return calibration(self.clues, self.right, self.weights(out_of_scope), self.mix, routes)

    def confidences(self, routes: int, out_of_scope: float, seed: int) -> Any:
        """The confidence of each choice by a calibration that has not seen it: five folds."""
        weights = self.weights(out_of_scope)
        sure = np.zeros(len(self.right))
        turn = np.random.default_rng(seed).permutation(len(sure)) % 5
        for fold in range(5):
            seen = (turn != fold) & (weights > 0)
            if seen.any() and (turn == fold).any():
                fitted = calibration(
                    self.clues[seen], self.right[seen], weights[seen], self.mix, routes
                )
                sure[turn == fold] = confidence(fitted, self.clues[turn == fold])
        return sure


def held_out(given: Material, routes: int, seed: int) -> HeldOut:
    """Cross-fit: choices on examples left out of the fit, and on whole routes left out of it.

    A route that is left out stands for what belongs to nobody; an example of it cannot be right.
    """
    rng = np.random.default_rng(seed)
    labels = given.labels
    inside, rows = _by_folds(given, routes, rng, seed)
    mine = labels[rows] < routes
    mix = mixture(_some(inside, mine), labels[rows][mine], routes)
    chosen, found = clues(inside, mix, routes)
    parts = [(found, chosen == labels[rows], np.where(mine, 0, 1))]
    for said, left in _without_routes(given, routes, rng, seed):
        _, found = clues(said, mix, left)
        parts.append((found, np.zeros(len(found), bool), np.full(len(found), 2)))
    together = [np.concatenate(part) for part in zip(*parts, strict=True)]
    return HeldOut(mix=mix, clues=together[0], right=together[1], kind=together[2])


def _rounds(given: Material, most: int, least: int) -> int:
    return int(np.clip(WORK / (len(given.labels) * given.columns), least, most))


def _by_folds(given: Material, routes: int, rng: Any, seed: int) -> tuple[Said, Any]:
    """Each fold as seen by the classifiers that are fitted to the other folds."""
    count, labels = given.own, given.labels[: given.own]
    folds = min(count, 10 if count <= 500 else 5)
    order = np.lexsort((given.place[:count], labels))
    sizes = np.bincount(labels, minlength=given.columns)
    within = np.concatenate([np.arange(size) for size in sizes])
    # Texts that begin alike often say the same: held out together they cannot vouch for each other.
    block = within * folds // np.repeat(sizes, sizes)
    fold = np.empty(count, int)
    fold[order] = (block + np.repeat(rng.integers(folds, size=len(sizes)), sizes)) % folds
    rounds = _rounds(given, folds, 2)
    # Examples of nobody are few and say much: each of them is held out in some round.
    nobody = order[labels[order] >= routes]
    fold[nobody] = np.arange(len(nobody)) % rounds
    names = np.arange(count, len(given.labels))
    said, rows = [], []
    for number in range(rounds):
        test = np.flatnonzero(fold == number)
        train = np.concatenate([np.flatnonzero(fold != number), names])
        if len(test) and len(set(given.labels[train])) > 1:
            said.append(heard(ensemble(given, train, seed), given, test))
            rows.append(test)
    return _joined(said), np.concatenate(rows)


def _without_routes(given: Material, routes: int, rng: Any, seed: int) -> list[tuple[Said, int]]:
    """Examples of some routes as seen by classifiers that know only the others."""
    groups = min(4, routes)
    if routes < 3:
        return []
    group = rng.permutation(routes) % groups
    found = []
    for number in range(_rounds(given, groups, 1)):
        kept = np.flatnonzero(group != number)
        new = np.full(given.columns, -1)
        new[kept] = np.arange(len(kept))
        new[routes:] = np.arange(len(kept), len(kept) + given.columns - routes)
        part = replace(given, labels=new[given.labels], columns=len(kept) + given.columns - routes)
        train = np.flatnonzero(part.labels >= 0)
        test = np.flatnonzero(part.labels[: given.own] < 0)
        if len(set(part.labels[train])) > 1:
            found.append((heard(ensemble(part, train, seed), part, test), len(kept)))
    return found


def _joined(parts: list[Said]) -> Said:
    names = ("scores", "known", "nearest", "lengths")
    return Said(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _some(said: Said, rows: Any) -> Said:
    names = ("scores", "known", "nearest", "lengths")
    return Said(**{name: getattr(said, name)[rows] for name in names})

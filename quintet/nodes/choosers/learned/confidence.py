"""How sure a choice is: the classifiers' scores as one calibrated probability of being right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from quintet.nodes.choosers.learned.ensemble import Said

FEW = 30.0
"""Held-out choices under which nothing is learned from them but how high a confidence may be."""

FAR = 3.0
"""Standard deviations from the mean at which clues are cut before they are multiplied."""

SLIGHT = 0.1
"""How large products of clues are against the clues themselves, so that few data leave them out."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How scores become a probability.

    Args:
        mix: the weight of each classifier.
        routes: columns that are routes; one more is nobody's.
        middle: the mean of each clue.
        spread: its standard deviation.
        slopes: the weight of each clue and each product of two, the last the offset.
        cap: the highest probability that so few held-out examples can show.
    """

    mix: Any
    routes: int
    middle: Any
    spread: Any
    slopes: Any
    cap: float


def mixture(said: Said, labels: Any, routes: int) -> Any:
    """The weights of the classifiers that make the held-out routes likeliest.

    A stacked generalisation (Wolpert, 1992) with one positive weight a classifier, which also is
    its temperature (Guo et al., 2017). Few examples hardly move the weights from where they start.
    """
    scores = said.scores[:, :, :routes].astype(np.float64)
    start = np.log(np.array([1.0, 1.0, 1.0] if scores.shape[1] > 1 else [2.0]))
    if len(labels) < FEW:
        return np.exp(start)
    hot = np.arange(len(labels)), labels

    def loss(weights: Any) -> tuple[float, Any]:
        mixed = np.einsum("m,nmk->nk", np.exp(weights), scores)
        mixed -= mixed.max(1, keepdims=True)
        chances = np.exp(mixed)
        total = chances.sum(1, keepdims=True)
        value = float((np.log(total[:, 0]) - mixed[hot]).sum() + 2 * ((weights - start) ** 2).sum())
        chances /= total
        chances[hot] -= 1
        slope = np.exp(weights) * np.einsum("nk,nmk->m", chances, scores) + 4 * (weights - start)
        return value, slope

    return np.exp(optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x)


def clues(said: Said, mix: Any, routes: int) -> tuple[Any, Any]:
    """The chosen column of each text, and what speaks for and against the choice, a row a text.

    The first clue is the log odds of the chosen route among the routes.
    """
    scores = said.scores[:, :, :routes]
    mixed = np.einsum("m,nmk->nk", mix, scores)
    chosen = mixed.argmax(1)
    row = np.arange(len(chosen))
    top = mixed[row, chosen]
    others = mixed.copy()
    others[row, chosen] = -np.inf
    second = others.max(1)
    rest = second + np.log(np.exp(others - second[:, None]).sum(1))
    columns = [top - rest, top, top - second]
    for member in range(scores.shape[1]):
        own = scores[row, member, chosen]
        rival = scores[:, member, :].copy()
        rival[row, chosen] = -np.inf
        columns += [own, own - rival.max(1)]
    nobody = said.scores[:, :, routes:]
    if nobody.shape[2]:
        columns.append(np.einsum("m,nmk->n", mix, nobody) - top)
    columns += [said.known, np.log1p(said.lengths)]
    if scores.shape[1] > 1:
        columns.append(said.nearest)
    return chosen, np.stack(columns, axis=1)


def calibration(found: Any, right: Any, weights: Any, mix: Any, routes: int) -> Calibration:
    """Fit the probability of being right to held-out choices, by regularised logistic regression.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999, with his smoothed
    targets; with few examples the answer stays close to the first clue as it is. Products of the
    clues let one count more where another is weak.
    """
    middle, spread = found.mean(0), np.maximum(found.std(0), 1e-3)
    given = _crossed((found - middle) / spread)
    prior = np.zeros(given.shape[1])
    prior[0], prior[-1] = spread[0], middle[0]
    yes, no = weights[right].sum(), weights[~right].sum()
    targets = np.where(right, (yes + 1) / (yes + 2), 1 / (no + 2))

    def loss(slopes: Any) -> tuple[float, Any]:
        odds = given @ slopes
        value = (weights * (np.logaddexp(0, odds) - targets * odds)).sum()
        slope = given.T @ (weights * (_chance(odds) - targets))
        away = slopes - prior
        return float(value + (away**2).sum()), slope + 2 * away

    def bend(slopes: Any) -> Any:
        chance = _chance(given @ slopes)
        heavy = weights * chance * (1 - chance)
        return given.T @ (given * heavy[:, None]) + 2 * np.eye(len(slopes))

    slopes = prior
    if len(found) >= FEW:
        slopes = optimize.minimize(loss, prior, jac=True, hess=bend, method="trust-exact").x
    cap = 1 - 1 / (len(found) + 2)
    return Calibration(mix=mix, routes=routes, middle=middle, spread=spread, slopes=slopes, cap=cap)


def confidence(fitted: Calibration, found: Any) -> Any:
    """The probability that each choice is right."""
    given = _crossed((found - fitted.middle) / fitted.spread)
    odds = np.clip(given @ fitted.slopes, -30, 30)
    return np.minimum(_chance(odds), fitted.cap)


def _crossed(clues: Any) -> Any:
    """Standardised clues, the products of any two of them, and 1."""
    near = np.clip(clues, -FAR, FAR)
    first, second = np.triu_indices(clues.shape[1])
    products = SLIGHT * near[:, first] * near[:, second]
    return np.hstack([clues, products, np.ones((len(clues), 1))])


def _chance(odds: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))

"""Turn the classifiers' scores into one calibrated probability that a choice is right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from quintet.nodes.choosers.learned.ensemble import Outputs
from quintet.nodes.choosers.learned.text import Floats

MIN_CHOICES = 30.0
"""With fewer held-out choices nothing is fitted to them; they only cap the confidence."""

CLIP = 3.0
"""Standard deviations from the mean at which meta-features are cut before they are multiplied."""

PRODUCT_SCALE = 0.1
"""Scale of the products of meta-features: small, so that few data cannot give them weight."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The fitted map from classifier outputs to the probability that a choice is right.

    Args:
        mean: the mean of each meta-feature.
        std: its standard deviation.
        coef: the weight of each meta-feature and each product of two; the last is the offset.
        cap: the highest probability that so few held-out examples can show.
    """

    mean: Any
    std: Any
    coef: Any
    cap: float


def fit_mix(scores: Floats, labels: Any, routes: int) -> Any:
    """Return the classifier weights that maximise the likelihood of the held-out routes.

    A stacked generalisation (Wolpert, 1992) with one positive weight a classifier, which also is
    its temperature (Guo et al., 2017). With few examples the weights stay near where they start.
    """
    scores = scores[:, :, :routes].astype(np.float64)
    # Optimised as logarithms, so that no weight can become negative.
    start = np.log(np.array([1.0, 1.0, 1.0] if scores.shape[1] > 1 else [2.0]))
    if len(labels) < MIN_CHOICES:
        return np.exp(start)
    target = np.arange(len(labels)), labels

    def loss(log_mix: Any) -> tuple[float, Any]:
        mixed = np.einsum("m,nmk->nk", np.exp(log_mix), scores)
        mixed -= mixed.max(1, keepdims=True)
        odds = np.exp(mixed)
        total = odds.sum(1, keepdims=True)
        away = log_mix - start
        value = float((np.log(total[:, 0]) - mixed[target]).sum() + 2 * (away**2).sum())
        odds /= total
        odds[target] -= 1
        gradient = np.exp(log_mix) * np.einsum("nk,nmk->m", odds, scores) + 4 * away
        return value, gradient

    return np.exp(optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x)


def meta_features(outputs: Outputs, mix: Any, routes: int) -> tuple[Any, Any]:
    """Return the chosen column of each text, and a row of evidence for and against each choice.

    The first meta-feature is the log odds of the chosen route among the routes.
    """
    scores = outputs.scores[:, :, :routes]
    mixed = np.einsum("m,nmk->nk", mix, scores)
    chosen = mixed.argmax(1)
    row = np.arange(len(chosen))
    top = mixed[row, chosen]
    others = mixed.copy()
    others[row, chosen] = -np.inf
    second = others.max(1)
    rest = second + np.log(np.exp(others - second[:, None]).sum(1))
    columns = [top - rest, top, top - second]
    for classifier in range(scores.shape[1]):
        own = scores[row, classifier, chosen]
        rivals = scores[:, classifier, :].copy()
        rivals[row, chosen] = -np.inf
        columns += [own, own - rivals.max(1)]
    out_of_scope = outputs.scores[:, :, routes:]
    if out_of_scope.shape[2]:
        columns.append(np.einsum("m,nmk->n", mix, out_of_scope) - top)
    columns += [outputs.known, np.log1p(outputs.lengths)]
    if scores.shape[1] > 1:
        columns.append(outputs.nearest)
    return chosen, np.stack(columns, axis=1)


def fit_calibration(features: Any, right: Any, weights: Any) -> Calibration:
    """Fit the probability of being right to held-out choices, by regularised logistic regression.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999, with his smoothed
    targets; with few examples the probability stays close to the first meta-feature, which is a log
    odds already. Products let one meta-feature count more where another is weak.
    """
    mean, std = features.mean(0), np.maximum(features.std(0), 1e-3)
    inputs = _with_products((features - mean) / std)
    # This prior undoes the standardisation: its log odds are the first meta-feature unchanged.
    prior = np.zeros(inputs.shape[1])
    prior[0], prior[-1] = std[0], mean[0]
    positive, negative = weights[right].sum(), weights[~right].sum()
    targets = np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(coef: Any) -> tuple[float, Any]:
        log_odds = inputs @ coef
        value = (weights * (np.logaddexp(0, log_odds) - targets * log_odds)).sum()
        gradient = inputs.T @ (weights * (_sigmoid(log_odds) - targets))
        away = coef - prior
        return float(value + (away**2).sum()), gradient + 2 * away

    def hessian(coef: Any) -> Any:
        chance = _sigmoid(inputs @ coef)
        curvature = weights * chance * (1 - chance)
        return inputs.T @ (inputs * curvature[:, None]) + 2 * np.eye(len(coef))

    coef = prior
    if len(features) >= MIN_CHOICES:
        coef = optimize.minimize(loss, prior, jac=True, hess=hessian, method="trust-exact").x
    # Laplace's rule of succession: n right choices of n show no more than 1 - 1 / (n + 2).
    cap = 1 - 1 / (len(features) + 2)
    return Calibration(mean=mean, std=std, coef=coef, cap=cap)


def confidence(calibration: Calibration, features: Any) -> Any:
    """Return the probability that each choice is right, from the choices' meta-features."""
    inputs = _with_products((features - calibration.mean) / calibration.std)
    log_odds = np.clip(inputs @ calibration.coef, -30, 30)
    return np.minimum(_sigmoid(log_odds), calibration.cap)


def _with_products(features: Any) -> Any:
    """Append to standardised meta-features the products of any two of them, and 1."""
    clipped = np.clip(features, -CLIP, CLIP)
    first, second = np.triu_indices(features.shape[1])
    products = PRODUCT_SCALE * clipped[:, first] * clipped[:, second]
    return np.hstack([features, products, np.ones((len(features), 1))])


def _sigmoid(log_odds: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(log_odds, -500, 500)))

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

import numpy as np

from quintet.nodes.choosers.learned.confidence import MIN_CHOICES, confidence, fit_calibration
from quintet.nodes.choosers.learned.heldout import UNSEEN, HeldOut


def drawn(n: int, seed: int = 0) -> tuple[Any, Any]:
    """Draw two features, and choices that are right where the features agree."""
    features = np.random.default_rng(seed).normal(size=(n, 2))
    return features, features[:, 0] * features[:, 1] > 0


def test_features_that_matter_only_together_are_used() -> None:
    features, right = drawn(2000)
    fitted = fit_calibration(features, right, np.ones(2000))
    fresh, good = drawn(500, seed=1)
    sure = confidence(fitted, fresh)
    assert np.median(sure[good]) > 0.55
    assert np.median(sure[~good]) < 0.45
    assert (sure[good] > 0.5).mean() > 0.8


def test_with_few_choices_the_first_feature_is_the_log_odds() -> None:
    features, right = drawn(int(MIN_CHOICES) - 1)
    sure = confidence(fit_calibration(features, right, np.ones(len(features))), features)
    most = 1 - 1 / (len(features) + 2)
    assert sure == pytest.approx(np.minimum(1 / (1 + np.exp(-features[:, 0])), most))


def test_the_mean_confidence_is_the_share_that_is_right() -> None:
    features, right = drawn(3000)
    weights = np.where(right, 1.0, 3.0)
    sure = confidence(fit_calibration(features, right, weights), features)
    share = (weights * right).sum() / weights.sum()
    assert (weights * sure).sum() / weights.sum() == pytest.approx(share, abs=0.01)


def test_a_choice_is_as_sure_alone_as_among_others() -> None:
    features, right = drawn(400)
    fitted = fit_calibration(features, right, np.ones(400))
    alone = [confidence(fitted, features[at : at + 1])[0] for at in range(20)]
    assert confidence(fitted, features)[:20] == pytest.approx(alone, abs=1e-12)


@pytest.mark.parametrize("nobody", [0, UNSEEN, 9 * UNSEEN], ids=["none", "as many", "many"])
def test_routes_left_out_stand_for_fewer_of_nobody_the_more_examples_there_are(nobody: int) -> None:
    kind = np.array([0] * 80 + [1] * nobody + [2] * 40)
    nothing = np.zeros(len(kind), int)
    held = HeldOut(
        mix=np.ones(1),
        features=np.zeros((len(kind), 1)),
        right=kind == 0,
        kind=kind,
        chosen=nothing,
        label=nothing,
        group=np.arange(len(kind)),
        row=nothing,
    )
    weights = held.weights(0.2)
    theirs = weights[kind > 0].sum()
    assert theirs == pytest.approx(0.2 * weights.sum())
    assert weights[kind == 2].sum() / theirs == pytest.approx(UNSEEN / (nobody + UNSEEN))

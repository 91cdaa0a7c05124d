from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

import numpy as np
from scipy import sparse

from quintet.nodes.choosers.learned import machines
from quintet.nodes.choosers.learned.classifiers import fit_naive_bayes
from quintet.nodes.choosers.learned.machines import AT_ONCE, LEAST_AGAINST, fit_svm, near_rows
from quintet.nodes.choosers.learned.text import count_features, word_features
from quintet.nodes.choosers.words import character_ngrams, words

ROUTES, EACH, FEATURES = AT_ONCE + 6, 40, 500
Drawn = tuple[sparse.csr_matrix, np.ndarray]


def drawn(seed: int) -> Drawn:
    """Draw examples of many routes: a few features of the route's own, and many of all."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.tile(np.arange(ROUTES), EACH))
    rows = np.zeros((len(labels), FEATURES), np.float32)
    for place, label in enumerate(labels):
        own = np.random.default_rng(label).permutation(FEATURES)[:6]
        rows[place, rng.choice(own, 3, replace=False)] = 1
        rows[place, rng.integers(0, FEATURES, 6)] = 1
    return sparse.csr_matrix(rows / np.linalg.norm(rows, axis=1, keepdims=True)), labels


@pytest.fixture(scope="module")
def train() -> Drawn:
    return drawn(1000)


def test_machines_that_see_the_near_examples_choose_as_those_that_see_all(
    train: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, labels = train
    asked, truth = drawn(2000)
    bayes = fit_naive_bayes(rows, labels, ROUTES)
    near = fit_svm(rows, labels, ROUTES, bayes, 0, 0.1)
    monkeypatch.setattr(machines, "FEWER", 1000)
    every = fit_svm(rows, labels, ROUTES, bayes, 0, 0.1)
    chosen, usual = ((asked @ one[0] + one[1]).argmax(1) for one in (near, every))
    assert not np.allclose(near[0], every[0])
    assert np.mean(chosen == usual) > 0.95
    assert np.mean(chosen == truth) > np.mean(usual == truth) - 0.01


def test_a_machine_sees_all_examples_of_its_route_and_the_likeliest_of_others(
    train: Drawn,
) -> None:
    rows, labels = train
    bayes = fit_naive_bayes(rows, labels, ROUTES)
    seen = dict(near_rows(rows, labels, bayes))
    assert sorted(seen) == list(range(ROUTES))
    likely = rows @ bayes
    for column, near in seen.items():
        others = near[labels[near] != column]
        assert len(near) - len(others) == EACH
        assert len(others) == LEAST_AGAINST
        left = np.setdiff1d(np.flatnonzero(labels != column), others)
        assert likely[others, column].min() >= likely[left, column].max()


def test_a_route_without_examples_has_a_machine_that_says_no(train: Drawn) -> None:
    rows, labels = train
    some = (labels != 3) & (labels != ROUTES - 1)
    bayes = fit_naive_bayes(rows[some], labels[some], ROUTES)
    weights, offsets = fit_svm(rows[some], labels[some], ROUTES, bayes, 0, 0.1)
    for column in (3, ROUTES - 1):
        assert not weights[:, column].any()
        assert offsets[column] == -1
    assert weights[:, 4].any()


@given(st.lists(st.text("ab \u9000\u6b3e\u00e9", max_size=20), max_size=12), st.integers(1, 3))
def test_features_are_counted_as_one_by_one(texts: list[str], min_df: int) -> None:
    tokens = [words(text) for text in texts]
    vocabulary, counts = count_features(tokens, min_df=min_df)
    of_words, of_letters = vocabulary.columns
    for own, kind in ((of_words, word_features), (of_letters, character_ngrams)):
        texts_with = Counter(name for some in tokens for name in set(kind(some)))
        assert list(own) == sorted(name for name, n in texts_with.items() if n >= min_df)
    assert counts.shape == (len(texts), len(of_words) + len(of_letters))
    for number, some in enumerate(tokens):
        expected = np.zeros(counts.shape[1])
        for column, count in vocabulary.count(some).items():
            expected[column] = count
        assert counts[[number]].toarray()[0].tolist() == expected.tolist()

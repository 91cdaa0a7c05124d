"""Turn a text into features: words, word pairs and character n-grams, weighted by TF-IDF."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from quintet.nodes.choosers.words import character_ngrams

Floats = NDArray[np.float32]

MAX_PAIRED = 40
"""Distinct words of a text that are paired with each other; the pairs grow with their square."""


LONG = 60
"""Words of the typical example from which on texts are long: pairs of any two of their words then
say little, and are left out."""


def word_features(tokens: Sequence[str], *, paired: bool = True) -> list[str]:
    """Return words, bigrams, bigrams that skip one word, and pairs of any two distinct words."""
    edged = ["<", *tokens, ">"]
    features = list(tokens)
    features += [f"{left} {right}" for left, right in pairwise(edged)]
    features += [f"{left} .. {right}" for left, right in zip(edged, edged[2:], strict=False)]
    if not paired:
        return features
    distinct = sorted(dict.fromkeys(tokens[:MAX_PAIRED]))
    features += [f"{left} + {right}" for left, right in combinations(distinct, 2)]
    return features


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Map the features of the training texts to columns: word features first, then n-grams.

    Args:
        words: word features, in the order of their columns.
        letters: character n-grams, likewise.
        paired: whether pairs of any two words are features.
    """

    words: tuple[str, ...]
    letters: tuple[str, ...]
    paired: bool = True

    @cached_property
    def columns(self) -> tuple[dict[str, int], dict[str, int]]:
        """Map each word feature, and each character n-gram, to its column."""
        # Two mappings: "cat" is a word, and also an n-gram of "cats".
        of_words = {name: column for column, name in enumerate(self.words)}
        return of_words, {name: column for column, name in enumerate(self.letters, len(of_words))}

    @cached_property
    def is_word(self) -> NDArray[np.bool_]:
        """Mark the columns that stand for a single word."""
        single = [" " not in feature for feature in self.words]
        return np.array(single + [False] * len(self.letters))

    def count(self, tokens: Sequence[str]) -> dict[int, int]:
        """Count the known features of a text with these words, by column."""
        of_words, of_ngrams = self.columns
        features = word_features(tokens, paired=self.paired)
        counts = Counter(of_words[name] for name in features if name in of_words)
        counts.update(of_ngrams[name] for name in character_ngrams(tokens) if name in of_ngrams)
        return counts


def count_features(texts: Sequence[Sequence[str]], *, min_df: int) -> tuple[Vocabulary, Any]:
    """Count the features of texts, given as words, that at least `min_df` of them have.

    Return the vocabulary, and a sparse matrix: a row for each text, a column for each feature.
    """
    paired = not texts or float(np.median([len(tokens) for tokens in texts])) < LONG
    names: list[tuple[str, ...]] = []
    counts = []
    for features in (partial(word_features, paired=paired), character_ngrams):
        numbers: dict[str, int] = {}
        columns, ends = array("q"), array("q", [0])
        for tokens in texts:
            columns.extend([numbers.setdefault(name, len(numbers)) for name in features(tokens)])
            ends.append(len(columns))
        some = sparse.csr_matrix(
            (np.ones(len(columns), np.float32), np.asarray(columns), np.asarray(ends)),
            shape=(len(texts), len(numbers)),
        )
        some.sum_duplicates()
        frequent = np.bincount(some.indices, minlength=len(numbers)) >= min_df
        # Sorted, so that equal examples give equal columns whatever comes first.
        kept = sorted(name for name, number in numbers.items() if frequent[number])
        names.append(tuple(kept))
        counts.append(_in_order(some, [numbers[name] for name in kept]))
    vocabulary = Vocabulary(words=names[0], letters=names[1], paired=paired)
    return vocabulary, sparse.hstack(counts, format="csr")


def _in_order(counts: Any, numbers: Sequence[int]) -> Any:
    """Return these columns of a sparse matrix, in this order."""
    place = np.full(counts.shape[1], -1)
    place[numbers] = np.arange(len(numbers))
    columns = place[counts.indices]
    kept = columns >= 0
    ends = np.concatenate([[0], np.cumsum(kept)])[counts.indptr]
    shape = (counts.shape[0], len(numbers))
    return sparse.csr_matrix((counts.data[kept], columns[kept], ends), shape=shape)


def inverse_frequency(counts: Any, *, min_df: int) -> Floats:
    """Weigh each feature by log((1 + n) / (1 + df)) + 1; by 0 if fewer than `min_df` texts have it.

    Source: Spärck Jones, 1972, smoothed as scikit-learn does.
    """
    df = np.bincount(counts.indices, minlength=counts.shape[1])
    weights = np.log((1 + counts.shape[0]) / (1 + df)) + 1
    return np.asarray(np.where(df >= min_df, weights, 0), dtype=np.float32)


def tfidf(counts: Any, weights: Floats, word_columns: int) -> Any:
    """Weigh features by (1 + log tf) times their weight; scale a text's two views to length 1.

    The views are its word features, in the first `word_columns` columns, and its character n-grams.
    """
    values = (1 + np.log(counts.data)) * weights[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    view = 2 * row + (counts.indices >= word_columns)
    length = np.sqrt(np.bincount(view, values**2, minlength=2 * counts.shape[0]))
    scaled = (values / np.maximum(length, 1e-9)[view]).astype(np.float32)
    return sparse.csr_matrix((scaled, counts.indices, counts.indptr), shape=counts.shape)

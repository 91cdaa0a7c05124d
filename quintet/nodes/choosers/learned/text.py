"""What a learned chooser sees in a text: words, their neighbours and company, and their letters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from quintet.nodes.choosers.labels import READ

COMPANY = 40
"""Distinct words of a text whose company is read."""

Floats = NDArray[np.float32]
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?|\d+")


def words(text: str) -> list[str]:
    """The words and numbers of a text, in lower case, in order."""
    return [word.replace("\u2019", "'") for word in _WORD.findall(text[:READ].lower())]


def word_signs(found: Sequence[str]) -> list[str]:
    """Words, neighbours, neighbours but one, and any two distinct words of the text."""
    edged = ["<", *found, ">"]
    signs = list(found)
    signs += [f"{one} {two}" for one, two in pairwise(edged)]
    signs += [f"{one} .. {two}" for one, two in zip(edged, edged[2:], strict=False)]
    together = sorted(dict.fromkeys(found[:COMPANY]))
    signs += [f"{one} + {two}" for one, two in combinations(together, 2)]
    return signs


def letter_signs(found: Sequence[str]) -> list[str]:
    """Runs of three and four letters within each word; of two where a script has short words."""
    signs = []
    for word in found:
        edged = f" {word} "
        for size in (3, 4) if word.isascii() else (2, 3, 4):
            if len(edged) <= size:
                signs.append(edged)
                break
            signs += [edged[at : at + size] for at in range(len(edged) - size + 1)]
    return signs


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The signs that the examples hold, each with its column; letters come after words.

    Args:
        words: word signs, in the order of their columns.
        letters: letter signs, likewise.
    """

    words: tuple[str, ...]
    letters: tuple[str, ...]

    @cached_property
    def places(self) -> tuple[dict[str, int], dict[str, int]]:
        """The column of each sign, for words and for letters."""
        first = {sign: at for at, sign in enumerate(self.words)}
        return first, {sign: at for at, sign in enumerate(self.letters, start=len(first))}

    @cached_property
    def single(self) -> NDArray[np.bool_]:
        """Which columns are one word."""
        return np.array([" " not in sign for sign in self.words] + [False] * len(self.letters))

    def counted(self, found: Sequence[str]) -> dict[int, int]:
        """How often a text with these words has each sign that is known, by column."""
        of_words, of_letters = self.places
        counts = Counter(of_words[sign] for sign in word_signs(found) if sign in of_words)
        counts.update(of_letters[sign] for sign in letter_signs(found) if sign in of_letters)
        return counts


def vocabulary(texts: Iterable[Sequence[str]], *, often: int) -> Vocabulary:
    """The signs that at least `often` of the texts have, each given by its words."""
    of_words: Counter[str] = Counter()
    of_letters: Counter[str] = Counter()
    for found in texts:
        of_words.update(set(word_signs(found)))
        of_letters.update(set(letter_signs(found)))
    return Vocabulary(
        words=tuple(sorted(sign for sign, count in of_words.items() if count >= often)),
        letters=tuple(sorted(sign for sign, count in of_letters.items() if count >= often)),
    )


def counts_of(known: Vocabulary, texts: Iterable[Sequence[str]]) -> Any:
    """A sparse matrix: a row for each text, a column for each sign, how often it occurs."""
    columns, data, ends = [], [], [0]
    for found in texts:
        counts = known.counted(found)
        columns.append(np.fromiter(counts.keys(), np.int32, len(counts)))
        data.append(np.fromiter(counts.values(), np.float32, len(counts)))
        ends.append(ends[-1] + len(counts))
    shape = (len(ends) - 1, len(known.words) + len(known.letters))
    joined = (np.concatenate(data), np.concatenate(columns), np.array(ends))
    return sparse.csr_matrix(joined, shape=shape)


def rarity(counts: Any, *, often: int) -> Floats:
    """The weight of each sign, log((1 + n) / (1 + df)) + 1; 0 for one in fewer than `often` texts.

    Source: Spärck Jones, 1972, smoothed as scikit-learn does.
    """
    found = np.bincount(counts.indices, minlength=counts.shape[1])
    weights = np.log((1 + counts.shape[0]) / (1 + found)) + 1
    return np.asarray(np.where(found >= often, weights, 0), dtype=np.float32)


def weighed(counts: Any, weights: Floats, split: int) -> Any:
    """TF-IDF, (1 + log tf) x rarity; words and letters of a text each have length 1 together."""
    values = (1 + np.log(counts.data)) * weights[counts.indices]
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    view = 2 * row + (counts.indices >= split)
    length = np.sqrt(np.bincount(view, values**2, minlength=2 * counts.shape[0]))
    scaled = (values / np.maximum(length, 1e-9)[view]).astype(np.float32)
    return sparse.csr_matrix((scaled, counts.indices, counts.indptr), shape=counts.shape)

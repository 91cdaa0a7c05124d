"""Measure how like a message is to short texts, such as descriptions: words and letters, by TF-IDF.

It needs neither examples nor another library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, sqrt

from quintet.nodes.choosers.words import character_ngrams, words

_COMMON = """
a about an and any are as at be been but by can could did do does for from get give go had has have
he here hi how i if in is it its just know let like make me my need no not of on or our out please
she should some tell than thanks that the their them then there these they this those to up us want
was we were what when where which who why will with would you your
"""
COMMON = frozenset(_COMMON.split())
"""Words that say little about what a message is about."""

COMMON_WEIGHT = 0.5
LETTERS = 0.5
"""The weight of the likeness of letters beside that of words."""

View = Mapping[str, float]
Weighted = tuple[View, View]
"""The weights of a text's words, and of its runs of letters."""


def stem(word: str) -> str:
    """Cut the commonest English endings off a word."""
    for ending in ("ing", "ies", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def weighed(parts: Iterable[tuple[str, float]]) -> Weighted:
    """Weigh the words and letters of a text's parts, each part with its weight."""
    of_words: dict[str, float] = {}
    of_letters: dict[str, float] = {}
    for text, weight in parts:
        for word in words(text):
            common = word in COMMON
            name = stem(word)
            worth = weight * (COMMON_WEIGHT if common else 1.0)
            of_words[name] = max(of_words.get(name, 0.0), worth)
            if not common:
                for run in character_ngrams([word]):
                    of_letters[run] = max(of_letters.get(run, 0.0), weight)
    return of_words, of_letters


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Compare messages with texts that are known.

    Args:
        texts: the weighed texts.
        rarity: how rare each word, and each run of letters, is among them.
    """

    texts: tuple[Weighted, ...]
    rarity: tuple[Mapping[str, float], Mapping[str, float]]

    @cached_property
    def _most(self) -> tuple[float, float]:
        """Return the rarity of what no text has, in each view."""
        return max(self.rarity[0].values(), default=1.0), max(self.rarity[1].values(), default=1.0)

    @classmethod
    def of(cls, texts: Sequence[Weighted], among: int) -> Likeness:
        """Know these texts; rarity is counted among the first ones, which are descriptions."""
        counts = [Counter(name for text in texts[:among] for name in text[view]) for view in (0, 1)]
        words_of, letters_of = (
            {name: log((1 + among) / (1 + count)) + 1 for name, count in each.items()}
            for each in counts
        )
        most = log(1 + among) + 1
        for text in texts[among:]:
            words_of.update((name, most) for name in text[0] if name not in words_of)
            letters_of.update((name, most) for name in text[1] if name not in letters_of)
        known = Likeness(texts=(), rarity=(words_of, letters_of))
        return cls(texts=tuple(known.scaled(text) for text in texts), rarity=known.rarity)

    def scaled(self, text: Weighted) -> Weighted:
        """Multiply by rarity, and scale each view to length 1."""
        views = []
        for view, rarity, most in zip(text, self.rarity, self._most, strict=True):
            values = {name: value * rarity.get(name, most) for name, value in view.items()}
            length = sqrt(sum(value * value for value in values.values())) or 1.0
            views.append({name: value / length for name, value in values.items()})
        return views[0], views[1]

    def cosines(self, message: str, which: Iterable[int]) -> dict[int, float]:
        """Return how like a message is to some of the texts, by their number: from 0 to 1.5."""
        of_words, of_letters = self.scaled(weighed([(message, 1.0)]))
        return {
            number: _dot(of_words, self.texts[number][0])
            + LETTERS * _dot(of_letters, self.texts[number][1])
            for number in which
        }


def _dot(one: View, other: View) -> float:
    return sum(value * other[name] for name, value in one.items() if name in other)

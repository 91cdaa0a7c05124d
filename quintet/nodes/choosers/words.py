"""Cut a text into words, and words into runs of characters, in scripts with and without spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby

from quintet.nodes.choosers.labels import MAX_CHARACTERS

SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Characters of the scripts that put no spaces between words: Thai and Lao, Burmese, Khmer,
Japanese and Chinese. Each counts as a word."""

_MARKS = "".join(
    chr(code)
    for part in (range(0x300, 0x3100), range(0xA000, 0xAC00), range(0xFE00, 0xFE30))
    for code in part
    if unicodedata.category(chr(code)).startswith("M")
)
"""Marks that belong to the letter before them: vowels of Thai and Hindi among them."""
_LETTER = rf"[^\W\d_{SPACELESS}]"
_LETTERS = rf"{_LETTER}(?:{_LETTER}|[{_MARKS}])*"
_ANY_WORD = re.compile(rf"{_LETTERS}(?:['\u2019]{_LETTERS})?|[{SPACELESS}][{_MARKS}]*|\d+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?|\d+", re.ASCII)
_SPACELESS = re.compile(f"[{SPACELESS}]")


def words(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case and in order.

    Where a script has no spaces, each of its characters is a word.
    """
    text = text[:MAX_CHARACTERS]
    if text.isascii():
        return _WORD.findall(text.lower())
    text = unicodedata.normalize("NFKC", text).lower()
    return [word.replace("\u2019", "'") for word in _ANY_WORD.findall(text)]


def spans(text: str) -> list[tuple[int, int]]:
    """Return where each word of a text begins and ends."""
    return [match.span() for match in _ANY_WORD.finditer(text)]


def spaceless(word: str) -> bool:
    """Say whether a word is a character of a script without spaces."""
    return bool(_SPACELESS.match(word))


def spoken(feature: str) -> str:
    """Write a word or a bigram as people would: without spaces where the script has none."""
    parts = feature.split(" ")
    return "".join(parts) if all(map(spaceless, parts)) else feature


def character_ngrams(tokens: Sequence[str]) -> list[str]:
    """Return runs of three and four characters within each word, its edges marked by spaces.

    Words that are not ASCII also give runs of two, since some scripts have short words. Characters
    of a script without spaces that follow each other count as one word here.
    """
    return [ngram for word in joined(tokens) for ngram in ngrams_of(word)]


@lru_cache(maxsize=20_000)
def ngrams_of(word: str) -> tuple[str, ...]:
    """Return the runs of characters of one word, as `character_ngrams` does."""
    ngrams: list[str] = []
    edged = f" {word} "
    for size in (3, 4) if word.isascii() else (2, 3, 4):
        # Longer runs of a short word would repeat it whole, and count it twice.
        if len(edged) <= size:
            ngrams.append(edged)
            break
        ngrams += [edged[start : start + size] for start in range(len(edged) - size + 1)]
    return tuple(ngrams)


def joined(tokens: Sequence[str]) -> Iterable[str]:
    """Join neighbouring characters of a script without spaces; leave words as they are."""
    if all(map(str.isascii, tokens)):
        return tokens
    found: list[str] = []
    for together, group in groupby(tokens, spaceless):
        some = list(group)
        found += ["".join(some)] if together else some
    return found

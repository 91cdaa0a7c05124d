"""Read questions and sentences: their terms, names, years and figures."""

from __future__ import annotations

import re

_STOP = frozenset(
    re.findall(
        r"\w+",
        """a after all an and any are as at average be been between by did difference do does five
        for from get given grew grow had has have how in is it its libraries library long made make
        many most much number of often on or percent percentage that the their them there these they
        this time to together was were what when where which who will with branch branches first""",
    )
)

_SAME = {
    "lent": "loan",
    "gave": "give",
    "rebuilding": "rebuild",
    "rebuilt": "rebuild",
    "kept": "keep",
    "met": "meet",
    "days": "day",
    **dict.fromkeys(("monday", "tuesday", "thursday", "saturday", "sunday", "weekdays"), "day"),
}

NAMES = ("Central", "Harbour", "Hillside", "Riverside", "Mill Lane")

_NUMERIC = re.compile(
    r"\b(in all|together|average|difference|percentage|by how much)\b", re.IGNORECASE
)


def stem(word: str) -> str:
    """Give a word without its ending."""
    word = _SAME.get(word, word)
    for ending in ("ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def terms(text: str) -> frozenset[str]:
    """Give the stems of a text's words that mean something; years count, other numbers do not."""
    words = re.findall(r"[a-z][a-z'-]*|\b(?:18|19|20)\d\d\b", text.lower())
    return frozenset(stem(word) for word in words if word not in _STOP)


def years(text: str) -> tuple[str, ...]:
    """Give the years in a text."""
    return tuple(dict.fromkeys(re.findall(r"\b(?:18|19|20)\d\d\b", text)))


def figures(text: str) -> tuple[float, ...]:
    """Give the numbers in a text that are no years."""
    found = re.findall(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?", text)
    known = set(years(text))
    return tuple(float(f.rstrip(",").replace(",", "")) for f in found if f not in known)


def names(text: str) -> tuple[str, ...]:
    """Give the branches that a text names; "the five libraries" are all of them."""
    if "five libraries" in text:
        return NAMES
    return tuple(name for name in NAMES if name in text)


def is_numeric(question: str) -> bool:
    """Say whether a question asks for something that has to be computed."""
    return bool(_NUMERIC.search(question))


def in_figures(value: float) -> str:
    """Write a number as the documents do."""
    rounded = round(value, 1)
    return f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.1f}"

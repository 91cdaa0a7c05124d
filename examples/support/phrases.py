"""How the written rules spell out what customers say: phrases into bounded regular expressions."""

from __future__ import annotations

GAP = r"\b[^.!?]{0,45}\b"


def says(*phrases: str) -> str:
    """A pattern for any of these phrases, as whole words.

    In a phrase a space is any white space, an apostrophe may be missing, and ` .. ` is up to 45
    characters of the same sentence. The rest is regular expression. Every repetition that a phrase
    brings in is bounded or over one class of characters, so the time stays bounded too.
    """
    text = "|".join(phrases).replace(" .. ", GAP)
    return rf"\b(?:{text.replace("'", "['’`]?").replace(' ', r'\s+')})\b"


def both(one: str, other: str) -> str:
    """A pattern for texts that have both, in either order."""
    return rf"\A(?=[\s\S]*?{one})[\s\S]*?{other}"


def but_not(one: str, other: str) -> str:
    """A pattern for texts that have the first and nowhere the other."""
    return rf"\A(?![\s\S]*?{other})[\s\S]*?{one}"

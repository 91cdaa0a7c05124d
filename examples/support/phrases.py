"""How the written rules spell out what customers say: phrases into bounded regular expressions."""

from __future__ import annotations

GAP = r"\b[^.!?]{0,45}\b"


def says(*phrases: str) -> str:
    """A pattern for any of these phrases, as whole words.

    In a phrase a space is any white space, an apostrophe may be missing, and ` .. ` is up to 45
    characters of the same sentence. The rest is regular expression.
    """
    text = "|".join(phrases).replace(" .. ", GAP)
    text = text.replace("'", "['’`]?").replace(" ", r"\s{1,3}")
    return rf"(?<!\w)(?:{text})(?!\w)"


def both(one: str, other: str) -> str:
    """A pattern for texts that have both, in either order."""
    return rf"\A(?=[\s\S]*?{one})[\s\S]*?{other}"


def but_not(one: str, other: str) -> str:
    """A pattern for texts that have the first and nowhere the other."""
    return rf"\A(?![\s\S]*?{other})[\s\S]*?{one}"

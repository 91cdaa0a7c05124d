"""Hold the desk's policy as passages to cite, and the numbers in it that code decides by."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

APPROVAL_LIMIT = 100.0
RETURN_DAYS = 30
RESEND_AFTER_DAYS = 7
CREDIT_AFTER_DAYS = 7
DELAY_CREDIT = 10.0
GOODWILL_DAYS = 14

_HEADING = re.compile(
    r"^## (?P<title>.+?) \[(?P<id>[a-z-]+)\]\n(?:Asked as: (?P<asked>.+)\n)?", re.MULTILINE
)
_STOP = frozenset(
    """
    a about an and are as at be been but by can could do does did for from get got had has have he
    her him his how i if in is it its just may me my no not of on or our please she so some
    something that the their them then there they this to up was we were what when which who will
    with would you your
    """.split()  # noqa: SIM905 (a list of words reads as prose)
)
_SHORTEST_STEM = 3


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One titled passage of the policy; `asked` holds customers' words for it, never cited."""

    id: str
    title: str
    text: str
    asked: str = ""


def parse(markdown: str) -> tuple[Passage, ...]:
    """Parse a policy text's passages; raise ValueError when two share an id or there is none."""
    heads = list(_HEADING.finditer(markdown))
    ends = [head.start() for head in heads[1:]] + [len(markdown)]
    parsed = tuple(
        Passage(
            id=head["id"],
            title=head["title"],
            text=markdown[head.end() : end].strip(),
            asked=head["asked"] or "",
        )
        for head, end in zip(heads, ends, strict=False)  # without a heading one end is left over
    )
    if not parsed or len({one.id for one in parsed}) != len(parsed):
        raise ValueError("a policy needs passages '## Title [id]', each with an id of its own")
    return parsed


@cache
def passages() -> tuple[Passage, ...]:
    """Return the passages of the desk's own policy."""
    here = resources.files(__package__ or __name__)
    return parse(here.joinpath("policy.md").read_text("utf-8"))


def terms(text: str) -> list[str]:
    """Return the words of a text that carry meaning, with plain English endings cut off."""
    words = re.findall(r"[a-z]+", text.lower().replace("'", ""))
    return [_stem(word) for word in words if word not in _STOP and len(word) > 1]


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ed", "es", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word[: -len(ending)]
            break
    doubled = len(word) > _SHORTEST_STEM and word[-1] == word[-2]
    return word[:-1] if doubled else word


@cache
def _index() -> tuple[tuple[Passage, Counter[str], int], ...]:
    entries = []
    for one in passages():
        words = terms(" ".join((one.title, one.title, one.asked, one.asked, one.text)))
        entries.append((one, Counter(words), len(words)))
    return tuple(entries)


def scores(query: str) -> list[tuple[float, Passage]]:
    """Score each passage for the query by BM25, best first; equal scores keep their order."""
    index = _index()
    mean = sum(length for _, _, length in index) / len(index)
    wanted = set(terms(query))
    rare = {
        term: math.log(1 + (len(index) - holds + 0.5) / (holds + 0.5))
        for term in sorted(wanted)
        if (holds := sum(term in counts for _, counts, _ in index))
    }
    ranked = []
    for one, counts, length in index:
        norm = 1.2 * (0.25 + 0.75 * length / mean)
        score = sum(rare[t] * counts[t] * 2.2 / (counts[t] + norm) for t in rare if counts[t])
        ranked.append((score, one))
    return sorted(ranked, key=lambda pair: -pair[0])


def passage(topic_or_text: str) -> dict[str, str] | None:
    """Return the passage with that id, or else the best for the text, as id, title and text.

    None when no passage shares a word with the text.
    """
    score, best = scores(topic_or_text)[0]
    chosen = next((one for one in passages() if one.id == topic_or_text), best if score else None)
    return {"id": chosen.id, "title": chosen.title, "text": chosen.text} if chosen else None


def lead_answers(
    *, within_policy: bool, amount: float, days_since_delivery: int | None
) -> Literal["approve", "reject"]:
    """Give the answer that the demo's support lead declares.

    Approves what policy allows, and a goodwill refund up to the limit for a delivery whose 30 days
    ended at most 14 days ago; rejects everything else.
    """
    if within_policy:
        return "approve"
    if days_since_delivery is None or amount > APPROVAL_LIMIT:
        return "reject"
    late = days_since_delivery - RETURN_DAYS
    return "approve" if 0 < late <= GOODWILL_DAYS else "reject"

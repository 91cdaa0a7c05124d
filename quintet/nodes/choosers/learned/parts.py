"""Judge a message that is longer than the examples by parts that are as long as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quintet.nodes.choosers.labels import MAX_CHARACTERS
from quintet.nodes.choosers.words import spans

SHORTEST = 20
"""A message of at most so many words is judged as a whole, however short the examples are."""

_END = re.compile(
    r"(?<=[.!?\u2026;:])[\"'\u201d\u2019)]*\s+|(?<=[\u3002\uff01\uff1f\uff1b])|\s*\n\s*"
)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The routes of a text by likelihood, the confidence in the first, and its top words."""

    ranked: tuple[int, ...]
    confidence: float
    top_words: tuple[str, ...]


def parts(text: str, longest: int) -> list[str]:
    """Return the text itself, or its sentences where it is longer than the examples are.

    A sentence that is too long too is cut into overlapping stretches; a part counts once.

    Args:
        text: the message.
        longest: the words that the examples have at most.
    """
    longest = max(longest, SHORTEST)
    text = text[:MAX_CHARACTERS]
    if len(spans(text)) <= longest:
        return [text]
    found: dict[str, None] = {}
    for sentence in _END.split(text):
        places = spans(sentence)
        if not places:
            continue
        for first in range(0, max(1, len(places) - longest // 2), (longest + 1) // 2):
            stretch = places[first : first + longest]
            found[sentence[stretch[0][0] : stretch[-1][1]]] = None
    return list(found)


def judged(predictions: Sequence[Prediction], out_of_scope: float = 0.5) -> Prediction:
    """Return what the parts of a message say together: the surest part's route, less surely.

    One part is the request; the others are greetings, signatures and the like, of which one may
    look like a request by chance, the more so the more there are. So n parts that say nothing count
    as n times the doubt that one has, and a part that speaks for another route counts against the
    first by its odds. Where another route is likelier than not by a part of its own, the message
    asks for two things, or the first one is such a chance.

    Args:
        predictions: what each part says by itself, as if it were a whole message.
        out_of_scope: the share of whole messages that belong to no route, which their confidence
            takes for granted. A further sentence is as likely to belong to none as not.
    """
    if len(predictions) == 1:
        return predictions[0]
    best = max(predictions, key=lambda one: one.confidence)
    rivals: dict[int, float] = {}
    for one in predictions:
        if (route := one.ranked[0]) != best.ranked[0]:
            rivals[route] = max(rivals.get(route, 0.0), one.confidence)
    odds = _odds(best.confidence)
    sure = odds / (len(predictions) + odds + sum(map(_odds, rivals.values())))
    against = _odds(max(rivals.values(), default=0.0)) * out_of_scope / max(1e-12, 1 - out_of_scope)
    rival = against / (1 + against)
    return replace(best, confidence=sure * (1 - rival) if rival > 0.5 else sure)


def _odds(confidence: float) -> float:
    return confidence / max(1e-12, 1 - confidence)

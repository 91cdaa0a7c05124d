"""Choose routes by what they say of themselves: no examples are needed, and a few help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import exp, sqrt
from operator import mul
from typing import Any

from langchain_core.embeddings import Embeddings

from quintet.errors import DesignError
from quintet.nodes.choosers.candidates import Candidate, candidates
from quintet.nodes.choosers.choose import Choice
from quintet.nodes.choosers.labels import Pair, check_at_least, check_pairs, sendable
from quintet.nodes.choosers.learned.parts import Prediction, judged, parts
from quintet.nodes.choosers.likeness import LETTERS, Likeness, stem, weighed
from quintet.nodes.choosers.promise import FEW, Held, Promise, promised
from quintet.nodes.choosers.request import text_in
from quintet.nodes.choosers.told import choice_of
from quintet.nodes.choosers.words import words
from quintet.nodes.core.call import Call, Logic, adrive, drive

SURE = 0.95
"""The confidence from which on a choice is accepted by default. On CLINC150's validation messages,
with 2 to 16 candidates, it leaves 95.8 % of those that fit none to others; 0.9 left 94.4 %."""

MEANING = 2.0
"""The weight of the cosine of embeddings beside the likeness of words."""

CALIBRATION = {False: (2.04, 15.55, -1.75), True: (3.34, 5.38, -3.61)}
"""By whether there are embeddings: the log odds that the likeliest candidate is right, from its
likeness, its lead over the next one, and 1. Fitted on CLINC150's validation messages, with 2 to 16
candidates a message, of which 15 % fit none."""

MOST = 0.99
"""The highest confidence where no example shows more."""

ALIKE = 0.99
"""The share of the highest likeness from which on the next candidate is as like."""

LONGEST = 40
"""Words from which on a message is judged by its sentences."""

HELD_OUT = 300
"""Examples that are held out, at most, to show a promise."""

TWIN = 0.8
"""The share of the highest likeness from which on two examples are near-duplicates."""

Vector = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Descriptions:
    """Choose the candidate whose description is most like a message. Made by `by_descriptions`."""

    about: tuple[Candidate, ...] = ()
    examples: tuple[Pair, ...] = field(default=(), repr=False)
    at_least: float | None = SURE
    embeddings: Embeddings | None = field(default=None, repr=False, compare=False)
    only: tuple[str, ...] = ()

    @property
    def routes(self) -> tuple[str, ...]:
        """List the candidates, or those that it is held to."""
        names = tuple(one.name for one in self.about)
        return tuple(name for name in names if not self.only or name in self.only)

    def among(self, routes: Iterable[str]) -> Descriptions:
        """Return this chooser held to some candidates, without reading them again.

        Raises:
            DesignError: none of them is a candidate.
        """
        names = tuple(one.name for one in self.about)
        only = tuple(name for name in dict.fromkeys(routes) if name in names)
        if not only:
            raise DesignError(
                f"among: none of the names given is a candidate; give some of {', '.join(names)}"
            )
        other = replace(self, only=only)
        for name in ("_likeness", "_vectors", "_directions", "promise"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def bound(self, routes: tuple[str, ...]) -> Descriptions:
        """Return this chooser for a router's routes, with the descriptions that it has of them."""
        known = {one.name: one for one in self.about}
        about = tuple(known.get(route, Candidate(name=route)) for route in routes)
        check_examples(self.examples, about)
        return replace(self, about=about)

    def described(self, about: Mapping[str, Any]) -> Descriptions:
        """Return this chooser with descriptions for the candidates that have none."""
        more = {one.name: one for one in candidates(about)}
        return replace(
            self,
            about=tuple(one if one.text else more.get(one.name, one) for one in self.about),
        )

    @cached_property
    def promise(self) -> Promise | None:
        """Promise an accuracy, shown on held-out examples; None where there are no examples."""
        if not self.examples:
            return None
        step = max(1, len(self.examples) // HELD_OUT)
        held = [self._held_out(index) for index in range(0, len(self.examples), step)]
        outside = sum(route is None for _, route in self.examples) / len(self.examples)
        routes = [route for _, route in self.examples]
        rare = sorted(one.name for one in self.about if 0 < routes.count(one.name) < FEW)
        # Without an example of what fits none, nothing shows how surely that is told.
        floor = 0.0 if None in routes else self.at_least or 0.0
        return promised(held, self.at_least, outside, rare, floor)

    def logic(self, request: Any) -> Logic[Choice | None]:
        """Choose; embeddings are awaited where the run is async."""
        if not self.about:
            raise DesignError(
                "by_descriptions has no candidates: give {name: text}, or put it in a Router"
            )
        said = parts(text_in(request), LONGEST)
        vectors: Sequence[Vector] = [()] * len(said)
        # Some embedding services refuse an empty text.
        if self.embeddings is not None and said[0].strip():
            sent = [sendable(part) for part in said]
            vectors = yield Call(self.embeddings.embed_documents, (sent,), blocks=True)
            if "_vectors" not in self.__dict__:
                known = yield Call(self.embeddings.embed_documents, (self._sentences,), blocks=True)
                self.__dict__["_vectors"] = known
        found = [self._predicted(*each) for each in zip(said, vectors, strict=True)]
        return self._choice(judged(found))

    def __call__(self, request: Any) -> Choice | None:
        """Return the likeliest candidate, or None if none is likely enough."""
        return drive(self.logic(request))

    async def acall(self, request: Any) -> Choice | None:
        """Choose as a call does, awaiting the embeddings."""
        return await adrive(self.logic(request))

    @cached_property
    def _likeness(self) -> Likeness:
        """Compare with all descriptions, then with all examples."""
        known = [weighed(one.parts) for one in self.about]
        known += [weighed([(text, 1.0)]) for text, _ in self.examples]
        return Likeness.of(known, len(self.about))

    @property
    def _sentences(self) -> list[str]:
        examples = [sendable(text) for text, _ in self.examples]
        return [sendable(one.sentence) for one in self.about] + examples

    @cached_property
    def _directions(self) -> list[Vector]:
        return [_scaled(vector) for vector in self._vectors]

    @cached_property
    def _vectors(self) -> Sequence[Vector]:
        return [] if self.embeddings is None else self.embeddings.embed_documents(self._sentences)

    def _likenesses(self, text: str, vector: Vector) -> dict[int, float]:
        """Return how like a message is to the open candidates, and to examples of theirs.

        The numbers after those of all candidates are of examples.
        """
        taken, count = {*self.routes, None}, len(self.about)
        which = [number for number, one in enumerate(self.about) if one.name in taken]
        which += [number for number, (_, name) in enumerate(self.examples, count) if name in taken]
        found = self._likeness.cosines(text, which)
        if self.embeddings is None:
            return found
        mine, others = _scaled(vector), self._directions
        return {
            number: one + MEANING * max(0.0, sum(map(mul, mine, others[number])))
            for number, one in found.items()
        }

    def _predicted(self, text: str, vector: Vector, held_out: int | None = None) -> Prediction:
        """Rank the candidates for a message; an example held out has no near-duplicates."""
        found = self._likenesses(text, vector)
        near = self._nearest(found, held_out)
        scores = {
            column: (found[column] + near.get(one.name, 0.0)) / (2 if self.examples else 1)
            for column, one in enumerate(self.about)
            if column in found
        }
        ranked = tuple(sorted(scores, key=lambda column: -scores[column]))
        first = ranked[0]
        confidence = self._confidence([scores[column] for column in ranked[:2]])
        # A message more like an example of nobody's than like the candidate is nobody's.
        own = max(found[first], near.get(self.about[first].name, 0.0))
        return Prediction(
            ranked=ranked,
            confidence=confidence / 2 if near.get(None, 0.0) > own else confidence,
            top_words=self._shared(text, self.about[first]),
        )

    def _nearest(self, found: Mapping[int, float], held_out: int | None) -> dict[str | None, float]:
        """Return the likeness of the nearest example of each candidate, and of none."""
        near: dict[str | None, float] = {}
        twin = TWIN * (1.0 + LETTERS + (MEANING if self.embeddings is not None else 0.0))
        for index, (_, route) in enumerate(self.examples):
            likeness = found.get(len(self.about) + index, 0.0)
            same = held_out is not None and route == self.examples[held_out][1]
            if index != held_out and not (same and likeness > twin):
                near[route] = max(near.get(route, 0.0), likeness)
        return near

    def _confidence(self, best: Sequence[float]) -> float:
        first = best[0]
        # A single candidate has no rival at hand; half as like is what one would be.
        second = best[1] if len(best) > 1 else first / 2
        slope, lead, offset = CALIBRATION[self.embeddings is not None]
        if first <= 0:
            return 0.0
        sure = 1 / (1 + exp(-(slope * first + lead * (first - second) + offset)))
        # How like both are says nothing of which of them it is.
        if len(best) > 1 and second > ALIKE * first:
            sure = min(sure, 1 / 2)
        return sure if self.examples else min(sure, MOST)

    def _held_out(self, index: int) -> Held:
        text, route = self.examples[index]
        vector = self._vectors[len(self.about) + index] if self.embeddings is not None else ()
        found = self._predicted(text, vector, index)
        chosen = self.about[found.ranked[0]].name
        return Held(sure=found.confidence, right=chosen == route, chosen=chosen, route=route)

    def _choice(self, found: Prediction) -> Choice | None:
        ranked = tuple(self.about[column].name for column in found.ranked)
        if not self._accepts(ranked[0], found.confidence):
            return None
        return choice_of(ranked, found.confidence, found.top_words, "by_descriptions")

    def _accepts(self, route: str, confidence: float) -> bool:
        if not self.at_least:
            return True
        promise = self.promise
        return confidence >= (self.at_least if promise is None else promise.threshold_of(route))

    def _shared(self, text: str, candidate: Candidate) -> tuple[str, ...]:
        """Return up to three words of a message that a candidate's description has too."""
        said = {stem(word) for part, _ in candidate.parts for word in words(part)}
        rarity = self._likeness.rarity[0]
        shared = {word for word in words(text) if stem(word) in said}
        return tuple(sorted(shared, key=lambda word: (-rarity.get(stem(word), 0.0), word))[:3])


def check_examples(examples: Iterable[Pair], about: Iterable[Candidate]) -> None:
    """Refuse examples of what is no candidate."""
    names = {None, *(one.name for one in about)}
    if odd := [route for _, route in examples if route not in names]:
        raise DesignError(f"by_descriptions: an example is of {odd[0]!r}, which is no candidate")


def _scaled(vector: Vector) -> Vector:
    """Scale an embedding to length 1."""
    length = sqrt(sum(one * one for one in vector)) or 1.0
    return [one / length for one in vector]


def by_descriptions(
    about: Mapping[str, Any] | Iterable[Any] = (),
    *,
    examples: Iterable[tuple[str, str | None]] = (),
    at_least: float | None = SURE,
    embeddings: Embeddings | None = None,
) -> Descriptions:
    """Choose the candidate whose name, description and parameters are most like a message.

    It serves tools, agents and servers alike, needs no model and no examples, and abstains where
    none fits. `among` holds it to some candidates for one call. Words are compared by TF-IDF;
    without embeddings, a message that uses other words than the description finds no candidate.

    Without examples nothing can be promised: the confidence is calibrated on other messages. With
    examples, `promise` says what held-out ones show.

    Args:
        about: candidates by name, each a text or a tool; or a list of tools: LangChain's,
            functions, dictionaries as OpenAI, Anthropic and MCP servers have them. A `Router` adds
            its routes, and `create_handoff` what the workers' contracts say.
        examples: `(text, name)` pairs, with name None for what fits none.
        at_least: the confidence that a choice needs. With examples, it is the share of accepted
            ones that is right, and where none of them is of nobody, the confidence besides. With
            None or 0, it never abstains.
        embeddings: any LangChain embeddings; they find what is said in other words.

    Raises:
        DesignError: a candidate without a name, two of one name, an example of no candidate, or a
            number outside its range.
    """
    known = candidates(about)
    pairs = tuple(check_pairs(examples))
    if known:
        check_examples(pairs, known)
    return Descriptions(
        about=known, examples=pairs, at_least=check_at_least(at_least), embeddings=embeddings
    )

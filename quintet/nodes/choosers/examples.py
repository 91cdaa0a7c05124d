"""Learned choice: classifiers fitted on labelled examples, with a promise of how right they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from quintet.errors import DesignError
from quintet.nodes.choosers.choose import Choice
from quintet.nodes.choosers.labels import (
    AT_LEAST,
    FEW,
    OUTSIDE,
    Pair,
    checked,
    checked_share,
    extra,
    legible,
    named,
    paired,
)
from quintet.nodes.choosers.promise import Held, Promise, promised, shares
from quintet.nodes.core.call import Call, Logic, adrive, drive


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A text's likeliest route, the probability that it is right, and whether that is enough."""

    route: str
    confidence: float
    accepted: bool


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a text goes where it goes.

    Args:
        choice: the likeliest route, whether or not it is accepted.
        accepted: whether the chooser takes it, or abstains.
        words: the words that speak most for it, against the next route.
        nearest: the examples nearest to the text: text, route, likeness between 0 and 1.
    """

    choice: Choice
    accepted: bool
    words: tuple[str, ...]
    nearest: tuple[tuple[str, str | None, float], ...]


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A chooser fitted on labelled texts. Made by `by_examples`, or by `Examples.load`.

    Two of them are equal when their examples and settings are.
    """

    pairs: tuple[Pair, ...] = field(repr=False)
    at_least: float | None = AT_LEAST
    out_of_scope: float = OUTSIDE
    seed: int = 0
    embeddings: Embeddings | None = field(default=None, repr=False, compare=False)
    embedded: str = ""
    shown: Promise | None = field(default=None, repr=False)

    @cached_property
    def routes(self) -> tuple[str, ...]:
        """The routes that the examples name."""
        return tuple(dict.fromkeys(route for _, route in self.pairs if route is not None))

    @cached_property
    def promise(self) -> Promise:
        """How right it is on what it accepts, as held-out or given examples show."""
        return self.shown or promised(self.model.sure, self.at_least, self.out_of_scope)

    def logic(self, given: Any) -> Logic[Choice | None]:
        """Choose; embeddings are awaited where the run is async."""
        text = str(given)
        vectors: list[list[float]] = []
        if self.embeddings is not None and text.strip():
            vectors = yield Call(self.embeddings.embed_documents, ([legible(text)],), blocks=True)
        choice = self._choice(text, vectors)
        return choice if self._accepts(choice) else None

    def __call__(self, given: Any) -> Choice | None:
        """The likeliest route, or None where its confidence is under the promise's threshold."""
        return drive(self.logic(given))

    async def acall(self, given: Any) -> Choice | None:
        """The same, awaiting the embeddings."""
        return await adrive(self.logic(given))

    def scores(self, texts: Sequence[str]) -> list[Scored]:
        """What it makes of many texts, embedded together: the same as one by one."""
        choices = [
            self._choice(text, vectors)
            for text, vectors in zip(texts, self._embedded(texts), strict=True)
        ]
        return [
            Scored(
                route=choice.to,
                confidence=choice.confidence or 0.0,
                accepted=self._accepts(choice),
            )
            for choice in choices
        ]

    def explain(self, text: str) -> Explanation:
        """Why a text goes where it goes; meant for people, and slower than the choice itself."""
        from quintet.nodes.choosers.learned.fit import alike

        vectors = self._embedded([text])[0]
        choice = self._choice(text, vectors)
        vector = self._vector(vectors)
        near = self.model.closest(vector) or alike([each for each, _ in self.pairs], text)
        return Explanation(
            choice=choice,
            accepted=self._accepts(choice),
            words=self.model.judged(text, vector).telling,
            nearest=tuple((*self.pairs[at], likeness) for at, likeness in near),
        )

    def promising(
        self,
        at_least: float | None,
        *,
        on: Iterable[tuple[str, str | None]] = (),
        out_of_scope: float | None = None,
    ) -> Examples:
        """The same fitted chooser with another promise; nothing is fitted again.

        Args:
            at_least: as in `by_examples`.
            on: `(text, route)`, none of them an example of its own, to choose the threshold by; by
                default its held-out examples.
            out_of_scope: the share that texts of nobody (route None) count as; by default their
                share among these.

        Raises:
            DesignError: a number out_of_scope its range, or something that is no such pair.
        """
        given, shown = paired(on), None
        if given:
            scored = self.scores([text for text, _ in given])
            right = [one.route == route for one, (_, route) in zip(scored, given, strict=True)]
            nobody = [route is None for _, route in given]
            share = (
                sum(nobody) / len(given) if out_of_scope is None else checked_share(out_of_scope)
            )
            weights = shares(nobody, share)
            held = [
                Held(sure=one.confidence, right=good, weight=weight)
                for one, good, weight in zip(scored, right, weights, strict=True)
            ]
            shown = promised(held, checked(at_least), share)
        other = replace(self, at_least=checked(at_least), shown=shown)
        other.__dict__["model"] = self.model
        return other

    def corrected(self, corrections: Iterable[tuple[str, str | None]]) -> Examples:
        """A chooser fitted on these examples and on corrections of them.

        Args:
            corrections: `(text, route)`; for a text that is known, the last correction stands.

        Raises:
            DesignError: something that is no such pair.
        """
        latest = dict(paired(corrections))
        kept = [pair for pair in self.pairs if pair[0] not in latest]
        return replace(self, pairs=(*kept, *latest.items()), shown=None).ready()

    def save(self, path: str | Path) -> Path:
        """Write the fitted chooser to one file, without its embeddings; nothing in it is code."""
        from quintet.nodes.choosers.learned.store import save

        about = {
            "pairs": self.pairs,
            "at_least": self.at_least,
            "out_of_scope": self.out_of_scope,
            "seed": self.seed,
            "embedded": self.embedded,
            "shown": asdict(self.shown) if self.shown else None,
        }
        save(Path(path), self.model, about)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path, *, embeddings: Embeddings | None = None) -> Examples:
        """Read a chooser that `save` wrote, without fitting it again.

        Args:
            path: the file.
            embeddings: the embeddings that it was fitted with, if it was.

        Raises:
            DesignError: a damaged or foreign file, or embeddings that are missing or not its own.
            FileNotFoundError: no such file.
            MissingExtra: scikit-learn is not installed (extra `learn`).
        """
        extra()
        from quintet.nodes.choosers.learned.store import load

        fitted, about = load(Path(path))
        embedded, shown = about["embedded"], about["shown"]
        if bool(embedded) != (embeddings is not None):
            wanted = f"embeddings={embedded}" if embedded else "no embeddings"
            raise DesignError(f"{path}: it was fitted with {wanted}; load it with the same")
        about["pairs"] = tuple((text, route) for text, route in about["pairs"])
        about["shown"] = Promise(**shown) if shown else None
        chooser = cls(**about, embeddings=embeddings)
        chooser.__dict__["model"] = fitted
        return chooser

    @cached_property
    def model(self) -> Any:
        """The fitted classifier."""
        extra()
        from quintet.nodes.choosers.learned.fit import fit, unit
        from quintet.nodes.choosers.learned.text import words

        texts = [text for text, _ in self.pairs]
        if not any(words(text) for text in texts):
            raise DesignError("by_examples: the examples hold no words to learn from")
        columns = {route: at for at, route in enumerate(self.routes)}
        labels = [-1 if route is None else columns[route] for _, route in self.pairs]
        if len(texts) <= FEW * len(self.routes):
            texts += [named(route) for route in self.routes]
        vectors: list[Any] = [[] for _ in texts]
        if self.embeddings is not None:
            rows = self._embedded(texts)
            size = max(len(row[0]) for row in rows if row)
            vectors = [row[0] if row else [0.0] * size for row in rows]
        return fit(texts, labels, unit(vectors), out_of_scope=self.out_of_scope, seed=self.seed)

    def ready(self) -> Examples:
        """This chooser, fitted."""
        _ = self.model
        return self

    def _embedded(self, texts: Sequence[str]) -> list[list[list[float]]]:
        """For each text its embedding in a list, or an empty list: no embeddings, or no text."""
        if self.embeddings is None:
            return [[] for _ in texts]
        said = [at for at, text in enumerate(texts) if text.strip()]
        rows: list[list[list[float]]] = [[] for _ in texts]
        found = self.embeddings.embed_documents([legible(texts[at]) for at in said]) if said else []
        for at, vector in zip(said, found, strict=True):
            rows[at] = [vector]
        return rows

    def _vector(self, vectors: list[list[float]]) -> Any:
        from quintet.nodes.choosers.learned.fit import unit

        size = self.model.ensemble.marks.shape[1]
        vector = unit(vectors[0] if vectors else [0.0] * size)
        if vector.shape != (size,):
            raise DesignError(
                f"by_examples: an embedding of {vector.size} numbers, where the examples' have "
                f"{size}; give the embeddings that it was fitted with"
            )
        return vector

    def _accepts(self, choice: Choice) -> bool:
        return not self.at_least or (choice.confidence or 0.0) >= self.promise.threshold

    def _choice(self, text: str, vectors: list[list[float]]) -> Choice:
        judged = self.model.judged(text, self._vector(vectors))
        ranked = tuple(self.routes[at] for at in judged.ranked)
        why = ", ".join(repr(word) for word in judged.telling) or "what it is like as a whole"
        return Choice(
            to=ranked[0],
            reason=f"{ranked[0]} {judged.confidence:.2f} for {why}; next {ranked[1]}",
            confidence=judged.confidence,
            by="learned",
            who="by_examples",
            candidates=ranked,
        )


def by_examples(
    pairs: Iterable[tuple[str, str | None]],
    *,
    at_least: float | None = AT_LEAST,
    out_of_scope: float = OUTSIDE,
    embeddings: Embeddings | None = None,
    seed: int = 0,
) -> Examples:
    """Choose as labelled examples do, and abstain where that would not be right often enough.

    Linear support vector machines and naive Bayes over words, their company and their letters; with
    embeddings also logistic regression and kernel ridge regression on them. A second fit, on
    examples and whole routes held out of the first, says how probable it is that a choice is right,
    and from which probability on choices are right as often as promised. `Examples.promise` says
    whether that can be promised with these examples. With at most 20 examples a route, the routes'
    names teach too, where the examples show that they say what the routes are about.

    A promise is about messages like the examples: where what belongs to nobody is more, or more
    like a route, than the examples and `out_of_scope` say, less of what is accepted is right.
    `tuned` looks at fresh messages.

    Args:
        pairs: `(text, route)`, of at least two routes; route None for a text that belongs to
            nobody. The first 4,000 characters of a text are read.
        at_least: the share of the accepted messages that is right, from 0 to 1. Where no threshold
            can promise it, only a choice whose own confidence reaches it is accepted. None or 0:
            it never abstains.
        out_of_scope: the share of messages to expect that belong to nobody, from 0 to under 1.
        embeddings: any LangChain embeddings; a text's `embed_documents` is used for all.
        seed: of the folds.

    Raises:
        MissingExtra: scikit-learn is not installed (extra `learn`).
        DesignError: too few examples, or a number out_of_scope its range.
    """
    chooser = Examples(
        pairs=tuple(paired(pairs)),
        at_least=checked(at_least),
        out_of_scope=checked_share(out_of_scope),
        seed=seed,
        embeddings=embeddings,
        embedded="" if embeddings is None else type(embeddings).__name__,
    )
    if len(chooser.routes) < 2:
        raise DesignError(
            f"by_examples: {len(chooser.pairs)} examples of {len(chooser.routes)} routes; "
            "give examples of at least two"
        )
    counts = Counter(route for _, route in chooser.pairs if route is not None)
    if max(counts.values()) < 2:
        raise DesignError(
            f"by_examples: each of {', '.join(map(repr, chooser.routes[:3]))} has one example, "
            "of which none can be held out to see how sure a choice is; give at least two of a "
            "route, better ten"
        )
    return chooser.ready()

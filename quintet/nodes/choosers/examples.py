"""Choose routes by classifiers fitted on labelled examples, with a promise of their accuracy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings

from quintet.errors import DesignError
from quintet.nodes.choosers.choose import Choice
from quintet.nodes.choosers.labels import (
    AT_LEAST,
    FEW_PER_ROUTE,
    OUT_OF_SCOPE,
    Pair,
    check_at_least,
    check_pairs,
    check_texts,
    checked_share,
    require_sklearn,
    sendable,
    spell_out,
)
from quintet.nodes.choosers.promise import (
    Held,
    Promise,
    doubts_told,
    promised,
    read_promise,
    shares,
)
from quintet.nodes.choosers.request import text_in
from quintet.nodes.choosers.told import Explanation, Scored, Suspect, Watched, choice_of, watched
from quintet.nodes.core.call import Call, Logic, adrive, drive


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Choose as labelled texts do. Made by `by_examples`, or by `Examples.load`.

    Two choosers are equal when their examples and settings are.
    """

    pairs: tuple[Pair, ...] = field(repr=False)
    at_least: float | None = AT_LEAST
    out_of_scope: float = OUT_OF_SCOPE
    seed: int = 0
    embeddings: Embeddings | None = field(default=None, repr=False, compare=False)
    embedded: str = ""
    shown: Promise | None = field(default=None, repr=False)
    only: tuple[str, ...] = ()

    @cached_property
    def routes(self) -> tuple[str, ...]:
        """List the routes that the examples name, or those that it is held to."""
        named = dict.fromkeys(route for _, route in self.pairs if route is not None)
        return tuple(route for route in named if not self.only or route in self.only)

    @property
    def _names(self) -> list[str]:
        """List all routes of the examples in the order of their columns."""
        return sorted({route for _, route in self.pairs if route is not None})

    def among(self, routes: Iterable[str]) -> Examples:
        """Return this chooser held to some of its routes, without fitting it again.

        Where the best route of all is not among them, the best of them is as sure as it may still
        be. The promise stays that of all routes.

        Raises:
            DesignError: none of them is a route of the examples.
        """
        only = tuple(route for route in dict.fromkeys(routes) if route in self._names)
        if not only:
            raise DesignError(
                f"among: none of the names given is a route; give some of {', '.join(self._names)}"
            )
        return self._fitted(replace(self, only=only), "promise")

    def _fitted(self, other: Examples, *names: str) -> Examples:
        """Hand the fitted model, and other things that are computed once, to a copy."""
        for name in ("model", *names):
            # These are cached properties: their values are handed on by the cache's own place.
            other.__dict__[name] = getattr(self, name)
        return other

    @cached_property
    def _ordered(self) -> tuple[Pair, ...]:
        """Order the examples by their text, so that nothing depends on the order they came in."""
        return tuple(sorted(self.pairs, key=lambda pair: (pair[0], pair[1] or "")))

    @cached_property
    def promise(self) -> Promise:
        """Promise an accuracy on accepted messages, shown on held-out examples or on given ones."""
        if self.shown is not None:
            return self.shown
        model = self.model
        told = promised(model.held_choices, self.at_least, self.out_of_scope, model.rare)
        doubted = [(self._ordered[row], model.names[column]) for row, column in model.doubted]
        return replace(told, reason=told.reason + doubts_told(doubted, model.held_out.inside))

    def logic(self, request: Any) -> Logic[Choice | None]:
        """Choose; embeddings are awaited where the run is async."""
        parts = self.model.parts(text_in(request))
        vectors: list[list[float]] = []
        # Some embedding services refuse an empty text: it is not sent, here and in `_embed`.
        if self.embeddings is not None and parts[0].strip():
            sent = [sendable(part) for part in parts]
            vectors = yield Call(self.embeddings.embed_documents, (sent,), blocks=True)
        choice = self._choice(parts, [[vector] for vector in vectors] or [[] for _ in parts])
        return choice if self._accepts(choice) else None

    def __call__(self, request: Any) -> Choice | None:
        """Return the likeliest route, or None if its confidence is under the threshold."""
        return drive(self.logic(request))

    async def acall(self, request: Any) -> Choice | None:
        """Choose as a call does, awaiting the embeddings."""
        return await adrive(self.logic(request))

    def scores(self, texts: Sequence[str]) -> list[Scored]:
        """Score many texts, embedded in one call; each scores as it does alone.

        Raises:
            DesignError: no list of texts.
        """
        parts = [self.model.parts(text) for text in check_texts(texts, "scores")]
        vectors = iter(self._embed(list(chain.from_iterable(parts))))
        choices = [self._choice(some, [next(vectors) for _ in some]) for some in parts]
        return [
            Scored(
                route=choice.to,
                confidence=choice.confidence or 0.0,
                accepted=self._accepts(choice),
            )
            for choice in choices
        ]

    def explain(self, text: str) -> Explanation:
        """Explain to a person why a text gets its route; this is slower than choosing."""
        from quintet.nodes.choosers.learned.fit import most_similar

        parts = self.model.parts(text)
        rows = self._embed(parts)
        vectors = [self._vector(row) for row in rows]
        predicted = [self.model.predict(*each) for each in zip(parts, vectors, strict=True)]
        surest = max(range(len(parts)), key=lambda number: predicted[number].confidence)
        examples = [example for example, _ in self._ordered]
        nearest = self.model.nearest(vectors[surest]) or most_similar(examples, parts[surest])
        choice = self._choice(parts, rows)
        return Explanation(
            choice=choice,
            accepted=self._accepts(choice),
            words=predicted[surest].top_words,
            nearest=tuple((*self._ordered[index], similarity) for index, similarity in nearest),
        )

    def promising(
        self,
        at_least: float | None,
        *,
        on: Iterable[tuple[str, str | None]] = (),
        out_of_scope: float | None = None,
    ) -> Examples:
        """Return this chooser with another promise, without fitting it again.

        Args:
            at_least: as in `by_examples`.
            on: `(text, route)` pairs to choose the threshold by, none of them an example that it
                was fitted on; by default its held-out examples.
            out_of_scope: the expected share of messages that belong to no route; by default the
                share of the texts with route None among these pairs, else this chooser's.

        Raises:
            DesignError: a number outside its range, or something that is no such pair.
        """
        pairs, shown, share = check_pairs(on), None, self.out_of_scope
        if out_of_scope is not None:
            share = checked_share(out_of_scope)
        elif pairs:
            share = sum(route is None for _, route in pairs) / len(pairs)
        other = replace(self, at_least=check_at_least(at_least), shown=None)
        if not pairs:
            other = replace(other, out_of_scope=share)
        self._fitted(other)
        if other.out_of_scope != self.model.out_of_scope:
            other.__dict__["model"] = replace(self.model, out_of_scope=share)
        if not pairs:
            return other
        held = self._held(pairs, share)
        shown = promised(held, other.at_least, share, self.model.rare)
        return self._fitted(replace(other, shown=shown))

    def _held(self, pairs: Sequence[Pair], share: float) -> list[Held]:
        """Choose for pairs that were not fitted on, those of nobody weighed to a share."""
        scored = self.scores([text for text, _ in pairs])
        weights = shares([route is None for _, route in pairs], share)
        return [
            Held(
                sure=score.confidence,
                right=score.route == route,
                weight=weight,
                chosen=score.route,
                route=route,
            )
            for score, (_, route), weight in zip(scored, pairs, weights, strict=True)
        ]

    def suspects(self) -> tuple[Suspect, ...]:
        """List the examples whose label the others speak against, the most doubtful first.

        Each is held out once, which takes several fits. A label on the list may be right, and the
        example unusual: to drop them all unread would leave evidence that is too kind. `corrected`
        takes other labels.
        """
        from quintet.nodes.choosers.learned.doubt import suspected

        return suspected(self._data, self.model.held_out.mix, self._names, self._ordered, self.seed)

    def watch(self, texts: Iterable[str]) -> Watched:
        """Say whether messages, whose routes nobody knows, are like the examples.

        Raises:
            DesignError: no messages, no list of texts, or a chooser that never abstains.
        """
        return watched(
            [one.accepted for one in self.scores(check_texts(texts, "watch"))], self.promise
        )

    def corrected(self, corrections: Iterable[tuple[str, str | None]]) -> Examples:
        """Return a chooser fitted on these examples and on corrections of them.

        Args:
            corrections: `(text, route)` pairs; the last pair of a text replaces its earlier ones.

        Raises:
            DesignError: something that is no such pair.
        """
        latest = dict(check_pairs(corrections))
        unchanged = [pair for pair in self.pairs if pair[0] not in latest]
        return replace(self, pairs=(*unchanged, *latest.items()), shown=None).ready()

    def save(self, path: str | Path) -> Path:
        """Write the fitted chooser to one file, without its embeddings. The file holds no code."""
        from quintet.nodes.choosers.learned.store import save

        about = {
            "pairs": self.pairs,
            "at_least": self.at_least,
            "out_of_scope": self.out_of_scope,
            "seed": self.seed,
            "embedded": self.embedded,
            "shown": asdict(self.shown) if self.shown else None,
            "only": self.only,
        }
        save(Path(path), self.model, about)
        return Path(path)

    @classmethod
    def load(cls, path: str | Path, *, embeddings: Embeddings | None = None) -> Examples:
        """Read a chooser that `save` wrote, without fitting it again.

        Args:
            path: the file.
            embeddings: the embeddings that it was fitted with, if any.

        Raises:
            DesignError: a damaged or foreign file, or embeddings that are missing or not its own.
            FileNotFoundError: no such file.
            MissingExtra: scikit-learn is not installed (extra `learn`).
        """
        require_sklearn()
        from quintet.nodes.choosers.learned.store import load

        classifier, about = load(Path(path))
        embedded, shown = about["embedded"], about["shown"]
        if bool(embedded) != (embeddings is not None):
            wanted = f"embeddings={embedded}" if embedded else "no embeddings"
            raise DesignError(f"{path}: it was fitted with {wanted}; load it with the same")
        about["pairs"] = tuple((text, route) for text, route in about["pairs"])
        about["only"] = tuple(about["only"])
        about["shown"] = read_promise(shown) if shown else None
        chooser = cls(**about, embeddings=embeddings)
        chooser.__dict__["model"] = classifier
        return chooser

    @cached_property
    def model(self) -> Any:
        """Fit the classifier, once."""
        from quintet.nodes.choosers.learned.fit import fit

        texts, labels, vectors = self._numbered
        return fit(
            texts,
            labels,
            vectors,
            names=self._names,
            out_of_scope=self.out_of_scope,
            seed=self.seed,
        )

    @property
    def _data(self) -> Any:
        """Return the examples as numbers, without the routes' names."""
        from quintet.nodes.choosers.learned.fit import numbered

        texts, labels, vectors = self._numbered
        return numbered(texts[: len(labels)], labels, vectors, len(self._names))

    @property
    def _numbered(self) -> tuple[list[str], list[int], Any]:
        """Return all texts, the columns of the examples' routes, and all embeddings.

        Raises:
            DesignError: the examples hold no words.
            MissingExtra: scikit-learn is not installed.
        """
        require_sklearn()
        from quintet.nodes.choosers.learned.fit import normalise
        from quintet.nodes.choosers.words import words

        texts = [text for text, _ in self._ordered]
        if not any(words(text) for text in texts):
            raise DesignError("by_examples: the examples hold no words to learn from")
        names = self._names
        columns = {route: column for column, route in enumerate(names)}
        labels = [-1 if route is None else columns[route] for _, route in self._ordered]
        if len(texts) <= FEW_PER_ROUTE * len(names):
            texts += [spell_out(route) for route in names]
        vectors: list[Any] = [[] for _ in texts]
        if self.embeddings is not None:
            rows = self._embed(texts)
            size = max(len(row[0]) for row in rows if row)
            vectors = [row[0] if row else [0.0] * size for row in rows]
        return texts, labels, normalise(vectors)

    def ready(self) -> Examples:
        """Fit this chooser, and return it."""
        _ = self.model
        return self

    def _embed(self, texts: Sequence[str]) -> list[list[list[float]]]:
        """Return each text's embedding as a list of one; empty without embeddings, or without text.

        All texts are embedded in one call.
        """
        rows: list[list[list[float]]] = [[] for _ in texts]
        filled = [index for index, text in enumerate(texts) if text.strip()]
        if self.embeddings is None or not filled:
            return rows
        vectors = self.embeddings.embed_documents([sendable(texts[index]) for index in filled])
        for index, vector in zip(filled, vectors, strict=True):
            rows[index] = [vector]
        return rows

    def _vector(self, vectors: list[list[float]]) -> Any:
        """Return the one embedding at length 1, or zeros of the examples' size where there is none.

        Raises:
            DesignError: its size is not that of the examples' embeddings.
        """
        from quintet.nodes.choosers.learned.fit import normalise

        size = self.model.ensemble.landmarks.shape[1]
        vector = normalise(vectors[0] if vectors else [0.0] * size)
        if vector.shape != (size,):
            raise DesignError(
                f"by_examples: an embedding of {vector.size} numbers, where the examples' have "
                f"{size}; give the embeddings that it was fitted with"
            )
        return vector

    def _accepts(self, choice: Choice) -> bool:
        sure = choice.confidence or 0.0
        return not self.at_least or sure >= self.promise.threshold_of(choice.to)

    def _choice(self, parts: Sequence[str], vectors: Sequence[list[list[float]]]) -> Choice:
        """Choose by the parts of a message, each with its embedding as `_embed` gives it."""
        names = self.model.names
        closed = [number for number, name in enumerate(names) if name not in self.routes]
        rows = [self._vector(row) for row in vectors]
        prediction = self.model.predict_all(parts, rows, closed)
        ranked = tuple(names[column] for column in prediction.ranked)
        ranked = ranked[: len(names) - len(closed)]
        return choice_of(ranked, prediction.confidence, prediction.top_words, "by_examples")

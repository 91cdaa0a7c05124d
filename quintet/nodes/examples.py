"""Learned choice: a text classifier fitted on labelled examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from quintet.nodes.choose import Choice
from quintet.state.errors import DesignError, MissingExtra


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A fitted classifier over labelled texts. Made by `by_examples`."""

    pairs: tuple[tuple[str, str], ...] = field(repr=False)
    at_least: float = 0.5

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes that the examples name."""
        return tuple(dict.fromkeys(route for _, route in self.pairs))

    def __call__(self, given: Any) -> Choice | None:
        """The likeliest route, or None where its probability is under `at_least`."""
        model = self.model
        chances = model.predict_proba([str(given)])[0]
        ranked = sorted(zip(model.classes_, chances, strict=True), key=lambda item: -item[1])
        route, confidence = str(ranked[0][0]), float(ranked[0][1])
        if confidence < self.at_least:
            return None
        second = f", next {ranked[1][0]} {ranked[1][1]:.2f}" if len(ranked) > 1 else ""
        return Choice(
            to=route,
            reason=f"likest to {len(self.pairs)} examples: {route} {confidence:.2f}{second}",
            confidence=confidence,
            by="learned",
            who="by_examples",
            candidates=tuple(str(name) for name, _ in ranked),
        )

    @cached_property
    def model(self) -> Any:
        """The fitted scikit-learn pipeline."""
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline, make_union
        except ImportError as problem:
            raise MissingExtra(
                'by_examples needs scikit-learn: pip install "quintet[learn]"'
            ) from problem
        model = make_pipeline(
            make_union(
                TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
                TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
            ),
            LogisticRegression(C=30, max_iter=1000),
        )
        texts, routes = zip(*self.pairs, strict=True)
        if not any(word.isalnum() for text in texts for word in text):
            raise DesignError("by_examples: the examples hold no words to learn from")
        return model.fit(texts, routes)


def by_examples(pairs: Iterable[tuple[str, str]], *, at_least: float = 0.5) -> Examples:
    """Choose as the labelled examples do: TF-IDF of words and characters, logistic regression.

    Args:
        pairs: `(text, route)`, at least two routes.
        at_least: the probability under which it abstains, between 0 and 1.

    Raises:
        MissingExtra: scikit-learn is not installed (extra `learn`).
        DesignError: too few examples, or `at_least` outside 0 to 1.
    """
    given = tuple(pairs)
    if odd := [item for item in given if isinstance(item, str) or len(item) != 2]:
        raise DesignError(f"by_examples: {odd[0]!r:.60} is not one of (text, route) pairs")
    chooser = Examples(
        pairs=tuple((str(text), str(route)) for text, route in given), at_least=at_least
    )
    if len(chooser.routes) < 2:
        raise DesignError(
            f"by_examples: {len(chooser.pairs)} examples of {len(chooser.routes)} routes; "
            "give examples of at least two"
        )
    if not 0 <= at_least <= 1:
        raise DesignError(f"by_examples(at_least={at_least!r}): give a number from 0 to 1")
    _ = chooser.model
    return chooser

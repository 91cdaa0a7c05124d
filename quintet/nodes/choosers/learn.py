"""Learn a chooser from labelled examples."""

from __future__ import annotations

from collections.abc import Iterable

from langchain_core.embeddings import Embeddings

from quintet.errors import DesignError
from quintet.nodes.choosers.examples import Examples
from quintet.nodes.choosers.labels import (
    AT_LEAST,
    OUT_OF_SCOPE,
    check_at_least,
    check_pairs,
    checked_share,
)


def by_examples(
    pairs: Iterable[tuple[str, str | None]],
    *,
    at_least: float | None = AT_LEAST,
    out_of_scope: float = OUT_OF_SCOPE,
    embeddings: Embeddings | None = None,
    seed: int = 0,
) -> Examples:
    """Choose as labelled examples do, and abstain where that would not be right often enough.

    The classifiers are linear support vector machines and naive Bayes over word, word-pair and
    character n-gram features; with embeddings, also logistic regression and kernel ridge regression
    on them. A second fit, on examples and whole routes held out of the first, gives the probability
    that a choice is right, and the threshold above which choices are right as often as promised.
    `Examples.promise` says whether these examples support the promise. With at most 20 examples a
    route, the routes' names are training texts too, if the examples show that they are meaningful.

    The promise holds for messages like the examples. If more messages are out-of-scope than
    `out_of_scope` says, or if they resemble a route more than the examples with route None do,
    fewer of the accepted messages are right. `tuned` adjusts the threshold to fresh messages.

    Args:
        pairs: `(text, route)` pairs of at least two routes; route None for a text that belongs to
            none of them. The first 4,000 characters of a text are read.
        at_least: the share of the accepted messages that is right, from 0 to 1. If no threshold
            can promise it, only a choice whose own confidence reaches it is accepted. With None or
            0, the chooser never abstains.
        out_of_scope: the expected share of messages that belong to no route, from 0 to under 1.
        embeddings: any LangChain embeddings; every text goes through `embed_documents`.
        seed: of the folds.

    Raises:
        MissingExtra: scikit-learn is not installed (extra `learn`).
        DesignError: too few examples, or a number outside its range.
    """
    chooser = Examples(
        pairs=tuple(check_pairs(pairs)),
        at_least=check_at_least(at_least),
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
    return chooser.ready()

"""Measure how two labellings of the same cases agree: confusion, macro-F1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from math import fsum

from quintet.errors import DesignError
from quintet.stats.interval import same_length


def confusion(
    truths: Sequence[Hashable], guesses: Sequence[Hashable]
) -> Counter[tuple[Hashable, Hashable]]:
    """Count the cases of each pair (truth, guess).

    Raises:
        DesignError: no cases, or lengths differ.
    """
    same_length(truths, guesses, "truths", "guesses")
    if not len(truths):
        raise DesignError("no cases: agreement needs at least one")
    return Counter(zip(truths, guesses, strict=True))


def macro_f1(
    truths: Sequence[Hashable],
    guesses: Sequence[Hashable],
    *,
    classes: Iterable[Hashable] | None = None,
) -> float:
    """Return the mean over classes of F1 = 2 * both / (in the truths + in the guesses).

    Every class weighs the same, however rare (Opitz & Burst 2019, arXiv 1911.03347: the mean of
    F1, not the F1 of means). A class that is never guessed right has F1 = 0.

    Args:
        truths: the right class of each case.
        guesses: the class that was chosen, in the same order.
        classes: the classes of the mean; by default all that occur on either side.

    Raises:
        DesignError: no cases, no classes, or lengths differ.
    """
    pairs = confusion(truths, guesses)
    of_truth, of_guess = Counter(truths), Counter(guesses)
    names = {*of_truth, *of_guess} if classes is None else set(classes)
    if not names:
        raise DesignError("classes=[]: name at least one, or leave it out")
    scores = []
    for name in names:
        total = of_truth[name] + of_guess[name]
        # A class that the caller named may occur on neither side.
        scores.append(2 * pairs[name, name] / total if total else 0.0)
    return fsum(scores) / len(scores)

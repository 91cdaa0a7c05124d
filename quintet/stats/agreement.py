"""How two labellings of the same cases agree: confusion, macro-F1, kappa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from math import fsum

from quintet.errors import DesignError
from quintet.stats.ranking import same_length


def confusion(
    truths: Sequence[Hashable], guesses: Sequence[Hashable]
) -> Counter[tuple[Hashable, Hashable]]:
    """How many cases have each pair of (truth, guess).

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
    """The mean over classes of F1 = 2 * both / (in the truths + in the guesses).

    Every class weighs the same, however rare (Opitz & Burst 2019, arXiv 1911.03347: the mean of
    F1, not the F1 of means). A class never guessed right has 0.

    Args:
        truths: the right class of each case.
        guesses: the class said, in the same order.
        classes: those to take the mean over; all that occur on either side if not given.

    Raises:
        DesignError: no cases, no classes, or lengths differ.
    """
    pairs = confusion(truths, guesses)
    of_truth, of_guess = Counter(truths), Counter(guesses)
    named = {*of_truth, *of_guess} if classes is None else set(classes)
    if not named:
        raise DesignError("classes=[]: name at least one, or leave it out")
    scores = []
    for name in named:
        seen = of_truth[name] + of_guess[name]
        scores.append(2 * pairs[name, name] / seen if seen else 0.0)
    return fsum(scores) / len(scores)


def cohen_kappa(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Agreement beyond chance: (seen - by chance) / (1 - by chance) (Cohen 1960).

    1 is full agreement, 0 what two independent labellers with these habits would reach. Two that
    use one and the same class alone agree fully: 1.

    Raises:
        DesignError: no cases, or lengths differ.
    """
    pairs = confusion(a, b)
    n = len(a)
    of_a, of_b = Counter(a), Counter(b)
    seen = sum(count for (x, y), count in pairs.items() if x == y) / n
    chance = sum(of_a[name] * of_b[name] for name in of_a) / n**2
    return 1.0 if chance == 1 else (seen - chance) / (1 - chance)

"""Estimate the success over repeats of the same task: every time, or at least once."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb, fsum

from quintet.errors import DesignError


def pass_hat_k(successes: int, n: int, k: int) -> float:
    """Estimate pass^k, the chance that k runs of a task all succeed: C(c, k) / C(n, k).

    The unbiased estimate from c successes in n runs (Yao et al. 2024, arXiv 2406.12045).

    Raises:
        DesignError: not 0 <= successes <= n and 1 <= k <= n.
    """
    _check(successes, n, k)
    return comb(successes, k) / comb(n, k)


def pass_at_k(successes: int, n: int, k: int) -> float:
    """Estimate pass@k, the chance that one of k runs succeeds: 1 - C(n - c, k) / C(n, k).

    The unbiased estimate from c successes in n runs (Chen et al. 2021, arXiv 2107.03374).

    Raises:
        DesignError: not 0 <= successes <= n and 1 <= k <= n.
    """
    _check(successes, n, k)
    return 1 - comb(n - successes, k) / comb(n, k)


def mean_pass_hat_k(tasks: Iterable[tuple[int, int]], k: int) -> float:
    """Return the mean pass^k over tasks, from (successes, runs) of each.

    Its interval is `proportion([(task, pass_hat_k(c, n, k), 1), ...])`.

    Raises:
        DesignError: no tasks, or one with fewer than k runs.
    """
    return _mean([pass_hat_k(successes, n, k) for successes, n in tasks])


def mean_pass_at_k(tasks: Iterable[tuple[int, int]], k: int) -> float:
    """Return the mean pass@k over tasks, from (successes, runs) of each.

    Its interval is `proportion([(task, pass_at_k(c, n, k), 1), ...])`.

    Raises:
        DesignError: no tasks, or one with fewer than k runs.
    """
    return _mean([pass_at_k(successes, n, k) for successes, n in tasks])


def _mean(values: list[float]) -> float:
    if not values:
        raise DesignError("no tasks: give (successes, runs) of at least one")
    return fsum(values) / len(values)


def _check(successes: int, n: int, k: int) -> None:
    if not 0 <= successes <= n:
        raise DesignError(f"successes={successes!r} of n={n!r} runs: give from 0 to n")
    if not 1 <= k <= n:
        raise DesignError(f"k={k!r} of n={n!r} runs: give k from 1 to n, or run more repeats")

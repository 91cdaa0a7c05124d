"""Estimate the success over repeats of the same task: every time."""

from __future__ import annotations

from math import comb

from quintet.errors import DesignError


def pass_hat_k(successes: int, n: int, k: int) -> float:
    """Estimate pass^k, the chance that k runs of a task all succeed: C(c, k) / C(n, k).

    The unbiased estimate from c successes in n runs (Yao et al. 2024, arXiv 2406.12045).

    Raises:
        DesignError: not 0 <= successes <= n and 1 <= k <= n.
    """
    _check(successes, n, k)
    return comb(successes, k) / comb(n, k)


def _check(successes: int, n: int, k: int) -> None:
    if not 0 <= successes <= n:
        raise DesignError(f"successes={successes!r} of n={n!r} runs: give from 0 to n")
    if not 1 <= k <= n:
        raise DesignError(f"k={k!r} of n={n!r} runs: give k from 1 to n, or run more repeats")

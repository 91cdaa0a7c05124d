"""Draw random numbers and count scores with numpy.

Nodes take Wilson's interval from this package and should not wait for numpy to load, so the other
modules import this one inside the functions that need it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

CELLS = 1 << 18
"""Random numbers that are drawn at once: a block of 2 MB stays in the processor's cache."""


def drawn(below: int, *, width: int, rounds: int, seed: int) -> Iterator[Counts]:
    """Draw `rounds` rows of `width` whole numbers from 0 to `below` - 1, and yield them in blocks.

    The same arguments give the same rows.
    """
    # numpy refuses a negative seed.
    generator = np.random.default_rng(seed % 2**64)
    rows = max(CELLS // width, 1)
    for start in range(0, rounds, rows):
        yield generator.integers(below, size=(min(rows, rounds - start), width))


def tally(scores: Sequence[float], flags: Sequence[bool]) -> tuple[Numbers, Counts, Counts]:
    """Return the distinct scores, lowest first, and the counts of true and false flags at each."""
    levels, level = np.unique(np.array(scores, dtype=float), return_inverse=True)
    flagged = np.array([bool(flag) for flag in flags])
    return (
        levels,
        np.bincount(level[flagged], minlength=len(levels)),
        np.bincount(level[~flagged], minlength=len(levels)),
    )

"""Measure the agreement of a run's calls, or of its nodes, with the expected ones.

Calls that were made or proposed count. An expected call is met by a call of the same name that has
the arguments given in the label; further arguments do not matter. A call of unknown end meets none,
and counts as made all the same: nobody knows that it was not. `exact`, `in_order` and
`any_order` are defined as in pydantic-evals' TrajectoryMatch, the last as the F1 of the two
multisets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import eq
from typing import Any

from quintet.evals.case import Case
from quintet.evals.expected import calls_are_right, made_calls, meets, path_is_right
from quintet.evals.metric import Metric
from quintet.evals.row import Share
from quintet.evals.trajectory import Trajectory

Same = Callable[[Any, Any], bool]
Sides = tuple[Sequence[Any], Sequence[Any], Same]
SidesOf = Callable[[Case, Trajectory], Sides | None]


def longest_common(expected: Sequence[Any], real: Sequence[Any], same: Same) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(real) + 1)
    for item in expected:
        above = row
        row = [0]
        for place, other in enumerate(real):
            longer = above[place] + 1 if same(item, other) else 0
            row.append(max(longer, above[place + 1], row[place]))
    return row[-1]


def most_matched(expected: Sequence[Any], real: Sequence[Any], same: Same) -> int:
    """Return the most pairs of an expected and a real item, in any order, each item used once.

    A maximum bipartite matching, by augmenting paths (Kuhn 1955): an expected call without
    arguments must not take the only real one that another, with arguments, needs.
    """
    partners: dict[int, int] = {}  # by the place of the real item, that of the expected one

    def matched(place: int, seen: set[int]) -> bool:
        for other, item in enumerate(real):
            if other in seen or not same(expected[place], item):
                continue
            seen.add(other)
            # A real item that is taken is free again if its partner finds another one.
            if other not in partners or matched(partners[other], seen):
                partners[other] = place
                return True
        return False

    return sum(matched(place, set()) for place in range(len(expected)))


def edits(expected: Sequence[Any], real: Sequence[Any], same: Same) -> int:
    """Return the Levenshtein distance: the fewest insertions, deletions and replacements."""
    row = list(range(len(real) + 1))
    for number, item in enumerate(expected, 1):
        above = row
        row = [number]
        for place, other in enumerate(real):
            replaced = above[place] + (not same(item, other))
            row.append(min(replaced, above[place + 1] + 1, row[place] + 1))
    return row[-1]


def _calls(case: Case, trajectory: Trajectory) -> Sides | None:
    if case.calls is None:
        return None
    return case.calls, made_calls(trajectory), meets


def _path(case: Case, trajectory: Trajectory) -> Sides | None:
    return None if case.path is None else (case.path, trajectory.path, eq)


def _f1(
    case: Case, trajectory: Trajectory, sides: SidesOf, count: Callable[..., int]
) -> float | None:
    if (compared := sides(case, trajectory)) is None:
        return None
    expected, real, _ = compared
    both = len(expected) + len(real)
    # No call was expected and none was made.
    return 2 * count(*compared) / both if both else 1.0


def _distance(case: Case, trajectory: Trajectory, sides: SidesOf) -> float | None:
    if (compared := sides(case, trajectory)) is None:
        return None
    expected, real, _ = compared
    longer = max(len(expected), len(real))
    return edits(*compared) / longer if longer else 0.0


def _excess(case: Case, trajectory: Trajectory, sides: SidesOf) -> Share | None:
    if (compared := sides(case, trajectory)) is None:
        return None
    expected, real, _ = compared
    return Share(part=max(len(real) - len(expected), 0), whole=len(expected))


def _family(prefix: str, items: str, sides: SidesOf, exact: Any) -> tuple[Metric, ...]:
    return (
        Metric(
            name=f"{prefix}exact",
            score=exact,
            about=f"Runs whose {items} are the expected ones, all of them and in order.",
        ),
        Metric(
            name=f"{prefix}in_order",
            score=partial(_f1, sides=sides, count=longest_common),
            about=(
                f"2 L / (expected + made), L the longest common subsequence of the {items}; the "
                "mean over runs (pydantic-evals, TrajectoryMatch in_order)."
            ),
        ),
        Metric(
            name=f"{prefix}any_order",
            score=partial(_f1, sides=sides, count=most_matched),
            about=(
                f"2 M / (expected + made), M the expected {items} that were met in whatever order, "
                "each once; the mean over runs (pydantic-evals, TrajectoryMatch any_order)."
            ),
        ),
        Metric(
            name=f"{prefix}edit_distance",
            score=partial(_distance, sides=sides),
            better="lower",
            about=(
                f"Insertions, deletions and replacements from the expected {items} to those made / "
                "the length of the longer; the mean over runs (Levenshtein 1966)."
            ),
        ),
        Metric(
            name="excess_steps" if prefix == "calls_" else f"{prefix}excess_steps",
            score=partial(_excess, sides=sides),
            better="lower",
            unit="number",
            about=f"The {items} made beyond the expected number, or 0 if fewer / expected ones.",
        ),
    )


(calls_exact, calls_in_order, calls_any_order, calls_edit_distance, excess_steps) = _family(
    "calls_", "calls", _calls, calls_are_right
)
(path_exact, path_in_order, path_any_order, path_edit_distance, path_excess_steps) = _family(
    "path_", "nodes", _path, path_is_right
)

"""How far the calls, or the nodes, of a run are the expected ones.

Calls count that were made or proposed. An expected call is met by one of its name with the
arguments that the label gives; others do not matter. `exact`, `in_order` and `any_order` are
defined as in pydantic-evals' TrajectoryMatch, the last as the F1 of the two multisets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from quintet.evals.case import Case
from quintet.evals.expected import calls_are_right, path_is_right, same_call
from quintet.evals.metric import Metric
from quintet.evals.row import Share
from quintet.evals.trajectory import Call, Trajectory

Same = Callable[[Any, Any], bool]
Sides = tuple[Sequence[Any], Sequence[Any], Same]
Taken = Callable[[Case, Trajectory], Sides | None]


def longest_common(expected: Sequence[Any], real: Sequence[Any], same: Same) -> int:
    """The length of the longest common subsequence."""
    line = [0] * (len(real) + 1)
    for item in expected:
        before = line
        line = [0]
        for place, other in enumerate(real):
            longer = before[place] + 1 if same(item, other) else 0
            line.append(max(longer, before[place + 1], line[place]))
    return line[-1]


def most_matched(expected: Sequence[Any], real: Sequence[Any], same: Same) -> int:
    """The most pairs that can be made of both, each item in one pair at most, in any order.

    A maximum bipartite matching, by augmenting paths (Kuhn 1955): an expected call without
    arguments must not take the only real one that another, with arguments, needs.
    """
    taken: dict[int, int] = {}

    def placed(place: int, seen: set[int]) -> bool:
        for other, item in enumerate(real):
            if other in seen or not same(expected[place], item):
                continue
            seen.add(other)
            if other not in taken or placed(taken[other], seen):
                taken[other] = place
                return True
        return False

    return sum(placed(place, set()) for place in range(len(expected)))


def edits(expected: Sequence[Any], real: Sequence[Any], same: Same) -> int:
    """The fewest insertions, deletions and replacements that make one the other (Levenshtein)."""
    line = list(range(len(real) + 1))
    for number, item in enumerate(expected, 1):
        before = line
        line = [number]
        for place, other in enumerate(real):
            swapped = before[place] + (not same(item, other))
            line.append(min(swapped, before[place + 1] + 1, line[place] + 1))
    return line[-1]


def _calls(case: Case, trajectory: Trajectory) -> Sides | None:
    if case.calls is None:
        return None
    made = [call for call in trajectory.calls if call.status in ("ok", "proposed")]
    return case.calls, made, same_call


def _path(case: Case, trajectory: Trajectory) -> Sides | None:
    return None if case.path is None else (case.path, trajectory.path, _equal)


def _equal(one: str | Call, other: str | Call) -> bool:
    return one == other


def _f1(
    case: Case, trajectory: Trajectory, taken: Taken, count: Callable[..., int]
) -> float | None:
    sides = taken(case, trajectory)
    if sides is None:
        return None
    both = len(sides[0]) + len(sides[1])
    return 2 * count(*sides) / both if both else 1.0


def _distance(case: Case, trajectory: Trajectory, taken: Taken) -> float | None:
    sides = taken(case, trajectory)
    if sides is None:
        return None
    longer = max(len(sides[0]), len(sides[1]))
    return edits(*sides) / longer if longer else 0.0


def _excess(case: Case, trajectory: Trajectory, taken: Taken) -> Share | None:
    sides = taken(case, trajectory)
    if sides is None:
        return None
    return Share(part=max(len(sides[1]) - len(sides[0]), 0), whole=len(sides[0]))


def _family(prefix: str, what: str, taken: Taken, exact: Any) -> tuple[Metric, ...]:
    return (
        Metric(
            name=f"{prefix}exact",
            score=exact,
            about=f"Runs whose {what} are the expected ones, all of them and in order.",
        ),
        Metric(
            name=f"{prefix}in_order",
            score=partial(_f1, taken=taken, count=longest_common),
            about=(
                f"2 L / (expected + made), L the longest common subsequence of the {what}; the "
                "mean over runs (pydantic-evals, TrajectoryMatch in_order)."
            ),
        ),
        Metric(
            name=f"{prefix}any_order",
            score=partial(_f1, taken=taken, count=most_matched),
            about=(
                f"2 M / (expected + made), M the expected {what} that were met in whatever order, "
                "each once; the mean over runs (pydantic-evals, TrajectoryMatch any_order)."
            ),
        ),
        Metric(
            name=f"{prefix}edit_distance",
            score=partial(_distance, taken=taken),
            better="lower",
            about=(
                f"Insertions, deletions and replacements from the expected {what} to those made / "
                "the length of the longer; the mean over runs (Levenshtein 1966)."
            ),
        ),
        Metric(
            name="excess_steps" if prefix == "calls_" else f"{prefix}excess_steps",
            score=partial(_excess, taken=taken),
            better="lower",
            unit="number",
            about=(
                f"How many more {what} were made than expected / expected ones; 0 where none is "
                "too many."
            ),
        ),
    )


(calls_exact, calls_in_order, calls_any_order, calls_edit_distance, excess_steps) = _family(
    "calls_", "calls", _calls, calls_are_right
)
(path_exact, path_in_order, path_any_order, path_edit_distance, path_excess_steps) = _family(
    "path_", "nodes", _path, path_is_right
)

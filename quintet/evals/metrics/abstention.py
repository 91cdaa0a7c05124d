"""Measure a router that may abstain: coverage, accuracy, and whether it abstains rightly.

The router abstains where its route is a person, or where there is none; it accepts any other run.
A case is out of scope where all of its acceptable routes are people.
"""

from __future__ import annotations

from functools import partial

from quintet.evals.case import Case
from quintet.evals.items import names_in
from quintet.evals.metric import Metric
from quintet.evals.trajectory import PEOPLE, Trajectory


def abstained(trajectory: Trajectory, people: tuple[str, ...] = PEOPLE) -> bool:
    """Say whether the router gave the run to no agent: to a person, or to nobody."""
    return trajectory.route in ("", *people)


def out_of_scope(case: Case, people: tuple[str, ...] = PEOPLE) -> bool | None:
    """Say whether no agent may take the case; None without a label, or if a person may too."""
    kinds = {route in people for route in case.route or ()}
    return kinds.pop() if len(kinds) == 1 else None


def _precision(case: Case, trajectory: Trajectory, people: tuple[str, ...]) -> bool | None:
    # A run that raised has no route either, but nothing has decided to abstain.
    chosen = not trajectory.error and abstained(trajectory, people)
    return out_of_scope(case, people) if chosen else None


def _recall(case: Case, trajectory: Trajectory, people: tuple[str, ...]) -> bool | None:
    if not out_of_scope(case, people):
        return None
    return not trajectory.error and abstained(trajectory, people)


def _covered(case: Case, trajectory: Trajectory, people: tuple[str, ...]) -> bool | None:
    if not case.route:
        return None
    return not (trajectory.error or abstained(trajectory, people))


def _right(case: Case, trajectory: Trajectory, people: tuple[str, ...]) -> bool | None:
    return trajectory.route in (case.route or ()) if _covered(case, trajectory, people) else None


def abstention_metrics(people: tuple[str, ...] = PEOPLE) -> tuple[Metric, Metric, Metric, Metric]:
    """Return precision and recall of abstaining, coverage, and accuracy on the accepted runs.

    Args:
        people: the routes that mean a person.

    Raises:
        DesignError: `people` is one name and no tuple of names.
    """
    people = names_in(people, "abstention_metrics(people=...)")
    return (
        Metric(
            name="abstention_precision",
            score=partial(_precision, people=people),
            about=(
                "Cases given to no agent that no agent may take / cases given to no agent. A case "
                "that either may take is left out."
            ),
        ),
        Metric(
            name="abstention_recall",
            score=partial(_recall, people=people),
            about="Cases given to no agent that no agent may take / cases no agent may take.",
        ),
        Metric(
            name="routing_coverage",
            score=partial(_covered, people=people),
            better="neither",
            about=(
                "Cases given to an agent, by the router's own threshold / cases with a label for "
                "the route (El-Yaniv & Wiener 2010)."
            ),
        ),
        Metric(
            name="selective_accuracy",
            score=partial(_right, people=people),
            about=(
                "Cases given to a right agent / cases given to an agent; 1 - selective risk "
                "(El-Yaniv & Wiener 2010)."
            ),
        ),
    )


abstention_precision, abstention_recall, routing_coverage, selective_accuracy = abstention_metrics()

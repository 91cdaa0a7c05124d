"""Make the edge of a bounded loop: produce, review, revise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.critic import Critic
from quintet.nodes.review import Review
from quintet.nodes.work import Worker


def review(
    of: str,
    by: Any,
    *,
    rounds: int = 3,
    approved: Any = "",
    rejected: str = "",
    otherwise: str = "person",
) -> Critic | Review:
    """Lead from an output on to the next node, or back to revise it, a bounded number of times.

    graph.add_node("check", review("write", by=cites_its_sources, approved="export"))
    graph.add_edge("write", "check")

    In a ready-made graph it stands among the workers, and `approved` is filled in. Whoever revises
    finds the last verdict among the results, under the output's name with `_review` at its end:
    `{"by", "answer", "note", "round"}`. When the review is over, that result also holds what was
    said in each round, as `verdicts`. Rounds are counted by run and node. A version that was there
    before is not judged again: its round counts, and the note says that there was no progress.

    Args:
        of: the output's name among the results: the node or the step that gives it.
        by: who reviews. A criterion on the output, or on the state and the output, or several in a
            tuple; a `Worker` whose result holds `approved`, true or false, and may hold a `note`;
            or a `Review`, by which a person does.
        rounds: how many versions are judged at most.
        approved: the node to go to with the output, or a path such as `by_actions(...)`.
        rejected: the node that revises it; by default the one that `of` names.
        otherwise: the node to go to after the last no.

    Returns:
        A node.

    Raises:
        DesignError: there is nobody to review, a criterion is async, or `rounds` is no whole number
            from 1.
    """
    if not isinstance(of, str) or not of:
        raise DesignError(f"review({of!r:.60}): name the result that is reviewed")
    if isinstance(by, Review):
        return replace(
            by,
            of=of,
            rounds=rounds,
            approved=approved,
            rejected=rejected or of,
            otherwise=otherwise,
        )
    if not isinstance(by, Worker):
        by = tuple(by) if isinstance(by, list | tuple) else (by,)
    return Critic(
        of=of, by=by, rounds=rounds, approved=approved, rejected=rejected, otherwise=otherwise
    )

"""What a router got wrong, as examples to learn from."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from quintet.evals.expected import route_is_right
from quintet.evals.row import Row
from quintet.evals.trajectory import PEOPLE


def corrections(
    rows: Iterable[Row], *, people: Collection[str] = PEOPLE
) -> tuple[tuple[str, str | None], ...]:
    """The messages that went to a wrong route, each with the one that its case expects.

    `by_examples(...).corrected(corrections(report.rows))` has learned from them. What it then
    scores on these very cases says nothing any more: evaluate it on others. Recorded production
    runs that somebody has labelled are rows too (`recorded_threads`).

    Args:
        rows: of a report.
        people: routes at which a person takes over; such a message belongs to nobody (None).

    Returns:
        (text, route) pairs; where a case accepts several routes, the first that is no person.
    """
    found: dict[str, str | None] = {}
    for row in rows:
        if route_is_right(row.case, row.trajectory) is False:
            routes = [route for route in row.case.route or () if route not in people]
            found[row.case.text] = routes[0] if routes else None
    return tuple(found.items())

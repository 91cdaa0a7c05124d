"""Turn wrong routes into examples to learn from."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from quintet.evals.expected import route_is_right
from quintet.evals.items import items_in, names_in
from quintet.evals.row import Row
from quintet.evals.trajectory import PEOPLE


def corrections(
    rows: Iterable[Row], *, people: Collection[str] = PEOPLE
) -> tuple[tuple[str, str | None], ...]:
    """List the messages that went to a wrong route, each with the route that its case expects.

    `by_examples(...).corrected(corrections(report.rows))` learns from them. Its score on these very
    cases then says nothing any more: evaluate it on others. Recorded production runs that somebody
    has labelled are rows too (`recorded_threads`).

    Args:
        rows: of a report.
        people: routes at which a person takes over; such a message gets the route None, which
            stands for out of scope.

    Returns:
        (text, route) pairs; where a case accepts several routes, the first that is no person.

    Raises:
        DesignError: `people` is one name and no tuple of names.
    """
    people = names_in(people, "corrections(people=...)")
    routes_by_text: dict[str, str | None] = {}
    for row in items_in(rows, "corrections(rows=...)", Row):
        if route_is_right(row.case, row.trajectory) is False:
            routes = [route for route in row.case.route or () if route not in people]
            routes_by_text[row.case.text] = routes[0] if routes else None
    return tuple(routes_by_text.items())

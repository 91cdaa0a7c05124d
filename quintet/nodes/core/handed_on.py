"""Hold a result that is the state of a run of ours to how that run ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quintet.errors import BudgetExhausted, PersonNeeded
from quintet.state.run import run_of


def check_handed_on(part: str, result: Any) -> None:
    """Refuse the state of another run as a result, where that run is not done.

    A function may call a graph of ours and return what it gives. A key of the user's own that has
    one of our names makes no state of ours.

    Raises:
        BudgetExhausted: it ended as `exhausted`.
        PersonNeeded: it ended otherwise, or has not ended: it waits for a person, mostly.
    """
    if not isinstance(result, Mapping) or "decisions" not in result or not run_of(result):
        return
    if not result.get("outcome"):
        raise PersonNeeded(
            f"{part} handed on the state of a run that has not ended; give the graph itself in the "
            "place of the function that calls it, and its question is asked here"
        )
    check_ended(part, result["outcome"])


def check_ended(part: str, ended: Mapping[str, Any] | None) -> None:
    """Refuse an outcome other than `done` of a run within this one.

    Raises:
        BudgetExhausted: it is `exhausted`.
        PersonNeeded: it is another.
    """
    if ended and ended["status"] != "done":
        status, reason = ended["status"], ended["reason"]
        kind = BudgetExhausted if status == "exhausted" else PersonNeeded
        raise kind(f"{part}'s own run ended {status}: {reason}")

from __future__ import annotations

import pytest

from quintet.state import DesignError, Outcome, plain
from quintet.state.outcome import STATUSES
from quintet.state.record import read


@pytest.mark.parametrize("status", STATUSES)
def test_an_outcome_comes_back_from_plain_data(status: str) -> None:
    made = Outcome(status=status, reason="r", evidence={"a": [1]})  # type: ignore[arg-type]
    assert read(Outcome, plain(made)) == made


def test_an_unknown_status_is_refused() -> None:
    with pytest.raises(DesignError, match=r"status='fine'.*done, asked, escalated, rejected"):
        Outcome(status="fine", reason="r")  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_an_outcome_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(DesignError, match="needs a reason"):
        Outcome(status="done", reason=reason)

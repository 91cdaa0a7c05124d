from __future__ import annotations

import pytest

from tests.runs.desks import PAID


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    PAID.clear()

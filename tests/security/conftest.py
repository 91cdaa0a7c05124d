from __future__ import annotations

import pytest

from quintet.state import redact


@pytest.fixture(autouse=True)
def _nothing_revealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the values that a test reveals: they would be masked in all tests after it."""
    monkeypatch.setattr(redact, "_revealed", redact._Revealed())  # noqa: SLF001 - its own test

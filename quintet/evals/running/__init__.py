"""How an evaluation is run: workers, the event loop, what is watched, the journal of rows."""

from __future__ import annotations

__all__: list[str] = []

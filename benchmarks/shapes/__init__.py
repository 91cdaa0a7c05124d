"""Build each pattern twice: through Quintet, and by hand on LangGraph with the same duties."""

from __future__ import annotations

__all__: list[str] = []

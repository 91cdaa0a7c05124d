"""How any agent is called, what it may call, and what that costs; modules are imported by name."""

from __future__ import annotations

__all__: list[str] = []

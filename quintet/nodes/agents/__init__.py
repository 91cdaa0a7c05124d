"""Call agents of any kind with their tools, and count the cost; import the modules by name."""

from __future__ import annotations

__all__: list[str] = []

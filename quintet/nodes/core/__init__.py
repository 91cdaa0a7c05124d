"""What every node shares; its modules are imported by name."""

from __future__ import annotations

__all__: list[str] = []

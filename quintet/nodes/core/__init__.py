"""Serve every node: calls, attempts, tasks and records. Its modules are imported by name."""

from __future__ import annotations

__all__: list[str] = []

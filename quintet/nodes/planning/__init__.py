"""Serve the planner: what a plan may say, whether it may run, how its steps unfold."""

from __future__ import annotations

__all__: list[str] = []

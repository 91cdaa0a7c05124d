"""Run an evaluation: find its suite, call the target, observe each run, keep the rows in a file."""

from __future__ import annotations

__all__: list[str] = []

"""Choose a route by rules, by examples or by a model; import the modules by name."""

from __future__ import annotations

__all__: list[str] = []

"""How a route is chosen: by rules, by examples, by a model; modules are imported by name."""

from __future__ import annotations

__all__: list[str] = []

"""Hold the parts of event-driven graphs: types, envelopes, order, memory; imported by name."""

from __future__ import annotations

__all__: list[str] = []

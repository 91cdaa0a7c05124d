"""Why it went wrong, and what chance would score: attribution, balance, tiers, corrections."""

from __future__ import annotations

__all__: list[str] = []

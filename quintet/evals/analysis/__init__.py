"""Analyse an evaluation: attribute failures, check the cases' balance, compare tiers, correct."""

from __future__ import annotations

__all__: list[str] = []

"""Fit the classifiers behind `by_examples`; needs the extra `learn`. Import the modules by name."""

from __future__ import annotations

__all__: list[str] = []

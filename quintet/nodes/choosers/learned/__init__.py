"""What `by_examples` learns with; its modules want the extra `learn`, and are imported by name."""

from __future__ import annotations

__all__: list[str] = []

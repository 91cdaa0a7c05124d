"""Find in a result what was meant to lead on: it would be kept as data, and nobody would follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph import END
from langgraph.types import Command, Send

DEPTH = 3
"""How deep within a result it is looked for; a result may be large."""


class Way:
    """Mark a value that an agent returns alone, in place of a result."""


def way_in(value: Any, depth: int = DEPTH) -> Any:
    """Find a way on in a value: ours, LangGraph's `Command` or `Send`, or END; None without one."""
    if isinstance(value, Way | Command | Send) or value is END:
        return value
    parts = value.values() if isinstance(value, Mapping) else value
    if not depth or not isinstance(value, Mapping | list | tuple):
        return None
    ways = (way_in(part, depth - 1) for part in parts)
    return next((way for way in ways if way is not None), None)

"""Merge updates into the keys of the state as a graph does, for tests without a graph."""

from __future__ import annotations

from functools import cache
from typing import Any, get_type_hints

from quintet.state import OrchestrationState
from quintet.state.channels import apply_updates


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(OrchestrationState, include_extras=True)


def together(key: str, value: Any, *updates: Any) -> Any:
    """Give a key's value after updates, each of a superstep of its own."""
    for update in updates:
        value = at_once(key, value, update)
    return value


def at_once(key: str, value: Any, *updates: Any) -> Any:
    """Give a key's value after updates of one superstep."""
    return apply_updates(_hints()[key], value, *updates)

"""Read a way on: the name of a node, or a path that chooses one by the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.core.actions import with_update


def targets_in(*ways: Any) -> tuple[str, ...]:
    """Name the nodes that ways may lead to, each once; an empty way leads nowhere."""
    names = [name for way in ways for name in ((way,) if isinstance(way, str) else way.targets)]
    return tuple(dict.fromkeys(name for name in names if name))


def lead(way: Any, state: Mapping[str, Any], update: Mapping[str, Any]) -> str:
    """Give the node that a way leads to, in the state as the update will leave it."""
    return way if isinstance(way, str) else str(way(with_update(state, update)))


def check_way(part: str, way: Any) -> None:
    """Refuse a way that is no node's name, and no path that says where it may lead.

    Raises:
        DesignError: it names the part.
    """
    if not isinstance(way, str) and not (callable(way) and hasattr(way, "targets")):
        raise DesignError(
            f"{part}={way!r:.60}): give a node's name, or a path such as by_actions(...), which "
            "says what it may name"
        )

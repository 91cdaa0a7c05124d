"""Edge factories: path functions for `add_conditional_edges`, each with its total map of targets.

path = by_outcome(done=END, otherwise="person")
graph.add_conditional_edges("finish", path, path.targets)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quintet.nodes.node import values
from quintet.state.errors import DesignError
from quintet.state.outcome import STATUSES


@dataclass(frozen=True, kw_only=True)
class Path:
    """A path function over one key of the state.

    Attributes:
        key: what it is about; also its name in drawings.
        to: the node for each value.
        otherwise: the node for every other value, or another path that decides then.
    """

    key: str
    to: Mapping[str, str]
    otherwise: str | Path

    @property
    def __name__(self) -> str:
        return f"by_{self.key}"

    @property
    def targets(self) -> list[str]:
        """Every node that it may name, for `path_map`."""
        rest = [self.otherwise] if isinstance(self.otherwise, str) else self.otherwise.targets
        return list(dict.fromkeys((*self.to.values(), *rest)))

    def __call__(self, state: Any) -> str:
        """The node to go to."""
        node = self.to.get(_seen(self.key, values(state)))
        if node is not None:
            return node
        return self.otherwise if isinstance(self.otherwise, str) else self.otherwise(state)


def by_outcome(*, otherwise: str | Path, **to: str) -> Path:
    """Go by the outcome's status, as in `by_outcome(done=END, otherwise="person")`.

    Raises:
        DesignError: a status that does not exist.
    """
    if unknown := [status for status in to if status not in STATUSES]:
        raise DesignError(
            f"by_outcome({unknown[0]}=...): no such status; give {', '.join(STATUSES)}"
        )
    return Path(key="outcome", to=to, otherwise=otherwise)


def by_route(to: Mapping[str, str] | tuple[str, ...], *, otherwise: str | Path) -> Path:
    """Go by the route that a router has written: a mapping of route to node, or the nodes.

    Raises:
        DesignError: a single name, which Python would take for its letters.
    """
    if isinstance(to, str):
        raise DesignError(f"by_route({to!r}): give a tuple of routes, ({to!r},)")
    mapping = dict(to) if isinstance(to, Mapping) else {route: route for route in to}
    return Path(key="route", to=mapping, otherwise=otherwise)


def by_failure(failed: str, *, otherwise: str | Path) -> Path:
    """Go to one node where this run has recorded a failure, else to the other."""
    return Path(key="failure", to={"yes": failed}, otherwise=otherwise)


def by_plan(plan: str, *, otherwise: str | Path) -> Path:
    """Go back to the planner where a plan is under way, else on."""
    return Path(key="plan", to={"yes": plan}, otherwise=otherwise)


def by_actions(proposed: str, *, otherwise: str | Path) -> Path:
    """Go to one node where actions stand proposed or approved, else to the other."""
    return Path(key="actions", to={"yes": proposed}, otherwise=otherwise)


def _seen(key: str, state: Mapping[str, Any]) -> str:
    if key == "outcome":
        return str((state.get("outcome") or {}).get("status", ""))
    if key == "route":
        return str(state.get("route", ""))
    if key == "actions":
        items = (state.get("actions") or {}).values()
        waiting = any(i["status"] in ("proposed", "approved") or "again" in i for i in items)
        return "yes" if waiting else "no"
    return "yes" if state.get({"failure": "failures", "plan": "plan"}[key]) else "no"

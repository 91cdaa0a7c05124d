"""Edge factories: path functions for `add_conditional_edges`, each with its total map of targets.

path = by_outcome(done=END, otherwise="person")
graph.add_conditional_edges("finish", path, path.targets)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from quintet.errors import DesignError
from quintet.nodes.core.actions import of_this_run, todo
from quintet.nodes.core.kept import kept
from quintet.nodes.core.node import values
from quintet.nodes.core.task import current_task
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
        node = self.to.get(self._seen(values(state)))
        if node is not None:
            return node
        return self.otherwise if isinstance(self.otherwise, str) else self.otherwise(state)

    def _seen(self, state: Mapping[str, Any]) -> str:
        if self.key != "plan":
            return _seen(self.key, state)
        # A planner of its own name within a nested graph is another one.
        around = current_task("").path.rpartition("/")[0]
        planner = "/".join(filter(None, (around, self.to["yes"])))
        record = kept(state, "plan").get(planner)
        return "no" if record is None or record["over"] else "yes"


@dataclass(frozen=True, kw_only=True)
class Begin(Runnable[Any, Any]):
    """An edge from START that says that a new run begins. Made by `begin`.

    It is a Runnable, so that LangGraph calls it without a callback manager of its own, which costs
    more than all that it does.
    """

    to: tuple[str, ...]

    name = "begin"

    @property
    def targets(self) -> list[str]:
        """Every node that it leads to, for `path_map`."""
        return list(self.to)

    def __call__(self, state: Any) -> list[str]:
        """Begin the run, and give the nodes that come first."""
        life = getattr(values(state).get("run"), "life", None)
        if life is not None:
            life.mark()
        return list(self.to)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Begin the run (LangGraph calls this)."""
        return self(input)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Begin the run, without leaving the event loop's thread."""
        return self(input)


def begin(*to: str) -> Begin:
    """Lead from START to the first nodes, in place of plain edges.

    path = begin("router")
    graph.add_conditional_edges(START, path, path.targets)

    By it a new message is told from the rest of an old run in every case: also where that was
    broken off or waits for a person, and the message comes through a server. Ready-made graphs
    have it.

    Raises:
        DesignError: no nodes.
    """
    if not to or not all(isinstance(node, str) for node in to):
        raise DesignError(f"begin{to!r}: give the names of the nodes that come first")
    return Begin(to=to)


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
        return str(state.get("route") or "")
    if key == "actions":
        return "yes" if todo(of_this_run(state).values()) else "no"
    return "yes" if state.get("failures") else "no"

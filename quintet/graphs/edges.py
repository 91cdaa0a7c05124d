"""Make path functions for `add_conditional_edges`, each with all its targets.

path = by_outcome(done=END, otherwise="person")
graph.add_conditional_edges("finish", path, path.targets)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.runnables import Runnable, RunnableConfig

from quintet.errors import DesignError
from quintet.nodes.core.actions import of_this_run, refused, todo
from quintet.nodes.core.duration import seconds
from quintet.nodes.core.kept import kept
from quintet.nodes.core.node import values
from quintet.nodes.core.task import current_task
from quintet.state.outcome import STATUSES

Fact = Literal["outcome", "route", "failure", "plan", "actions", "refused"]
"""A fact in the state that a path may choose by."""


@dataclass(frozen=True, kw_only=True)
class Path:
    """Choose the next node by one fact in the state.

    Attributes:
        key: the fact; drawings show `by_` and this.
        to: the node for each value.
        otherwise: the node for every other value, several at once, or another path that decides
            then.
    """

    key: Fact
    to: Mapping[str, str]
    otherwise: str | tuple[str, ...] | Path

    # LangGraph names a path function by its `__name__`.
    @property
    def __name__(self) -> str:
        return f"by_{self.key}"

    @property
    def targets(self) -> list[str]:
        """Name all nodes that the path may lead to, for `path_map`."""
        otherwise = self.otherwise
        rest = otherwise.targets if isinstance(otherwise, Path) else _names(otherwise)
        return list(dict.fromkeys((*self.to.values(), *rest)))

    def __call__(self, state: Any) -> str | list[str]:
        """Give the next node, or several."""
        node = self.to.get(self._value(values(state)))
        if node is not None:
            return node
        otherwise = self.otherwise
        if isinstance(otherwise, Path):
            return otherwise(state)
        return otherwise if isinstance(otherwise, str) else _names(otherwise)

    def _value(self, state: Mapping[str, Any]) -> str:
        if self.key == "outcome":
            return str((state.get("outcome") or {}).get("status", ""))
        if self.key == "route":
            return str(state.get("route") or "")
        if self.key == "actions":
            return "yes" if todo(of_this_run(state).values()) else "no"
        if self.key == "refused":
            return "yes" if refused(state) else "no"
        if self.key == "plan":
            return "yes" if self._plan_under_way(state) else "no"
        return "yes" if state.get("failures") else "no"

    def _plan_under_way(self, state: Mapping[str, Any]) -> bool:
        # Planners of one name may be in several nested graphs: this graph's is told by the path.
        graph = current_task("").path.rpartition("/")[0]
        planner = "/".join(filter(None, (graph, self.to["yes"])))
        progress = kept(state, "plan").get(planner)
        return progress is not None and not progress["over"]


def _names(to: str | tuple[str, ...]) -> list[str]:
    return [to] if isinstance(to, str) else [*to]


# A Runnable, so that LangGraph calls it without a callback manager of its own, which would cost
# more than all that it does.
@dataclass(frozen=True, kw_only=True)
class Begin(Runnable[Any, Any]):
    """Begin a new run on the way from START to the first nodes. Made by `begin`."""

    to: tuple[str, ...]
    deadline: float | None = None

    name = "begin"

    @property
    def targets(self) -> list[str]:
        """Name the nodes that it leads to, for `path_map`."""
        return list(self.to)

    def __call__(self, state: Any) -> list[str]:
        """Begin the run, and give the first nodes."""
        # None in a state without the key `run`.
        life = getattr(values(state).get("run"), "life", None)
        if life is not None:
            life.mark(self.deadline)
        return list(self.to)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Begin the run (LangGraph calls this)."""
        return self(input)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Begin the run, without leaving the event loop's thread."""
        return self(input)


def begin(*to: str, deadline: str | float | None = None) -> Begin:
    """Lead from START to the first nodes, in place of plain edges.

    path = begin("router")
    graph.add_conditional_edges(START, path, path.targets)

    With it, new input always begins a new run, even if the last run was broken off or waits for a
    person, and the input comes through a server. Ready-made graphs have it.

    Args:
        to: the first nodes.
        deadline: how long a run may take, in seconds or as text such as `"10m"`; see `start`.

    Raises:
        DesignError: no nodes are given, or the deadline is no duration.
    """
    if not to or not all(isinstance(node, str) for node in to):
        raise DesignError(f"begin{to!r}: give the names of the nodes that come first")
    return Begin(to=to, deadline=seconds(deadline))


def by_outcome(*, otherwise: str | Path, **to: str) -> Path:
    """Choose by the outcome's status, as in `by_outcome(done=END, otherwise="person")`.

    Raises:
        DesignError: a status does not exist.
    """
    if unknown := [status for status in to if status not in STATUSES]:
        raise DesignError(
            f"by_outcome({unknown[0]}=...): no such status; give {', '.join(STATUSES)}"
        )
    return Path(key="outcome", to=to, otherwise=otherwise)


def unless_ended(way: str | tuple[str, ...] | Path) -> Path:
    """Go on by `way`, but to `finish` where a graph within this one has ended the run.

    Its outcome is that of the whole run, unless it is `done`: what would come next must not act.
    """
    others = [status for status in STATUSES if status != "done"]
    return Path(key="outcome", to=dict.fromkeys(others, "finish"), otherwise=way)


def by_route(to: Mapping[str, str] | tuple[str, ...], *, otherwise: str | Path) -> Path:
    """Choose by the route that a router has written.

    Args:
        to: the node for each route; or a tuple of routes, each named as its node.
        otherwise: the node, or the path, for any other route.

    Raises:
        DesignError: `to` is a single name, which Python would take for its letters.
    """
    if isinstance(to, str):
        raise DesignError(f"by_route({to!r}): give a tuple of routes, ({to!r},)")
    mapping = dict(to) if isinstance(to, Mapping) else {route: route for route in to}
    return Path(key="route", to=mapping, otherwise=otherwise)


def by_failure(failed: str, *, otherwise: str | Path) -> Path:
    """Choose `failed` where this run has recorded a failure, else `otherwise`."""
    return Path(key="failure", to={"yes": failed}, otherwise=otherwise)


def by_plan(plan: str, *, otherwise: str | Path) -> Path:
    """Choose the planner named `plan` while its plan is under way, else `otherwise`."""
    return Path(key="plan", to={"yes": plan}, otherwise=otherwise)


def by_actions(proposed: str, *, otherwise: str | Path) -> Path:
    """Choose `proposed` where actions are proposed or approved, else `otherwise`."""
    return Path(key="actions", to={"yes": proposed}, otherwise=otherwise)

"""Routing: one choice among a closed set of targets, recorded, bounded, and able to abstain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.runnables import Runnable
from langgraph.types import Command

from quintet.errors import DesignError, UnknownRoute
from quintet.nodes.choosers.choose import Choice, Chooser, ask, bind, routes_of
from quintet.nodes.core.attempt import reckoned
from quintet.nodes.core.call import Logic
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.task import Task, current_task
from quintet.state.budget import RESOURCES, Budget, Spending, add_spending
from quintet.state.decision import Decision
from quintet.state.failure import Failure
from quintet.state.record import plain
from quintet.state.verdict import refuse_async


def text_of(state: Mapping[str, Any]) -> str:
    """What a router reads by default: the last message's text, else the `message` field.

    Raises:
        DesignError: the state has neither.
    """
    messages = state.get("messages")
    if messages:
        last = messages[-1]
        content = last.get("content", "") if isinstance(last, Mapping) else last.text
        return str(content)
    if "message" in state:
        return str(state["message"])
    raise DesignError(
        f"nothing to read: the state has neither 'messages' nor 'message' "
        f"(it has {', '.join(sorted(state)) or 'nothing'}); give read=..."
    )


HANDOFFS = 8
"""Handoffs of one run where the router's budget sets none."""


_SHARED = tuple(resource for resource in RESOURCES if resource != "handoffs")
"""What all workers together may use up."""


@dataclass(frozen=True, kw_only=True)
class Router(Node):
    """Choose the next node, and leave a record of the choice.

    Args:
        choose: a chooser: `by_rules`, `by_examples`, `by_model`, `cascade`, or any function of what
            the router reads that returns a `Choice`, a route's name, or None to abstain.
        to: the routes, each the name of a node; or a mapping of route to node.
        otherwise: the node to go to when the chooser abstains.
        read: what the chooser gets, from the state; by default the last message's text.
        budget: of the whole run, looked at whenever control comes by. After as many `handoffs` (8
            where none are given) only a route that this run has not taken yet may be; any other
            resource bounds what all workers together may spend.
        exhausted: the node to go to at a limit; by default `otherwise`.

    Raises:
        DesignError: no targets, a chooser that may name a route outside `to`, or an async `read`.
    """

    choose: Chooser
    to: tuple[str, ...] | Mapping[str, str]
    otherwise: str
    read: Callable[[Mapping[str, Any]], Any] = text_of
    budget: Budget = Budget(handoffs=HANDOFFS)
    exhausted: str = ""

    writes = frozenset({"route", "kept", "decisions", "failures", "spent", "run"})

    def __post_init__(self) -> None:
        if isinstance(self.to, str):
            raise DesignError(f"Router(to={self.to!r}): give a tuple of routes, ({self.to!r},)")
        if not self.to:
            raise DesignError("Router(to=()): give at least one route")
        if not callable(self.choose) and not isinstance(self.choose, Runnable):
            raise DesignError(f"Router(choose={self.choose!r:.60}): give a chooser or a function")
        refuse_async("Router(read=)", self.read)
        if not isinstance(self.budget, Budget):
            raise DesignError(f"Router(budget={self.budget!r:.60}): give a Budget")
        if self.budget.handoffs is None:  # a limit on tokens leaves the bound on loops as it is
            object.__setattr__(self, "budget", replace(self.budget, handoffs=HANDOFFS))
        object.__setattr__(self, "choose", bind(self.choose, self.routes))
        known = {*self.routes, self.otherwise}
        if unknown := [route for route in routes_of(self.choose) if route not in known]:
            raise DesignError(
                f"Router: its chooser may choose {', '.join(map(repr, unknown))}, which is not in "
                f"to=({', '.join(self.routes)}) nor otherwise={self.otherwise!r}; add the target "
                "or drop the rule"
            )

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes that may be chosen."""
        return tuple(self.to)

    @property
    def targets(self) -> dict[str, str]:
        """The total map of route to node, `otherwise` included."""
        given = self.to if isinstance(self.to, Mapping) else {route: route for route in self.to}
        return {**given, self.otherwise: self.otherwise}

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Every node that it may go to."""
        ends = [*self.targets.values(), *((self.exhausted,) if self.exhausted else ())]
        return tuple(dict.fromkeys(ends))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Choose and go; abstaining goes to `otherwise`, a reached limit to `exhausted`."""
        here = current_task("router")
        so_far = cast(Spending, state.get("spent") or {})
        if (reached := self.budget.over(so_far, of=_SHARED)) is not None:
            return self._stop(here, state, reached)
        given = self.read(state)
        choice, spent = yield from reckoned(here, ask(self.choose, given))
        if choice is None:
            choice = Choice(to=self.otherwise, reason="the chooser abstained", who="otherwise")
        node = self.targets.get(choice.to)
        if node is None:
            raise UnknownRoute(
                f"{here.node}: {choice.who or 'the chooser'} chose {choice.to!r}, which is not a "
                f"route; give one of {', '.join(self.targets)}"
            )
        taken = f"{here.path} -> {choice.to}"
        if kept(state, "taken").get(taken) or self.budget.handoffs == 0:
            reached = self.budget.over(so_far, of=("handoffs",))
            if reached is not None:
                return self._stop(here, state, reached)
        decision = Decision(
            kind="route",
            node=here.node,
            choice=choice.to,
            reason=choice.reason,
            by=choice.by,
            who=choice.who,
            confidence=choice.confidence,
            candidates=choice.candidates or tuple(self.targets),
            seen=one_line(given),
        )
        update = {
            "route": choice.to,
            "kept": keep("taken", taken, True),
            "decisions": [plain(decision)],
            "spent": add_spending(spent, {"handoffs": 1}),
        }
        return Command(goto=node, update=update)

    def _stop(self, here: Task, state: Mapping[str, Any], reached: str) -> Command[str]:
        path = path_of(state.get("decisions") or ())
        loops = reached.startswith("handoffs")
        failure = Failure(
            node=here.node,
            kind="permanent",
            error="HandoffLoop" if loops else "BudgetExhausted",
            message=f"{here.node}: {reached}" + (f": {' -> '.join(path)}" if path else ""),
        )
        target = self.exhausted or self.otherwise
        decision = Decision(
            kind="escalation",
            node=here.node,
            choice=target,
            reason=failure.message,
            candidates=tuple(self.targets),
        )
        update = {"failures": [plain(failure)], "decisions": [plain(decision)]}
        return Command(goto=target, update=update)


def path_of(decisions: Any) -> list[str]:
    """The nodes that control passed to, in order, from the records of routes and handoffs."""
    return [d["choice"] for d in decisions if d["kind"] in ("route", "handoff")]

"""Route to one of a closed set of nodes, with a record, a limit, and the choice to abstain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.runnables import Runnable
from langgraph.types import Command

from quintet.errors import DesignError, UnknownRoute
from quintet.nodes.choosers.choose import Choice, Chooser, among, ask, bind, routes_of
from quintet.nodes.choosers.reply import Reply
from quintet.nodes.choosers.request import text_in, text_of_message
from quintet.nodes.core.awaited import Awaited
from quintet.nodes.core.call import Logic
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.reckon import reckoned
from quintet.nodes.core.task import Task, current_task
from quintet.state.budget import REMEDIES, RESOURCES, Budget, Spending, add_spending
from quintet.state.deadline import deadline_of
from quintet.state.decision import Decision
from quintet.state.failure import Failure
from quintet.state.messages import Turns
from quintet.state.own import own
from quintet.state.record import plain
from quintet.state.run import run_of
from quintet.state.verdict import check_answers


def text_of(state: Mapping[str, Any]) -> str:
    """Give the text that a router reads by default: the last message's, else the `message` field.

    In a conversation that our nodes keep, `messages` are the turns before, and `message` is the one
    that begins the run.

    Raises:
        DesignError: the state has neither, or what it has is no message.
    """
    messages = state.get("messages")
    if messages and not (isinstance(messages, Turns) and "message" in state):
        return text_of_message(messages[-1])
    if "message" in state:
        return text_in(state["message"])
    raise DesignError(
        f"nothing to read: the state has neither 'messages' nor 'message' "
        f"(it has {', '.join(sorted(state)) or 'nothing'}); give read=..."
    )


HANDOFFS = 8
"""Handoffs of one run where the router's budget sets no limit."""


_SHARED = tuple(resource for resource in RESOURCES if resource != "handoffs")
"""The resources that all workers together may use up."""


@dataclass(frozen=True, kw_only=True)
class Router(Node):
    """Choose the next node, and leave a record of the choice.

    Args:
        choose: a chooser: `by_rules`, `by_examples`, `by_descriptions`, `by_model`, `cascade`, or
            any function of the text that `read` gives. It returns a `Choice`, a route's name, or
            None to abstain.
        to: the routes, each the name of a node; or a mapping of route to node.
        otherwise: the node to go to when the chooser abstains.
        read: a function of the state that gives what the chooser reads; by default the last
            message's text.
        among: a function of the state that names the routes which are open at this moment, such as
            desks on duty; no other is chosen. By default all are.
        budget: the run's budget, checked at each visit. After `handoffs` (by default 8) only a
            route that this run has not taken yet is allowed; any other resource bounds what all
            workers together may spend.
        exhausted: the node to go to at a limit; by default `otherwise`.
        waits: the nodes that may ask the customer, as `create_handoff` fills them in. A message
            that follows a question goes to who has asked, unless it is a new request.
        new_request: a chooser that recognises a new request while somebody waits for an answer; by
            default `choose`. Where it abstains, or chooses who waits, the message is the answer.
            Both read a `Reply` then, a text that also knows the question.

    Raises:
        DesignError: no targets, a chooser that may name a route outside `to`, or an async `read`.
    """

    choose: Chooser
    to: tuple[str, ...] | Mapping[str, str]
    otherwise: str
    read: Callable[[Mapping[str, Any]], Any] = text_of
    among: Callable[[Mapping[str, Any]], Iterable[str]] | None = None
    budget: Budget = Budget(handoffs=HANDOFFS)
    exhausted: str = ""
    waits: tuple[str, ...] = ()
    new_request: Chooser | None = None

    writes = frozenset({"route", "kept", "decisions", "failures", "spent", "run"})

    def __post_init__(self) -> None:
        if isinstance(self.to, str):
            raise DesignError(f"Router(to={self.to!r}): give a tuple of routes, ({self.to!r},)")
        if not isinstance(self.to, Mapping):  # an iterator would be empty the second time
            object.__setattr__(self, "to", tuple(self.to))
        _check_targets(self.to, self.otherwise)
        for name, chooser in (("choose", self.choose), ("new_request", self.new_request)):
            absent = chooser is None and name == "new_request"
            if not (absent or callable(chooser) or isinstance(chooser, Runnable)):
                raise DesignError(f"Router({name}={chooser!r:.60}): give a chooser or a function")
        check_answers("Router(read=)", self.read)
        _check_among(self.among)
        if not isinstance(self.budget, Budget):
            raise DesignError(f"Router(budget={self.budget!r:.60}): give a Budget")
        if self.budget.handoffs is None:  # a limit on tokens leaves the bound on loops as it is
            object.__setattr__(self, "budget", replace(self.budget, handoffs=HANDOFFS))
        object.__setattr__(self, "choose", bind(self.choose, self.routes))
        if self.new_request is not None:
            object.__setattr__(self, "new_request", bind(self.new_request, self.routes))
        known = {*self.routes, self.otherwise}
        named = (*routes_of(self.choose), *routes_of(self.new_request or self.choose))
        if unknown := [route for route in dict.fromkeys(named) if route not in known]:
            raise DesignError(
                f"Router: its chooser may choose {', '.join(map(repr, unknown))}, which is not in "
                f"to=({', '.join(self.routes)}) nor otherwise={self.otherwise!r}; add the target "
                "or drop the rule"
            )

    @property
    def routes(self) -> tuple[str, ...]:
        """Name the routes that may be chosen."""
        return tuple(self.to)

    @property
    def targets(self) -> dict[str, str]:
        """Map each route to its node, `otherwise` included."""
        nodes = self.to if isinstance(self.to, Mapping) else {route: route for route in self.to}
        return {**nodes, self.otherwise: self.otherwise}

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name every node that it may go to."""
        ends = [*self.targets.values(), *((self.exhausted,) if self.exhausted else ())]
        return tuple(dict.fromkeys((*ends, *self.waits)))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Choose and go; abstaining goes to `otherwise`, a reached limit to `exhausted`."""
        task = current_task("router")
        so_far = cast(Spending, state.get("spent") or {})
        if (reached := self._used_up(state, so_far)) is not None:
            return self._stop(task, state, reached)
        text = own(self.read(state))
        awaited = Awaited.by(self.waits, task, state)
        chooser: Chooser = self.choose
        if awaited:
            chooser = self.new_request or self.choose
            if isinstance(text, str):
                text = Reply(text, awaited.text, ", ".join(awaited.nodes))
        chooser = self._open(task, chooser, state)
        choice, spent = yield from reckoned(task, ask(chooser, text), run_of(state), self.budget)
        goto: Any = None
        if awaited and (choice is None or self.targets.get(choice.to) in awaited.nodes):
            choice, goto = self._answers(awaited), awaited.goto(state)
        elif choice is None:
            choice = Choice(to=self.otherwise, reason="the chooser abstained", who="otherwise")
        elif awaited:
            others = f"a new request, while {', '.join(awaited.nodes)} waits for an answer"
            choice = replace(choice, reason=f"{choice.reason} ({others})")
        if goto is None and (goto := self.targets.get(choice.to)) is None:
            raise UnknownRoute(
                f"{task.node}: {choice.who or 'the chooser'} chose {choice.to!r}, which is not a "
                f"route; give one of {', '.join(self.targets)}"
            )
        taken = f"{task.path} -> {choice.to}"
        # A first visit to a route is always allowed: only loops use handoffs up.
        if kept(state, "taken").get(taken) or self.budget.handoffs == 0:
            reached = self.budget.over(so_far, of=("handoffs",))
            if reached is not None:
                return self._stop(task, state, reached)
        update = {
            "route": choice.to,
            "kept": keep("taken", taken, True) | self._held(task),
            "decisions": [plain(self._record(task, choice, text))],
            "spent": add_spending(spent, {"handoffs": 1}),
        }
        return Command(goto=goto, update=update)

    def _open(self, task: Task, chooser: Chooser, state: Mapping[str, Any]) -> Chooser:
        """Hold a chooser to the routes that are open at this moment.

        Raises:
            UnknownRoute: `among` names what is no route, or gives no names.
        """
        if self.among is None:
            return chooser
        named = self.among(state)
        if isinstance(named, Mapping) or not isinstance(named, Iterable):
            raise UnknownRoute(
                f"{task.node}: among= gives {named!r:.60}; give the names of the open routes"
            )
        routes = (named,) if isinstance(named, str) else tuple(named)
        if odd := [one for one in routes if not isinstance(one, str) or one not in self.targets]:
            raise UnknownRoute(
                f"{task.node}: among= names {odd[0]!r}, which is not a route; give some of "
                f"{', '.join(self.routes)}"
            )
        return among(chooser, routes)

    def _held(self, task: Task) -> dict[str, Any]:
        """Note for the workers what their models must tell, where a limit would wait for it."""
        held = self.budget.held(task.node)
        return keep("held", task.path, held) if held else {}

    def _answers(self, awaited: Awaited) -> Choice:
        """Give the choice of who waits for the customer's message."""
        node = awaited.nodes[0]
        route = next((route for route, to in self.targets.items() if to == node), node)
        reason = f"it answers what {', '.join(awaited.nodes)} asked: {one_line(awaited.text)!r}"
        return Choice(to=route, reason=reason, who="asked", candidates=awaited.nodes)

    def _record(self, task: Task, choice: Choice, text: Any) -> Decision:
        return Decision(
            kind="route",
            node=task.node,
            choice=choice.to,
            reason=choice.reason,
            by=choice.by,
            who=choice.who,
            confidence=choice.confidence,
            candidates=choice.candidates or tuple(self.targets),
            seen=one_line(text),
        )

    def _used_up(self, state: Mapping[str, Any], so_far: Spending) -> str | None:
        """Say what is used up: the run's time, or what all workers together may spend.

        Raises:
            DesignError: models ran before that did not tell what they took of what is limited.
        """
        # Of money no call without a price is counted: where none has one, no limit would hold.
        if self.budget.money is not None and "tokens" in so_far and "money" not in so_far:
            raise DesignError(
                f"Budget(money={self.budget.money!r}): none of the run's model calls so far told "
                f"what they have spent; {REMEDIES['money']}, or limit steps= in its place"
            )
        deadline = deadline_of(run_of(state))
        late = None if deadline is None else deadline.passed
        return late or self.budget.over(so_far, of=_SHARED)

    def _stop(self, task: Task, state: Mapping[str, Any], reached: str) -> Command[str]:
        path = path_of(state.get("decisions") or ())
        loops = reached.startswith("handoffs")
        failure = Failure(
            node=task.node,
            kind="permanent",
            error="HandoffLoop" if loops else "BudgetExhausted",
            message=f"{task.node}: {reached}" + (f": {' -> '.join(path)}" if path else ""),
        )
        target = self.exhausted or self.otherwise
        decision = Decision(
            kind="escalation",
            node=task.node,
            choice=target,
            reason=failure.message,
            candidates=tuple(self.targets),
        )
        update = {"failures": [plain(failure)], "decisions": [plain(decision)]}
        return Command(goto=target, update=update)


def _check_targets(to: tuple[str, ...] | Mapping[str, str], otherwise: str) -> None:
    """Refuse no routes, and what names no node."""
    if not to:
        raise DesignError("Router(to=()): give at least one route")
    nodes = to.values() if isinstance(to, Mapping) else to
    for name, node in [("to", node) for node in nodes] + [("otherwise", otherwise)]:
        if not isinstance(node, str) or not node:
            raise DesignError(f"Router({name}=): {node!r:.60} is no node; give its name")


def _check_among(among: Any) -> None:
    """Refuse what is no plain function of the state."""
    if among is not None and not callable(among):
        raise DesignError(f"Router(among={among!r:.60}): give a function of the state")
    if among is not None:
        check_answers("Router(among=)", among)


def path_of(decisions: Any) -> list[str]:
    """Name the nodes that control passed to, in order, by the records of routes and handoffs."""
    return [d["choice"] for d in decisions if d["kind"] in ("route", "handoff")]

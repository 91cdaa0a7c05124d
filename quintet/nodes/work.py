"""Work: any agent under a contract, checked before dispatch, while it works, and on return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.errors import GraphBubbleUp, is_invalid_resume
from langgraph.types import Command, Send

from quintet.nodes.agents import consult
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.chat import Handoff
from quintet.nodes.classify import classify
from quintet.nodes.dispatch import Dispatch, Price, begin, end, under
from quintet.nodes.effect import Effect
from quintet.nodes.meter import metered
from quintet.nodes.node import Node, Place, Steps, place
from quintet.nodes.route import path_of
from quintet.state.action import Action
from quintet.state.budget import add_spending
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.errors import ContractBroken, DesignError, HandoffLoop, PersonNeeded
from quintet.state.failure import Failure, StepFailed
from quintet.state.record import plain

HANDOFFS = 8
"""Handoffs of one run where the contract's budget sets no limit."""


@dataclass(frozen=True, kw_only=True)
class Worker(Node):
    """An agent under a contract.

    The agent is a function of the request (and, if it takes a second argument, of its tools), a
    runnable, a compiled graph, a `create_agent` graph, or a chat model, which then gets the
    contract's tools in a loop. It is given what the contract names and nothing else.

    Args:
        agent: who does the work.
        contract: what goes in, what must come out, which tools, which budget.
        read: the context that `needs` is taken from; by default the state and the results so far
            by their names; for a plan's step, its inputs and the results that it waits for.
        gate: effects that this gate wants a person for are proposed instead of run.
        then: the node to go to next; empty where the graph's edges say.
        handoffs: the nodes that the agent may pass control to; needs `then`.
        price: what a model's message has cost; needed where the contract limits money.

    Raises:
        DesignError: handoffs without `then`, or a limit on money without a price.
    """

    agent: Any
    contract: Contract
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    gate: ApprovalGate | None = None
    then: str = ""
    handoffs: tuple[str, ...] = ()
    price: Price | None = None

    writes = frozenset({"results", "actions", "spent", "decisions"})

    def __post_init__(self) -> None:
        if self.handoffs and not self.then:
            raise DesignError(
                f"Worker(handoffs={self.handoffs!r}): give then=... too; a node with handoffs says "
                "itself where it goes, since LangGraph would follow a static edge as well"
            )

        if self.contract.stop.money is not None and self.price is None:
            raise DesignError(
                f"Worker: contract {self.contract.goal!r} limits money, but nothing says what a "
                "message costs; give price=per_million(input=..., output=...)"
            )

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Where it may go by `Command`; empty where it follows the graph's edges."""
        return tuple(dict.fromkeys((self.then, *self.handoffs))) if self.then else ()

    @property
    def effects(self) -> tuple[Effect, ...]:  # type: ignore[override]
        """The effects among its contract's tools."""
        return tuple(tool for tool in self.contract.tools if isinstance(tool, Effect))

    def steps(self, state: Mapping[str, Any]) -> Steps[Any]:
        """Dispatch, watch, check, and put the result into the state."""
        step = state.get("step") or {}
        here = place("work")
        request = None
        dispatch = begin(
            Dispatch(
                place=here,
                allowed=self.contract.allowed,
                budget=self.contract.stop,
                wants=self.gate.wants if self.gate is not None else None,
                known=state.get("actions") or {},
                behalf=state.get("behalf", ""),
                price=self.price,
            )
        )
        try:
            request = self.contract.request(self._context(state, step))
            with under(dispatch):
                answer = yield from consult(
                    self.agent,
                    self.contract,
                    request,
                    dispatch,
                    metered(dispatch),
                    self.handoffs,
                )
            if isinstance(answer, Handoff):
                update, target = self._hand_over(answer, here, state)
            else:
                result = self._accept(request, answer, tuple(dispatch.actions.values()))
                update, target = {"results": {step.get("id") or here.node: plain(result)}}, ""
        except GraphBubbleUp:
            raise
        except Exception as problem:
            if is_invalid_resume(problem):
                raise
            raise _failed(here, str(step.get("id", "")), dispatch, problem) from problem
        end(dispatch)
        update = _together(update, dispatch)
        if not self.then:
            return update
        # A plan's step goes back to its planner, and takes itself along where it is handed on.
        back = step.get("planner") or self.then
        goto = Send(target, _handed_on(state, update)) if target and step else target or back
        return Command(goto=goto, update=update)

    def _context(self, state: Mapping[str, Any], step: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.read is not None:
            return self.read(state)
        results = state.get("results") or {}
        if not step:
            return {**results, **state}
        needed = {name: results[name] for name in step.get("after", ()) if name in results}
        return {**state, **needed, **step.get("inputs", {}), "goal": step.get("goal", "")}

    def _accept(self, request: Any, answer: Any, actions: tuple[Action, ...]) -> Any:
        result = self.contract.result(answer)
        if why := self.contract.escalation(request, result, actions):
            raise PersonNeeded(f"contract {self.contract.goal!r}: {why}")
        if unmet := self.contract.unmet(request, result, actions):
            raise ContractBroken(
                f"contract {self.contract.goal!r} is not met: {'; '.join(unmet)} "
                f"(result {result!r:.120})",
                side="gives",
            )
        return result

    def _hand_over(
        self, handoff: Handoff, here: Place, state: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str]:
        if handoff.to not in self.handoffs:
            raise ContractBroken(
                f"{here.node} may not hand off to {handoff.to!r}; it may to "
                f"{', '.join(self.handoffs) or 'nobody'}"
            )
        limit = self.contract.stop.handoffs
        so_far = (state.get("spent") or {}).get("handoffs", 0)
        if so_far >= (HANDOFFS if limit is None else limit):
            path = [*path_of(state.get("decisions") or ()), handoff.to]
            raise HandoffLoop(f"control was passed on {so_far} times: {' -> '.join(path)}")
        decision = Decision(
            kind="handoff",
            node=here.node,
            choice=handoff.to,
            reason=handoff.reason or "the agent handed off",
            by="model",
            candidates=self.handoffs,
        )
        return {"decisions": [plain(decision)], "spent": {"handoffs": 1}}, handoff.to


@dataclass(frozen=True, kw_only=True)
class PerMillion:
    """A price by tokens. Made by `per_million`."""

    input: float
    output: float

    def __call__(self, message: BaseMessage) -> float:
        """What a model's message has cost, by its usage metadata."""
        usage = getattr(message, "usage_metadata", None) or {}
        into, out = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        return float(into * self.input + out * self.output) / 1e6


def per_million(*, input: float, output: float) -> PerMillion:
    """A price for `Worker(price=)`: your currency for a million input and output tokens."""
    return PerMillion(input=input, output=output)


def _handed_on(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """What the next node of a plan's step is sent: the step, and the handoffs so far."""
    return {
        **state,
        "decisions": [*(state.get("decisions") or ()), *update["decisions"]],
        "spent": add_spending(state.get("spent"), update["spent"]),
    }


def _failed(here: Place, step: str, dispatch: Dispatch, problem: Exception) -> StepFailed:
    """The failure with its class, its attempts, and what was spent and done until then."""
    inner = problem.failure if isinstance(problem, StepFailed) else None
    failure = Failure(
        node=here.node,
        kind=classify(problem),
        error=type(problem).__name__ if inner is None else inner.error,
        message=str(problem)[:500],
        step=step,
        attempts=here.attempt,
    )
    return StepFailed(failure, dispatch.update(failed=True))


def _together(update: dict[str, Any], dispatch: Dispatch) -> dict[str, Any]:
    """The result's update, with what was spent and done, and a record of each."""
    done = dispatch.update()
    spent = add_spending(done["spent"], update.get("spent", {}))
    records = [*update.get("decisions", ()), *done.get("decisions", ())]
    return {**update, **done, "spent": spent, **({"decisions": records} if records else {})}

"""Run any agent under a contract, checked before it starts, while it works, and on return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand, is_invalid_resume
from langgraph.types import Command, Send

from quintet.errors import ContractBroken, DesignError, HandoffLoop, PersonNeeded
from quintet.nodes.agents.call import call_agent, check_agent, is_model
from quintet.nodes.agents.chat import Conversation, Handoff
from quintet.nodes.agents.meter import metered
from quintet.nodes.agents.toolbox import check_tools
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.branch import Branch
from quintet.nodes.core.actions import as_update, from_state, with_update
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.breaker import Breaker, check_breaker
from quintet.nodes.core.call import Logic
from quintet.nodes.core.did import with_effects
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import Node, failure_of
from quintet.nodes.core.pool import pools_of, within
from quintet.nodes.core.price import Price
from quintet.nodes.core.reckon import refuse_costly
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.effect import Effect
from quintet.nodes.route import path_of
from quintet.state.budget import Spending, add_spending
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.failure import StepFailed
from quintet.state.record import plain
from quintet.state.run import run_of
from quintet.state.verdict import name_of, refuse_async

HANDOFFS = 8
"""Handoffs of one run where the contract's budget sets no limit."""

PAUSES = 25
"""Pauses for a person that one piece of work may make after it has done something."""


@dataclass(frozen=True, kw_only=True)
class Worker(Node):
    """Run an agent under a contract.

    The agent is a function of the request, a runnable, a compiled graph, a `create_agent` graph, or
    a chat model, which then gets the contract's tools in a loop. A function may also take `tools`,
    and LangGraph's `config` or `runtime`. The agent gets what the contract names and nothing else.

    An agent may ask a person by LangGraph's `interrupt`. Where `then` is given, the worker keeps
    what the agent has done until then, and a chat model's conversation, and goes on from there.

    Args:
        agent: who does the work.
        contract: what goes in, what must come out, which tools, which budget.
        read: a function of the state that gives the context from which the contract's `needs` are
            taken; by default the state and the results so far by their names; for a plan's step,
            its inputs and the results that it waits for.
        gate: effects that this gate wants a person for are proposed instead of run.
        then: the node to go to next, or a function of the state that names it; empty where the
            graph's edges say.
        handoffs: the nodes that the agent may pass control to; needs `then`.
        price: what a model's message has cost; needed where the contract limits money.
        breaker: refuses the agent for a while once it has failed too often.
        branch: its part in a fan-out; filled in by `create_parallel`.

    Raises:
        DesignError: an agent that is none, or that holds a raw function in place of an effect;
            handoffs without `then`; a limit on money without a price; a gate's condition that none
            of the effects fits.
    """

    agent: Any
    contract: Contract
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    gate: ApprovalGate | None = None
    then: Any = ""
    handoffs: tuple[str, ...] = ()
    price: Price | None = None
    breaker: Breaker | None = None
    branch: Branch | None = None

    writes = frozenset({"results", "actions", "spent", "decisions", "kept", "run"})

    def __post_init__(self) -> None:
        if not isinstance(self.contract, Contract):
            raise DesignError(f"Worker(contract={self.contract!r:.60}): give a Contract")
        if isinstance(self.handoffs, str):
            raise DesignError(
                f"Worker(handoffs={self.handoffs!r}): give a tuple of names, ({self.handoffs!r},)"
            )
        if not isinstance(self.then, str) and not (
            callable(self.then) and hasattr(self.then, "targets")
        ):
            raise DesignError(
                f"Worker(then={self.then!r:.60}): give a node's name, or a path such as "
                "by_actions(...), which says what it may name"
            )
        if self.handoffs and not self.then:
            raise DesignError(
                f"Worker(handoffs={self.handoffs!r}): give then=... too; a node with handoffs says "
                "itself where it goes, since LangGraph would follow a static edge as well"
            )
        refuse_async("Worker(read=)", self.read)
        refuse_async("Worker(price=)", self.price)
        check_breaker("Worker", self.breaker, named=True)
        check_agent(self.agent, self.contract)
        if is_model(self.agent):
            check_tools(self.contract, self.handoffs)
        if self.contract.budget.money is not None and self.price is None:
            raise DesignError(
                f"Worker: contract {self.contract.goal!r} limits money, but nothing says what a "
                "message costs; give price=per_million(input=..., output=...)"
            )
        if self.gate is not None:
            self.gate.check_fits(self.gate.effects or self.effects)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the nodes that it may go to by `Command`; empty where it follows the edges."""
        if not self.then:
            return ()
        ends = (self.then,) if isinstance(self.then, str) else tuple(self.then.targets)
        return tuple(dict.fromkeys((*ends, *self.handoffs)))

    @property
    def effects(self) -> tuple[Effect, ...]:  # type: ignore[override]
        """Give the effects among its contract's tools."""
        return tuple(tool for tool in self.contract.tools if isinstance(tool, Effect))

    def logic(self, state: Mapping[str, Any]) -> Logic[Any]:
        """Call the agent, watch and check it, and put its result into the state."""
        work = _Work(worker=self, state=state, task=current_task("work"))
        if self.branch is None:
            return (yield from work.logic())
        seat = self.branch.seat(work.task, state, goes=bool(self.then))
        work.attempt.cut = seat.cut
        return (yield from seat.work(work.logic()))


@dataclass(kw_only=True)
class _Work:
    """Do one visit of a worker, from its start or from where it paused."""

    worker: Worker
    state: Mapping[str, Any]
    task: Task

    def __post_init__(self) -> None:
        contract, gate = self.worker.contract, self.worker.gate
        self.step = SentStep.of(self.state)
        pools = pools_of(self.step.record)
        self.kept: Mapping[str, Any] = kept(self.state, "paused").get(self.slot, {})
        self.attempt = Attempt(
            task=self.task,
            allowed=contract.allowed,
            budget=within(contract.budget, pools),
            pools=pools,
            wants=None if gate is None else gate.wants,
            gate="" if gate is None else gate.name,
            known=self.state.get("actions") or {},
            behalf=self.state.get("behalf", ""),
            run=run_of(self.state),
            price=self.worker.price,
            before=self.kept.get("spent", {}),
            actions=from_state(self.kept.get("actions", {})),
        )
        self.talk = Conversation.from_data(self.kept.get("messages"), self.worker.handoffs)

    @property
    def slot(self) -> str:
        """Name this piece of work among others: by its node, and the step that it was sent."""
        return f"{self.task.path}:{self.step.id}" if self.step.id else self.task.path

    def logic(self) -> Logic[Any]:
        """Do the work; however it ends, hand on what was done."""
        progress = self._progress
        try:
            with self.attempt:
                yield from self.attempt.recall()
                request, answer = yield from self._consult()
                self.attempt.end("its agent had answered")
                update, target = self._taken(request, answer)
        except GraphInterrupt:
            # The question may go up where nothing would be lost: LangGraph keeps nothing of a node
            # that asks, but keeps an agent graph at the place where it asks.
            if self._progress == progress or self._is_graph or self._is_in_journal:
                raise
            return self._paused()
        except ParentCommand as leaving:
            update, target = self._left(leaving.args[0])
        except GraphBubbleUp:
            raise
        except Exception as problem:
            if is_invalid_resume(problem):  # LangGraph's refusal of an answer; the question stays
                raise
            yield from self.attempt.written(all=True)
            raise self._failed(problem) from problem
        return self._on(self._together(update), target)

    def _consult(self) -> Logic[tuple[Any, Any]]:
        worker, contract, attempt = self.worker, self.worker.contract, self.attempt
        read = worker.read
        context = self.step.context(self.state) if read is None else _context_of(read, self.state)
        needs = (*contract.required, *contract.optional)
        context = yield from with_effects(context, needs, self.state, self.task)
        request = contract.request(context)
        logic = call_agent(worker.agent, contract, request, attempt, metered(attempt), self.talk)
        if worker.breaker is not None:
            logic = worker.breaker.guarded(self.task.node, attempt.place.journal, logic)
        answer = yield from logic
        if attempt.budget.limited:
            refuse_costly(attempt, attempt.budget)
        return request, answer

    @property
    def _is_graph(self) -> bool:
        return isinstance(self.worker.agent, Runnable) and not is_model(self.worker.agent)

    @property
    def _progress(self) -> tuple[int, int]:
        """Count the actions and messages that must not be lost when the agent pauses."""
        return len(self.attempt.actions), len(self.talk.messages)

    @property
    def _is_in_journal(self) -> bool:
        """Say whether the same task finds in the journal all that it has done, when it is run anew.

        So a worker that follows the graph's edges may wait, and an agent that is a function is
        called anew with the answer.
        """
        if self.worker.then or self.talk.messages or not self.attempt.place.shared:
            return False
        return not any(a.status == "proposed" for a in self.attempt.actions.values())

    def _taken(self, request: Any, answer: Any) -> tuple[dict[str, Any], str]:
        """Check the agent's answer; give the state update, and the node of a handoff or ''."""
        if isinstance(answer, Handoff):
            return self._hand_over(answer)
        result = plain(self._accepted(request, answer))
        update: dict[str, Any] = {"results": self.step.result(self.task.node, result)}
        if left_out := self.worker.contract.left_out(answer):
            record = Decision(
                kind="contract",
                node=self.task.node,
                choice="left out",
                reason=f"{', '.join(left_out)}: the contract does not give it",
            )
            update["decisions"] = [plain(record)]
        return update, ""

    def _accepted(self, request: Any, answer: Any) -> Any:
        contract, actions = self.worker.contract, tuple(self.attempt.actions.values())
        result = contract.result(answer)
        if why := contract.escalation(request, result, actions):
            raise PersonNeeded(f"contract {contract.goal!r}: {why}")
        if unmet := contract.unmet(request, result, actions):
            raise ContractBroken(
                f"contract {contract.goal!r} is not met: {'; '.join(unmet)} "
                f"(result {result!r:.120})",
                side="gives",
            )
        return result

    def _hand_over(self, handoff: Handoff) -> tuple[dict[str, Any], str]:
        allowed, state = self.worker.handoffs, self.state
        if handoff.to not in allowed:
            raise ContractBroken(
                f"{self.task.node} may not hand off to {handoff.to!r}; it may to "
                f"{', '.join(allowed) or 'nobody'}: name it in Worker(handoffs=...)"
            )
        limit = self.worker.contract.budget.handoffs
        so_far = (state.get("spent") or {}).get("handoffs", 0)
        if so_far >= (HANDOFFS if limit is None else limit):
            path = [*path_of(state.get("decisions") or ()), handoff.to]
            raise HandoffLoop(f"control was passed on {so_far} times: {' -> '.join(path)}")
        decision = Decision(
            kind="handoff",
            node=self.task.node,
            choice=handoff.to,
            reason=handoff.reason or "the agent handed off",
            by="model",
            candidates=allowed,
        )
        return {"decisions": [plain(decision)], "spent": {"handoffs": 1}}, handoff.to

    def _left(self, command: Command[Any]) -> tuple[dict[str, Any], str]:
        """Take a `Command` to the parent graph, by which LangGraph's own agents hand over."""
        try:
            if not isinstance(command.goto, str):
                raise ContractBroken(
                    f"{self.task.node}: the agent left by {command!r:.80}; a worker passes control "
                    "on to one node of its handoffs"
                )
            update, target = self._hand_over(Handoff(to=command.goto, reason="by a Command"))
        except ContractBroken as problem:
            raise self._failed(problem) from problem
        theirs = command.update if isinstance(command.update, dict | list | tuple) else {}
        return {**dict(theirs), **update}, target

    def _paused(self) -> Command[Any]:
        """Put what was done into the state, and come back to ask.

        LangGraph keeps nothing of a node that asks but its question, so on the next visit nothing
        stands before the question that is not in the state.
        """
        times = int(self.kept.get("times", 0)) + 1
        if not self.worker.then or times > PAUSES:
            raise self._failed(self._cannot_wait(times))
        update = self.attempt.update()
        spent = add_spending(self.attempt.before, update["spent"])
        record = {
            "actions": as_update(self.attempt.actions.values()),
            "messages": self.talk.as_data(),
            "spent": spent,
            "times": times,
        }
        update["kept"] = keep("paused", self.slot, plain(record))
        update["kept"] |= self.step.ended({"status": "moved", "to": self.task.node})
        return Command(goto=self._again(update), update=update)

    def _cannot_wait(self, times: int) -> Exception:
        done = ", ".join(str(action) for action in self.attempt.actions.values())
        deeds = f"has done or proposed {done}" if done else "was in the middle of its work"
        if times > PAUSES:
            return ContractBroken(
                f"{self.task.node} {deeds}, and has paused {PAUSES} times already"
            )
        return DesignError(
            f"{self.task.node} {deeds} and then asks a person, and nothing would keep that over "
            "the answer: give Worker(then=...), so that it says itself where it goes, in place of "
            "an edge; or ask first"
        )

    def _again(self, update: Mapping[str, Any]) -> Any:
        """Give the way back to this node, with the state that was sent to it."""
        # A state without `results` was sent by a `Send` of the user's own: it is sent once more.
        if not self.step and "results" in self.state:
            return self.task.node
        return Send(self.task.node, {**self.state, "kept": update["kept"]})

    def _on(self, update: dict[str, Any], target: str) -> Any:
        """Go on: along the graph's edges, or to the node that this worker names."""
        end = {"status": "moved", "to": target} if target else {"status": "done"}
        if note := self.step.ended(end):
            update["kept"] = {**update.get("kept", {}), **note}
        then = self.worker.then
        if not then:
            return update
        if target:
            goto = self.step.forward(target, _handed_on(self.state, update))
            return Command(goto=goto, update=update)
        if self.step.planner:
            target = self.step.planner
        else:
            target = then if isinstance(then, str) else then(with_update(self.state, update))
        return Command(goto=target, update=update)

    def _together(self, update: dict[str, Any]) -> dict[str, Any]:
        """Join the result, the spending, the actions and their records into one state update."""
        attempt = self.attempt.update()
        spent = add_spending(attempt["spent"], update.get("spent", {}))
        records = [*update.get("decisions", ()), *attempt.get("decisions", ())]
        whole = {**update, **attempt, "spent": spent, **({"decisions": records} if records else {})}
        if self.kept:
            whole["kept"] = keep("paused", self.slot, None)
        return whole

    def _failed(self, problem: Exception) -> StepFailed:
        """Give the failure with its class, its attempts, and what was spent and done by then."""
        failure = failure_of(problem, self.task, step=self.step.id)
        update = self.attempt.update(failed=True)
        if self.kept:
            update["kept"] = keep("paused", self.slot, None)
        return StepFailed(failure, update)


def _context_of(read: Callable[..., Any], state: Mapping[str, Any]) -> Mapping[str, Any]:
    context = read(state)
    if not isinstance(context, Mapping):
        raise ContractBroken(
            f"Worker(read=): {name_of(read)} returned {context!r:.60}, which is no dict",
            side="needs",
        )
    return context


def _handed_on(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Give the state that a handoff takes along for a plan's step, with the handoffs so far."""
    spent: Spending = add_spending(state.get("spent"), update["spent"])
    return {
        **state,
        "decisions": [*(state.get("decisions") or ()), *update["decisions"]],
        "spent": spent,
    }

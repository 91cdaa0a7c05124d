"""Run any agent under a contract, checked before it starts, while it works, and on return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import messages_from_dict
from langchain_core.runnables import Runnable
from langgraph.errors import GraphBubbleUp, GraphInterrupt, ParentCommand, is_invalid_resume
from langgraph.types import Command, Send

from quintet.errors import ContractBroken, DesignError, HandoffLoop, PersonNeeded
from quintet.nodes.agents.call import call_agent, check_agent, is_model
from quintet.nodes.agents.chat import Conversation, Handoff, Question
from quintet.nodes.agents.meter import metered
from quintet.nodes.agents.passing import Handoffs, Passing, receivers_of
from quintet.nodes.agents.toolbox import Transfer, check_tools
from quintet.nodes.approve import ApprovalGate
from quintet.nodes.branch import Branch
from quintet.nodes.core.actions import as_update, from_state, with_update
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.breaker import Breaker, check_breaker
from quintet.nodes.core.call import Logic
from quintet.nodes.core.did import with_effects
from quintet.nodes.core.handed import Handed, slot_of
from quintet.nodes.core.kept import held_in, keep, kept
from quintet.nodes.core.node import Node, failure_of
from quintet.nodes.core.pool import pools_of, within
from quintet.nodes.core.price import Price
from quintet.nodes.core.reckon import refuse_costly
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.way import check_way
from quintet.nodes.effect import Effect
from quintet.state.budget import Spending, add_spending
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.failure import StepFailed
from quintet.state.record import plain
from quintet.state.run import run_of
from quintet.state.verdict import check_answers

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
        handoffs: the nodes that the agent may pass control to; needs `then`. As a mapping of names
            to the contracts of those who take over, a handoff is refused before it is dispatched
            where the receiver would lack something, and a payload may go with it.
        asked: the node to go to once the agent has asked the customer, or a function as `then`.
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
    handoffs: Handoffs = ()
    asked: Any = "finish"
    price: Price | None = None
    breaker: Breaker | None = None
    branch: Branch | None = None

    writes = frozenset({"results", "actions", "spent", "decisions", "kept", "run"})

    def __post_init__(self) -> None:
        if not isinstance(self.contract, Contract):
            raise DesignError(f"Worker(contract={self.contract!r:.60}): give a Contract")
        receivers_of(self.handoffs)
        check_way("Worker(then", self.then)
        check_way("Worker(asked", self.asked)
        if self.handoffs and not self.then:
            raise DesignError(
                f"Worker(handoffs={self.handoffs!r}): give then=... too; a node with handoffs says "
                "itself where it goes, since LangGraph would follow a static edge as well"
            )
        check_answers("Worker(read=)", self.read)
        check_answers("Worker(price=)", self.price)
        check_breaker("Worker", self.breaker, named=True)
        check_agent(self.agent, self.contract)
        if is_model(self.agent):
            check_tools(self.contract, tuple(self.handoffs))
        if self.contract.budget.money is not None and self.price is None:
            raise DesignError(
                f"Worker: contract {self.contract.goal!r} limits money, but nothing says what a "
                "message costs; give price=per_million(input=..., output=...)"
            )
        if self.contract.questions:
            object.__setattr__(self, "writes", Worker.writes | {"questions"})
        if self.gate is not None:
            self.gate.check_fits(self.gate.effects or self.effects)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the nodes that it may go to by `Command`; empty where it follows the edges."""
        if not self.then:
            return ()
        asks = _targets(self.asked) if self.contract.questions else ()
        return tuple(dict.fromkeys((*_targets(self.then), *self.handoffs, *asks)))

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
        self.slot = slot_of(self.task, self.step)
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
            held=held_in(self.state, self.step.record),
            before=self.kept.get("spent", {}),
            actions=from_state(self.kept.get("actions", {})),
        )
        self.handed = Handed.to(self.slot, self.state)
        self.passing = Passing(
            receivers=receivers_of(self.worker.handoffs),
            contract=contract,
            state=self.state,
            task=self.task,
            step=self.step,
            slot=self.slot,
            handed=self.handed,
        )
        self.talk = Conversation(
            transfers=tuple(Transfer(to=to) for to in self.passing.receivers),
            check=self.passing.check,
            open=self.passing.within,
            messages=messages_from_dict(self.kept.get("messages") or []),
        )
        self.message, self.asks = "", False

    def logic(self) -> Logic[Any]:
        """Do the work; however it ends, hand on what was done."""
        progress = self._progress
        try:
            with self.attempt:
                yield from self.attempt.recall()
                request, answer = yield from self._consult()
                self.attempt.end("its agent had answered")
                update, goto = self._taken(request, answer)
        except GraphInterrupt:
            # The question may go up where nothing would be lost: LangGraph keeps nothing of a node
            # that asks, but keeps an agent graph at the place where it asks.
            if self._progress == progress or self._is_graph or self._is_in_journal:
                raise
            return self._paused()
        except ParentCommand as leaving:
            return self._left(leaving.args[0])
        except GraphBubbleUp:
            raise
        except Exception as problem:
            if is_invalid_resume(problem):  # LangGraph's refusal of an answer; the question stays
                raise
            yield from self.attempt.written(all=True)
            raise self._failed(problem) from problem
        return self._on(self._together(update), goto)

    def _consult(self) -> Logic[tuple[Any, Any]]:
        worker, contract, attempt = self.worker, self.worker.contract, self.attempt
        context = self.handed.context(worker.read, self.state, self.step)
        needs = (*contract.required, *contract.optional)
        context = yield from with_effects(context, needs, self.state, self.task)
        self.message = str(context.get("message", ""))
        request = contract.request(context)
        if is_model(worker.agent):
            self.talk.transfers = self.passing.transfers
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
            return self.passing.hand_over(answer), answer.to
        if isinstance(answer, Question):
            self.asks = True
            return self.passing.ask(answer, self.message), ""
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

    def _left(self, command: Command[Any]) -> Any:
        """Take a `Command` to the parent graph, by which LangGraph's own agents hand over."""
        theirs = command.update if isinstance(command.update, dict | list | tuple) else {}
        try:
            if not isinstance(command.goto, str):
                raise ContractBroken(
                    f"{self.task.node}: the agent left by {command!r:.80}; a worker passes control "
                    "on to one node of its handoffs"
                )
            self.passing.theirs = dict(theirs)
            update = self.passing.hand_over(Handoff(to=command.goto, reason="by a Command"))
        except (ContractBroken, HandoffLoop) as problem:
            raise self._failed(problem) from problem
        return self._on(self._together({**dict(theirs), **update}), command.goto)

    def _paused(self) -> Command[Any]:
        """Put what was done into the state, and come back to ask.

        LangGraph keeps nothing of a node that asks but its question, so on the next visit nothing
        stands before the question that is not in the state.
        """
        times = int(self.kept.get("times", 0)) + 1
        if not self.worker.then or times > PAUSES:
            raise self._failed(self._cannot_wait(times))
        # Its proposals count when it ends: it may yet fail, or be cut off.
        update = self.attempt.update(failed=True)
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
        then = self.worker.asked if self.asks else self.worker.then
        end = {"status": "moved", "to": target} if target else {"status": "done"}
        if self.asks:
            why = f"step {self.step.id} asked the customer, and its answer begins the next run"
            end = {"status": "ended", "to": _targets(then)[0], "why": why}
        if note := self.step.ended(end):
            update["kept"] = {**update.get("kept", {}), **note}
        if not self.worker.then:
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
        attempt = self.step.with_step(self.attempt.update())
        spent = add_spending(attempt["spent"], update.get("spent", {}))
        records = [*update.get("decisions", ()), *attempt.get("decisions", ())]
        whole = {**update, **attempt, "spent": spent, **({"decisions": records} if records else {})}
        if self.kept:
            whole["kept"] = {**whole.get("kept", {}), **keep("paused", self.slot, None)}
        if questions := self.passing.over() | update.get("questions", {}):
            whole["questions"] = questions
        return whole

    def _failed(self, problem: Exception) -> StepFailed:
        """Give the failure with its class, its attempts, and what was spent and done by then."""
        failure = failure_of(problem, self.task, step=self.step.id)
        update = self.attempt.update(failed=True)
        if self.kept:
            update["kept"] = keep("paused", self.slot, None)
        return StepFailed(failure, update)


def _targets(way: Any) -> tuple[str, ...]:
    return (way,) if isinstance(way, str) else tuple(way.targets)


def _handed_on(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Give the state that a handoff takes along for a plan's step, with the handoffs so far."""
    spent: Spending = add_spending(state.get("spent"), update["spent"])
    return {
        **state,
        "decisions": [*(state.get("decisions") or ()), *update["decisions"]],
        "spent": spent,
        "kept": {**(state.get("kept") or {}), **update["kept"]},
    }

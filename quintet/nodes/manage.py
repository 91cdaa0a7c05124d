"""Give work out to workers, look at what comes back, and answer: round by round, within limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.types import Command, Send

from quintet.errors import BudgetExhausted, ContractBroken, DesignError, PersonNeeded
from quintet.nodes.agents.lead import Lead
from quintet.nodes.agents.meter import call_counted
from quintet.nodes.core.actions import of_this_run, todo
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.background import TaskControl
from quintet.nodes.core.call import Logic
from quintet.nodes.core.handed_on import check_handed_on
from quintet.nodes.core.ledger import Orders, as_orders
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.pool import around, within
from quintet.nodes.core.price import Price
from quintet.nodes.core.progress import others, refuse_foreign, refuse_shared
from quintet.nodes.core.task import current_task
from quintet.nodes.core.team_rounds import DONE, GIVEN_UP
from quintet.nodes.core.teamwork import Teamwork, in_words
from quintet.state.budget import add_spending
from quintet.state.contract import Contract
from quintet.state.deadline import deadline_of
from quintet.state.decision import Decision
from quintet.state.plan import Plan
from quintet.state.record import plain
from quintet.state.run import run_of
from quintet.state.step import Step
from quintet.state.verdict import check_answers, name_of

RETRIES = 2
"""The times that a failed step may be given out again, where the budget sets no limit."""

_OWN = frozenset({"plan", "kept", "decisions", "step", "failures"})


@dataclass(frozen=True, kw_only=True)
class Manager(Node):
    """Give out steps to workers, and decide anew when they are back, until it can answer.

    `create_manager_worker` adds it with `defer=True` and an edge back from each worker. The
    workers' contracts say what it gets to see of their work.

    Args:
        agent: who decides: a function of the request and the `Ledger`, or a chat model. The
            function returns `Step`s to give out, or the answer.
        contract: the request that it takes, the answer that it gives, and the limits that it and
            all under it keep together: `steps` (calls of models and agents), `tokens`, `money` and
            `seconds`; `retries` bounds how often a failed step is given out again.
        team: the workers that it may give steps to, with their purposes;
            `create_manager_worker` fills it in from the workers' contracts.
        then: the node to go to with the answer.
        otherwise: the node to go to when it does not get on.
        rounds: the most decisions that it may take.
        most: the most steps that it may give out in all.
        price: the cost of a model's message; needed where the contract limits money.
        gate: the node in front of its workers' open actions; filled in.
        background: runs the steps of some workers as tasks of their own; filled in.

    Raises:
        DesignError: an agent that is none, tools, a limit that a manager cannot keep, or no rounds.
    """

    agent: Any
    contract: Contract
    team: Mapping[str, str] = field(default_factory=dict)
    then: str = "finish"
    otherwise: str = "person"
    rounds: int = 8
    most: int = 32
    price: Price | None = None
    gate: str = ""
    background: TaskControl | None = None

    writes = frozenset({"plan", "kept", "results", "decisions", "spent", "run"})
    answers = True

    def __post_init__(self) -> None:
        if not callable(self.agent) and not isinstance(self.agent, BaseChatModel):
            raise DesignError(
                f"Manager(agent={self.agent!r:.60}): give a function of the request and the "
                "ledger, or a chat model"
            )
        if not isinstance(self.contract, Contract):
            raise DesignError(f"Manager(contract={self.contract!r:.60}): give a Contract")
        goal, budget = self.contract.goal, self.contract.budget
        if self.contract.tools:
            raise DesignError(
                f"contract {goal!r}: a manager calls no tools; give them to a worker's contract"
            )
        if budget.handoffs is not None:
            raise DesignError(
                f"contract {goal!r}: Budget(handoffs={budget.handoffs}): a manager passes nothing "
                "on; bound its work by Manager(rounds=, most=)"
            )
        if budget.money is not None and self.price is None:
            raise DesignError(
                f"contract {goal!r} limits money, but nothing says what a message costs; give "
                "Manager(price=per_million(input=..., output=...))"
            )
        for name in ("rounds", "most"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise DesignError(f"Manager({name}={getattr(self, name)!r}): give 1 or more")
        check_answers("Manager(price=)", self.price)

    @property
    def make(self) -> Any:
        """Give who makes the steps, for `check`."""
        return self.agent

    @property
    def assignees(self) -> tuple[str, ...]:
        """Name all that may be given a step."""
        return tuple(self._team)

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the workers, and the nodes that come after."""
        watch = ("watch",) if self.background else ()
        ends = (self.then, self.otherwise, self.gate, *watch)
        return tuple(dict.fromkeys((*self.team, *filter(None, ends))))

    @property
    def _team(self) -> Mapping[str, str]:
        return {**self.team, **(self.background.team if self.background else {})}

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Look at what has come back, and give out more, answer, or give up."""
        task = current_task("manager")
        work = Teamwork.of(task, state, self.contract.budget, self.background)
        if work.is_over:
            return Command(update={})  # a step that came back late
        if self.gate and todo(of_this_run(state).values()):
            return Command(goto=self.gate)  # a person decides before anybody builds on it
        if (moved := work.moved) is not None:
            return moved
        yield from work.look()
        pools = around.get()
        attempt = Attempt(
            task=task,
            allowed=(),
            budget=within(work.left_as_budget, pools),
            pools=pools,
            run=run_of(state),
            price=self.price,
        )
        with attempt:
            yield from attempt.recall()
            command = yield from self._decide(work, attempt)
        if not attempt.spent.get("steps"):
            return command
        update: Any = command.update
        spent = add_spending(update.get("spent"), attempt.update()["spent"])
        return replace(command, update={**update, "spent": spent})

    def _decide(self, work: Teamwork, attempt: Attempt) -> Logic[Command[Any]]:
        if work.ended_elsewhere is not None:
            target, why = work.ended_elsewhere
            return (yield from self._give_up(work, target or self.otherwise, why))
        deadline = deadline_of(run_of(work.state))
        if work.open_tasks and deadline is not None and (late := deadline.passed):
            return (yield from self._give_up(work, self.otherwise, late, who="budget"))
        if work.problems and (spent_up := work.over(more=True) or _spent_up(attempt)):
            return (yield from self._give_up(work, self.otherwise, spent_up, who="budget"))
        rounds = work.rounds
        if rounds is not None and (ready := rounds.plan.ready(rounds.done, rounds.begun)):
            if (over := work.over(more=True)) is None:
                return (yield from self._send(ready, work, []))
            return (yield from self._give_up(work, self.otherwise, over, who="budget"))
        if rounds is not None and rounds.number > self.rounds:
            why = f"{self.rounds} rounds, the limit, and no answer: {rounds.story}"
            return (yield from self._give_up(work, self.otherwise, why, who="budget"))
        request = self.contract.request({**work.state, **(work.state.get("results") or {})})
        orders = yield from self._orders(request, work)
        if orders.is_answer:
            return (yield from self._answer(request, orders, work))
        if (over := work.over(more=not orders.is_empty)) is not None:
            return (yield from self._give_up(work, self.otherwise, over, who="budget"))
        if (complaint := self._complaint(orders, work)) is not None:
            return (yield from self._give_up(work, self.otherwise, complaint))
        return (yield from self._give_out(orders, work))

    def _orders(self, request: Any, work: Teamwork) -> Logic[Orders]:
        if isinstance(self.agent, BaseChatModel):

            def complaint(orders: Orders) -> str | None:
                if orders.is_answer:
                    return self._unmet(request, orders.answer)
                return self._complaint(orders, work)

            asked = Lead(
                model=self.agent,
                contract=self.contract,
                team=self._team,
                background=self.background is not None,
            )
            return (yield from asked.logic(request, work.ledger, complaint))
        orders = as_orders((yield from call_counted(self.agent, request, work.ledger)))
        if (why := self._no_answer(orders.answer)) is not None:
            raise ContractBroken(f"contract {self.contract.goal!r}: {why}", side="gives")
        return orders

    def _no_answer(self, answer: Any) -> str | None:
        """Say why what a function returned cannot be meant as the answer, or None."""
        items = answer if isinstance(answer, list | tuple) else (answer,)
        for item in items:
            named = item.get("assignee") if isinstance(item, Mapping) else None
            if isinstance(named, str) and named in self._team and "goal" in item:
                return (
                    f"the manager returned {item!r:.60}, which is the data of a step and no Step; "
                    "return Step(**...) to give it out"
                )
        return None

    def _unmet(self, request: Any, answer: Any) -> str | None:
        """Say why an answer is not taken, or None."""
        try:
            result = self.contract.result(answer)
        except ContractBroken as problem:
            return str(problem)
        return "; ".join(self.contract.unmet(request, result)) or None

    def _complaint(self, orders: Orders, work: Teamwork) -> str | None:
        """Say why orders cannot be followed, or None."""
        if orders.is_empty:
            return None if work.open_tasks else "it gave nothing out and no answer"
        spoken_to = [*(m.task for m in orders.messages), *(c.task for c in orders.cancels)]
        unknown = set(spoken_to) - {*work.tasks}
        if unknown:
            tasks = ", ".join(work.tasks) or "none"
            return f"no background task {min(unknown)!r}; there are {tasks}"
        for message in orders.messages:
            if work.views.get(message.task, {}).get("status") == "cancelled":
                return f"task {message.task!r} was cancelled and hears nothing; give out a new step"
        steps = (*work.steps, *orders.steps)
        if len(steps) > self.most:
            return f"{len(steps)} steps in all, over the limit of {self.most}"
        if stalled := work.repeated(orders.steps, self._retries):
            return stalled
        for step in orders.steps:
            if step.kind != "do" or step.criterion:
                what = "criterion" if step.kind == "do" else "kind"
                return (
                    f"step {step.id!r}: {what}={getattr(step, what)!r:.60}: a manager gives out "
                    "plain steps and judges their results itself; create_planner has programs"
                )
        try:
            Plan(goal=self.contract.goal, steps=steps, assignees=tuple(self._team))
        except DesignError as problem:
            return str(problem) if steps else None
        return None

    @property
    def _retries(self) -> int:
        retries = self.contract.budget.retries
        return RETRIES if retries is None else retries

    def _answer(self, request: Any, orders: Orders, work: Teamwork) -> Logic[Command[Any]]:
        check_handed_on(f"contract {self.contract.goal!r}: the manager", orders.answer)
        result = self.contract.result(orders.answer)
        actions = work.done_actions
        if why := self.contract.escalation(request, result, actions):
            raise PersonNeeded(f"contract {self.contract.goal!r}: {why}")
        if unmet := self.contract.unmet(request, result, actions):
            raise ContractBroken(
                f"contract {self.contract.goal!r} is not met: {'; '.join(unmet)} "
                f"(answer {result!r:.120})"
            )
        if (over := work.over(more=False)) is not None:
            return (yield from self._give_up(work, self.otherwise, over, who="budget"))
        yield from work.cancel_all("the manager has its answer")
        why = orders.reason or f"answered in round {work.number}"
        records = [self._record(work, "answer", why)]
        update = work.update(DONE)
        results = {**update.get("results", {}), work.task.node: plain(result)}
        return Command(goto=self.then, update={**update, "results": results, "decisions": records})

    def _give_out(self, orders: Orders, work: Teamwork) -> Logic[Command[Any]]:
        if orders.is_empty:  # it waits for its background tasks
            return Command(goto="watch", update=work.update())
        task = work.task
        refuse_shared(task, [step.id for step in orders.steps], others(task, work.state))
        record = self._record(work, in_words(orders), orders.reason)
        rounds = yield from work.take(orders, self.contract.goal)
        refuse_foreign(
            task, [step.id for step in orders.steps], rounds, work.state.get("results") or {}
        )
        return (yield from self._send(rounds.plan.ready(rounds.done, rounds.begun), work, [record]))

    def _send(
        self, ready: tuple[Step, ...], work: Teamwork, records: list[Any]
    ) -> Logic[Command[Any]]:
        """Send steps to their nodes, and start those that run in the background."""
        # A step may have been given out before the graph was changed.
        for step in ready:
            if step.assignee not in self._team:
                why = f"step {step.id!r}: {step.assignee!r} takes no steps of this manager"
                return (yield from self._give_up(work, self.otherwise, why))
        yield from work.start([step for step in ready if step.assignee not in self.team])
        shared = {key: value for key, value in work.state.items() if key not in _OWN}
        own, known = work.sent_with, work.results
        sends = []
        for step in ready:
            if step.assignee in self.team:
                needed = {name: known[name] for name in step.after if name in known}
                record = plain(step) | own | {"stood": [*needed]}
                sent = {"message": step.goal, "results": needed, "step": record}
                sends.append(Send(step.assignee, {**shared, **sent}))
        update = work.begun(ready) | {"decisions": records}
        if work.rounds is not None:
            update["plan"] = plain(work.rounds.plan)
        return Command(goto=sends or "watch", update=update)

    def _give_up(
        self, work: Teamwork, target: str, why: str, *, who: str = ""
    ) -> Logic[Command[Any]]:
        yield from work.cancel_all(one_line(why))
        decision = Decision(
            kind="escalation", node=work.task.node, choice=target, reason=why, who=who
        )
        return Command(
            goto=target, update={**work.update(GIVEN_UP), "decisions": [plain(decision)]}
        )

    def _record(self, work: Teamwork, choice: str, reason: str) -> dict[str, Any]:
        is_model = isinstance(self.agent, BaseChatModel)
        decision = Decision(
            kind="plan",
            node=work.task.node,
            choice=choice,
            reason=reason,
            by="model" if is_model else "rule",
            who=name_of(self.agent),
            candidates=tuple(self._team),
            seen=one_line(work.state.get("message", "")),
        )
        return plain(decision)  # type: ignore[no-any-return]


def _spent_up(attempt: Attempt) -> str | None:
    """Name the limit around the manager that leaves nothing to go on with, or give None."""
    try:
        attempt.check()
    except BudgetExhausted as problem:
        return str(problem)
    return None

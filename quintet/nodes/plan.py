"""Make a plan, send out its steps as they become ready, judge them, and re-plan on evidence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.types import Command, Send

from quintet.errors import DesignError
from quintet.nodes.agents.draft import draft_plan
from quintet.nodes.core.actions import of_this_run, todo
from quintet.nodes.core.call import Logic, call_any
from quintet.nodes.core.kept import kept
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.progress import (
    DONE,
    GIVEN_UP,
    SHARED,
    Progress,
    others,
    refuse_foreign,
    refuse_shared,
    steps_ended,
    under_way,
)
from quintet.nodes.core.reckon import counted
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.route import text_of
from quintet.state.budget import Budget
from quintet.state.decision import Decision, Kind
from quintet.state.plan import Plan, Step
from quintet.state.record import digest, plain, read
from quintet.state.run import run_of
from quintet.state.verdict import Criterion, name_of, refuse_async, why_not


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The results and problems that a re-plan is made from.

    Args:
        plan: the plan that did not hold.
        results: results by step id.
        problems: the reasons why steps failed, by step id.
    """

    plan: Plan
    results: Mapping[str, Any]
    problems: Mapping[str, str]


Maker = Callable[..., Any]
"""A function, plain or async, of the goal, or of the goal and the `Evidence` (None at first); it
returns a `Plan` or its steps."""


@dataclass(frozen=True, kw_only=True)
class Planner(Node):
    """Make a plan, send its ready steps to their assignees, and re-plan when a step fails.

    Add it with `defer=True`, so that it runs when all steps that it sent out have ended, and give
    each assignee an edge back to it.

    Args:
        make: a function of the goal, a `Plan` to follow as a template, or a chat model.
        assignees: the nodes that take steps, or a mapping of these nodes to their purposes.
        then: the node to go to when every step is done.
        otherwise: the node to go to when the plan cannot be made to work.
        check: judges a step's result by its criterion; a refusal is a reason to re-plan. Without a
            check, it is enough that the worker's contract was met.
        read: a function of the state that gives the goal for `make`; by default the last message's
            text.
        budget: `steps` limits the steps of a plan, `retries` the re-plans, and `tokens`, `money`
            and `seconds` limit what all its steps together may spend.
        gate: the node that decides on what steps have proposed, before further steps are sent;
            ready-made graphs fill it in.

    Raises:
        DesignError: no assignees, a limit that a planner cannot keep, or an async `read`.
    """

    make: Maker | Plan | BaseChatModel
    assignees: tuple[str, ...] | Mapping[str, str]
    then: str = "finish"
    otherwise: str = "person"
    check: Criterion[[Step, Any]] | None = None
    read: Callable[[Mapping[str, Any]], Any] = text_of
    budget: Budget = Budget(steps=12, retries=2)
    gate: str = ""

    writes = frozenset({"plan", "kept", "results", "decisions", "spent", "run"})

    def __post_init__(self) -> None:
        if isinstance(self.assignees, str) or not self.assignees:
            raise DesignError(
                f"Planner(assignees={self.assignees!r}): give the nodes that take steps by name"
            )
        refuse_async("Planner(read=)", self.read)
        if not isinstance(self.budget, Budget):
            raise DesignError(f"Planner(budget={self.budget!r:.60}): give a Budget")
        if self.budget.handoffs is not None:
            raise DesignError(
                f"Planner(budget=Budget(handoffs={self.budget.handoffs})): a planner passes "
                "nothing on; bound handoffs by Router(budget=) or Contract(budget=)"
            )

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the assignees and the two ends."""
        ends = (*self.assignees, self.then, self.otherwise, self.gate)
        return tuple(dict.fromkeys(end for end in ends if end))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Plan, or judge the steps that have ended; then send out ready steps, or go on."""
        task = current_task("plan")
        return (yield from counted(task, self._decide(task, state), run_of(state)))

    def _decide(self, task: Task, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        known = kept(state, "plan").get(task.path)
        if known is not None and (known["over"] == GIVEN_UP or _ended(state)):
            return Command(update={})  # a step that came back late, to a plan that is over
        peers = others(task, state)
        if known is not None and known["over"] and under_way(peers) and "step" not in state:
            return Command(update={})  # another planner's step came by an edge that leads here
        if known is None or known["over"]:
            plan = yield from self._plan(state, None)
            new = Progress.begun_with(plan, state, own=known["own"] if known else ())
            return self._send(task, state, new, [self._record("plan", task.node, plan)])
        progress = read(Progress, known)
        refuse_shared(task, progress.begun, peers)
        steps = steps_ended(task, progress, state)
        if (end := next((e for e in steps.values() if e["status"] == "ended"), None)) is not None:
            return self._give_up(task, progress, end["to"], end["why"])
        seen = digest([steps, sorted(state.get("results") or {}), _passed_on(state)])
        if any(end["status"] == "moved" for end in steps.values()) and seen != progress.seen:
            # A fallback may still be running: `defer` waits for edges, not for `Send`.
            waiting = replace(progress, seen=seen)
            return Command(goto=task.node, update=waiting.update(task.path))
        problems = yield from self._problems(state, progress.plan, steps)
        done = [*progress.done, *(name for name in steps if name not in problems)]
        progress = replace(progress, done=tuple(done))
        if problems:
            return (yield from self._replan(task, state, progress, problems))
        return self._send(task, state, progress, [])

    def _plan(self, state: Mapping[str, Any], evidence: Evidence | None) -> Logic[Plan]:
        goal = self.read(state)
        if isinstance(self.make, Plan):
            made: Any = self.make
        elif isinstance(self.make, BaseChatModel):
            made = yield from draft_plan(self.make, str(goal), self._about, evidence, self.budget)
        else:
            arguments = (goal, evidence) if _takes_evidence(self.make) else (goal,)
            made = yield from call_any(self.make, *arguments)
        version = 1 if evidence is None else evidence.plan.version + 1
        reason = "first plan" if evidence is None else _in_words(evidence.problems)
        plan = made if isinstance(made, Plan) else Plan(goal=str(goal), steps=self._steps(made))
        return replace(
            plan,
            assignees=tuple(self.assignees),
            budget=plan.budget.within(self.budget),
            version=version,
            reason=reason,
        )

    def _steps(self, made: Any) -> tuple[Step, ...]:
        steps = tuple(made) if isinstance(made, Iterable) else (None,)
        if not all(isinstance(step, Step) for step in steps):
            raise DesignError(
                f"{name_of(self.make)} made {made!r:.80}, which is no plan nor its steps"
            )
        return steps

    @property
    def _about(self) -> Mapping[str, str]:
        if isinstance(self.assignees, Mapping):
            return self.assignees
        return dict.fromkeys(self.assignees, "")

    def _problems(
        self, state: Mapping[str, Any], plan: Plan, steps: Mapping[str, Any]
    ) -> Logic[dict[str, str]]:
        results = state.get("results") or {}
        problems: dict[str, str] = {}
        for name, end in steps.items():
            if end["status"] == "failed":
                problems[name] = end["why"]
            elif end["status"] != "done" or name not in results:
                problems[name] = "it gave no result"
            elif self.check is not None:
                verdict = yield from call_any(self.check, plan[name], results[name])
                reason = why_not(verdict, self.check)
                if reason is not None:
                    criterion = plan[name].criterion
                    if reason == "does not hold" and criterion:  # the check gave no reason
                        reason = f"criterion {criterion!r} does not hold"
                    problems[name] = reason
        return problems

    def _replan(
        self,
        task: Task,
        state: Mapping[str, Any],
        progress: Progress,
        problems: dict[str, str],
    ) -> Logic[Command[Any]]:
        plan, past = progress.plan, progress.past
        limit = plan.budget.retries
        if limit is not None and len(past) >= limit:
            why = f"re-planned {len(past)} times, the limit; {_in_words(problems)}"
            return self._give_up(task, progress, self.otherwise, why)
        results = state.get("results") or {}
        evidence = Evidence(plan=plan, results=results, problems=problems)
        new = yield from self._plan(state, evidence)
        if (earlier := _made_before(new, plan, problems, past)) is not None:
            why = f"no progress: plan {new.version} is plan {earlier} again; {_in_words(problems)}"
            return self._give_up(task, progress, self.otherwise, why)
        answer = {"version": plan.version, "answer": digest([problems, new.digest])}
        # A result stands if its step and all that it waits for are as they were.
        done: list[str] = []
        for name in progress.done:  # in the order of their dependencies
            if _same(plan, new, name) and set(new[name].after) <= set(done):
                done.append(name)
        progress = replace(
            progress, plan=new, done=tuple(done), begun=tuple(done), past=(*past, answer)
        )
        return self._send(task, state, progress, [self._record("replan", task.node, new)])

    def _send(
        self, task: Task, state: Mapping[str, Any], progress: Progress, records: list[Any]
    ) -> Command[Any]:
        plan = progress.plan
        ready = plan.ready(progress.done, progress.begun)
        if (over := self._over(plan, progress, state, more=bool(ready))) is not None:
            return self._give_up(task, progress, self.otherwise, over, who="budget")
        if not ready:
            update = replace(progress, over=DONE).update(task.path)
            return Command(goto=self.then, update={**update, "decisions": records})
        if self.gate and todo(of_this_run(state).values()):
            # The next steps may tell of what is proposed: it is decided and done first.
            update = progress.update(task.path)
            return Command(goto=self.gate, update={**update, "decisions": records})
        results = dict(state.get("results") or {})
        refuse_shared(task, [step.id for step in ready], others(task, state))
        refuse_foreign(task, ready, progress, results)
        stale = {
            name: None for name in results if name in progress.own and name not in progress.done
        }
        shared = {key: value for key, value in state.items() if key not in _OWN}
        if stale:
            shared["results"] = {k: v for k, v in results.items() if k not in stale}
        own = {"planner": task.node, "path": task.path, "version": plan.version}
        sends = [Send(step.assignee, {**shared, "step": plain(step) | own}) for step in ready]
        names = tuple(step.id for step in ready)
        progress = replace(
            progress,
            begun=(*progress.begun, *names),
            own=tuple(dict.fromkeys((*progress.own, *names))),
            seen="",
        )
        update = {**progress.update(task.path), "plan": plain(plan), "decisions": records}
        return Command(goto=sends, update={**update, "results": stale} if stale else update)

    def _over(
        self, plan: Plan, progress: Progress, state: Mapping[str, Any], *, more: bool
    ) -> str | None:
        """Name the limit that the plan's steps have used up, or give None.

        With `more` steps to send, a limit that is just met counts; at the plan's end only one that
        is exceeded.
        """
        spent = state.get("spent") or {}
        since: Any = {name: spent.get(name, 0) - progress.spent.get(name, 0) for name in SHARED}
        limit = plan.budget.within(self.budget)
        reached = limit.over(since, of=SHARED)
        if more or reached is None:
            return reached
        name = reached.partition(":")[0]
        return reached if since[name] > getattr(limit, name) else None

    def _record(self, kind: Kind, node: str, plan: Plan) -> dict[str, Any]:
        by = "model" if isinstance(self.make, BaseChatModel) else "rule"
        decision = Decision(
            kind=kind,
            node=node,
            choice=f"plan {plan.version}: " + ", ".join(f"{s.id}>{s.assignee}" for s in plan.steps),
            reason=plan.reason,
            by=by,  # type: ignore[arg-type]
            who=name_of(self.make),
            candidates=tuple(self.assignees),
            seen=one_line(plan.goal),
        )
        return plain(decision)  # type: ignore[no-any-return]

    def _give_up(
        self, task: Task, progress: Progress, target: str, why: str, *, who: str = ""
    ) -> Command[Any]:
        decision = Decision(
            kind="escalation",
            node=task.node,
            choice=target,
            reason=f"plan {progress.plan.version}: {why}",
            who=who,
        )
        update = replace(progress, over=GIVEN_UP).update(task.path)
        return Command(goto=target, update={**update, "decisions": [plain(decision)]})


def _ended(state: Mapping[str, Any]) -> bool:
    return bool((state.get("outcome") or {}).get("status", "done") != "done")


_OWN = frozenset({"plan", "kept", "decisions", "step"})


def _passed_on(state: Mapping[str, Any]) -> list[Any]:
    """Give the counts that change when a fallback or a handoff passes work to another node."""
    return [state.get("remedies") or {}, (state.get("spent") or {}).get("handoffs", 0)]


def _takes_evidence(make: Maker) -> bool:
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    every = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    return every or sum(parameter.kind in positional for parameter in parameters) > 1


def _in_words(problems: Mapping[str, str]) -> str:
    return "; ".join(f"step {name}: {one_line(why)}" for name, why in problems.items())


def _made_before(
    new: Plan, plan: Plan, problems: Mapping[str, str], past: tuple[Mapping[str, Any], ...]
) -> int | None:
    """Give the version that a new plan repeats, or None.

    That is the last version, or one that was made in answer to the same problems.
    """
    if new.digest == plan.digest:
        return plan.version
    answer = digest([problems, new.digest])
    return next((item["version"] + 1 for item in past if item["answer"] == answer), None)


def _same(old: Plan, new: Plan, name: str) -> bool:
    """Say whether a step is unchanged in the new plan, so that its result still stands."""
    try:
        return plain(old[name]) == plain(new[name])  # type: ignore[no-any-return]
    except KeyError:
        return False

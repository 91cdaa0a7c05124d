"""Planning: steps sent out as they become ready, judged as they return, re-planned on evidence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.types import Command, Send

from quintet.errors import DesignError
from quintet.nodes.agents.draft import draft_plan
from quintet.nodes.core.attempt import counted
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
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.route import text_of
from quintet.state.budget import Budget
from quintet.state.decision import Decision, Kind
from quintet.state.plan import Plan, Step
from quintet.state.record import digest, plain, read
from quintet.state.verdict import Criterion, name_of, refuse_async, why_not


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a re-plan is made from.

    Args:
        plan: the plan that did not hold.
        results: results by step id.
        problems: what went wrong, by step id.
    """

    plan: Plan
    results: Mapping[str, Any]
    problems: Mapping[str, str]


Maker = Callable[..., Any]
"""A function, plain or async, of the goal, or of the goal and the `Evidence` (None at first); it
returns a `Plan` or its steps."""


@dataclass(frozen=True, kw_only=True)
class Planner(Node):
    """Make a plan, send its ready steps to their assignees, and re-plan when one goes differently.

    Add it with `defer=True`, so that it looks when all steps that it sent out have ended, and give
    each assignee an edge back to it.

    Args:
        make: a function of the goal, a `Plan` to follow as a template, or a chat model.
        assignees: the nodes that take steps; a mapping says what each is for.
        then: the node to go to when every step is done.
        otherwise: the node to go to when the plan cannot be made to work.
        check: judges a step's result by its criterion; without it, having met the worker's contract
            is enough. A surprising result is one that the check refuses.
        read: what `make` gets, from the state; by default the last message's text, the goal.
        budget: `steps` of a plan, `retries`, how often it may be re-planned, and the `tokens`,
            `money` and `seconds` that all its steps together may spend.

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
        """The assignees, and the two ends."""
        return tuple(dict.fromkeys((*self.assignees, self.then, self.otherwise)))

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Plan, or judge what came back; then send out what is ready, or go on."""
        here = current_task("plan")
        return (yield from counted(here, self._decide(here, state)))

    def _decide(self, here: Task, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        known = kept(state, "plan").get(here.path)
        if known is not None and (known["over"] == GIVEN_UP or _ended(state)):
            return Command(update={})  # a step that came back late, to a plan that is over
        peers = others(here, state)
        if known is not None and known["over"] and under_way(peers) and "step" not in state:
            return Command(update={})  # another planner's step came by an edge that leads here
        if known is None or known["over"]:
            plan = yield from self._plan(state, None)
            new = Progress.begun_with(plan, state, own=known["own"] if known else ())
            return self._send(here, state, new, [self._record("plan", here.node, plan)])
        progress = read(Progress, known)
        refuse_shared(here, progress.begun, peers)
        steps = steps_ended(here, progress, state)
        if (ended := next((e for e in steps.values() if e["status"] == "ended"), None)) is not None:
            return self._give_up(here, progress, ended["to"], ended["why"])
        seen = digest([steps, sorted(state.get("results") or {}), _passed_on(state)])
        if any(end["status"] == "moved" for end in steps.values()) and seen != progress.seen:
            # A fallback may still be running: LangGraph defers for edges, not for what was sent.
            waiting = replace(progress, seen=seen)
            return Command(goto=here.node, update=waiting.update(here.path))
        problems = yield from self._problems(state, progress.plan, steps)
        done = [*progress.done, *(name for name in steps if name not in problems)]
        progress = replace(progress, done=tuple(done))
        if problems:
            return (yield from self._replan(here, state, progress, problems))
        return self._send(here, state, progress, [])

    def _plan(self, state: Mapping[str, Any], evidence: Evidence | None) -> Logic[Plan]:
        goal = self.read(state)
        if isinstance(self.make, Plan):
            made: Any = self.make
        elif isinstance(self.make, BaseChatModel):
            made = yield from draft_plan(self.make, str(goal), self._about, evidence, self.budget)
        else:
            given = (goal, evidence) if _takes_evidence(self.make) else (goal,)
            made = yield from call_any(self.make, *given)
        version = 1 if evidence is None else evidence.plan.version + 1
        reason = "first plan" if evidence is None else _said(evidence.problems)
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
                f"{name_of(self.make)} made {made!r:.80}, which is no plan nor its Logic"
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
                    held = plan[name].criterion
                    unsaid = reason == "does not hold" and held
                    problems[name] = f"criterion {held!r} does not hold" if unsaid else reason
        return problems

    def _replan(
        self,
        here: Task,
        state: Mapping[str, Any],
        progress: Progress,
        problems: dict[str, str],
    ) -> Logic[Command[Any]]:
        plan, past = progress.plan, progress.past
        limit = plan.budget.retries
        if limit is not None and len(past) >= limit:
            why = f"re-planned {len(past)} times, the limit; {_said(problems)}"
            return self._give_up(here, progress, self.otherwise, why)
        results = state.get("results") or {}
        evidence = Evidence(plan=plan, results=results, problems=problems)
        new = yield from self._plan(state, evidence)
        if (earlier := _made_before(new, plan, problems, past)) is not None:
            why = f"no progress: plan {new.version} is plan {earlier} again; {_said(problems)}"
            return self._give_up(here, progress, self.otherwise, why)
        answer = {"version": plan.version, "answer": digest([problems, new.digest])}
        kept: list[str] = []
        for name in progress.done:  # in the order of their dependencies
            if _same(plan, new, name) and set(new[name].after) <= set(kept):
                kept.append(name)
        progress = replace(
            progress, plan=new, done=tuple(kept), begun=tuple(kept), past=(*past, answer)
        )
        return self._send(here, state, progress, [self._record("replan", here.node, new)])

    def _send(
        self, here: Task, state: Mapping[str, Any], progress: Progress, records: list[Any]
    ) -> Command[Any]:
        plan = progress.plan
        ready = plan.ready(progress.done, progress.begun)
        if (over := self._over(plan, progress, state, more=bool(ready))) is not None:
            return self._give_up(here, progress, self.otherwise, over, who="budget")
        if not ready:
            update = replace(progress, over=DONE).update(here.path)
            return Command(goto=self.then, update={**update, "decisions": records})
        results = dict(state.get("results") or {})
        refuse_shared(here, [step.id for step in ready], others(here, state))
        refuse_foreign(here, ready, progress, results)
        stale = {
            name: None for name in results if name in progress.own and name not in progress.done
        }
        shared = {key: value for key, value in state.items() if key not in _OWN}
        if stale:
            shared["results"] = {k: v for k, v in results.items() if k not in stale}
        own = {"planner": here.node, "path": here.path, "version": plan.version}
        sends = [Send(step.assignee, {**shared, "step": plain(step) | own}) for step in ready]
        names = tuple(step.id for step in ready)
        progress = replace(
            progress,
            begun=(*progress.begun, *names),
            own=tuple(dict.fromkeys((*progress.own, *names))),
            seen="",
        )
        update = {**progress.update(here.path), "plan": plain(plan), "decisions": records}
        return Command(goto=sends, update={**update, "results": stale} if stale else update)

    def _over(
        self, plan: Plan, progress: Progress, state: Mapping[str, Any], *, more: bool
    ) -> str | None:
        """Say which limit the plan's steps have used up, or None; at its end it may be met."""
        spent = state.get("spent") or {}
        since: Any = {name: spent.get(name, 0) - progress.spent.get(name, 0) for name in SHARED}
        limit = plan.budget.within(self.budget)
        reached = limit.over(since, of=SHARED)
        if more or reached is None:
            return reached
        name = reached.partition(":")[0]
        return reached if since[name] > getattr(limit, name) else None

    def _record(self, kind: Kind, here: str, plan: Plan) -> dict[str, Any]:
        by = "model" if isinstance(self.make, BaseChatModel) else "rule"
        decision = Decision(
            kind=kind,
            node=here,
            choice=f"plan {plan.version}: " + ", ".join(f"{s.id}>{s.assignee}" for s in plan.steps),
            reason=plan.reason,
            by=by,  # type: ignore[arg-type]
            who=name_of(self.make),
            candidates=tuple(self.assignees),
            seen=one_line(plan.goal),
        )
        return plain(decision)  # type: ignore[no-any-return]

    def _give_up(
        self, here: Task, progress: Progress, target: str, why: str, *, who: str = ""
    ) -> Command[Any]:
        decision = Decision(
            kind="escalation",
            node=here.node,
            choice=target,
            reason=f"plan {progress.plan.version}: {why}",
            who=who,
        )
        update = replace(progress, over=GIVEN_UP).update(here.path)
        return Command(goto=target, update={**update, "decisions": [plain(decision)]})


def _ended(state: Mapping[str, Any]) -> bool:
    return bool((state.get("outcome") or {}).get("status", "done") != "done")


_OWN = frozenset({"plan", "kept", "decisions", "step"})


def _passed_on(state: Mapping[str, Any]) -> list[Any]:
    """Give what changes whenever work goes on to another node, by a fallback or a handoff."""
    return [state.get("remedies") or {}, (state.get("spent") or {}).get("handoffs", 0)]


def _takes_evidence(make: Maker) -> bool:
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    every = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return every or sum(each.kind in positional for each in parameters) > 1


def _said(problems: Mapping[str, str]) -> str:
    return "; ".join(f"step {name}: {one_line(why)}" for name, why in problems.items())


def _made_before(
    new: Plan, plan: Plan, problems: Mapping[str, str], past: tuple[Mapping[str, Any], ...]
) -> int | None:
    """Give the version that is made again: the last, or one that met these very problems before."""
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

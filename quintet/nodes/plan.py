"""Planning: steps sent out as they become ready, judged as they return, re-planned on evidence."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.types import Command, Send

from quintet.nodes.dispatch import counted
from quintet.nodes.draft import draft_plan
from quintet.nodes.node import Node, Steps, asked, brief, name_of, place
from quintet.nodes.route import text_of
from quintet.state.budget import Budget
from quintet.state.decision import Decision, Kind
from quintet.state.errors import DesignError
from quintet.state.plan import Plan, Step
from quintet.state.record import digest, plain, read


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

StepCheck = Callable[[Step, Any], Any]
"""A function, plain or async, of a step and its result: True or None where the criterion holds,
False or a sentence that says what is wrong where it does not."""


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
        limit: `steps` of a plan, and `retries`, how often it may be re-planned.

    Raises:
        DesignError: no assignees.
    """

    make: Maker | Plan | BaseChatModel
    assignees: tuple[str, ...] | Mapping[str, str]
    then: str = "finish"
    otherwise: str = "person"
    check: StepCheck | None = None
    read: Callable[[Mapping[str, Any]], Any] = text_of
    limit: Budget = Budget(steps=12, retries=2)

    writes = frozenset({"plan", "plans", "begun", "passed", "decisions", "spent"})

    def __post_init__(self) -> None:
        if isinstance(self.assignees, str) or not self.assignees:
            raise DesignError(
                f"Planner(assignees={self.assignees!r}): give the nodes that take steps by name"
            )

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """The assignees, and the two ends."""
        return tuple(dict.fromkeys((*self.assignees, self.then, self.otherwise)))

    def steps(self, state: Mapping[str, Any]) -> Steps[Command[Any]]:
        """Plan, or judge what came back; then send out what is ready, or go on."""
        here = place("plan")
        return (yield from counted(here, self._decide(here.node, state)))

    def _decide(self, here: str, state: Mapping[str, Any]) -> Steps[Command[Any]]:
        if not state.get("plan"):
            plan = yield from self._plan(state, None)
            record = self._record("plan", here, plan)
            return self._send(here, state, plan, done=[], begun=[], update={"decisions": [record]})
        plan = read(Plan, state["plan"] or {})
        begun = list(state.get("begun") or ())
        passed, seen = _passed_on(state), state.get("passed")
        if seen is not None and passed > seen and _missing(state, begun):
            # One may be under way elsewhere: LangGraph defers for edges, not for what was sent.
            return Command(goto=here, update={"passed": passed})
        ended = _ended_by_remedy(state, begun)
        if ended is not None:
            return self._give_up(here, plan, *ended)
        problems = yield from self._problems(state, plan, begun)
        done = [name for name in begun if name not in problems]
        if not problems:
            return self._send(here, state, plan, done=done, begun=begun, update={})
        return (yield from self._replan(here, state, plan, done, problems))

    def _plan(self, state: Mapping[str, Any], evidence: Evidence | None) -> Steps[Plan]:
        goal = self.read(state)
        if isinstance(self.make, Plan):
            made: Any = self.make
        elif isinstance(self.make, BaseChatModel):
            made = yield from draft_plan(self.make, str(goal), self._about, evidence, self.limit)
        else:
            given = (goal, evidence) if _takes_evidence(self.make) else (goal,)
            made = yield from asked(self.make, *given)
        version = 1 if evidence is None else evidence.plan.version + 1
        reason = "first plan" if evidence is None else _said(evidence.problems)
        plan = made if isinstance(made, Plan) else Plan(goal=str(goal), steps=tuple(made))
        return replace(
            plan,
            assignees=tuple(self.assignees),
            budget=plan.budget.within(self.limit),
            version=version,
            reason=reason,
        )

    @property
    def _about(self) -> Mapping[str, str]:
        if isinstance(self.assignees, Mapping):
            return self.assignees
        return dict.fromkeys(self.assignees, "")

    def _problems(
        self, state: Mapping[str, Any], plan: Plan, begun: list[str]
    ) -> Steps[dict[str, str]]:
        results = state.get("results") or {}
        failures = _failures_since(state)
        problems: dict[str, str] = {}
        for name in begun:
            if name in failures:
                problems[name] = failures[name]
            elif name not in results:
                problems[name] = "it gave no result"
            elif self.check is not None:
                said = yield from asked(self.check, plan[name], results[name])
                if said is not True and said is not None:
                    problems[name] = said or f"criterion {plan[name].criterion!r} does not hold"
        return problems

    def _replan(
        self,
        here: str,
        state: Mapping[str, Any],
        plan: Plan,
        done: list[str],
        problems: dict[str, str],
    ) -> Steps[Command[Any]]:
        past = list(state.get("plans") or ())
        limit = self.limit.retries
        if limit is not None and len(past) >= limit:
            why = f"re-planned {len(past)} times, the limit; {_said(problems)}"
            return self._give_up(here, plan, self.otherwise, why)
        results = state.get("results") or {}
        evidence = Evidence(plan=plan, results=results, problems=problems)
        new = yield from self._plan(state, evidence)
        if (earlier := _made_before(new, plan, problems, past)) is not None:
            why = f"no progress: plan {new.version} is plan {earlier} again; {_said(problems)}"
            return self._give_up(here, plan, self.otherwise, why)
        answer = digest([problems, new.digest])
        past.append(plain(plan) | {"answer": answer})
        kept: list[str] = []
        for name in done:  # in the order of their dependencies
            if _same(plan, new, name) and set(new[name].after) <= set(kept):
                kept.append(name)
        record = self._record("replan", here, new)
        update = {"plans": past, "decisions": [record]}
        return self._send(here, state, new, done=kept, begun=kept, update=update)

    def _send(
        self,
        here: str,
        state: Mapping[str, Any],
        plan: Plan,
        *,
        done: list[str],
        begun: list[str],
        update: dict[str, Any],
    ) -> Command[Any]:
        ready = plan.ready(done, begun)
        if not ready:
            return Command(goto=self.then, update=update)
        shared = {key: value for key, value in state.items() if key not in _OWN}
        sends = [
            Send(step.assignee, {**shared, "step": plain(step) | {"planner": here}})
            for step in ready
        ]
        update = {
            **update,
            "plan": plain(plan) | {"sent": time.time()},
            "begun": [*begun, *(step.id for step in ready)],
            "passed": _passed_on(state),
        }
        return Command(goto=sends, update=update)

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
            seen=brief(plan.goal),
        )
        return plain(decision)  # type: ignore[no-any-return]

    def _give_up(self, here: str, plan: Plan, target: str, why: str) -> Command[Any]:
        decision = Decision(
            kind="escalation", node=here, choice=target, reason=f"plan {plan.version}: {why}"
        )
        return Command(goto=target, update={"decisions": [plain(decision)]})


_OWN = frozenset({"plan", "plans", "begun", "passed", "decisions", "step"})


def _missing(state: Mapping[str, Any], begun: list[str]) -> set[str]:
    """The steps that have neither a result nor a failure that ended them."""
    return set(begun) - set(_failures_since(state)) - set(state.get("results") or {})


def _failures_since(state: Mapping[str, Any]) -> dict[str, str]:
    """What failed since steps were last sent out, by step; a result of such a step is older.

    A failure that a fallback took over is none: where the fallback failed too, it is on record.
    """
    sent = (state.get("plan") or {}).get("sent", 0.0)
    last = {f["step"]: f for f in state.get("failures") or () if f.get("step") and f["at"] >= sent}
    return {
        step: failure["message"]
        for step, failure in last.items()
        if not failure.get("remedy", "").startswith("fallback")
    }


def _passed_on(state: Mapping[str, Any]) -> int:
    """How often work has gone on to another node in this run, by a fallback or a handoff."""
    remedies = (state.get("remedies") or {}).items()
    fallbacks = sum(times for name, times in remedies if name.startswith("fallback"))
    return int(fallbacks + (state.get("spent") or {}).get("handoffs", 0))


def _ended_by_remedy(state: Mapping[str, Any], begun: list[str]) -> tuple[str, str] | None:
    """Where to go when recovery decided, for one of the steps, that the run ends."""
    for failure in state.get("failures") or ():
        remedy, _, target = failure.get("remedy", "").partition(":")
        if remedy in ("escalate", "abort") and failure.get("step") in begun:
            return target, f"step {failure['step']}: {failure['message']}"
    return None


def _takes_evidence(make: Maker) -> bool:
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    every = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return every or sum(each.kind in positional for each in parameters) > 1


def _said(problems: Mapping[str, str]) -> str:
    return "; ".join(f"step {name}: {brief(why)}" for name, why in problems.items())


def _made_before(
    new: Plan, plan: Plan, problems: Mapping[str, str], past: list[dict[str, Any]]
) -> int | None:
    """The version that is made again: the last, or one that met these very problems before."""
    if new.digest == plan.digest:
        return plan.version
    answer = digest([problems, new.digest])
    return next((item["version"] + 1 for item in past if item["answer"] == answer), None)


def _same(old: Plan, new: Plan, name: str) -> bool:
    """Whether a step is unchanged in the new plan, so that its result still stands."""
    try:
        return plain(old[name]) == plain(new[name])  # type: ignore[no-any-return]
    except KeyError:
        return False

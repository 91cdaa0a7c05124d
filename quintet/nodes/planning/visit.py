"""Visit a planner: judge the work that has ended, re-plan, send out what is ready, or go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from langchain_core.language_models import BaseChatModel
from langgraph.types import Command, Send

from quintet.nodes.agents.meter import call_counted
from quintet.nodes.answer import YES
from quintet.nodes.core.actions import of_this_run, todo, withdrawn
from quintet.nodes.core.call import Logic
from quintet.nodes.core.kept import check_run, kept
from quintet.nodes.core.node import one_line
from quintet.nodes.core.progress import (
    DONE,
    GIVEN_UP,
    Progress,
    others,
    refuse_foreign,
    refuse_lost,
    refuse_shared,
    steps_ended,
    under_way,
)
from quintet.nodes.core.task import Task
from quintet.nodes.core.votes import approval_in
from quintet.nodes.planning.cost import over_now
from quintet.nodes.planning.evidence import Evidence, in_words, made_before, steps_in_words
from quintet.nodes.planning.ledger import stalled, with_round
from quintet.nodes.planning.making import Making
from quintet.nodes.planning.paths import step_at
from quintet.nodes.planning.unfold import Unfolding
from quintet.nodes.planning.vocabulary import Vocabulary
from quintet.nodes.sign_off import NODE as SIGN_OFF
from quintet.nodes.sign_off import SignOff, action_of, check_signed, plan_of
from quintet.state.action import Action
from quintet.state.budget import Budget
from quintet.state.decision import Decision, Kind
from quintet.state.own import own
from quintet.state.plan import Plan, refuse
from quintet.state.record import digest, plain, read
from quintet.state.run import run_of
from quintet.state.step import Step, root_of
from quintet.state.verdict import Criterion, name_of, why_not


class Planning(Protocol):
    """Set up a visit: the settings of a `Planner`."""

    @property
    def then(self) -> str:
        """Name the node to go to when every step is done."""

    @property
    def otherwise(self) -> str:
        """Name the node to go to when the plan cannot be made to work."""

    @property
    def gate(self) -> str:
        """Name the node that decides on proposals; empty where there is none."""

    @property
    def check(self) -> Criterion[[Step, Any]] | None:
        """Judge a step's result."""

    @property
    def budget(self) -> Budget:
        """Give the limits."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Give what a plan may say."""

    @property
    def stalls(self) -> int | None:
        """Give the rounds without a new result that are borne."""

    @property
    def sign_off(self) -> SignOff | None:
        """Say who signs."""

    @property
    def making(self) -> Making:
        """Give how plans are made."""

    def complaints(
        self, plan: Plan, state: Mapping[str, Any], progress: Progress | None = None
    ) -> tuple[str, ...]:
        """Give every reason why a plan may not run."""


@dataclass(kw_only=True)
class Visit:
    """Do one visit of a planner: after new input, or when work that it sent out has ended."""

    planner: Planning
    task: Task
    state: Mapping[str, Any]

    def __post_init__(self) -> None:
        self.results: dict[str, Any] = dict(self.state.get("results") or {})
        self.new: dict[str, Any] = {}
        self.records: list[dict[str, Any]] = []
        self.withdrawn: dict[str, Any] = {}
        self.ended = False

    def logic(self) -> Logic[Command[Any]]:
        """Plan, or judge the work that has ended; then send out what is ready, or go on."""
        task, state = self.task, self.state
        known = kept(state, "plan").get(task.path)
        if known is not None and (known["over"] == GIVEN_UP or _ended(state)):
            return Command(update={})  # a step that came back late, to a plan that is over
        peers = others(task, state)
        if known is not None and known["over"] and under_way(peers) and not state.get("step"):
            return Command(update={})  # another planner's step came by an edge that leads here
        if known is None or known["over"]:
            plan = yield from self.planner.making.plan(state, None, None)
            self._record("plan", plan)
            new = Progress.begun_with(plan, state, own=known["own"] if known else ())
            return (yield from self._on(new))
        check_run(task.node, known, run_of(state))
        progress = read(Progress, known)
        refuse_shared(task, progress.begun, peers)
        refuse_lost(task, progress, self.results)
        if self.planner.sign_off is not None:
            signed = yield from self._signed(self.planner.sign_off, progress)
            if isinstance(signed, Command):
                return signed
            progress = signed
        ends = steps_ended(task, progress, state)
        if (end := next((e for e in ends.values() if e["status"] == "ended"), None)) is not None:
            return self._give_up(progress, end["to"], end["why"])
        seen = digest([ends, sorted(self.results), _passed_on(state)])
        if any(end["status"] == "moved" for end in ends.values()) and seen != progress.seen:
            # A fallback may still be running: `defer` waits for edges, not for `Send`.
            waiting = replace(progress, seen=seen)
            return Command(goto=task.node, update=waiting.update(task.path))
        progress = yield from self._judged(progress, ends)
        return (yield from self._on(progress))

    def _signed(self, sign_off: SignOff, progress: Progress) -> Logic[Progress | Command[Any]]:
        """Hold the plan to the answer in the journal; give the way to go where it is not signed."""
        task, plan, run = self.task, progress.plan, run_of(self.state)
        votes = sign_off.votes(task, task.path, run, plan.version, progress.asked)
        verdict = (yield from votes.read()).verdict
        if progress.signed:
            check_signed(verdict, plan, begins=False)
            return progress
        if verdict is None:
            return Command(goto=SIGN_OFF)
        said = approval_in(verdict)
        if said.answer == "respond":
            return (yield from self._replan(progress, {"plan": f"{said.by}: {said.note}"}))
        if said.answer not in YES:
            note = f": {said.note}" if said.note else ""
            no = f"{said.by} said {said.answer} to plan {plan.version} [{said.digest}]{note}"
            self.new = {task.node: {"refused": no}}
            return self._leave(replace(progress, over=GIVEN_UP), sign_off.rejected)
        if said.answer == "edit":
            plan = replace(plan_of(verdict.value["arguments"], plan), reason=f"edited by {said.by}")
            refuse(self.planner.complaints(plan, self.state, progress))
            self._record("plan", plan, by="person", who=said.by)
        check_signed(verdict, plan)
        return replace(progress.followed_by(plan, {}), asked=progress.asked, signed=said.digest)

    def _judged(self, progress: Progress, ends: Mapping[str, Any]) -> Logic[Progress]:
        """Say of each piece of work that has ended if its result holds, or why it failed."""
        held, failed = list[str](), dict(progress.failed)
        for name, end in ends.items():
            if end["status"] == "failed":
                failed[name] = end["why"]
            elif end["status"] != "done" or name not in self.results:
                failed[name] = "it gave no result"
            else:
                step = step_at(progress.plan.steps, name)
                reason = yield from self._why_not(step, self.results[name])
                if reason is None:
                    held.append(name)
                else:
                    failed[name] = reason
        if ends:
            self.ended = True
            progress = with_round(progress, held, self.results)
        return replace(progress, done=(*progress.done, *held), failed=failed)

    def _why_not(self, step: Step, result: Any) -> Logic[str | None]:
        check = self.planner.check
        if check is None:
            return None
        reason = why_not((yield from call_counted(check, own(step), own(result))), check)
        if reason == "does not hold" and step.criterion:  # the check gave no reason
            return f"criterion {step.criterion!r} does not hold"
        return reason

    def _on(self, progress: Progress) -> Logic[Command[Any]]:
        """Have the plan signed, or unfold it and send out what is ready, or re-plan."""
        plan = progress.plan
        if self.planner.sign_off is not None and not progress.signed:
            asked = action_of(plan, run_of(self.state)).digest
            return self._leave(replace(progress, asked=asked), SIGN_OFF, plan=plan.data)
        walk = Unfolding(
            vocabulary=self.planner.vocabulary,
            judge=self._why_not,
            results=self.results,
            done=dict.fromkeys(progress.done),
            failed=progress.failed,
            begun=frozenset(progress.begun),
            verdicts=dict(progress.verdicts),
        )
        problems = yield from walk.problems(plan.steps)
        # A plan may be older than the graph, which LangGraph would send nothing to in silence.
        takers = self.planner.making.about
        problems |= {
            root_of(step.id): f"{step.assignee!r} takes no steps; {', '.join(takers)} do"
            for step in walk.ready
            if step.assignee not in takers
        }
        names = (*walk.new, *(step.id for step in walk.ready))
        refuse_shared(self.task, names, others(self.task, self.state))
        refuse_foreign(self.task, names, progress, self.state.get("results") or {})
        self.new |= walk.new
        own = dict.fromkeys((*progress.own, *walk.new))
        progress = replace(progress, done=tuple(walk.done), verdicts=walk.verdicts, own=tuple(own))
        for path, choice, reason in walk.notes:
            self._decided("step", f"{path}: {choice}", reason)
        stall = stalled(progress, self.planner.stalls) if problems or walk.ready else ""
        if stall and not problems:
            problems = {root_of(step.id): stall for step in walk.ready}
        if stall and progress.resets:  # it has been planned anew for that already
            why = stall if stall in problems.values() else f"{stall}; {in_words(problems)}"
            return self._give_up(progress, self.planner.otherwise, why)
        if stall:
            progress = replace(progress, quiet=0, resets=progress.resets + 1)
        if problems:
            return (yield from self._replan(progress, problems))
        return self._send(progress, walk)

    def _replan(self, progress: Progress, problems: dict[str, str]) -> Logic[Command[Any]]:
        plan, past, otherwise = progress.plan, progress.past, self.planner.otherwise
        limit = plan.budget.retries
        if limit is not None and len(past) >= limit:
            why = f"re-planned {len(past)} times, the limit; {in_words(problems)}"
            return self._give_up(progress, otherwise, why)
        evidence = Evidence(plan=own(plan), results=own(self.results), problems=dict(problems))
        new = yield from self.planner.making.plan(self.state, evidence, progress)
        if (earlier := made_before(new, plan, problems, past)) is not None:
            why = f"no progress: plan {new.version} is plan {earlier} again; {in_words(problems)}"
            return self._give_up(progress, otherwise, why)
        answer = {"version": plan.version, "answer": digest([problems, new.digest])}
        followed = progress.followed_by(new, problems)
        quiet = progress.quiet + (0 if self.ended else 1)
        self.ended = False
        self._record("replan", new)
        return (yield from self._on(replace(followed, past=(*past, answer), quiet=quiet)))

    def _send(self, progress: Progress, walk: Unfolding) -> Command[Any]:
        """Send out what is ready; where nothing is, the plan is done."""
        planner, plan, state = self.planner, progress.plan, self.state
        spent, limit = state.get("spent") or {}, plan.budget.within(planner.budget)
        over = over_now(limit, spent, progress.spent, more=bool(walk.ready))
        if over is not None:
            return self._give_up(progress, planner.otherwise, over, who="budget")
        left = [step.id for step in plan.steps if step.id not in walk.done]
        if left and not walk.ready:
            why = f"nothing is under way, and {', '.join(left)} is not done"
            return self._give_up(progress, planner.otherwise, why)
        self.new |= dict.fromkeys(self._stale(progress))
        self._withdraw(progress)
        if not walk.ready:
            return self._leave(replace(progress, over=DONE), planner.then)
        if planner.gate and todo(of_this_run(self.state).values()):
            # The next steps may tell of what is proposed: it is decided and done first.
            return self._leave(progress, planner.gate)
        names = tuple(step.id for step in walk.ready)
        shared = self._shared(progress)
        own = {
            "planner": self.task.node,
            "path": self.task.path,
            "version": plan.version,
            "stood": [*(shared.get("results") or {})],
            **({"held": held} if (held := limit.held(self.task.node)) else {}),
        }
        sends = []
        for step in walk.ready:
            spare = {"spare": True} if step.id in walk.spare else {}
            sends.append(Send(step.assignee, {**shared, "step": step.data | own | spare}))
        progress = replace(
            progress,
            begun=(*progress.begun, *names),
            own=tuple(dict.fromkeys((*progress.own, *names))),
            seen="",
        )
        return self._leave(progress, sends, plan=plan.data)

    def _stale(self, progress: Progress) -> list[str]:
        """Name the results of work that is to be done again, or is no part of the plan any more."""
        own, done = set(progress.own), set(progress.done)
        return [name for name in self.results if name in own and name not in done]

    def _withdraw(self, progress: Progress) -> None:
        """Withdraw what stale work has proposed: nobody is asked about it, and it is not done."""
        self.withdrawn = withdrawn(self.state, self.task.path, progress.done)
        for action in self.withdrawn.values():
            self._decided("effect", "withdrawn", f"{read(Action, action)} is {action['result']}")
        if self.withdrawn:
            self.state = {**self.state, "actions": {**self.state["actions"], **self.withdrawn}}

    def _shared(self, progress: Progress) -> dict[str, Any]:
        """Give the state that goes along with a step: results that stand, without those of runs."""
        shared = {key: value for key, value in self.state.items() if key not in _OWN}
        stale, own = set(self._stale(progress)), set(progress.own)
        hidden = stale | {name for name in self.results if "[" in name and name in own}
        if self.new or hidden:
            shared["results"] = {k: v for k, v in self.results.items() if k not in hidden}
        return shared

    def _record(self, kind: Kind, plan: Plan, **more: Any) -> None:
        make = self.planner.making.make
        self._decided(
            kind,
            f"plan {plan.version}: {steps_in_words(plan.steps)}",
            plan.reason,
            **{
                "by": "model" if isinstance(make, BaseChatModel) else "rule",
                "who": name_of(make),
                "candidates": tuple(self.planner.making.about),
                "seen": one_line(plan.goal),
                **more,
            },
        )

    def _decided(self, kind: Kind, choice: str, reason: str, **more: Any) -> None:
        decision = Decision(
            kind=kind,
            node=self.task.node,
            choice=choice,
            reason=reason or "it is so planned",
            **more,
        )
        self.records.append(plain(decision))

    def _give_up(self, progress: Progress, target: str, why: str, *, who: str = "") -> Command[Any]:
        self._decided("escalation", target, f"plan {progress.plan.version}: {why}", who=who)
        return self._leave(replace(progress, over=GIVEN_UP), target)

    def _leave(self, progress: Progress, goto: Any, **update: Any) -> Command[Any]:
        """Go on, and keep the progress with all that this visit has decided and come to."""
        update |= {"results": self.new} if self.new else {}
        update |= {"actions": self.withdrawn} if self.withdrawn else {}
        update |= {"decisions": self.records} if self.records else {}
        return Command(goto=goto, update={**progress.update(self.task.path), **update})


_OWN = frozenset({"plan", "kept", "decisions", "step"})


def _ended(state: Mapping[str, Any]) -> bool:
    return bool((state.get("outcome") or {}).get("status", "done") != "done")


def _passed_on(state: Mapping[str, Any]) -> list[Any]:
    """Give the counts that change when a fallback or a handoff passes work to another node."""
    return [state.get("remedies") or {}, (state.get("spent") or {}).get("handoffs", 0)]

"""Ask a person to sign a plan before its first step: exactly this plan, or one that they made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from langgraph.types import Command

from quintet.errors import ApprovalMissing, ContractBroken
from quintet.nodes.answer import YES, Answer, for_interface
from quintet.nodes.asking import Asking, told
from quintet.nodes.core.call import Logic
from quintet.nodes.core.duration import utc
from quintet.nodes.core.kept import kept
from quintet.nodes.core.node import one_line
from quintet.nodes.core.progress import Progress
from quintet.nodes.core.question import ask
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.votes import Votes, approval_in, votes_on
from quintet.state.action import Action, Approval
from quintet.state.clock import now
from quintet.state.decision import Decision
from quintet.state.journal.entry import Entry
from quintet.state.plan import Plan, refuse
from quintet.state.record import digest, plain, read
from quintet.state.run import run_of

NODE = "sign_off"
"""The name of the node that asks, in ready-made graphs."""


class Plans(Protocol):
    """Make plans: the part of a `Planner` that the sign-off needs."""

    def complaints(
        self, plan: Plan, state: Mapping[str, Any], progress: Progress | None = None
    ) -> tuple[str, ...]:
        """Give every reason why a plan may not run."""

    def facts(self, plan: Plan) -> dict[str, Any]:
        """Give what a person should know about a plan: its worst case, and its effects."""


@dataclass(frozen=True, kw_only=True)
class SignOff(Asking):
    """Show a plan to a person before its first step runs; a changed plan is shown again.

    A yes is for exactly the plan that was shown, by its digest, and the planner holds each step to
    it. `edit({"steps": [...]})` is another plan, which is checked like any other before it is
    taken. `respond("...")` goes back to the planner as evidence, for a new plan and a new question.
    A no ends the run as `rejected`. Give it to `create_planner(sign_off=...)`.

    Args:
        of: the planner's node.
        rejected: the node to go to with a no.
        planner: the planner that it asks for; ready-made graphs fill it in.

    Raises:
        DesignError: as for `ApprovalGate`.
    """

    of: str = "plan"
    rejected: str = "finish"
    name: str = "plan"
    planner: Any = None

    writes = frozenset({"decisions", "run"})

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the planner, which reads the answer in the journal, and the node itself."""
        return (self.of,)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Ask about the plan that its planner has made."""
        task = current_task(NODE)
        path = "/".join((*task.path.split("/")[:-1], self.of))
        known = kept(state, "plan").get(path)
        if known is None:
            raise ContractBroken(f"{task.node}: {self.of!r} has made no plan", side="needs")
        progress = read(Progress, known)
        action, votes = yield from self._question(task, state, path, progress.plan)
        if (verdict := votes.verdict) is None:
            packet = self._packet(action, state, progress.plan, votes)
            schema = replace(self, planner=_Bound(self.planner, progress, state))
            answer = ask(task, state, packet, schema.schema(action, votes))
            if isinstance(answer, Command):
                return answer
            votes, records = yield from self.written(task.node, action, answer, votes)
            if (verdict := votes.verdict) is None:  # one of several who must say yes
                return Command(goto=task.node, update=told(records))
            return Command(
                goto=self.of, update={"decisions": [*records, self._record(task, verdict)]}
            )
        return Command(goto=self.of)

    def _question(
        self, task: Task, state: Mapping[str, Any], path: str, plan: Plan
    ) -> Logic[tuple[Action, Votes]]:
        """Give the question as an action, and the answers to it so far."""
        action = action_of(plan, run_of(state))
        votes = yield from self.votes(task, path, action.run, plan.version, action.digest).read()
        if self.expires is None:
            return action, votes
        # The node runs anew with each answer, and its time counts from the first asking.
        note = yield from votes.note_asked()
        return replace(action, at=note.at), votes

    def votes(self, task: Task, path: str, run: str, version: int, asked: str) -> Votes:
        """Give the answers to the question about a planner's plan, not read yet.

        Args:
            task: who asks, or reads the answer.
            path: the planner's path.
            run: the run.
            version: the plan's version.
            asked: the digest of the plan that was shown.
        """
        question = digest([self.name, path, run, version, asked])
        return votes_on(task, question, self.quorum)

    def _fits_action(self, answer: Answer, action: Action, edited: Action) -> None:
        super()._fits_action(answer, action, edited)
        if answer.arguments and isinstance(self.planner, _Bound):
            self.planner.check(edited)

    def _packet(
        self, action: Action, state: Mapping[str, Any], plan: Plan, votes: Votes
    ) -> dict[str, Any]:
        answers = ["approve", "edit", "reject", "respond"]
        deadline = self.deadline(action)
        why = "a plan is signed before its first step"
        return {
            "gate": self.name,
            "action": action.name,
            "arguments": dict(action.arguments),
            "digest": action.digest,
            "why_asked": why if plan.version == 1 else f"the plan has changed: {plan.reason}",
            "version": plan.version,
            **(self.planner.facts(plan) if self.planner is not None else {}),
            "request": one_line(state.get("message", ""), 500),
            "if_yes": "exactly these steps run",
            "if_no": "no step runs",
            "approvers": self.shown_approvers(action),
            "expires": deadline,
            "if_expired": self.if_expired if deadline else "",
            "answers": answers,
            **({"quorum": self.quorum} if self.quorum > 1 else {}),
            **({"answered": votes.shown} if votes.names else {}),
            **for_interface(action, answers, why),
        }

    def _record(self, task: Task, verdict: Entry) -> dict[str, Any]:
        said = approval_in(verdict)
        decision = Decision(
            kind="approval",
            node=task.node,
            choice=said.answer,
            reason=said.note or "the plan",
            by="rule" if said.answer == "expire" else "person",
            who=said.by,
            candidates=("approve", "edit", "reject", "respond"),
            seen=f"plan [{said.digest}]",
        )
        return plain(decision)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Bound:
    """Check an edited plan in the place where it was asked about."""

    planner: Any
    progress: Progress
    state: Mapping[str, Any]

    def check(self, action: Action) -> None:
        """Refuse an edit that is no plan which may run.

        Raises:
            PlanRefused: it names every complaint.
            DesignError: it is no plan.
        """
        plan = plan_of(action.arguments, self.progress.plan)
        if self.planner is not None:
            refuse(self.planner.complaints(plan, self.state, self.progress))


def action_of(plan: Plan, run: str) -> Action:
    """Give a plan as the action that is asked about; its digest covers goal and steps."""
    arguments = {"goal": plan.goal, "steps": [step.data for step in plan.steps]}
    return Action(name="plan", arguments=arguments, key=f"plan {plan.version}", at=0.0, run=run)


def plan_of(arguments: Mapping[str, Any], asked: Plan) -> Plan:
    """Read a plan back from the arguments of an answer.

    Raises:
        DesignError: it is no plan.
    """
    return read(Plan, {**asked.data, **arguments})


def check_signed(verdict: Entry | None, plan: Plan, *, begins: bool = True) -> Approval:
    """Give the yes that a plan has in the journal; it may expire before the plan `begins`.

    Raises:
        ApprovalMissing: there is none for exactly this plan, or it has expired.
    """
    if verdict is None or (said := approval_in(verdict)).answer not in YES:
        raise ApprovalMissing("the plan needs a signature, and the journal holds none for it")
    arguments = verdict.value["arguments"]
    if said.digest != digest(["plan", arguments]) or plan_of(arguments, plan).data != plan.data:
        raise ApprovalMissing(
            f"{said.by} signed another plan (digest {said.digest}, this is {plan.digest}); "
            "it is not run"
        )
    if begins and said.expires is not None and now() > said.expires:
        raise ApprovalMissing(f"the signature of {said.by} expired {utc(said.expires)}")
    return said

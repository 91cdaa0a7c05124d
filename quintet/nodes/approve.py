"""Ask a person about one exact action, and bind the answer to that action."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langgraph.types import Command

from quintet.errors import ApprovalMissing, DesignError
from quintet.nodes.answer import YES, Answer, for_interface
from quintet.nodes.asking import Asking, may_answer, told
from quintet.nodes.core.actions import of_this_run, refused, todo
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Logic
from quintet.nodes.core.condition import always
from quintet.nodes.core.duration import utc
from quintet.nodes.core.node import one_line
from quintet.nodes.core.question import ask
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.votes import Votes, approval_in, question_of, votes_on
from quintet.nodes.effect import Effect
from quintet.state.action import Action, Approval
from quintet.state.clock import now as time_now
from quintet.state.decision import Decision
from quintet.state.journal.entry import Entry
from quintet.state.own import own
from quintet.state.record import plain, read
from quintet.state.verdict import When, check_answers, name_of, why

log = logging.getLogger("quintet")


@dataclass(frozen=True, kw_only=True)
class ApprovalGate(Asking):
    """Stop for a person before an action that needs one; one question a visit.

    It reads the state's proposed actions. Those that need nobody pass with a record of that. The
    first that needs somebody becomes one interrupt, with nothing before it. The answer is checked
    before LangGraph keeps it, so that a bad answer leaves the question open.

    Args:
        approved: the node to go to when no question is left.
        rejected: the node to go to when the last answers were no; by default `approved`.
        when: which actions need a person; all by default.
        approvers: names or roles that may answer; empty means anybody. Or a function of the action
            that gives them; where it names nobody, nobody may.
        expires: how long a yes may be given and used, as `"24h"`, `"30m"`, `"2d"` or seconds.
        name: the gate's name in packets and approvals; two gates of one graph have two names.
        effects: the effects that it stands in front of, by whose types an edit is checked at once;
            ready-made graphs fill them in.
        identify: tells by an answer who has given it, and the roles that they have, such as
            `Signed(key=...)` or `by_name({"maria": ("lead",)})`. Without it an answer's `by` is
            taken at its word as a name, and nobody has a role.
        quorum: how many different people must say yes to the same action; one no decides.
        if_expired: `reject` says no for everybody once nobody has answered in time, as soon as
            `quintet.runs.sweep` or `quintet runs sweep` comes by; `wait` leaves it to a person.

    Raises:
        DesignError: an expiry that cannot be read, an async condition, an approver without a name,
            a quorum that cannot be reached, or a condition that none of the effects fits.
    """

    approved: str = "act"
    rejected: str = ""
    when: When[[Action]] = always

    writes = frozenset({"actions", "decisions", "run"})

    def __post_init__(self) -> None:
        if not callable(self.when):
            raise DesignError(
                f"ApprovalGate(when={self.when!r:.60}): give a function of the action, such as "
                "over(100) or always"
            )
        check_answers("ApprovalGate(when=)", self.when)
        Asking.__post_init__(self)
        self.check_fits(self.effects)

    def check_fits(self, effects: tuple[Effect, ...]) -> None:
        """Refuse a condition on an argument that none of the effects has.

        Raises:
            DesignError: it names the argument and those that there are.
        """
        argument = getattr(self.when, "argument", None)
        if not effects or not isinstance(argument, str):
            return
        names = {name for effect in effects for name in effect.arguments.signature.parameters}
        if argument not in names:
            raise DesignError(
                f"gate {self.name!r} asks about the argument {argument!r}, which none of "
                f"{', '.join(effect.name for effect in effects)} has; they have "
                f"{', '.join(sorted(names)) or 'none'}: name one of them, as in "
                "over(100, 'total')"
            )

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the nodes for yes and for no; it also comes back to itself for the next question."""
        return tuple(dict.fromkeys((self.approved, self._no)))

    @property
    def _no(self) -> str:
        return self.rejected or self.approved

    def wants(self, action: Action) -> str | None:
        """Give why this action needs a person, or None. A rule that raises always needs one."""
        try:
            return why(self.when(own(action)), self.when)
        except Exception as problem:
            log.warning("gate %s: its rule could not tell", self.name, exc_info=problem)
            return f"{name_of(self.when)} could not tell ({type(problem).__name__}: {problem})"

    def admit(self, action: Action) -> Logic[None]:
        """Let an action through that needs nobody, or has this gate's yes in the journal.

        Raises:
            ApprovalMissing: the journal holds no yes for it, or as `check` does.
        """
        if (reason := self.wants(action)) is None:
            return
        shown = action.approval
        if shown is not None:
            task = current_task("act")
            votes = yield from votes_on(task, shown.question, self.quorum).read()
            verdict, question = votes.verdict, question_of(self.name, action)
            if verdict is None or not _is_for(verdict.value, action, shown.question, question):
                raise ApprovalMissing(
                    f"{action} needs approval at gate {self.name!r} ({reason}), and the journal "
                    "holds none for it: what the state shows was not written by the gate, or the "
                    "journal is another one; send it through the gate"
                )
            action = replace(action, approval=approval_in(verdict))
        self.check(action, reason=reason, now=time_now())

    def check(self, action: Action, *, reason: str, now: float) -> None:
        """Refuse an action that has no yes of this gate, or one that does not hold any more.

        Raises:
            ApprovalMissing: no yes, a yes for other arguments, of another gate, or expired.
        """
        yes = action.approval
        ask = f"{action} needs approval at gate {self.name!r} ({reason})"
        if yes is None or action.status != "approved" or yes.answer not in YES:
            raise ApprovalMissing(f"{ask}, and nobody has given it; send it through the gate")
        if yes.gate != self.name:
            raise ApprovalMissing(f"{ask}, but its approval is of gate {yes.gate!r}")
        if yes.digest != action.digest:
            raise ApprovalMissing(
                f"{ask}, but {yes.by} approved another action (digest {yes.digest}, this is "
                f"{action.digest}); ask again"
            )
        if not self._counts(action, yes):
            raise ApprovalMissing(f"{ask}, but {yes.by!r} is not an approver")
        if yes.expires is not None and now > yes.expires:
            raise ApprovalMissing(f"{ask}, but the approval expired {utc(yes.expires)}")

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Pass on, or ask about the first proposed action that needs a person."""
        task = current_task("approve")
        items = of_this_run(state)
        proposals = [
            (at, read(Action, item))
            for at, item in items.items()
            if item["status"] == "proposed" and item.get("gate") in (None, "", self.name)
        ]
        wanting = yield from self._wanting(task, proposals)
        if not wanting:
            records = [_passed(task.node, action) for _, action in proposals]
            target = self._no if not todo(items.values()) and refused(state) else self.approved
            return Command(goto=target, update={"decisions": records} if records else None)
        at, action, reason = wanting[0]
        votes = yield from votes_on(task, question_of(self.name, action), self.quorum).read()
        verdict, records = votes.verdict, []
        if verdict is None:
            packet = self.packet(action, reason=reason, state=state, votes=votes)
            if (yield from Attempt(task=task).find_mode()).dry:
                packet |= {"dry_run": True, "if_yes": f"a dry run: {action} is only recorded"}
            if self.when is not always:
                yield from votes.note_asked(reason)
            # Nothing else is done before it: LangGraph runs the node anew with the answer.
            answer = ask(task, state, packet, self.schema(action, votes))
            if isinstance(answer, Command):
                return answer
            votes, records = yield from self.written(task.node, action, answer, votes)
            verdict = votes.verdict
        if verdict is None:  # one of several who must say yes
            return Command(goto=SentStep.of(state).forward(task.node, state), update=told(records))
        update = self._record(task.node, at, action, verdict, reason)
        update["decisions"] = [*records, *update["decisions"]]
        others = [item for key, item in items.items() if key != at]
        said = verdict.value["approval"]["answer"]
        target = self.approved if said in YES or todo(others) else self._no
        return Command(goto=task.node if len(wanting) > 1 else target, update=update)

    def _wanting(
        self, task: Task, proposals: list[tuple[str, Action]]
    ) -> Logic[list[tuple[str, Action, str]]]:
        """List the proposals that need a person, and why; one that was asked about comes first.

        It stays asked until it is answered, whatever the condition says by then: an answer must not
        be taken for another action, and a no must not be lost.
        """
        asked, wanting = [], []
        for at, action in proposals:
            votes = votes_on(task, question_of(self.name, action))
            note = None if self.when is always else (yield from votes.asked())
            if note is not None:
                asked.append((note.at, (at, action, str(note.value["why"]))))
            elif reason := self.wants(action):
                wanting.append((at, action, reason))
        return [each for _, each in sorted(asked, key=lambda pair: pair[0])] + wanting

    def _fits_action(self, answer: Answer, action: Action, edited: Action) -> None:
        super()._fits_action(answer, action, edited)
        effects = [effect for effect in self.effects if effect.name == action.name]
        typed = {name for effect in effects for name in effect.arguments.types}
        for name in (answer.arguments or {}).keys() - typed:
            before, after = action.arguments[name], edited.arguments[name]
            if before is not None and _kind(before) is not _kind(after):
                raise ValueError(
                    f"{action.name}: {name} is {before!r:.60}, and {after!r:.60} is of another "
                    "kind; to allow it, annotate the argument, and give the gate effects=(...)"
                )

    def packet(
        self,
        action: Action,
        *,
        reason: str,
        state: Mapping[str, Any],
        votes: Votes | None = None,
    ) -> dict[str, Any]:
        """Give a person all that they decide on, as plain data."""
        answers = ["approve", "edit", "reject", "respond"]
        deadline = self.deadline(action)
        tried = [f"{f['node']}: {f['kind']}: {f['message']}" for f in state.get("failures") or ()]
        return {
            "gate": self.name,
            "action": action.name,
            "arguments": dict(action.arguments),
            "digest": action.digest,
            "why_asked": reason,
            "why_wanted": action.why,
            "behalf": action.behalf,
            "proposer": action.proposer,
            "request": one_line(state.get("message", ""), 500),
            "tried": tried,
            "if_yes": f"{action} runs once",
            "if_no": f"{action.name} does not run; nothing is changed",
            "approvers": self.shown_approvers(action),
            "expires": deadline,
            "if_expired": self.if_expired if deadline else "",
            "answers": answers,
            **({"quorum": self.quorum} if self.quorum > 1 else {}),
            **({"answered": votes.shown} if votes is not None and votes.names else {}),
            **for_interface(action, answers, reason),
        }

    def _record(
        self, node: str, at: str, action: Action, verdict: Entry, reason: str
    ) -> dict[str, Any]:
        """Give the state update that shows a verdict."""
        approval = approval_in(verdict)
        yes = approval.answer in YES
        decision = Decision(
            kind="approval",
            node=node,
            choice=approval.answer,
            reason=approval.note or reason,
            by="rule" if approval.answer == "expire" else "person",
            who=approval.by,
            candidates=("approve", "edit", "reject", "respond"),
            seen=f"{action} [{action.digest}]",
        )
        action = replace(
            action,
            arguments=verdict.value["arguments"],
            status="approved" if yes else "rejected",
            result=None if yes else approval.note,
            approval=approval,
        )
        return {"actions": {at: plain(action)}, "decisions": [plain(decision)]}

    def _counts(self, action: Action, yes: Approval) -> bool:
        try:
            return may_answer(yes, self.approvers_of(action))
        except ValueError:
            return False


def _kind(value: Any) -> type[Any]:
    """Give the kind of plain data, by which an argument without a type is told from another."""
    return float if type(value) is int else type(value)


def _is_for(entry: Mapping[str, Any], action: Action, shown: str, question: str) -> bool:
    """Say whether an entry in the journal is a verdict on exactly this action."""
    if entry["approval"]["answer"] == "approve" and shown != question:
        return False
    same = (entry["name"], entry["key"], entry["run"]) == (action.name, action.key, action.run)
    return same and entry["approval"]["question"] == shown


def _passed(node: str, action: Action) -> dict[str, Any]:
    reason = f"{action} is within what needs nobody"
    decision = Decision(kind="approval", node=node, choice="not needed", reason=reason)
    return plain(decision)  # type: ignore[no-any-return]

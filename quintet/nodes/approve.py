"""Ask a person about one exact action, and bind the answer to that action."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from langgraph.types import Command
from pydantic import BaseModel, ConfigDict, model_validator

from quintet.errors import ApprovalMissing, DesignError
from quintet.nodes.core.actions import of_this_run, refused, todo
from quintet.nodes.core.call import Logic
from quintet.nodes.core.condition import always
from quintet.nodes.core.duration import seconds, utc
from quintet.nodes.core.node import Node, one_line
from quintet.nodes.core.question import ask
from quintet.nodes.core.task import current_task
from quintet.nodes.effect import Effect
from quintet.state.action import Action, AnswerKind, Approval
from quintet.state.decision import Decision
from quintet.state.record import plain, read
from quintet.state.verdict import When, name_of, refuse_async, why

CLOCKS_DIFFER = 60.0
"""Seconds by which the clock of whoever answers may be ahead."""

_YES: tuple[AnswerKind, ...] = ("approve", "edit")


class Answer(BaseModel):
    """A person's answer to a gate; the gate checks it before it is kept.

    Attributes:
        answer: `approve`, `edit`, `reject` or `respond`.
        by: who answers; `role` may name the role in which they do.
        note: a reason, or the text of a response.
        arguments: for `edit`, the arguments that replace the action's own.
        digest: the action that was looked at, as its packet names it; an answer for another action,
            or for none in particular, is refused.
        at: when it was given, in seconds since the epoch.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer: AnswerKind
    by: str
    role: str = ""
    note: str = ""
    arguments: dict[str, Any] | None = None
    digest: str = ""
    at: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.by.strip():
            raise ValueError("an answer says who gives it: by='...'")
        if (self.answer == "edit") != (self.arguments is not None):
            raise ValueError("'edit' gives the changed arguments, and only 'edit' does")
        if self.answer == "respond" and not self.note.strip():
            raise ValueError("'respond' gives the response as note='...'")
        return self


@dataclass(frozen=True, kw_only=True)
class ApprovalGate(Node):
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

    Raises:
        DesignError: an expiry that cannot be read, an async condition, an approver without a name,
            or a condition that none of the effects fits.
    """

    approved: str = "act"
    rejected: str = ""
    when: When[[Action]] = always
    approvers: tuple[str, ...] | Callable[[Action], tuple[str, ...]] = ()
    expires: str | float | None = None
    name: str = "approval"
    effects: tuple[Effect, ...] = ()

    writes = frozenset({"actions", "decisions", "run"})
    asks = True

    def __post_init__(self) -> None:
        if not callable(self.when):
            raise DesignError(
                f"ApprovalGate(when={self.when!r:.60}): give a function of the action, such as "
                "over(100) or always"
            )
        refuse_async("ApprovalGate(when=)", self.when)
        if callable(self.approvers):
            refuse_async("ApprovalGate(approvers=)", self.approvers)
        else:
            object.__setattr__(
                self, "approvers", names_of(self.approvers, "ApprovalGate(approvers=")
            )
        seconds(self.expires)
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
            return why(self.when(action), self.when)
        except Exception as problem:  # noqa: BLE001 - a rule that fails must not let through
            return f"{name_of(self.when)} could not tell ({type(problem).__name__}: {problem})"

    def deadline(self, action: Action) -> float | None:
        """Give the moment until which a yes to this action may be given and used, or None."""
        limit = seconds(self.expires)
        return None if limit is None else action.at + limit

    def admit(self, action: Action) -> None:
        """Let an action through that needs nobody, or has this gate's yes.

        Raises:
            ApprovalMissing: as `check` does.
        """
        if (reason := self.wants(action)) is not None:
            self.check(action, reason=reason, now=time.time())

    def check(self, action: Action, *, reason: str, now: float) -> None:
        """Refuse an action that has no yes of this gate, or one that does not hold any more.

        Raises:
            ApprovalMissing: no yes, a yes for other arguments, of another gate, or expired.
        """
        yes = action.approval
        ask = f"{action} needs approval at gate {self.name!r} ({reason})"
        if yes is None or action.status != "approved" or yes.answer not in _YES:
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
        return self._decide(state)
        yield  # it waits for nothing, and is a generator like every node's logic

    def _decide(self, state: Mapping[str, Any]) -> Command[str]:
        task = current_task("approve")
        items = of_this_run(state)
        proposals = [
            (at, read(Action, item))
            for at, item in items.items()
            if item["status"] == "proposed" and item.get("gate") in (None, "", self.name)
        ]
        wanting = [(at, action, why) for at, action in proposals if (why := self.wants(action))]
        if not wanting:
            records = [_passed(task.node, action) for _, action in proposals]
            target = self._no if not todo(items.values()) and refused(state) else self.approved
            return Command(goto=target, update={"decisions": records} if records else None)
        at, action, reason = wanting[0]
        packet = self.packet(action, reason=reason, state=state)
        # Nothing stands before the question: LangGraph runs the node anew with the answer.
        answer = ask(task, state, packet, self._schema(action))
        if isinstance(answer, Command):
            return answer
        update = self._record(task.node, at, action, answer, packet)
        others = [item for key, item in items.items() if key != at]
        target = self.approved if answer.answer in _YES or todo(others) else self._no
        return Command(goto=task.node if len(wanting) > 1 else target, update=update)

    def packet(self, action: Action, *, reason: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """Give a person all that they decide on, as plain data."""
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
            "approvers": self._shown_approvers(action),
            "expires": deadline,
            "answers": ["approve", "edit", "reject", "respond"],
        }

    def _record(
        self, node: str, at: str, action: Action, answer: Answer, packet: Mapping[str, Any]
    ) -> dict[str, Any]:
        decision = Decision(
            kind="approval",
            node=node,
            choice=answer.answer,
            reason=answer.note or packet["why_asked"],
            by="person",
            who=answer.by,
            candidates=tuple(packet["answers"]),
            seen=f"{action} [{action.digest}]",
        )
        action = _edited(action, answer)
        approval = Approval(
            gate=self.name,
            digest=action.digest,
            answer=answer.answer,
            by=answer.by,
            role=answer.role,
            note=answer.note,
            at=answer.at or time.time(),
            expires=packet["expires"],
        )
        yes = answer.answer in _YES
        action = replace(
            action,
            status="approved" if yes else "rejected",
            result=None if yes else answer.note,
            approval=approval,
        )
        return {"actions": {at: plain(action)}, "decisions": [plain(decision)]}

    def _approvers(self, action: Action) -> tuple[str, ...]:
        """Give the names and roles that may answer; empty for anybody.

        Raises:
            ValueError: the function of the action cannot tell; until it can, nobody may.
        """
        if not callable(self.approvers):
            return self.approvers
        try:
            names = names_of(self.approvers(action), f"{name_of(self.approvers)} returned (")
            if not names:  # as of a search that has found nobody; it must not let anybody in
                raise DesignError(f"{name_of(self.approvers)} named nobody")
            return names
        except Exception as problem:
            raise ValueError(
                f"nobody may answer: {name_of(self.approvers)} could not tell who may "
                f"({type(problem).__name__}: {problem})"
            ) from problem

    def _counts(self, action: Action, yes: Approval) -> bool:
        try:
            return _may_answer(yes, self._approvers(action))
        except ValueError:
            return False

    def _shown_approvers(self, action: Action) -> list[str]:
        try:
            return list(self._approvers(action))
        except ValueError as problem:
            return [str(problem)]

    def _schema(self, action: Action) -> type[Answer]:
        """Give the schema of an answer to this question; it refuses before anything is kept."""
        gate = self

        class GateAnswer(Answer):
            @model_validator(mode="after")
            def _fits(self) -> Self:
                gate._fits(self, action)
                return self

        return GateAnswer

    def _fits(self, answer: Answer, action: Action) -> None:
        edited = _edited(action, answer)
        # Whoever may answer this action may not be the one who may answer what it becomes.
        for version in (action, edited):
            approvers = self._approvers(version)
            if not _may_answer(answer, approvers):
                deed = "answer" if version.digest == action.digest else f"make it {version}"
                raise ValueError(
                    f"{answer.by!r} may not {deed} at gate {self.name!r}; "
                    f"approvers are {', '.join(approvers)}"
                )
        if answer.digest and answer.digest != action.digest:
            raise ValueError(
                f"this answer is for the action with digest {answer.digest}, but {action} "
                f"({action.digest}) is asked now; look at it and answer again"
            )
        if unknown := sorted(set(answer.arguments or {}) - set(action.arguments)):
            raise ValueError(
                f"{action.name} has no argument {unknown[0]!r}; "
                f"it has {', '.join(action.arguments)}"
            )
        for effect in self.effects if answer.arguments else ():
            if effect.name == action.name:
                effect.exactly(edited)  # a DesignError is a ValueError
        deadline = self.deadline(action)
        if answer.at is not None and answer.at > time.time() + CLOCKS_DIFFER:
            raise ValueError(f"this answer is dated {utc(answer.at)}, which is still to come")
        late = deadline is not None and (answer.at or time.time()) > deadline
        if late and answer.answer in _YES:
            raise ValueError(
                f"the time to approve {action} ended {utc(deadline)}; it can only be rejected"
            )
        if not answer.digest:
            raise ValueError(
                f"an answer names the action that it is for: digest={action.digest!r}, as in the "
                "packet (Run.answer does so by itself)"
            )


def _edited(action: Action, answer: Answer) -> Action:
    """Give an action with the arguments that an answer replaces, as plain data."""
    return replace(action, arguments=dict(action.arguments) | plain(answer.arguments or {}))


def _may_answer(answer: Answer | Approval, approvers: tuple[str, ...]) -> bool:
    named = answer.by in approvers or (bool(answer.role) and answer.role in approvers)
    return not approvers or named


def names_of(given: Any, part: str) -> tuple[str, ...]:
    """Give approvers as a tuple of names.

    Raises:
        DesignError: it is one text, nothing, or holds an empty name, which anybody would have.
    """
    if isinstance(given, str) or given is None or not isinstance(given, Iterable):
        remedy = f"({given!r},)" if isinstance(given, str) else "('maria',)"
        raise DesignError(f"{part}{given!r}): give a tuple of names, {remedy}")
    names = tuple(given)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise DesignError(
                f"{part}{names!r}): {name!r} is nobody's name; leave it out, or give () where "
                "anybody may answer"
            )
    return names


def _passed(node: str, action: Action) -> dict[str, Any]:
    reason = f"{action} is within what needs nobody"
    decision = Decision(kind="approval", node=node, choice="not needed", reason=reason)
    return plain(decision)  # type: ignore[no-any-return]

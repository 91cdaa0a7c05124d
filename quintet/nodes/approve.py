"""Escalation to a person: one question about one exact action, and an answer bound to it."""

from __future__ import annotations

import re
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

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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

    It reads the state's proposed actions. What needs nobody passes with a record of that; the first
    that needs somebody becomes one interrupt, with nothing before it, and the answer is
    checked before it is kept, so that a bad one leaves the question open.

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
        """Where it goes on yes and on no; it also comes back to itself for the next question."""
        return tuple(dict.fromkeys((self.approved, self._no)))

    @property
    def _no(self) -> str:
        return self.rejected or self.approved

    def wants(self, action: Action) -> str | None:
        """Give why this action needs a person, or None. Where the rule itself fails, it does."""
        try:
            return why(self.when(action), self.when)
        except Exception as problem:  # noqa: BLE001 - a rule that fails must not let through
            return f"{name_of(self.when)} could not tell ({type(problem).__name__}: {problem})"

    def deadline(self, action: Action) -> float | None:
        """Until when a yes to this action may be given and used."""
        limit = seconds(self.expires)
        return None if limit is None else action.at + limit

    def check(self, action: Action, *, reason: str, now: float) -> None:
        """Let an action through that has this gate's yes, and no other.

        Raises:
            ApprovalMissing: no yes, a yes for other arguments, of another gate, or expired.
        """
        yes = action.approval
        ask = f"{action} needs approval at gate {self.name!r} ({reason})"
        if yes is None or action.status != "approved" or yes.answer not in ("approve", "edit"):
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
            raise ApprovalMissing(f"{ask}, but the approval expired {_when(yes.expires)}")

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[str]]:
        """Pass on, or ask about the first proposed action that needs a person."""
        return self._decide(state)
        yield  # it waits for nothing, and is a generator like every node's steps

    def _decide(self, state: Mapping[str, Any]) -> Command[str]:
        place_here = current_task("approve")
        here = place_here.node
        items = of_this_run(state)
        mine = [
            (at, read(Action, item))
            for at, item in items.items()
            if item["status"] == "proposed" and item.get("gate") in (None, "", self.name)
        ]
        wanting = [(at, action, why) for at, action in mine if (why := self.wants(action))]
        if not wanting:
            passed = [_passed(here, action) for _, action in mine]
            target = self._no if not todo(items.values()) and refused(state) else self.approved
            return Command(goto=target, update={"decisions": passed} if passed else None)
        at, action, reason = wanting[0]
        packet = self.packet(action, reason=reason, state=state)
        answer = ask(place_here, state, packet, self._schema(action))
        if isinstance(answer, Command):
            return answer
        update, yes = self._record(here, at, action, answer, packet)
        others = [item for key, item in items.items() if key != at]
        target = self.approved if yes or todo(others) else self._no
        return Command(goto=here if len(wanting) > 1 else target, update=update)

    def packet(self, action: Action, *, reason: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """What the person gets to decide on, as plain data."""
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
        self, here: str, at: str, action: Action, answer: Answer, packet: Mapping[str, Any]
    ) -> tuple[dict[str, Any], bool]:
        yes = answer.answer in ("approve", "edit")
        changed = replace(
            action,
            arguments=dict(action.arguments) | (answer.arguments or {}),
            status="approved" if yes else "rejected",
            result=None if yes else answer.note,
        )
        approval = Approval(
            gate=self.name,
            digest=changed.digest,
            answer=answer.answer,
            by=answer.by,
            role=answer.role,
            note=answer.note,
            at=answer.at or time.time(),
            expires=packet["expires"],
        )
        decision = Decision(
            kind="approval",
            node=here,
            choice=answer.answer,
            reason=answer.note or packet["why_asked"],
            by="person",
            who=answer.by,
            candidates=tuple(packet["answers"]),
            seen=f"{action} [{action.digest}]",
        )
        update = {
            "actions": {at: plain(replace(changed, approval=approval))},
            "decisions": [plain(decision)],
        }
        return update, yes

    def _approvers(self, action: Action) -> tuple[str, ...]:
        """Give who may answer; empty for anybody.

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
            return self._may_answer(action, yes.by, yes.role)
        except ValueError:
            return False

    def _shown_approvers(self, action: Action) -> list[str]:
        try:
            return list(self._approvers(action))
        except ValueError as problem:
            return [str(problem)]

    def _may_answer(self, action: Action, by: str, role: str) -> bool:
        allowed = self._approvers(action)
        return not allowed or by in allowed or (bool(role) and role in allowed)

    def _schema(self, action: Action) -> type[Answer]:
        """The answer's schema for this question: it refuses before anything is kept."""
        gate = self

        class GateAnswer(Answer):
            @model_validator(mode="after")
            def _fits(self) -> Self:
                gate._fits(self, action)
                return self

        return GateAnswer

    def _fits(self, answer: Answer, action: Action) -> None:
        changed = plain(answer.arguments or {})  # as it is kept
        edited = replace(action, arguments=dict(action.arguments) | changed)
        for each in (action, edited):
            if not self._may_answer(each, answer.by, answer.role):
                what = "answer" if each.digest == action.digest else f"make it {each}"
                raise ValueError(
                    f"{answer.by!r} may not {what} at gate {self.name!r}; "
                    f"approvers are {', '.join(self._approvers(each))}"
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
            raise ValueError(f"this answer is dated {_when(answer.at)}, which is still to come")
        late = deadline is not None and (answer.at or time.time()) > deadline
        if late and answer.answer in ("approve", "edit"):
            raise ValueError(
                f"the time to approve {action} ended {_when(deadline)}; it can only be rejected"
            )
        if not answer.digest:
            raise ValueError(
                f"an answer names the action that it is for: digest={action.digest!r}, as in the "
                "packet (Run.answer does so by itself)"
            )


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


def _passed(here: str, action: Action) -> dict[str, Any]:
    record: dict[str, Any] = plain(
        Decision(
            kind="approval",
            node=here,
            choice="not needed",
            reason=f"{action} is within what needs nobody",
        )
    )
    return record


def seconds(given: str | float | None) -> float | None:
    """Read a duration: seconds, or a number with `s`, `m`, `h` or `d`.

    Raises:
        DesignError: it cannot be read, or is not positive.
    """
    if given is None:
        return None
    if isinstance(given, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", given)
        length = float(match[1]) * _UNITS[match[2]] if match else -1.0
    else:
        length = float(given)
    if not length > 0:
        raise DesignError(f"duration {given!r}: give seconds, or text such as '30m', '24h', '2d'")
    return length


def _when(moment: float | None) -> str:
    return time.strftime("at %Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))

"""Ask people about one action: who may answer, which answers fit, and when enough have.

`ApprovalGate` and `Review` ask in this way. An answer is checked before LangGraph keeps it, so that
a bad one leaves the question open, and it counts by what is written in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from pydantic import model_validator

from quintet.errors import DesignError
from quintet.nodes.answer import YES, Answer, from_interface
from quintet.nodes.core.call import Logic
from quintet.nodes.core.duration import seconds, utc
from quintet.nodes.core.node import Node
from quintet.nodes.core.votes import Votes
from quintet.nodes.effect import Effect
from quintet.nodes.identity import Identify, Person
from quintet.state.action import Action, Approval
from quintet.state.clock import now
from quintet.state.decision import Decision
from quintet.state.own import own
from quintet.state.record import digest, plain
from quintet.state.verdict import check_answers, name_of

CLOCKS_DIFFER = 60.0
"""Seconds by which the clock of whoever answers may be ahead."""


@dataclass(frozen=True, kw_only=True)
class Asking(Node):
    """Ask people about an action, and take the answers that fit.

    Args:
        approvers: names or roles that may answer; empty means anybody. Or a function of the action
            that gives them; where it names nobody, nobody may.
        expires: how long a yes may be given and used, as `"24h"`, `"30m"`, `"2d"` or seconds.
        name: its name in packets and approvals; two of one graph have two names.
        effects: the effects by whose types an edit is checked at once.
        identify: tells by an answer who has given it, and their roles.
        quorum: how many different people must say yes to the same action; one no decides.
        if_expired: what becomes of a question that nobody answers in time.

    Raises:
        DesignError: an expiry that cannot be read, an approver without a name, a quorum that cannot
            be reached, or a word that is none of those there are.
    """

    approvers: tuple[str, ...] | Callable[[Action], tuple[str, ...]] = ()
    expires: str | float | None = None
    name: str = "approval"
    effects: tuple[Effect, ...] = ()
    identify: Identify | None = None
    quorum: int = 1
    if_expired: Literal["reject", "wait"] = "reject"

    asks = True

    def __post_init__(self) -> None:
        part = type(self).__name__
        if callable(self.approvers):
            check_answers(f"{part}(approvers=)", self.approvers)
        else:
            names = names_of(self.approvers, f"{part}(approvers=")
            object.__setattr__(self, "approvers", names)
        check_answers(f"{part}(identify=)", self.identify)
        seconds(self.expires)
        quorum = self.quorum
        if isinstance(quorum, bool) or not isinstance(quorum, int) or quorum < 1:
            raise DesignError(f"{part}(quorum={quorum!r:.60}): give a whole number from 1")
        # Without `identify`, a name is one person; a role may be had by many.
        named = () if callable(self.approvers) or self.identify else self.approvers
        if named and quorum > len(set(named)):
            raise DesignError(
                f"{part}(quorum={quorum}): the approvers are {len(set(named))} "
                f"({', '.join(named)}); name more, or give identify=, by which a role is known"
            )
        if self.if_expired not in ("reject", "wait"):
            raise DesignError(
                f"{part}(if_expired={self.if_expired!r:.60}): give 'reject' or 'wait'"
            )

    def deadline(self, action: Action) -> float | None:
        """Give the moment until which a yes to this action may be given and used, or None."""
        limit = seconds(self.expires)
        return None if limit is None else action.at + limit

    def written(
        self, node: str, action: Action, answer: Answer, votes: Votes
    ) -> Logic[tuple[Votes, list[dict[str, Any]]]]:
        """Write an answer where it counts; give all answers, and a record of one that is late."""
        given = digest(answer.model_dump())
        if votes.has(given):  # it was written before a crash
            return votes, []
        person = self._person(answer)
        changed = edited(action, answer)
        approval = Approval(
            gate=self.name,
            digest=changed.digest,
            answer=answer.answer,
            by=person.name,
            role=_role_of(person, self.approvers_of(changed), answer.role),
            note=answer.note,
            at=answer.at or now(),
            expires=self.deadline(action),
            question=votes.question,
        )
        # Other processes may write answers too: each is added after those that stand.
        while votes.verdict is None and not votes.heard(person.name):
            written = yield from votes.add(approval, answer=given, action=changed)
            if written is not None:
                records = [] if written.verdict else [_counted(node, action, approval, written)]
                return written, records
            votes = yield from votes.read()
        return votes, [_late(node, approval, votes)]

    def _person(self, answer: Answer) -> Person:
        """Give who has given an answer.

        Raises:
            ValueError: nobody that this gate knows.
        """
        if answer.answer == "expire":
            return Person(name=NOBODY)
        if self.identify is None:
            return Person(name=answer.by)
        try:
            person = self.identify(answer)
        except ValueError:
            raise
        except Exception as problem:
            raise ValueError(
                f"nobody may answer: {name_of(self.identify)} could not tell who answers "
                f"({type(problem).__name__}: {problem})"
            ) from problem
        if not isinstance(person, Person) or not str(person.name).strip():
            raise ValueError(f"{name_of(self.identify)} gave {person!r:.60}, which is no Person")
        return person

    def approvers_of(self, action: Action) -> tuple[str, ...]:
        """Give the names and roles that may answer; empty for anybody.

        Raises:
            ValueError: the function of the action cannot tell; until it can, nobody may.
        """
        if not callable(self.approvers):
            return self.approvers
        try:
            names = names_of(self.approvers(own(action)), f"{name_of(self.approvers)} returned (")
            if not names:  # as of a search that has found nobody; it must not let anybody in
                raise DesignError(f"{name_of(self.approvers)} named nobody")
            return names
        except Exception as problem:
            raise ValueError(
                f"nobody may answer: {name_of(self.approvers)} could not tell who may "
                f"({type(problem).__name__}: {problem})"
            ) from problem

    def shown_approvers(self, action: Action) -> list[str]:
        """Give the approvers for a packet, or the reason why nobody can tell them."""
        try:
            return list(self.approvers_of(action))
        except ValueError as problem:
            return [str(problem)]

    def schema(self, action: Action, votes: Votes) -> type[Answer]:
        """Give the schema of an answer to this question; it refuses before anything is kept."""
        gate = self

        class GateAnswer(Answer):
            @model_validator(mode="before")
            @classmethod
            def _read(cls, data: Any) -> Any:
                return from_interface(data, action)

            @model_validator(mode="after")
            def _fits(self) -> Self:
                # What was written before a crash was checked then; a token may be too old by now.
                if not votes.has(digest(self.model_dump())):
                    gate._fits(self, action, votes)
                return self

        return GateAnswer

    def _fits(self, answer: Answer, action: Action, votes: Votes) -> None:
        deadline = self.deadline(action)
        if answer.answer == "expire":
            self._fits_expiry(action, deadline)
            return
        person, changed = self._person(answer), edited(action, answer)
        if votes.heard(person.name):
            raise ValueError(f"{person.name!r} has answered; {self.quorum} people must say yes")
        # Whoever may answer this action may not be the one who may answer what it becomes.
        for version in (action, changed):
            approvers = self.approvers_of(version)
            if not may_answer(person, approvers):
                deed = "answer" if version.digest == action.digest else f"make it {version}"
                raise ValueError(
                    f"{person.name!r} may not {deed} at gate {self.name!r}; "
                    f"approvers are {', '.join(approvers)}"
                )
        self._fits_action(answer, action, changed)
        if answer.at is not None and answer.at > now() + CLOCKS_DIFFER:
            raise ValueError(f"this answer is dated {utc(answer.at)}, which is still to come")
        late = deadline is not None and (answer.at or now()) > deadline
        if late and answer.answer in YES:
            raise ValueError(
                f"the time to approve {action} ended {utc(deadline)}; it can only be rejected"
            )
        if not answer.digest:
            raise ValueError(
                f"an answer names the action that it is for: digest={action.digest!r}, as in the "
                "packet (Run.answer does so by itself)"
            )

    def _fits_action(self, answer: Answer, action: Action, edited: Action) -> None:
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

    def _fits_expiry(self, action: Action, deadline: float | None) -> None:
        if deadline is None or now() <= deadline:
            until = "has no end" if deadline is None else f"ends {utc(deadline)}"
            raise ValueError(f"the time to answer {action} {until}")
        if self.if_expired == "wait":
            raise ValueError(f"gate {self.name!r} waits for a person (if_expired='wait')")


NOBODY = "nobody in time"
"""Who has answered where a question has expired."""


def edited(action: Action, answer: Answer) -> Action:
    """Give an action with the arguments that an answer replaces, as plain data."""
    return replace(action, arguments=dict(action.arguments) | plain(answer.arguments or {}))


def may_answer(person: Person | Approval, approvers: tuple[str, ...]) -> bool:
    """Say whether somebody is among the approvers, by name or role; with none, anybody is."""
    if isinstance(person, Person):
        mine = {person.name, *person.roles}
    else:
        mine = {person.by, person.role} - {""}
    return not approvers or not mine.isdisjoint(approvers)


def _role_of(person: Person, approvers: tuple[str, ...], wanted: str) -> str:
    """Give the role in which somebody answers: one that they have, and that may answer."""
    fitting = [role for role in person.roles if role in approvers]
    return wanted if wanted in person.roles else next(iter(fitting), "")


def told(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Give decision records as a state update; None without any."""
    return {"decisions": records} if records else None


def _counted(node: str, action: Action, approval: Approval, votes: Votes) -> dict[str, Any]:
    """Record one of several answers that a question needs."""
    decision = Decision(
        kind="approval",
        node=node,
        choice="one of several",
        reason=f"{approval.answer}: {len(votes.entries)} answered, {votes.quorum} must say yes",
        by="person",
        who=approval.by,
        seen=f"{action} [{action.digest}]",
    )
    return plain(decision)  # type: ignore[no-any-return]


def _late(node: str, approval: Approval, votes: Votes) -> dict[str, Any]:
    """Record an answer that came after the one that decided."""
    first = ", ".join(votes.names)
    decision = Decision(
        kind="answer",
        node=node,
        choice="refused",
        reason=f"{first} answered first; {approval.by} said {approval.answer}, which changes "
        "nothing",
        by="person",
        who=approval.by,
    )
    return plain(decision)  # type: ignore[no-any-return]


def names_of(given: Any, part: str) -> tuple[str, ...]:
    """Give approvers as a tuple of names.

    Raises:
        DesignError: it is one text, nothing, or holds an empty name, which anybody would have.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
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

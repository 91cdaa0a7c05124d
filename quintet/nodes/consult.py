"""Ask a person a question, and go on with what they say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.types import Command
from pydantic import ValidationError

from quintet.errors import DesignError
from quintet.nodes.answer import Answer, for_interface
from quintet.nodes.asking import Asking
from quintet.nodes.core.call import Logic
from quintet.nodes.core.duration import utc
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.node import one_line
from quintet.nodes.core.question import ask
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task, current_task
from quintet.nodes.core.votes import Votes, approval_in, votes_on
from quintet.nodes.core.way import check_way, lead, targets_in
from quintet.state.action import Action, Approval
from quintet.state.clock import now
from quintet.state.decision import Decision
from quintet.state.record import adapter, digest, faults, plain, validated
from quintet.state.run import run_of
from quintet.state.verdict import check_answers

ANSWERS = ["respond", "reject"]


@dataclass(frozen=True, kw_only=True)
class Consult(Asking):
    """Ask a person a question, put the answer among the results, and go on.

    It stands wherever a worker may, as a router's `otherwise`, and as the node that
    `escalate("ask")` goes to. An answer is checked by its type before it is kept, bound to this
    question, and the first one counts. A person who will not answer says `reject`.

    Args:
        question: the question, or a function of the state that words it.
        gives: the type of the answer, which `respond` gives as text or as data.
        to: the nodes that the answer may name; the run then goes to that one.
        then: the node to go to with the answer, or a path; ready-made graphs fill it in.
        of: the answer's name among the results; by default the node's own. With the name of a step
            that failed, its answer stands in for that step's result.
        times: how often it may ask in one run; after that `otherwise` follows.
        otherwise: the node to go to without an answer.

    Raises:
        DesignError: a type that cannot be checked, a quorum, or as for `ApprovalGate`.
    """

    question: str | Callable[[Mapping[str, Any]], str]
    gives: Any = str
    to: tuple[str, ...] = ()
    then: Any = ""
    of: str = ""
    times: int = 3
    otherwise: str = "person"
    name: str = "question"

    writes = frozenset({"results", "decisions", "kept", "run"})

    def __post_init__(self) -> None:
        if isinstance(self.to, str):
            raise DesignError(f"Consult(to={self.to!r}): give a tuple of nodes, ({self.to!r},)")
        if self.to and (self.gives is not str or self.then):
            raise DesignError(
                "Consult(to=...): the answer names the next node, so leave gives= and then= out"
            )
        if not callable(self.question) and not str(self.question).strip():
            raise DesignError("Consult(question=''): say what the person is asked")
        check_answers("Consult(question=)", self.question)
        if isinstance(self.times, bool) or not isinstance(self.times, int) or self.times < 1:
            raise DesignError(f"Consult(times={self.times!r:.60}): give a whole number from 1")
        if self.quorum != 1:
            raise DesignError(
                f"Consult(quorum={self.quorum}): the first answer counts; for a yes of several "
                "people give an ApprovalGate or a Review"
            )
        check_way("Consult(then", self.then)
        try:
            adapter(self.kind)
        except Exception as problem:
            raise DesignError(f"Consult(gives={self.gives!r}) cannot be checked") from problem
        Asking.__post_init__(self)

    @property
    def kind(self) -> Any:
        """Give the type of the answer."""
        return Literal[self.to] if self.to else self.gives

    @property
    def destinations(self) -> tuple[str, ...]:  # type: ignore[override]
        """Name the nodes to go to with the answer, and without one."""
        return targets_in(self.then, *self.to, self.otherwise)

    def logic(self, state: Mapping[str, Any]) -> Logic[Command[Any]]:
        """Ask, and go on with the answer."""
        visit = _Visit(consult=self, state=state, task=current_task("consult"))
        if not self.then and not self.to and not visit.step.planner:
            raise DesignError(
                f"{visit.task.node}: give then=...; only in a ready-made graph it is filled in"
            )
        return (yield from visit.logic())

    def value(self, note: str) -> Any:
        """Read an answer's text as the type that is asked for: as JSON, or else as it is.

        Raises:
            ValueError: it does not fit.
        """
        readings: list[Any] = [note]
        if self.kind is not str:
            with suppress(ValueError):
                readings.insert(0, json.loads(note))
        refusals = []
        for reading in readings:
            try:
                return plain(validated(self.kind, reading))
            except ValidationError as problem:
                refusals.append(faults(problem))
        raise ValueError(f"the answer {note!r:.80} does not fit: {refusals[0]}")

    def _fits_action(self, answer: Answer, action: Action, edited: Action) -> None:
        super()._fits_action(answer, action, edited)
        if answer.answer not in ANSWERS:
            raise ValueError(
                f"a question is answered by respond(...), or by reject(...); not {answer.answer!r}"
            )
        if answer.answer == "respond":
            deadline = self.deadline(action)
            if deadline is not None and (answer.at or now()) > deadline:
                raise ValueError(f"the time to answer ended {utc(deadline)}")
            self.value(answer.note)


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """Ask one question at one visit of the node."""

    consult: Consult
    state: Mapping[str, Any]
    task: Task

    @property
    def step(self) -> SentStep:
        """Give the step of a plan that it is asked in, if any."""
        return SentStep.of(self.state)

    @property
    def slot(self) -> str:
        """Name this piece of work among others: by its node, and the step that it was sent."""
        return f"{self.task.path}:{self.step.id}" if self.step.id else self.task.path

    @property
    def name(self) -> str:
        """Name the answer among the results."""
        return self.consult.of or self.step.id or self.task.node

    def logic(self) -> Logic[Command[Any]]:
        """Ask, or go on without an answer where it was asked too often."""
        consult, task, state = self.consult, self.task, self.state
        number = int(kept(state, "consult").get(self.slot, 0)) + 1
        if number > consult.times:
            return self._without(f"{task.node} has asked {consult.times} times", "rule", "", ())
        wording = consult.question
        text = wording if isinstance(wording, str) else str(wording(state))
        action, votes = yield from self._question(text, number)
        records: list[dict[str, Any]] = []
        if votes.verdict is None:
            schema = consult.schema(action, votes)
            answer = ask(task, state, self._packet(action, text), schema)
            if isinstance(answer, Command):
                return answer
            votes, records = yield from consult.written(task.node, action, answer, votes)
        if votes.verdict is None:  # pragma: no cover - one answer decides
            return Command(goto=task.node)
        said = approval_in(votes.verdict)
        if said.answer != "respond":
            by = "rule" if said.answer == "expire" else "person"
            why = said.note or f"{said.by} gave no answer"
            return self._without(f"{text}: {why}", by, said.by, records)
        return self._with(said, text, number, records)

    def _question(self, text: str, number: int) -> Logic[tuple[Action, Votes]]:
        run = run_of(self.state)
        question = digest([self.consult.name, self.slot, run, number, text])
        votes = yield from votes_on(self.task, question).read()
        at = 0.0
        if self.consult.expires is not None:
            at = (yield from votes.note_asked()).at
        arguments = {"question": text}
        key = f"{self.name}#{number}"
        # The number is in the name, and so in the digest: an answer is for this asking alone.
        name = f"question {key}"
        return Action(name=name, arguments=arguments, key=key, at=at, run=run), votes

    def _packet(self, action: Action, text: str) -> dict[str, Any]:
        consult, state = self.consult, self.state
        deadline = consult.deadline(action)
        tried = [f"{f['node']}: {f['kind']}: {f['message']}" for f in state.get("failures") or ()]
        return {
            "gate": consult.name,
            "question": text,
            "action": action.name,
            "arguments": dict(action.arguments),
            "digest": action.digest,
            "why_asked": "the run goes on with the answer",
            "schema": adapter(consult.kind).json_schema(),
            "request": one_line(state.get("message", ""), 500),
            "tried": tried,
            "if_no": f"{consult.otherwise} follows",
            "approvers": consult.shown_approvers(action),
            "expires": deadline,
            "if_expired": consult.if_expired if deadline else "",
            "answers": ANSWERS,
            **for_interface(action, ANSWERS, text),
        }

    def _with(
        self, said: Approval, text: str, number: int, records: list[dict[str, Any]]
    ) -> Command[Any]:
        consult = self.consult
        value = consult.value(said.note)
        decision = Decision(
            kind="answer",
            node=self.task.node,
            choice="given",
            reason=one_line(f"{text}: {said.note}", 300),
            by="person",
            who=said.by,
            seen=f"{self.name}#{number} [{said.digest}]",
        )
        update: dict[str, Any] = {
            "results": {self.name: value},
            "decisions": [*records, plain(decision)],
            "kept": keep("consult", self.slot, number) | self.step.ended({"status": "done"}),
        }
        if self.step.planner:
            return Command(goto=self.step.planner, update=update)
        goto = value if consult.to else lead(consult.then, self.state, update)
        return Command(goto=goto, update=update)

    def _without(self, why: str, by: Any, who: str, records: Any) -> Command[Any]:
        """Go on without an answer."""
        otherwise = self.consult.otherwise
        decision = Decision(
            kind="escalation",
            node=self.task.node,
            choice=otherwise,
            reason=one_line(why, 300),
            by=by,
            who=who,
        )
        update: dict[str, Any] = {"decisions": [*records, plain(decision)]}
        if otherwise == "finish":  # which ends the run as `rejected`, and never as done
            update["results"] = {self.name: {"refused": one_line(why, 300)}}
        if note := self.step.ended({"status": "ended", "to": otherwise, "why": why}):
            update["kept"] = note
        return Command(goto=self.step.planner or otherwise, update=update)

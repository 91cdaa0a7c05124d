"""Gather what reaches a worker: of the state what its contract names, and what was handed to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.errors import ContractBroken
from quintet.nodes.core.kept import keep, kept
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task
from quintet.state.contract import Contract
from quintet.state.messages import turns_of
from quintet.state.own import own
from quintet.state.questions import open_questions
from quintet.state.record import plain
from quintet.state.verdict import name_of

Read = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def slot_of(task: Task, step: SentStep) -> str:
    """Name a piece of work among others: by its node, and the step that it was sent."""
    return f"{task.path}:{step.id}" if step.id else task.path


def beside(slot: str, node: str) -> str:
    """Name the same piece of work at another node of the same graph."""
    graph, at, own = slot.rpartition("/")
    _, colon, step = own.partition(":")
    return f"{graph}{at}{node}{colon}{step}"


@dataclass(frozen=True, kw_only=True)
class Handed:
    """Hold what was handed to a worker with a request.

    Args:
        payload: further context, by the keys of the worker's contract.
        by: the worker that handed it over; empty where it was none.
        reason: the reason for the handoff.
        asked: the question that the customer's message answers, as `Asked`.
        times: how many times in a row its worker has asked the customer.
    """

    payload: Mapping[str, Any]
    by: str = ""
    reason: str = ""
    asked: Mapping[str, str]
    times: int = 0

    @classmethod
    def to(cls, slot: str, state: Mapping[str, Any]) -> Handed:
        """Read it from a state."""
        note = kept(state, "handed").get(slot) or {}
        question = open_questions(state).get(slot) or {}
        asked = {"question": question["text"], "about": question["about"]} if question else {}
        return cls(
            payload=note.get("payload") or question.get("payload") or {},
            by=note.get("by", ""),
            reason=note.get("reason", ""),
            asked=note.get("asked") or asked,
            times=question.get("times", 0),
        )

    def update(self, slot: str) -> dict[str, Any]:
        """Give the note, as an update of `kept`, by which a worker finds it."""
        note = {"payload": self.payload, "by": self.by, "reason": self.reason, "asked": self.asked}
        return keep("handed", slot, plain({name: part for name, part in note.items() if part}))

    def context(
        self, read: Read | None, state: Mapping[str, Any], step: SentStep
    ) -> Mapping[str, Any]:
        """Give the context from which a contract's needs are taken."""
        context = dict(step.context(state) if read is None else read_by(read, state))
        context |= self.payload
        if "questions" in state:
            context |= {"asked": self.asked, "messages": turns_of(state)}
        context.setdefault("handoff", {"by": self.by, "reason": self.reason} if self.by else {})
        return context


def read_by(read: Read, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the context that a worker's own function reads from the state.

    Raises:
        ContractBroken: it is no dict.
    """
    context = read(own(state))
    if not isinstance(context, Mapping):
        raise ContractBroken(
            f"Worker(read=): {name_of(read)} returned {context!r:.60}, which is no dict",
            side="needs",
        )
    return context


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Know what a node that takes requests over needs of whoever hands one over.

    Args:
        contract: its contract.
        read: its worker's own function of the state, if any.
    """

    contract: Contract
    read: Read | None = None

    def missing(self, context: Mapping[str, Any]) -> tuple[str, ...]:
        """Name the keys of its contract that a context has no value for."""
        names = (*self.contract.required, *self.contract.optional)
        return tuple(name for name in names if context.get(name) is None)

    def check(self, node: str, to: str, handed: Handed, context: Mapping[str, Any]) -> None:
        """Refuse a handoff before it is dispatched.

        Raises:
            ContractBroken: the payload has keys that the contract does not name, or something that
                it needs is missing or of the wrong type.
        """
        names = (*self.contract.required, *self.contract.optional)
        if odd := [name for name in handed.payload if name not in names]:
            raise ContractBroken(
                f"{node} hands {', '.join(odd)} to {to}, whose contract does not name "
                f"{'it' if len(odd) == 1 else 'them'}; it needs {', '.join(names)}",
                side="needs",
            )
        try:
            self.contract.request(context)
        except ContractBroken as problem:
            raise ContractBroken(f"{node} hands over to {to}: {problem}", side="needs") from problem

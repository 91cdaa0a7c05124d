"""What a person says to a gate: `run.answer(approve(by="maria"))`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from quintet.errors import AnswerRefused
from quintet.nodes.approve import Answer
from quintet.nodes.merge import MergeAnswer
from quintet.state.record import faults, plain

A = TypeVar("A", Answer, MergeAnswer)


def approve(*, by: str, note: str = "", role: str = "") -> Answer:
    """Yes to exactly the action that was asked about."""
    return _answer(answer="approve", by=by, note=note, role=role)


def edit(arguments: Mapping[str, Any], *, by: str, note: str = "", role: str = "") -> Answer:
    """Yes, with these arguments in place of the action's own."""
    return _answer(answer="edit", by=by, note=note, role=role, arguments=plain(dict(arguments)))


def reject(*, by: str, note: str = "", role: str = "") -> Answer:
    """No; nothing is done."""
    return _answer(answer="reject", by=by, note=note, role=role)


def respond(note: str, *, by: str, role: str = "") -> Answer:
    """No, with a response of the person's own in place of the action."""
    return _answer(answer="respond", by=by, note=note, role=role)


def settle(values: Mapping[str, Any], *, by: str, note: str = "") -> MergeAnswer:
    """The values that settle a merge's open conflicts, one for each field."""
    return _made(MergeAnswer, values=plain(dict(values)), by=by, note=note)


def _answer(**given: Any) -> Answer:
    return _made(Answer, **given)


def _made(kind: type[A], **given: Any) -> A:
    try:
        return kind(**given)
    except ValidationError as problem:
        raise AnswerRefused(f"this answer is not complete: {faults(problem)}") from problem

"""Answer a gate as a person: `run.answer(approve(by="maria"))`."""

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
    """Say yes to exactly the action that was asked about."""
    return _answer(answer="approve", by=by, note=note, role=role)


def edit(arguments: Mapping[str, Any], *, by: str, note: str = "", role: str = "") -> Answer:
    """Say yes, with these arguments in place of the action's own."""
    return _answer(answer="edit", by=by, note=note, role=role, arguments=plain(dict(arguments)))


def reject(*, by: str, note: str = "", role: str = "") -> Answer:
    """Say no; nothing is done."""
    return _answer(answer="reject", by=by, note=note, role=role)


def respond(note: str, *, by: str, role: str = "") -> Answer:
    """Say no, and give the person's own response in place of the action."""
    return _answer(answer="respond", by=by, note=note, role=role)


def settle(values: Mapping[str, Any], *, by: str, note: str = "") -> MergeAnswer:
    """Settle a merge's open conflicts, with one value for each field."""
    return _validated(MergeAnswer, values=plain(dict(values)), by=by, note=note)


def _answer(**fields: Any) -> Answer:
    return _validated(Answer, **fields)


def _validated(kind: type[A], **fields: Any) -> A:
    try:
        return kind(**fields)
    except ValidationError as problem:
        raise AnswerRefused(f"this answer is not complete: {faults(problem)}") from problem

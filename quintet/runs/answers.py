"""Answer a gate as a person: `run.answer(approve(by="maria"))`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar, overload

from pydantic import ValidationError

from quintet.errors import AnswerRefused
from quintet.nodes.answer import Answer
from quintet.nodes.core.settlement import SettleAnswer, Settlement
from quintet.nodes.merge import MergeAnswer
from quintet.state.record import faults, plain

A = TypeVar("A", Answer, MergeAnswer, SettleAnswer)


def approve(*, by: str, note: str = "", role: str = "") -> Answer:
    """Say yes to exactly the action that was asked about."""
    return _answer(answer="approve", by=by, note=note, role=role)


def edit(arguments: Mapping[str, Any], *, by: str, note: str = "", role: str = "") -> Answer:
    """Say yes, with these arguments in place of the action's own.

    Raises:
        AnswerRefused: they are no arguments by name.
    """
    changed = _by_name("edit", arguments)
    return _answer(answer="edit", by=by, note=note, role=role, arguments=changed)


def reject(*, by: str, note: str = "", role: str = "") -> Answer:
    """Say no; nothing is done."""
    return _answer(answer="reject", by=by, note=note, role=role)


def respond(note: Any, *, by: str, role: str = "") -> Answer:
    """Answer a question; to an action say no, and give the person's own response in its place.

    Args:
        note: the answer or the response: a text, or data of the type that a question asks for.
        by: who answers.
        role: the role in which they answer.
    """
    text = note if isinstance(note, str) else json.dumps(plain(note), ensure_ascii=False)
    return _answer(answer="respond", by=by, note=text, role=role)


@overload
def settle(how: Mapping[str, Any], *, by: str, note: str = "") -> MergeAnswer: ...


@overload
def settle(how: Settlement, *, by: str, note: str = "", result: Any = None) -> SettleAnswer: ...


def settle(
    how: Mapping[str, Any] | Settlement, *, by: str, note: str = "", result: Any = None
) -> MergeAnswer | SettleAnswer:
    """Settle what only a person can tell: a merge's open conflicts, or how an effect ended.

    Args:
        how: one value for each open field of a merge; or, for an effect that was begun and whose
            end is not known, `"happened"`, `"did not happen"` (it is then tried again) or `"undo"`.
        by: who says so.
        note: a remark.
        result: what the effect gave, where it happened: the run goes on with it.

    Raises:
        AnswerRefused: neither of the two.
    """
    if isinstance(how, str):
        return _validated(SettleAnswer, answer=how, by=by, note=note, result=plain(result))
    return _validated(MergeAnswer, values=_by_name("settle", how), by=by, note=note)


def _by_name(answer: str, given: Any) -> Any:
    if not isinstance(given, Mapping):
        raise AnswerRefused(
            f"{answer}({given!r:.60}): give the new values by name, such as {{'amount': 5}}"
        )
    return plain(dict(given))


def _answer(**fields: Any) -> Answer:
    return _validated(Answer, **fields)


def _validated(kind: type[A], **fields: Any) -> A:
    try:
        return kind(**fields)
    except ValidationError as problem:
        raise AnswerRefused(f"this answer is not complete: {faults(problem)}") from problem

"""Answer a question from the passages that a search finds, in the handbook's own sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Required

from typing_extensions import TypedDict

from .book import Passage, sentences
from .words import terms

COVERED = 0.5
"""The share of a question's words that a section must hold to be an answer to it."""

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget) (?:the|your|all|any)\b|\byou are now\b|^\s*system\s*:|"
    r"\bpretend\b|\bnew policy\b|\brepeat (?:it|this) to me as\b",
    re.IGNORECASE,
)
_FOR_PEOPLE = re.compile(
    r"\bdo i have left\b|\bmy (?:account|balance|payslip|record)\b|\bmake an exception\b|"
    r"\bapprove my\b|\bshould i (?:sue|quit|complain)\b",
    re.IGNORECASE,
)


class Question(TypedDict):
    """The agent's input: the question, and nothing else."""

    message: str


class Answer(TypedDict, total=False):
    """The agent's output.

    Attributes:
        question: the question that it answers.
        answer: sentences of the handbook, to the letter.
        cites: the ids of the sections that they stand in.
        edition: the edition of the handbook.
        refused: why the message is no question to answer.
        escalate: why a person must answer.
    """

    question: Required[str]
    answer: Required[str]
    cites: Required[list[str]]
    edition: str
    refused: str
    escalate: str


def reader(request: Question, tools: Mapping[str, Callable[..., list[Passage]]]) -> Answer:
    """Read what a search finds, and quote the sentences that answer the question."""
    question = request["message"]
    if _ORDERS.search(question):
        why = "it gives instructions; the handbook is changed by the people team alone"
        return {"question": question, "answer": "", "cites": [], "refused": why}
    if _FOR_PEOPLE.search(question):
        return _for_person(
            question, "for a person: it asks for a decision or somebody's own record"
        )
    best = _best(question, tools["search"](question=question))
    if best is None:
        return _for_person(question, "not covered: the handbook does not say")
    return {
        "question": question,
        "answer": " ".join(_fitting(question, best["text"])),
        "cites": [best["id"]],
        "edition": best["edition"],
    }


def _for_person(question: str, why: str) -> Answer:
    return {"question": question, "answer": "", "cites": [], "escalate": why}


def _best(question: str, passages: list[Passage]) -> Passage | None:
    """Return the first passage that holds enough of the question's words."""
    asked = set(terms(question))
    for passage in passages:
        held = asked & set(terms(f"{passage['title']} {passage['text']}"))
        if asked and len(held) / len(asked) >= COVERED:
            return passage
    return None


def _fitting(question: str, text: str) -> list[str]:
    """Return the sentences that share most words with the question, in the handbook's order."""
    asked = set(terms(question))
    shared: dict[str, Any] = {one: len(asked & set(terms(one))) for one in sentences(text)}
    most = max(shared.values())
    return [one for one, number in shared.items() if number >= max(1, most / 2)] or list(shared)

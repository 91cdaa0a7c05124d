"""Hold the desk's conversations: a question to the customer, and the message that answers it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from quintet.nodes import Choice, Question, by_rules, cascade
from quintet.state.questions import open_questions

from .contracts import DeskRequest, Resolution
from .rules import RULES, names_nothing_of_the_shop
from .splitting import requests
from .verdict import Tools

THANKS = re.compile(
    r"\W*(?:(?:ok(?:ay)?|great|perfect|brilliant|wonderful|no|all good)\b\W*)*"
    r"(?:many |so much |very much )?(?:thanks|thank you|thx|cheers)\b[^?\d]{0,60}",
    re.IGNORECASE,
)


def only_thanks(message: str) -> bool:
    """Tell whether a message thanks, and asks for nothing."""
    return THANKS.fullmatch(message) is not None


def two_requests(message: str) -> str | None:
    """Send a message that holds two requests to the planner."""
    return "plan" if len(requests(message)) > 1 else None


_NAMED = [rule for rule in RULES if rule[0] is not names_nothing_of_the_shop]
new_request = cascade(two_requests, by_rules([(only_thanks, "courtesy"), *_NAMED]))
"""Recognise another request while a specialist waits: written rules alone, which know what they
see. A number or a postcode, which names nothing of the shop, is an answer."""


def request_so_far(state: Mapping[str, Any]) -> str:
    """Give the request that a message belongs to: with what led to the question that it answers."""
    message = str(state["message"])
    asked = open_questions(state)
    last = max((question["left"] for question in asked.values()), default=0)
    latest = {at: question for at, question in asked.items() if question["left"] == last}
    nodes = {at.rpartition("/")[2].partition(":")[0] for at in latest}
    choice = new_request(message) if latest else None
    if not latest or (choice is not None and choice.to not in nodes):
        return message
    return "\n".join([*(question["about"] for question in latest.values()), message])


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Let a specialist ask the customer for what is missing, where it would need a person."""

    agent: Callable[..., Any]

    def __call__(self, request: DeskRequest, tools: Tools) -> Any:
        """Give the specialist's resolution, or its question."""
        made = self.agent(request, tools)
        question = made.get("ask") if isinstance(made, Mapping) else None
        return Question(text=question) if question else made


def courtesy(request: Mapping[str, str]) -> Resolution:
    """Answer a message that only thanks."""
    return {"reply": "You are welcome. Write again whenever you need us.", "cites": "cannot-do"}


def to_courtesy(message: str) -> Choice | None:
    """Send a message that only thanks to the desk's courtesy."""
    return Choice(to="courtesy", reason="it only thanks") if only_thanks(message) else None

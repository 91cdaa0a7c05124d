"""Run the desk's conversations of several turns, beside their labels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from quintet.runs import Run

Serve = Callable[[Mapping[str, Any], str], tuple[Run, list[dict[str, Any]]]]
"""Runs one message on a thread, its gate answered; gives the run, and what a person was asked."""


@dataclass(frozen=True, kw_only=True)
class Talked:
    """One conversation as it went.

    Args:
        id: its name.
        thread: the thread of its runs.
        turns: for each turn its message, route, outcome and reason, and both labels.
        approval: what a person was asked, and the answers.
        expected_approval: the answers that are labelled.
        tags: the kinds of case that it stands for.
        disagreement: why the desk is known to decide otherwise; empty where it does not.
    """

    id: str
    thread: str
    turns: Sequence[Mapping[str, Any]]
    approval: Sequence[Mapping[str, Any]]
    expected_approval: Sequence[str]
    tags: Sequence[str]
    disagreement: str = ""

    @property
    def right(self) -> bool:
        """Say whether every turn went and ended as labelled, and a person was asked where due."""
        told = [item["answer"] for item in self.approval]
        return told == list(self.expected_approval) and all(
            (turn["route"], turn["outcome"]) == (turn["expected_route"], turn["expected_outcome"])
            for turn in self.turns
        )


def conversations() -> list[dict[str, Any]]:
    """Read the written conversations with their labels."""
    text = (resources.files(__package__) / "data" / "conversations.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def talk(serve: Serve, case: Mapping[str, Any], thread: str) -> Talked:
    """Hold one conversation, a run a turn."""
    turns, approval = [], list[dict[str, Any]]()
    for turn in case["turns"]:
        ended, asked = serve({"message": turn["message"], "sender": case["sender"]}, thread)
        approval += asked
        turns.append(
            {
                "message": turn["message"],
                "route": str(ended.values.get("route", "")),
                "expected_route": turn["route"],
                "outcome": ended.status,
                "expected_outcome": turn["outcome"],
                "reason": ended.outcome.reason if ended.outcome else "",
            }
        )
    return Talked(
        id=case["id"],
        thread=thread,
        turns=turns,
        approval=approval,
        expected_approval=[case["approval"]] if case["approval"] else [],
        tags=case["tags"],
        disagreement=case.get("disagreement", ""),
    )

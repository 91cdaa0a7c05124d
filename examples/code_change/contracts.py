"""Define what passes between the steps of a change, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict

from quintet.state import Step, Unmet, unmet

from .repository import File
from .request import Change


class Outline(TypedDict):
    """The functions that a file defines, and the names that it uses."""

    path: str
    functions: list[str]
    names: list[str]


class Target(TypedDict):
    """The place of a change; with why it is refused, or why a person must look."""

    path: str
    paths: list[str]
    refused: str
    escalate: str


class Files(TypedDict):
    """New texts of files; `tried` says which of several ways it is, from 1."""

    files: list[File]
    tried: int


class Work(TypedDict):
    """The coder's request: the change, its place, a strategy, and the way tried last."""

    goal: str
    change: Change
    target: Target
    strategy: str
    last: NotRequired[dict[str, Any]]
    reason: NotRequired[str]


class Trial(TypedDict):
    """The runner's request: a new test, and the change where there is one."""

    test: Files
    edit: NotRequired[Files]


class Tested(TypedDict):
    """The files that were tested, with what became of the tests."""

    passed: bool
    tests: int
    output: str
    files: list[File]
    tried: int


def needs_person(result: Mapping[str, Any]) -> str | bool:
    """Say why a person must look, if one must."""
    return result["escalate"] or False


def passed(result: Tested) -> bool | Unmet:
    """Hold where the tests ran and passed, as their own output says."""
    shown = result["passed"] and result["tests"] > 0 and "\nOK" in result["output"]
    return shown or unmet(result["output"].strip().splitlines()[-1])


def holds(step: Step, result: Any) -> Any:
    """Judge a step: nothing is refused, and a new test fails before the change is made."""
    if step.id == "before" and result["passed"]:
        return unmet("it is so already")
    return not (step.id == "target" and result["refused"]) or unmet(result["refused"])


def tests_passed(state: Mapping[str, Any]) -> Any:
    """Hold where the tests of the change ran and passed."""
    results = state.get("results") or {}
    return passed(results["change"]) if "change" in results else unmet("no test has run")

"""Read a change request: what is to change and how a test would show it, or why it is refused."""

from __future__ import annotations

import ast
import re
from typing import Any

from typing_extensions import TypedDict

from quintet.nodes.core.syntax import parsed

FORBIDDEN = ("deploy/",)
"""The folders that no change of this desk may touch."""

PROTECTED = ("shop/prices.py",)
"""The files whose owner approves each change of them."""


class Change(TypedDict):
    """A change that is asked for.

    `kind` is `fix`, `rename`, `parameter`, `validation` or `default`; `name` the function; `given`
    its other words; `call` and `value` are what a test asserts: a call as text, and a literal.
    """

    kind: str
    name: str
    given: list[str]
    call: str
    value: Any


_REFUSES = r"`(?P<name>\w+)` should refuse (?:a )?`(?P<a>\w+)` (?P<b>over|under) (?P<value>\S+),"

_PATTERNS = (
    ("fix", r"`(?P<call>(?P<name>\w+)\(.*?\))`.*? should be (?P<value>[^.]+)"),
    ("rename", r"[Rr]ename `(?P<name>\w+)` to `(?P<a>\w+)`"),
    ("parameter", r"constant (?P<value>'[^']*'|\d+) in `(?P<name>\w+)` a parameter `(?P<a>\w+)`"),
    ("validation", _REFUSES + r" as in `(?P<call>.*?\))`"),
    ("default", r"default of `(?P<a>\w+)` in `(?P<name>\w+)` (?P<value>'[^']*'|\d+)"),
)

_NEVER = (
    (r"\b(delete|remove|skip|disable)\b[^.]*\btests?\b", "tests are not taken away"),
    (r"\bdeploy/", "deploy/ belongs to the release desk"),
)


def refusal(text: str) -> str:
    """Say why a request is refused whatever else it asks; empty where it is not."""
    return next((why for pattern, why in _NEVER if re.search(pattern, text.lower())), "")


def read_request(text: str) -> Change | None:
    """Read what is asked for; None where it is none of the changes that this desk makes."""
    for kind, pattern in _PATTERNS:
        if (found := re.search(pattern, text)) is None:
            continue
        parts = found.groupdict()
        value, call = literal(parts.get("value")), parts.get("call") or ""
        if call and not is_literal_call(call, parts["name"]):
            return None
        return {
            "kind": kind,
            "name": parts["name"],
            "given": [part for key in ("a", "b") if (part := parts.get(key))],
            "call": call,
            "value": value,
        }
    return None


def literal(text: str | None) -> Any:
    """Read a literal; None where the text is none."""
    try:
        return None if text is None else parsed(lambda: ast.literal_eval(text.strip()))
    except (ValueError, SyntaxError):
        return None


def is_literal_call(text: str, name: str) -> bool:
    """Say whether a text calls this function with literals and nothing else: it becomes a test."""
    try:
        call = parsed(lambda: ast.parse(text, mode="eval")).body
        for part in call.args if isinstance(call, ast.Call) else ():
            ast.literal_eval(part)
    except (ValueError, SyntaxError):
        return False
    named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    return named and call.func.id == name and not call.keywords  # type: ignore[attr-defined]

"""Record one mistake: where it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from langgraph.graph import END, START

Level = Literal["error", "warning"]
Code = Literal[
    "blind-limit",
    "blind-path",
    "blocking-timeout",
    "bypassed-gate",
    "cached-effect",
    "edge-and-command",
    "handled-question",
    "handler-without-command",
    "handler-without-error",
    "hasty-planner",
    "idle-gate",
    "idle-join",
    "isolated-subgraph",
    "join-of-alternatives",
    "lost-step",
    "lost-write",
    "missing-effect",
    "no-checkpointer",
    "no-entry",
    "no-outcome",
    "orphan-node",
    "other-gate",
    "parallel-writers",
    "partial-command",
    "partial-path",
    "raw-effect",
    "refused-plan",
    "several-interrupts",
    "shared-name",
    "shared-plan",
    "shared-result",
    "swallowed-interrupt",
    "sync-timeout",
    "unchecked-act",
    "unequal-join",
    "unheard-proposal",
    "unknown-assignee",
    "unknown-key",
    "unknown-source",
    "unknown-target",
    "unmet-need",
    "unread-outcome",
    "unresolved-annotation",
    "whole-state",
    "work-before-interrupt",
]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One mistake in a graph; `fault` says what goes wrong, `remedy` what to do.

    A node of a subgraph is named with its way in: `"outer/inner"`.
    """

    code: Code
    node: str
    fault: str
    remedy: str
    level: Level = "error"

    def __str__(self) -> str:
        return f"{self.level} {self.code} at {self.node!r}: {self.fault} {self.remedy}"

    @property
    def rank(self) -> tuple[str, str, str, str]:
        """Give the key that sorts a report: errors first, then by node."""
        return (self.level, self.node, self.code, self.fault)


def correction(word: str, known: Iterable[str], otherwise: str) -> str:
    """Suggest the known name closest to a word, `Write 'name'`; say `otherwise` if none is."""
    close = get_close_matches(word, sorted(known), n=1)
    return f"Write {close[0]!r}" if close else otherwise


def source_name(node: str) -> str:
    """Spell out where an edge starts: START as its constant, a node in quotes."""
    return "START" if node == START else repr(node)


def target_names(targets: Iterable[str]) -> list[str]:
    """Spell END as its constant among the targets of a node."""
    return ["END" if target == END else target for target in targets]


def names(*items: str) -> str:
    """Join names for a sentence: `'a', 'b' and 'c'`."""
    quoted = [repr(item) for item in sorted(items)]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"

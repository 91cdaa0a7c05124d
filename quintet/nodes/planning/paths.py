"""Find the step behind a piece of work, by an id such as `fix[0].test` or `ticket[train]`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from quintet.state.step import Step

_PARTS = re.compile(r"([^\[\]]+)|\[([^\[\]]+)\]")


def step_at(steps: Sequence[Step], path: str) -> Step:
    """Give the step of a plan that a piece of work runs, under the work's own id.

    Raises:
        KeyError: the plan has no such step.
    """
    return _walk(steps, path)[0]


def fact_of(steps: Sequence[Step], path: str) -> str:
    """Give the id of a piece of work without the numbers of rounds, which repeat the same work."""
    return _walk(steps, path)[1]


def _walk(steps: Sequence[Step], path: str) -> tuple[Step, str]:
    step, block, fact = None, steps, ""
    for part, index in _PARTS.findall(path):
        if part:
            name = part.removeprefix(".") if step is not None else part
            step = _in(block, name, path)
            fact += f".{name}" if fact else name
        elif step is not None and step.kind in ("vote", "first") and step.body:
            step = _in(step.body, index, path)
            fact += f"[{index}]"
        elif step is not None:
            fact += "[]" if step.kind == "until" else f"[{index}]"
            if not step.body:
                step = step.work
        block = step.body if step is not None else ()
    if step is None:
        raise KeyError(path)
    if step.id != path:
        step = Step(
            id=path,
            goal=step.goal,
            assignee=step.assignee,
            inputs=step.inputs,
            criterion=step.criterion,
        )
    return step, fact


def _in(block: Sequence[Step], name: str, path: str) -> Step:
    step = next((step for step in block if step.id == name), None)
    if step is None:
        raise KeyError(path)
    return step

"""Make records of failures of which little is known: after a resume, or after a deadline."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from quintet import errors
from quintet.errors import BudgetExhausted
from quintet.nodes.core.books import Books
from quintet.nodes.core.classify import classify_name
from quintet.nodes.core.syntax import parsed
from quintet.nodes.core.task import Task
from quintet.state.failure import Failure
from quintet.state.journal.found import find_place


def late(failure: Failure, passed: str) -> Failure:
    """Give the failure of a node that failed once its run's deadline had passed."""
    if failure.error == BudgetExhausted.__name__:
        return failure
    first = replace(failure, causes=())
    return replace(
        failure,
        kind="permanent",
        error=BudgetExhausted.__name__,
        message=f"{failure.node}: {passed}; before, {failure.message}"[:500],
        causes=(first, *failure.causes),
    )


def in_books(task: Task) -> dict[str, Any]:
    """Give the spending that a task under a limit wrote down before its process ended."""
    place = find_place(task.thread, task.superstep, task.superstep)
    if not (task.id and place.shared and place.journal.durable):
        return {}
    spent = Books(place, task.id).read()
    return {"spent": spent} if spent else {}


def reported(text: str, node: str, step: str) -> Failure:
    """Make a failure of the `repr` of an exception, where a resume has kept nothing else."""
    name = text.partition("(")[0]
    message = _message_in(text) or text
    if message != text and not hasattr(errors, name):
        message = f"{name}: {message}"  # as `in_words` writes it
    return Failure(
        node=node, kind=classify_name(name), error=name[:80], message=message[:500], step=step
    )


def _message_in(text: str) -> str:
    """Give the one text that an exception's `repr` shows; empty where it shows more or none."""
    try:
        call = parsed(lambda: ast.parse(text, mode="eval")).body
        args = call.args if isinstance(call, ast.Call) and not call.keywords else []
        values = [ast.literal_eval(arg) for arg in args]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return " ".join(values[0].split()) if len(values) == 1 and isinstance(values[0], str) else ""

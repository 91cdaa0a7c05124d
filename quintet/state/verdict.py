"""Read the verdicts of criteria and conditions: true holds; false, None and empty do not."""

from __future__ import annotations

import dis
import inspect
from collections import deque
from collections.abc import Callable, Iterator, Mapping, ValuesView
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum, Flag
from functools import lru_cache, partial
from math import isnan
from typing import Any, ParamSpec

from langchain_core.messages import BaseMessage

from quintet.errors import DesignError

P = ParamSpec("P")

Criterion = Callable[P, Any]
"""Judge whether something holds: true where it does; false, None or `unmet("why")` where not.

It takes the result (`Contract.success`), the step and its result (`Planner.check`), the final state
(`success` of a graph) or the action (`effect(allow=)`)."""

When = Callable[P, Any]
"""Say whether a person is needed: true, or a text that says why, where one is.

It takes the action (`ApprovalGate.when`) or the result (`Contract.escalate`)."""


class Unmet:
    """Mean "no", with a reason: it is false wherever Python asks. Made by `unmet`."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return self.reason

    def __repr__(self) -> str:
        return f"unmet({self.reason!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unmet) and other.reason == self.reason

    def __hash__(self) -> int:
        return hash(self.reason)


def unmet(reason: str) -> Unmet:
    """Say in a criterion that it does not hold, and why.

    Example: `return bool(result["cites"]) or unmet("no policy is cited")`.

    Raises:
        DesignError: the reason is empty or not text.
    """
    if not isinstance(reason, str) or not reason.strip():
        raise DesignError(f"unmet({reason!r}): give the reason in words")
    return Unmet(reason)


def why_not(verdict: Any, criterion: Any) -> str | None:
    """Read the verdict of a criterion: None where it holds, else why it does not.

    Raises:
        DesignError: the verdict is a text, which could mean yes or no, something to await, or a
            value that is true whatever it means, such as an exception.
    """
    _refuse_awaitable(verdict, criterion)
    if isinstance(verdict, Unmet):
        return verdict.reason
    if isinstance(verdict, str) and verdict:
        name = name_of(criterion)
        raise DesignError(
            f"{name} returned the text {verdict!r:.60}, which may mean that it holds or why it "
            f"does not: return True or False, or unmet({verdict!r:.40})"
        )
    return None if _holds(verdict, criterion) else "does not hold"


def why(verdict: Any, condition: Any) -> str | None:
    """Read the verdict of a condition: None where it does not hold, else why it does.

    A text is the reason.

    Raises:
        DesignError: the verdict is something to await, a value that is true whatever it means, or a
            text that reads as a no, such as a model's.
    """
    _refuse_awaitable(verdict, condition)
    if not _holds(verdict, condition):
        return None
    if isinstance(verdict, str) and verdict.strip(" .!\"'").casefold() in _NOES:
        raise DesignError(
            f"{name_of(condition)} returned the text {verdict!r:.20}, which reads as a no and "
            "would be taken for the reason of a yes: return False"
        )
    return verdict if isinstance(verdict, str) else f"{name_of(condition)} holds"


def refuse_async(part: str, *functions: Any) -> None:
    """Refuse async functions where nothing awaits them: their coroutine would count as a yes.

    Raises:
        DesignError: a function is async; the message names it and the part.
    """
    for function in functions:
        if _is_async(function):  # uncached, so that nothing is kept alive by being asked
            raise DesignError(
                f"{part}: {name_of(function)} is async, and nothing awaits it here; give a plain "
                "function, and do what waits in the agent or in a node before"
            )


def check_answers(part: str, *functions: Any) -> None:
    """Refuse functions that give no answer here: async ones, and those that never return a value.

    A condition that has lost its `return` would say no to everything, and a gate would never ask.

    Raises:
        DesignError: it names the function and the part.
    """
    refuse_async(part, *functions)
    for function in functions:
        if _never_answers(function):
            raise DesignError(
                f"{part}: {name_of(function)} never returns anything, and its answer is wanted; "
                "has it lost its `return`?"
            )


def _never_answers(thing: Any) -> bool:
    """Say whether every return of a function gives None; False where it is not known."""
    while isinstance(thing, partial):
        thing = thing.func
    code = getattr(thing, "__code__", None)
    if code is None:
        code = getattr(getattr(type(thing), "__call__", None), "__code__", None)  # noqa: B004
    # A lambda says what it returns; what gives a generator or a coroutine is told by others.
    if code is None or code.co_name == "<lambda>" or code.co_flags & _GIVES_LATER:
        return False
    before, returned = None, []
    for step in dis.get_instructions(code):
        if step.opname == "RETURN_CONST":  # of Python 3.12 and 3.13
            returned.append(step.argval is None)
        elif step.opname == "RETURN_VALUE":
            none = before is not None and before.opname == "LOAD_CONST" and before.argval is None
            # Reached from elsewhere too, as in `return found or None`.
            returned.append(none and not step.is_jump_target)
        before = step
    return bool(returned) and all(returned)


_GIVES_LATER = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def _holds(verdict: Any, function: Any) -> bool:
    if isinstance(verdict, bool):
        return verdict
    if (kind := _always_true_kind(verdict)) is not None:
        raise DesignError(
            f"{name_of(function)} returned {kind}, which is true whatever it says "
            f'({verdict!r:.60}); return True or False, or unmet("why")'
        )
    try:
        return bool(verdict)
    except Exception as problem:  # as of a numpy array of several values
        raise DesignError(
            f"{name_of(function)} returned {type(verdict).__name__}, which is neither true nor "
            f"false ({problem}); return True or False"
        ) from problem


def _always_true_kind(verdict: Any) -> str | None:
    """Name the kind of a verdict that is true in Python but may mean no; None where it is clear."""
    if verdict is NotImplemented or verdict is ...:
        return f"{verdict}"
    for kind, name in _ALWAYS_TRUE:
        if isinstance(verdict, kind):
            return name
    if isinstance(verdict, Enum):
        return None if isinstance(verdict, int | str | Flag) else "an enum's member"
    if callable(verdict):
        return "a function, not called"
    if _holds_verdicts(verdict):
        return f"a {type(verdict).__name__} with verdicts in it"  # such as (False, "why")
    if not isinstance(verdict, int | float | Decimal):
        return None
    # Such as -1, by which `find` says that a text does not hold another.
    return "NaN" if isnan(verdict) else "a negative number" if verdict < 0 else None


def _holds_verdicts(verdict: Any) -> bool:
    """Say whether a collection or record holds verdicts, of which one may be a no."""
    if hasattr(type(verdict), "__bool__"):
        return False  # it says itself what it means
    if isinstance(verdict, tuple) and verdict:
        first = verdict[0]
        return _is_bool(first) or (isinstance(first, _PLAIN) and not first)
    if isinstance(verdict, list | set | frozenset | deque | ValuesView):
        return any(part is None or _is_bool(part) or _is_no(part) for part in verdict)
    if isinstance(verdict, Mapping):
        told = verdict
    elif is_dataclass(verdict):
        told = {part.name: getattr(verdict, part.name, None) for part in fields(verdict)}
    else:  # any other object is true in Python, unless it has a length
        told = {} if hasattr(type(verdict), "__len__") else _fields_of(verdict)
    # Such as {"approved": True, "note": "..."}, which an agent that judges returns.
    if any(map(_is_no, told.values())) or any(_is_bool(told.get(w)) for w in _WORDS):
        return True
    # Such as {"key": "correctness", "score": 0.2}, which an evaluator returns.
    score = told.get("score")
    return isinstance(score, int | float) and ("key" in told or not score)


def _fields_of(thing: Any) -> dict[str, Any]:
    """Give what an object holds, in `__slots__` or not."""
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    kept = {name: getattr(thing, name) for name in slots if hasattr(thing, name)}
    return kept | getattr(thing, "__dict__", {})


_NOES = frozenset({"false", "n", "no", "none", "null", "0"})
_WORDS = (
    "approved",
    "accepted",
    "holds",
    "met",
    "ok",
    "pass",
    "passed",
    "success",
    "valid",
    "verdict",
)
_PLAIN = (type(None), Unmet, int, float, str, list, dict)


def _is_no(part: Any) -> bool:
    return isinstance(part, Unmet) or (_is_bool(part) and not part)


def _is_bool(part: Any) -> bool:
    # As every comparison of numpy's gives it, told by its name: numpy need not be imported.
    return isinstance(part, bool) or type(part).__name__ in ("bool_", "bool")


_ALWAYS_TRUE: tuple[tuple[type[Any], str], ...] = (
    (BaseException, "an exception"),
    (Iterator, "an iterator"),
    (BaseMessage, "a message"),
    (bytes, "bytes"),
)


def _refuse_awaitable(verdict: Any, function: Any) -> None:
    if not inspect.isawaitable(verdict):
        return
    if inspect.iscoroutine(verdict):
        verdict.close()  # else Python warns that it was never awaited
    raise DesignError(
        f"{name_of(function)} returned something to await, and nothing awaits it here; give a "
        "plain function that returns True or False"
    )


def _is_async(thing: Any) -> bool:
    while isinstance(thing, partial):
        thing = thing.func
    return inspect.iscoroutinefunction(thing) or inspect.iscoroutinefunction(
        getattr(type(thing), "__call__", None)  # noqa: B004 - it is looked at, not tested for
    )


# Asked at every call of a function of the user's, and inspecting one is slow.
_is_async_cached: Callable[[Any], bool] = lru_cache(maxsize=1024)(_is_async)


def is_async(thing: Any) -> bool:
    """Say whether calling a thing gives something to await."""
    try:
        return _is_async_cached(thing)
    except TypeError:  # the thing has no hash
        return _is_async(thing)


def name_of(thing: Any) -> str:
    """Give a readable name for a function, Runnable or configured object."""
    while isinstance(thing, partial):
        thing = thing.func
    name = getattr(thing, "__name__", None) or getattr(thing, "name", None)
    return name if isinstance(name, str) else type(thing).__name__

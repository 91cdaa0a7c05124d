"""Refuse the parts of an effect by which its end could not be told."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from quintet.errors import DesignError
from quintet.nodes.core.breaker import check_breaker
from quintet.state.verdict import check_answers, name_of, refuse_async


def check_ends(effect: Any, part: str) -> tuple[type[BaseException], ...]:
    """Refuse what does not fit; give the harmless exceptions as a tuple.

    Args:
        effect: the effect.
        part: its name in messages.

    Raises:
        DesignError: it names the part and the value.
    """
    given = effect.harmless
    errors: tuple[Any, ...] = given if isinstance(given, tuple) else (given,)
    for error in errors:
        if not (isinstance(error, type) and issubclass(error, BaseException)):
            raise DesignError(f"{part}: harmless={error!r:.60} is no exception type")
    for name in ("undo", "allow", "reconcile", "after", "dry"):
        function: Callable[..., Any] | None = getattr(effect, name)
        if function is not None and not callable(function):
            raise DesignError(f"{part}: {name}={function!r:.60} is no function")
    _refuse_generators(effect, part)
    for name in ("allow", "after"):
        check_answers(f"{part}, {name}", getattr(effect, name))
    refuse_async(f"{part}, dry", effect.dry)
    for name in ("reconcile", "dry"):
        if getattr(effect, name) is not None:
            effect.arguments.check_fits(getattr(effect, name), name)
    if isinstance(effect.sequence, bool) or not isinstance(effect.sequence, int):
        raise DesignError(f"{part}: repeat({effect.sequence!r:.60}) is no whole number")
    if effect.sequence < 1:
        raise DesignError(f"{part}: repeat({effect.sequence}): the first is 1, and is no repeat")
    check_breaker(part, effect.breaker)
    return errors


def _refuse_generators(effect: Any, part: str) -> None:
    """Refuse a function with `yield`: a call of it does nothing until somebody goes through it."""
    for name in ("function", "undo", "reconcile", "dry"):
        function = getattr(effect, name)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise DesignError(
                f"{part}, {name}: {name_of(function)} has a `yield`, so that calling it does "
                "nothing; return the result"
            )

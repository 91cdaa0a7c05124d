"""Hold what a result says was done against the actions behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quintet.errors import DesignError
from quintet.state.action import Action, ActionStatus, shown
from quintet.state.record import plain
from quintet.state.verdict import Unmet, check_answers, name_of, unmet

Wanted = Callable[[Any, Any], Mapping[str, Any] | Sequence[Mapping[str, Any]] | None]
"""Gives, of request and result, the arguments of the actions that must be there."""

STANDING: tuple[ActionStatus, ...] = ("proposed", "approved", "done", "dry")
"""The statuses in which an action backs a claim: it was done, or it waits for its gate."""


@dataclass(frozen=True, kw_only=True)
class Performed:
    """Check that there are the actions that a result needs, each once. Made by `performed`."""

    effect: str
    wanted: Wanted

    __name__ = "performed"

    def __call__(self, request: Any, result: Any, actions: tuple[Action, ...]) -> bool | Unmet:
        """Return True, or the action that is lacking, or one that nothing asks for."""
        standing = [a for a in actions if a.name == self.effect and a.status in STANDING]
        wanted = self._wanted(self.wanted(request, result))
        backing: dict[int, int] = {}
        for each, arguments in enumerate(wanted):
            if not _backed(each, wanted, standing, backing, set()):
                return unmet(f"no {self.effect}({shown(arguments)}) was done or proposed")
        left = [action for place, action in enumerate(standing) if place not in backing]
        return not left or unmet(f"{left[0]} was {left[0].status}, and nothing asks for it")

    def _wanted(self, said: Any) -> list[dict[str, Any]]:
        many = said if isinstance(said, Sequence) and not isinstance(said, str) else [said]
        wanted = [one for one in many if one is not None]
        if strange := [one for one in wanted if not isinstance(one, Mapping)]:
            raise DesignError(
                f"performed({self.effect!r}): {name_of(self.wanted)} gives {strange[0]!r:.60}; "
                "give the arguments by name, a list of such mappings, or None for no action"
            )
        return [plain(dict(one)) for one in wanted]


def performed(effect: Any, wanted: Wanted) -> Performed:
    """Give a criterion: behind a result stand the actions that it needs, each once, and no others.

    A result that says "refunded" is right in its type, whether or not anything was refunded; only
    the actions of the step can tell. One that was done, would be done in a dry run, or waits for
    its gate stands behind the result; one that failed, was rejected or taken back does not.

    Args:
        effect: the effect, or its name.
        wanted: a function of request and result. It gives the arguments that the action must have,
            by name (what it leaves out may be anything); a list of such mappings for several
            actions; or None where there must be no such action.

    Raises:
        DesignError: no effect, or `wanted` is no function, or async.
    """
    name = effect if isinstance(effect, str) else getattr(effect, "name", None)
    if not isinstance(name, str) or not name:
        raise DesignError(f"performed({effect!r:.60}): give an effect, or the name of one")
    if not callable(wanted):
        raise DesignError(
            f"performed({name!r}, {wanted!r:.60}): give a function of request and result"
        )
    check_answers(f"performed({name!r})", wanted)
    return Performed(effect=name, wanted=wanted)


def _backed(
    each: int,
    wanted: Sequence[Mapping[str, Any]],
    standing: Sequence[Action],
    backing: dict[int, int],
    asked: set[int],
) -> bool:
    """Find an action for one that is wanted; move others to another action where they have one.

    `backing` tells which action stands for which wanted one (Kuhn's algorithm for a matching), so
    that a wanted one that says little does not take the only action that fits another.
    """
    for place, action in enumerate(standing):
        if place in asked or not _has(action, wanted[each]):
            continue
        asked.add(place)
        if place not in backing or _backed(backing[place], wanted, standing, backing, asked):
            backing[place] = each
            return True
    return False


def _has(action: Action, arguments: Mapping[str, Any]) -> bool:
    there = action.arguments
    return all(name in there and there[name] == value for name, value in arguments.items())

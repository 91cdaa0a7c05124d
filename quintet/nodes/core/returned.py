"""Refuse what a user's function returns where LangGraph would drop it or lose its way."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from langgraph.graph import END
from langgraph.types import Command, Send
from pydantic import BaseModel

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.core.handed_on import check_handed_on
from quintet.state.outcome import Outcome
from quintet.state.record import read
from quintet.state.verdict import name_of

_BY_NAME = ("results", "actions", "kept", "outcome")


def parts_of(result: Any) -> tuple[Any, list[Any]]:
    """Give a node's result as its state update and the nodes that it names to go to."""
    if isinstance(result, Command):
        goto = result.goto
        return result.update, list(goto) if isinstance(goto, list | tuple) else [goto]
    if isinstance(result, list) and result and all(isinstance(one, Command) for one in result):
        parts = [parts_of(one) for one in result]
        return [update for update, _ in parts], [to for _, goto in parts for to in goto]
    return result, []


def names_in(goto: list[Any]) -> list[str]:
    """Name the nodes of a `goto`."""
    return [to.node if isinstance(to, Send) else str(to) for to in goto]


def writes_of(update: Any) -> list[tuple[str, Any]]:
    """Give an update of any form that LangGraph takes as the keys that it writes, with values."""
    if update is None:
        return []
    if isinstance(update, Mapping):
        return list(update.items())
    if isinstance(update, BaseModel):
        given, known = update.model_fields_set, type(update).model_fields
        pairs = [(key, getattr(update, key)) for key in known]
        return [
            (k, v) for k, v in pairs if v is not None or k in given or known[k].default is not None
        ]
    if is_dataclass(update):
        return [(field.name, getattr(update, field.name)) for field in fields(update)]
    if all(map(_is_pair, update)):
        return list(update)
    return [pair for one in update for pair in writes_of(one)]


def refuse_astray(function: Any, targets: tuple[str, ...], result: Any) -> None:
    """Refuse a function's result that leads elsewhere than its annotation says.

    Raises:
        ContractBroken: it names a node that is not declared, and the graph's edge, if there is one,
            would be followed as well; or it declares nodes, names none, and nothing would follow.
    """
    if leaves(result):
        return
    name, ways = name_of(function), names_in(parts_of(result)[1])
    if targets and not ways:
        raise ContractBroken(
            f"{name} declares that it goes to {' or '.join(targets)}, and returned "
            f"{result!r:.60}, after which nothing would follow; return Command(goto=...)"
        )
    if strange := [way for way in ways if way not in targets]:
        if strange[0] == END:
            raise ContractBroken(
                f"{name} goes to END ({END!r}), by which the run would end without an outcome; go "
                "to 'finish' or 'person', which write it, and declare that"
            )
        declared = ", ".join(map(repr, [*targets, strange[0]]))
        raise ContractBroken(
            f"{name} goes to {strange[0]!r}, which it does not declare; annotate it, "
            f"-> Command[Literal[{declared}]], so that no edge leads elsewhere as well"
        )


def leaves(result: Any) -> bool:
    """Say whether a result leads to a graph around this one."""
    several = result if isinstance(result, list) else [result]
    return any(one.graph for one in several if isinstance(one, Command))


def refuse_dropped(function: Any, known: Collection[str], result: Any) -> None:
    """Refuse a function's update of which LangGraph would drop a part without a word.

    Raises:
        ContractBroken: it is no update, names a key that the state does not have, gives a value
            where there are values by name, or an outcome that is none.
        BudgetExhausted, PersonNeeded: a result is the state of another run, which is not done.
    """
    update, _ = parts_of(result)
    name = name_of(function)
    several = isinstance(result, list) and isinstance(update, list) and bool(result)
    for one in update if several else [update]:
        if one is None:
            continue
        for key, value in _entries(name, one):
            if key not in known:
                raise ContractBroken(
                    f"{name} returned {key!r}, which is no key of the state: it would be lost; put "
                    f"it under 'results', or add the key to state= (it has {', '.join(known)})"
                )
            if key in _BY_NAME and not isinstance(value, Mapping | None):
                raise ContractBroken(
                    f"{name} returned {key}={value!r:.60}; give a dict, such as "
                    f"{{{key!r}: {{{_example(key)}: ...}}}}"
                )
            if key == "outcome" and value:
                _refuse_unread(name, value)
            for each in (value or {}).values() if key == "results" else ():
                check_handed_on(name, each)


def _refuse_unread(name: str, outcome: Any) -> None:
    """Refuse an outcome that nobody could read again, nor print the run."""
    try:
        read(Outcome, outcome)
    except DesignError as problem:
        raise ContractBroken(f"{name} returned an outcome that is none: {problem}") from problem


def _entries(name: str, update: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(update, Outcome):
        raise ContractBroken(
            f"{name} returned an Outcome, which ends nothing; give it to a task of its own, as in "
            "Task(run=Outcome(...), after=..., when=...)"
        )
    record = is_dataclass(update) and not isinstance(update, type)
    pairs = isinstance(update, tuple | list) and all(map(_is_pair, update)) and update
    if record or pairs or isinstance(update, Mapping | BaseModel):
        yield from writes_of(update)
    else:
        raise ContractBroken(
            f"{name} returned {update!r:.60}, which is no update of the state: it would be lost; "
            f"return a dict, such as {{'results': {{{name!r}: ...}}}}"
        )


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


def _example(key: str) -> str:
    return "'status'" if key == "outcome" else "name"

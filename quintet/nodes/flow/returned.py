"""Refuse what a task's function returns where nothing of it would reach the state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from langchain_core.runnables import Runnable
from pydantic import BaseModel

from quintet.errors import ContractBroken
from quintet.nodes.core.node import Node
from quintet.nodes.flow.inner import hints_of, parts_of
from quintet.state.outcome import Outcome
from quintet.state.verdict import name_of

_BY_NAME = ("results", "actions", "kept", "outcome")


def refuse_lost(node: Any, schema: Any, result: Any) -> None:
    """Refuse a function's update of which LangGraph would drop a part without a word.

    A node of ours, a Runnable and a graph have keys of their own; those are not looked at.

    Raises:
        ContractBroken: it is no update, names a key that the state does not have, or gives a value
            where there are values by name.
    """
    if isinstance(node, Node | Runnable):
        return
    update, _ = parts_of(result)
    name, known = name_of(node), hints_of(schema)
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


def _entries(name: str, update: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(update, Outcome):
        raise ContractBroken(
            f"{name} returned an Outcome, which ends nothing; give it to a task of its own, as in "
            "Task(run=Outcome(...), after=..., when=...)"
        )
    if isinstance(update, Mapping):
        yield from update.items()
    elif isinstance(update, BaseModel):
        yield from ((key, getattr(update, key)) for key in type(update).model_fields)
    elif is_dataclass(update) and not isinstance(update, type):
        yield from ((field.name, getattr(update, field.name)) for field in fields(update))
    elif isinstance(update, tuple | list) and all(map(_is_pair, update)) and update:
        yield from update
    else:
        raise ContractBroken(
            f"{name} returned {update!r:.60}, which is no update of the state: it would be lost; "
            f"return a dict, such as {{'results': {{{name!r}: ...}}}}"
        )


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


def _example(key: str) -> str:
    return "'status'" if key == "outcome" else "name"

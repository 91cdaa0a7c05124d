"""Take collections, names and numbers from users; refuse by name what is none.

One text is no collection of names, though Python takes it for its letters. One thing is no
collection of things.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

from quintet.errors import DesignError

T = TypeVar("T")


def names_in(value: Any, where: str) -> tuple[str, ...]:
    """Return a collection of names as a tuple; of a mapping its keys.

    Args:
        value: the names.
        where: the parameter as an error names it, such as `Suite(cases=...)`.

    Raises:
        DesignError: it is one text, no collection, or holds what is no name.
    """
    if isinstance(value, str):
        raise DesignError(
            f"{where}: {value!r:.60} is one name; give a tuple of names, ({value!r},)"
        )
    found = things_in(list(value) if isinstance(value, Mapping) else value, where, "names")
    if odd := [item for item in found if not isinstance(item, str)]:
        raise DesignError(f"{where}: {odd[0]!r:.60} is not a name")
    return found


def items_in(value: Any, where: str, kind: type[T]) -> tuple[T, ...]:
    """Return a collection of things of one kind as a tuple.

    Raises:
        DesignError: it is no collection, or holds something else.
    """
    found = things_in(value, where, f"{kind.__name__}s")
    if odd := [item for item in found if not isinstance(item, kind)]:
        raise DesignError(f"{where}: {odd[0]!r:.60} is not a {kind.__name__}")
    return found


def one_of(value: Any, where: str, kind: type[T]) -> T:
    """Return a part of one kind.

    Raises:
        DesignError: it is another thing.
    """
    if not isinstance(value, kind):
        wanted = kind.__name__
        raise DesignError(f"{where}: {value!r:.60} is not a {wanted}; give {wanted}(...)")
    return value


def things_in(value: Any, where: str, wanted: str) -> tuple[Any, ...]:
    """Return a collection of anything as a tuple.

    Raises:
        DesignError: it is no collection, but one thing, a text or a mapping.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise DesignError(f"{where}: {value!r:.60} is no list; give a list of {wanted}")
    return tuple(value)


def path_in(value: Any) -> Path:
    """Return a file's path, with the `~` of a home folder read.

    Raises:
        DesignError: it is no text and no path, or holds a character that no path can.
    """
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text:
        raise DesignError(f"{value!r:.60} is no path; give the name of a file")
    return Path(os.path.expanduser(text))


def is_number(value: Any) -> bool:
    """Say whether a value is a finite number, and no bool."""
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def unknown(name: Any, known: Collection[str]) -> str:
    """Describe an unknown field, and suggest the nearest known one."""
    return f"unknown field {name!r}{nearest(str(name), known)}; known are {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Ask in parentheses whether the nearest known name was meant; empty where none is near."""
    near = get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""

"""Read the records of a YAML file, each with its line; a list, or an object with one list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.lines import Line, listed, read_text

_TEXTS = ("id", "input", "message", "text", "content", "answer")
"""Fields that hold what somebody wrote, or a name."""


def yaml_list(path: str | Path) -> Iterator[Line]:
    """Read the records of a YAML file.

    Raises:
        DesignError: as for `yaml_document`, or the file holds no list.
    """
    data, node = yaml_document(path, "a list of cases")
    items = listed(data, str(path))
    places = [child.start_mark.line + 1 for child in _nodes_of(node, items, data)]
    for place, item in zip(places, items, strict=True):
        yield Line(place=f"line {place}", record=item)


def yaml_document(path: str | Path, wanted: str) -> tuple[Any, Any]:
    """Read a YAML file's data, and the node that knows the lines of its parts.

    Only plain data is read: a tag that names a Python object is refused, as is a key that stands
    twice, and a text such as `input: no` or `id: 007`, which YAML takes for something else.

    Args:
        path: the file.
        wanted: a description of the content, for the error on an empty file.

    Raises:
        DesignError: the file cannot be read or is no YAML; or no reader of YAML is installed.
    """
    yaml = _library(path)
    text = read_text(path, wanted)
    try:
        loader = _loader(yaml)
        node = yaml.compose(text, Loader=loader)
        _check_fields(node, path, set())
        return yaml.load(text, Loader=loader), node
    except DesignError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        where = " ".join(str(problem).split())
        raise DesignError(
            f"{path} is no YAML that can be read ({where:.200}); mend it"
        ) from problem


def lines_of(node: Any, depth: int = 3) -> dict[tuple[str | int, ...], int]:
    """Map the way to each part of a document, such as `("gates", 0, "metric")`, to its line."""
    if node is None:  # nothing but comments
        return {(): 1}
    found: dict[tuple[str | int, ...], int] = {(): node.start_mark.line + 1}
    children = node.value if depth and isinstance(node.value, list) else []
    for number, child in enumerate(children):
        name, value = (child[0].value, child[1]) if isinstance(child, tuple) else (number, child)
        if isinstance(name, str | int):
            inner = lines_of(value, depth - 1)
            line = child[0].start_mark.line + 1 if isinstance(child, tuple) else inner[()]
            found |= {(name, *way): at for way, at in inner.items()} | {(name,): line}
    return found


def _library(path: str | Path) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]
    except ImportError as problem:
        raise DesignError(
            f"{path}: no reader of YAML is installed; install pyyaml, or give the file as JSON"
        ) from problem
    return yaml


def _loader(yaml: Any) -> Any:
    """Make a safe loader that leaves a date the text that it is, as JSON does."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.items()
    kept = {
        first: [(tag, found) for tag, found in several if not tag.endswith(":timestamp")]
        for first, several in resolvers
    }
    return type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": kept})


def _nodes_of(node: Any, items: list[Any], data: Any) -> list[Any]:
    """Return the nodes of a list's items, which know their lines."""
    if isinstance(data, dict):
        key = next(key for key, value in data.items() if value is items)
        node = next(value for name, value in node.value if name.value == str(key))
    return list(node.value)


def _check_fields(node: Any, path: str | Path, seen: set[int]) -> None:
    """Refuse a field that stands twice in one object, of which YAML would keep the last.

    And refuse a text that YAML changes into a flag or a number.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    children = node.value if isinstance(getattr(node, "value", None), list) else []
    keys: set[str] = set()
    for child in children:
        name, value = child if isinstance(child, tuple) else (None, child)
        if name is not None and isinstance(name.value, str):
            if name.value in keys and name.value != "<<":
                line = name.start_mark.line + 1
                twice = f"field {name.value!r} stands twice in one object; drop one"
                raise DesignError(f"{path}, line {line}: {twice}")
            keys.add(name.value)
            if name.value in _TEXTS and _is_changed(value):
                line, text = value.start_mark.line + 1, value.value
                raise DesignError(
                    f"{path}, line {line}: {name.value}: {text} is no text in YAML; put it in "
                    f'quotes, "{text}"'
                )
        _check_fields(value, path, seen)


def _is_changed(node: Any) -> bool:
    """Say whether YAML takes a scalar for a flag or a number that would be written otherwise."""
    kind, text = str(node.tag).rpartition(":")[2], str(node.value)
    if kind == "bool":
        return text.casefold() not in ("true", "false")
    return kind == "int" and re.fullmatch(r"-?(0|[1-9]\d*)", text) is None

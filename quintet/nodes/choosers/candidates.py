"""Read what tools, agents and servers say of themselves: name, description, parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool

from quintet.errors import DesignError
from quintet.nodes.choosers.labels import spell_out


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A route as it describes itself.

    Args:
        name: the route.
        text: what it is for.
        parameters: what it takes: names, and what is said of them.
    """

    name: str
    text: str = ""
    parameters: str = ""

    @property
    def parts(self) -> tuple[tuple[str, float], ...]:
        """Give the texts to compare with, each with its weight."""
        return (spell_out(self.name), 2.0), (self.text, 1.0), (self.parameters, 0.5)

    @property
    def sentence(self) -> str:
        """Give the text to embed."""
        return f"{spell_out(self.name)}: {self.text}" if self.text else spell_out(self.name)


def candidates(about: Mapping[str, Any] | Iterable[Any]) -> tuple[Candidate, ...]:
    """Read candidates: by name, each a text or a tool; or tools that have names of their own.

    A tool is a LangChain tool, a function, an object with `name` and `description`, or a dictionary
    as OpenAI, Anthropic and MCP servers have it.

    Raises:
        DesignError: something else, or a name that comes twice.
    """
    if isinstance(about, str):
        raise DesignError(f"by_descriptions({about!r:.60}): give a mapping of names to texts")
    if isinstance(about, Mapping):
        found = [_named(str(name), thing) for name, thing in about.items()]
    else:
        found = [_read(thing) for thing in about]
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DesignError(f"by_descriptions: two candidates are named {twice[0]!r}; rename one")
    return tuple(found)


def _named(name: str, thing: Any) -> Candidate:
    if isinstance(thing, Candidate):
        return thing
    if thing is None or isinstance(thing, str):
        return Candidate(name=name, text=thing or "")
    read = _read(thing, name)
    return Candidate(name=name, text=read.text, parameters=read.parameters)


def _read(thing: Any, name: str = "") -> Candidate:
    page = thing if isinstance(thing, Mapping) else _page(thing)
    page = page.get("function", page)
    own = page.get("name") or name
    if not own or not isinstance(own, str):
        raise DesignError(
            f"by_descriptions: {thing!r:.60} has no name; give {{name: text}}, or a tool"
        )
    schemas = (page.get(key) for key in ("parameters", "inputSchema", "input_schema"))
    schema: Any = next((one for one in schemas if isinstance(one, Mapping)), {})
    return Candidate(
        name=own,
        text=str(page.get("description") or ""),
        parameters=" ".join(_said(schema.get("properties") or {})),
    )


def _page(thing: Any) -> Mapping[str, Any]:
    """Return what an object says of itself, as a dictionary."""
    schema = getattr(thing, "inputSchema", None)
    if isinstance(schema, Mapping):
        return {
            "name": getattr(thing, "name", ""),
            "description": getattr(thing, "description", ""),
            "inputSchema": schema,
        }
    try:
        return convert_to_openai_tool(thing)
    except (ValueError, TypeError, NameError):  # annotations that nothing resolves, too
        return {
            "name": getattr(thing, "name", "") or getattr(thing, "__name__", ""),
            "description": getattr(thing, "description", "") or getattr(thing, "__doc__", ""),
        }


def _said(properties: Mapping[str, Any]) -> Iterable[str]:
    for name, schema in properties.items():
        yield spell_out(str(name))
        if isinstance(schema, Mapping):
            yield str(schema.get("description") or "")
            yield " ".join(str(one) for one in schema.get("enum") or ())

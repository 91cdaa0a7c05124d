"""HTML as text: nothing gets into it that is not escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from quintet.evals.reports.words import clean


def esc(value: Any) -> str:
    """A text as HTML, fit for an element and for a quoted attribute."""
    return html.escape(clean(value), quote=True)


def breakable(name: str) -> str:
    """A name as HTML that may be broken after its underscores."""
    return esc(name).replace("_", "_<wbr>")


def tag(name: str, inner: Any = "", **attributes: Any) -> str:
    """An element around HTML. Attributes are escaped; those that are None or False are left out.

    A trailing underscore of an attribute's name goes (`class_`), others become hyphens.
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{esc(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return f"<{name}{shown}>{inner}</{name}>"


def head(*names: str, right: Iterable[int] = ()) -> str:
    """A table's head: HTML of each column's name; columns in `right` hold numbers."""
    numbers = set(right)
    cells = (
        tag("th", name, scope="col", class_="r" if place in numbers else None)
        for place, name in enumerate(names)
    )
    return tag("thead", tag("tr", "".join(cells)))


def link(url: str, text: str) -> str:
    """A link that opens on a click, and only to the web; the bare text for any other address."""
    if urlsplit(clean(url)).scheme not in ("http", "https"):
        return esc(text)
    return tag("a", esc(text), href=url, rel="noreferrer noopener")


def badge(text: str, kind: str) -> str:
    """A word on a coloured ground; the word says it too."""
    return tag("span", esc(text), class_=f"badge {kind}")

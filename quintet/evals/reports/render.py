"""Render the templates of the page, of the notebook's cell and of the charts.

Jinja escapes every text that a template prints; only the output of another template and the
package's own style and script pass as HTML.
"""

from __future__ import annotations

import base64
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from quintet.evals.reports import words


def render(template: str, **values: Any) -> str:
    """Render a template as HTML that another template takes over unescaped.

    Raises:
        jinja2.UndefinedError: the template names a value that is not given.
    """
    from markupsafe import Markup

    return Markup(_environment().get_template(template).render(values))  # noqa: S704 - Jinja has escaped it


@cache
def own_source(name: str) -> str:
    """Return a file of the templates' folder as HTML: the page's style or its script."""
    from markupsafe import Markup

    source = files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(source)  # noqa: S704 - no text of users


@cache
def _environment() -> Any:
    # Jinja is imported here and nowhere else, so that a report on the terminal does without it.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for function in (words.as_text, words.call_line, words.counted, words.finite, words.short):
        environment.filters[function.__name__] = function
    environment.filters |= {"data_uri": _data_uri, "breakable": _breakable}
    environment.filters |= {"limited": _limited, "number": format}
    environment.tests["web_address"] = _is_web_address
    for helper in (words.requirement, words.unit_text, words.value_text):
        environment.globals[helper.__name__] = helper
    return environment


def _clean(value: Any) -> Any:
    # Escaping leaves control characters and half surrogates in a text; no encoder takes the latter.
    return value if hasattr(value, "__html__") else words.clean(value)


def _breakable(name: str) -> str:
    """Let a browser break a name after its underscores."""
    from markupsafe import Markup, escape

    return escape(words.clean(name)).replace("_", Markup("_<wbr>"))


def _data_uri(svg: str) -> str:
    """Encode a chart as an address that an image takes; untrusted notebooks show it too."""
    # Inline SVG needs no namespace, an image on its own does.
    image = svg.encode().replace(b"<svg ", b'<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"data:image/svg+xml;base64,{base64.b64encode(image).decode()}"


def _limited(text: str, length: int = 1500) -> str:
    """Cut a text off, and say how much is missing."""
    if len(text) <= length:
        return text
    return f"{text[:length]}… ({len(text) - length:,} more characters)"


def _is_web_address(url: str) -> bool:
    """Tell whether a link may lead there: not to a script, a file or the like."""
    try:
        return urlsplit(words.clean(url)).scheme in ("http", "https")
    except ValueError:  # such as an opened bracket of an IPv6 address
        return False

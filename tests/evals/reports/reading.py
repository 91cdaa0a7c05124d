"""Read HTML back: whether it is well formed, and what stands in it."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "wbr", "img", "circle", "line", "polyline"}


class Read(HTMLParser):
    """Read a document strictly: every element is closed, in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def classed(self, name: str) -> list[tuple[str, dict[str, str | None]]]:
        return [
            (tag, attributes)
            for tag, attributes in self.elements
            if name in (attributes.get("class") or "").split()
        ]


def joined(source: str) -> str:
    """Return HTML without the places where a long name may be broken."""
    return source.replace("<wbr>", "")


def pictures(source: str) -> list[str]:
    """Return the SVGs that images carry as data."""
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', source)
    return [base64.b64decode(data).decode() for data in found]

"""Hold the handbook: its sections, and a full-text search over them."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from typing_extensions import TypedDict

from .words import terms

_HEADING = re.compile(r"^## ([\w-]+): (.+)$", re.MULTILINE)
_EDITION = re.compile(r"^Edition: (\S+)$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.?!])\s+")
FEW = 3
"""Sections that a search gives at most."""


class Passage(TypedDict):
    """One section as a search gives it."""

    id: str
    title: str
    text: str
    edition: str


@dataclass(frozen=True)
class Book:
    """Hold one edition of the handbook, searchable; only the sections in `chapters`, if given."""

    markdown: str = field(repr=False)
    chapters: Collection[str] | None = None
    edition: str = field(init=False)
    sections: dict[str, Passage] = field(init=False, repr=False, compare=False)
    _db: sqlite3.Connection = field(init=False, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        edition = _EDITION.search(self.markdown)
        object.__setattr__(self, "edition", edition[1] if edition else "")
        object.__setattr__(self, "sections", self._parsed())
        # SQLite refuses other threads than its own; the lock lets one in at a time.
        database = sqlite3.connect(":memory:", check_same_thread=False)
        database.execute("CREATE VIRTUAL TABLE sections USING fts5(id UNINDEXED, title, text)")
        rows = [
            (one["id"], " ".join(terms(one["title"])), " ".join(terms(one["text"])))
            for one in self.sections.values()
        ]
        database.executemany("INSERT INTO sections VALUES (?, ?, ?)", rows)
        object.__setattr__(self, "_db", database)

    def _parsed(self) -> dict[str, Passage]:
        heads = list(_HEADING.finditer(self.markdown))
        ends = [head.start() for head in heads[1:]] + [len(self.markdown)]
        return {
            head[1]: {
                "id": head[1],
                "title": head[2],
                "text": " ".join(self.markdown[head.end() : end].split()),
                "edition": self.edition,
            }
            for head, end in zip(heads, ends, strict=True)
            if self.chapters is None or head[1] in self.chapters
        }

    def search(self, question: str) -> list[Passage]:
        """Find the sections of the handbook that fit a question, the best first."""
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(terms(question)))
        if not words:
            return []
        query = (
            "SELECT id FROM sections WHERE sections MATCH ? ORDER BY bm25(sections, 0, 4, 1), id"
        )
        with self._lock:
            found = self._db.execute(f"{query} LIMIT {FEW}", (words,)).fetchall()
        return [{**self.sections[name]} for (name,) in found]


def sentences(text: str) -> list[str]:
    """Split a section into its sentences."""
    return [sentence for sentence in _SENTENCE.split(text.strip()) if sentence]


@cache
def handbook() -> Book:
    """Return the handbook as it is in force."""
    here = resources.files(__package__) / "data" / "handbook.md"
    return Book(here.read_text("utf-8"))

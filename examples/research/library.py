"""Hold the documents as passages, found by full-text search in SQLite."""

from __future__ import annotations

import re
import sqlite3
import threading
from dataclasses import dataclass
from functools import cache
from importlib import resources

from .words import terms


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One paragraph of a document."""

    id: str
    text: str
    title: str
    dated: str
    corrects: str = ""

    @property
    def document(self) -> str:
        """Name its document."""
        return self.id.partition("#")[0]

    @property
    def sentences(self) -> list[str]:
        """Split it into sentences."""
        return re.split(r"(?<=[.!?])\s+(?=[A-Z])", self.text)


class Library:
    """Find passages of the documents."""

    def __init__(self, passages: tuple[Passage, ...]) -> None:
        self.passages = {passage.id: passage for passage in passages}
        self._lock = threading.Lock()
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute("CREATE VIRTUAL TABLE passages USING fts5(id UNINDEXED, stems)")
        rows = [(p.id, " ".join(sorted(terms(f"{p.title} {p.text}")))) for p in passages]
        self._index.executemany("INSERT INTO passages VALUES (?, ?)", rows)

    def search(self, question: str, most: int) -> list[str]:
        """Give the ids of the passages that fit a question best, the best first."""
        wanted = " OR ".join(f'"{term}"' for term in sorted(terms(question)))
        if not wanted:
            return []
        query = "SELECT id FROM passages WHERE stems MATCH ? ORDER BY rank, id LIMIT ?"
        with self._lock:  # one connection for all threads
            return [row[0] for row in self._index.execute(query, (wanted, most))]

    @property
    def vocabulary(self) -> frozenset[str]:
        """Give all terms of the documents."""
        texts = (f"{passage.title} {passage.text}" for passage in self.passages.values())
        return frozenset(term for text in texts for term in terms(text))


@cache
def library() -> Library:
    """Read the shipped documents."""
    folder = resources.files(__package__) / "data" / "documents"
    passages: list[Passage] = []
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        head, *paragraphs = file.read_text("utf-8").strip().split("\n\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines()[1:])
        passages += [
            Passage(
                id=f"{file.name.removesuffix('.md')}#{number}",
                text=paragraph.strip(),
                title=head.splitlines()[0].removeprefix("# "),
                dated=fields["Date"],
                corrects=fields.get("Corrects", ""),
            )
            for number, paragraph in enumerate(paragraphs, start=1)
        ]
    return Library(tuple(passages))

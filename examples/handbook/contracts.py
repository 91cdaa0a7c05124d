"""Say when an answer holds: in the handbook's own sentences, from sections that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quintet.state import Contract, Unmet, belongs_to, checked, fresh, unmet

from .agents import Answer, Question
from .book import Book, Passage, sentences


@dataclass(frozen=True, kw_only=True)
class Printed:
    """Check that a search has given what the handbook says on its question."""

    book: Book

    __name__ = "printed"

    def __call__(self, request: Mapping[str, Any], result: list[Passage]) -> bool | Unmet:
        """Search anew, and compare."""
        return result == self.book.search(request["question"]) or unmet(
            "the handbook says otherwise"
        )


@dataclass(frozen=True, kw_only=True)
class OnlyQuotes:
    """Check that an answer says only what the sections that it cites say, in this edition."""

    book: Book

    __name__ = "only_quotes"

    def __call__(self, request: Question, result: Answer) -> bool | Unmet:
        """Read the cited sections anew, and look for each sentence of the answer."""
        said = sentences(result["answer"])
        if result.get("refused"):
            return not said or unmet("it is refused and answered at once")
        if result.get("edition") != self.book.edition:
            return unmet(f"it is from edition {result.get('edition')!r}, not {self.book.edition}")
        found = [section["id"] for section in self.book.search(request["message"])]
        if strange := [name for name in result["cites"] if name not in found]:
            return unmet(f"section {strange[0]!r} is not about the question")
        texts = [self.book.sections[name]["text"] for name in result["cites"]]
        known = {sentence for text in texts for sentence in sentences(text)}
        made_up = [sentence for sentence in said if sentence not in known]
        if not said or made_up:
            return unmet(f"no cited section says {(made_up or ['anything'])[0]!r:.80}")
        return True


def contract(book: Book) -> Contract:
    """Build the contract of an agent that answers from one book."""
    in_force = fresh("edition", newest=lambda _: book.edition, needed=False)
    return Contract(
        goal="Answer the question from the handbook, in its own sentences, and cite the sections",
        needs=Question,
        gives=Answer,
        tools=(checked(book.search, in_force, Printed(book=book)),),
        success=(belongs_to("question", whose="message"), OnlyQuotes(book=book)),
        escalate=(needs_person,),
    )


def needs_person(result: Answer) -> str:
    """Say why a person must answer; empty where nobody must."""
    return result.get("escalate", "")

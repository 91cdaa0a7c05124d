"""Search, summarise, compute and check by rules, over the documents as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .library import Library, Passage
from .words import figures, in_figures, is_numeric, names, terms, years

FITS = 0.7
"""The share of a question's terms that a sentence must have, with its document's title."""


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Find and pick the sentences that bear on a question.

    Args:
        books: the documents.
    """

    books: Library

    def search(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Search the documents."""
        question = request["message"]
        return {"question": question, "passages": self.books.search(question, 12)}

    def pick(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Pick the sentences: all that a calculation needs, or the one that fits best."""
        question = request["message"]
        found = [self.books.passages[name] for name in request["search"]["passages"]]
        known = terms(question) <= self.books.vocabulary | terms(" ".join(years(question)))
        fitting: list[tuple[float, dict[str, Any]]] = [
            (fit, {"text": sentence, "cites": [passage.id]})
            for passage in found
            for sentence in passage.sentences
            if known and (fit := fits(question, sentence, passage)) >= FITS
        ]
        best = max((fit for fit, _ in fitting), default=0.0)
        if is_numeric(question):
            every = [item for _, item in fitting if figures(item["text"])]
            kept = every if _enough(question, every) else []
        else:
            kept = [item for fit, item in fitting if fit == best][:1]
        return {"question": question, "sentences": kept}


def fits(question: str, sentence: str, passage: Passage) -> float:
    """Give the share of a question's terms that a sentence has; 0 where a name or year is not."""
    asked, when = set(names(question)), set(years(question))
    if is_numeric(question):
        named = not asked or bool(asked & set(names(sentence)))
        dated = not when or bool(when & set(years(sentence)))
    else:
        named = asked <= _named(sentence, passage)
        dated = when <= {*years(sentence), *years(passage.title)}
    plain = terms(question) - terms(" ".join((*asked, *when)))
    if not (named and dated and plain and _is_of_kind(question, sentence)):
        return 0.0
    there = terms(sentence)
    # The title helps, but what the sentence says itself counts more.
    own = len(plain & there) + len(asked & set(names(sentence)))
    return (len(plain & (there | terms(passage.title))) + own / 100) / len(plain)


def _is_of_kind(question: str, sentence: str) -> bool:
    """Say whether a sentence has what a question asks for: a date, or a figure."""
    asked = question.lower()
    if asked.startswith(("when", "how long")):
        return bool(years(sentence))
    if asked.startswith(("how many", "how often", "how much")) or "cost" in asked:
        return bool(figures(sentence))
    return True


def _named(sentence: str, passage: Passage) -> set[str]:
    """Give the branches that a sentence is about: those it names, else its paragraph's."""
    return set(names(sentence) or names(passage.text) or names(passage.title))


def _enough(question: str, kept: list[dict[str, Any]]) -> bool:
    """Say whether there is a figure for each branch and year that is asked about."""
    asked = names(question)
    wanted = [(name, year) for name in asked or ("",) for year in years(question) or ("",)]
    return all(
        any(name in item["text"] and year in item["text"] for item in kept) for name, year in wanted
    )


@dataclass(frozen=True, kw_only=True)
class Checker:
    """Check the evidence against all documents.

    Args:
        books: the documents.
    """

    books: Library

    def check(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Give the answer, with what was corrected in place; or the conflict."""
        computed = request.get("compute")
        sentences = [dict(item) for item in request["find"]["sentences"]]
        rivals = [rival for item in sentences for rival in self.rivals(item)]
        if rivals:
            said = "; ".join(f"{item['cites'][0]}: {item['text']}" for item in rivals)
            conflict = f"the documents contradict each other: {said}"
            return {"question": request["message"], "sentences": [], "conflict": conflict}
        given = [self.corrected(item) for item in sentences]
        if computed is not None:
            given = [{key: computed[key] for key in ("text", "cites", "code")}]
        return {"question": request["message"], "sentences": given}

    def rivals(self, item: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Give sentences that say another figure of the same thing, and are no correction."""
        others = self._about_the_same(item)
        mine = self.books.passages[item["cites"][0]]
        open_ones = [
            (passage, text)
            for passage, text in others
            if mine.corrects != passage.document and passage.corrects != mine.document
        ]
        if not open_ones:
            return []
        return [dict(item), *({"text": t, "cites": [p.id]} for p, t in open_ones)]

    def corrected(self, item: dict[str, Any]) -> dict[str, Any]:
        """Give a sentence, or what corrects it."""
        mine = self.books.passages[item["cites"][0]]
        for passage, text in self._about_the_same(item):
            if passage.corrects == mine.document:
                return {"text": text, "cites": [passage.id]}
        return item

    def _about_the_same(self, item: Mapping[str, Any]) -> list[tuple[Passage, str]]:
        mine = figures(item["text"])
        if not mine:
            return []
        return [
            (passage, sentence)
            for passage in map(self.books.passages.__getitem__, self.books.search(item["text"], 12))
            for sentence in passage.sentences
            if figures(sentence)
            and figures(sentence)[0] != mine[0]
            and _same(sentence, item["text"])
        ]


def _same(one: str, other: str) -> bool:
    """Say whether two sentences tell of the same thing: names, years and the shorter's terms."""
    if names(one) != names(other) or years(one) != years(other):
        return False
    less, more = sorted((terms(one), terms(other)), key=len)
    return len(less - terms(" ".join(names(one)))) > 1 and less <= more


@dataclass(frozen=True, kw_only=True)
class Coder:
    """Write a calculation over the evidence, and run it.

    Args:
        checker: puts corrected figures in place.
    """

    checker: Checker

    def write(self, request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        """Write and run it, and say what it comes to."""
        question = request["message"]
        used = [self.checker.corrected(dict(i)) for i in request["find"]["sentences"]]
        used = list({item["text"]: item for item in used}.values())
        numbers = [_plain(figures(item["text"])[0]) for item in _in_order(question, used)]
        code = f"numbers = [{', '.join(numbers)}]\nprint({_formula(question)})"
        value = in_figures(tools["run_code"](code=code))
        cites = list(dict.fromkeys(cite for item in used for cite in item["cites"]))
        told = {"text": f"{_what(question)} is {value}.", "cites": cites, "code": code}
        return {"question": question, **told}


def _in_order(question: str, used: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put figures in the order of the years."""
    return sorted(used, key=lambda item: years(item["text"]))


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _formula(question: str) -> str:
    asked = question.lower()
    if "percentage" in asked:
        return "(numbers[1] - numbers[0]) / numbers[0] * 100"
    if "difference" in asked:
        return "abs(numbers[1] - numbers[0])"
    if "average" in asked:
        return "sum(numbers) / len(numbers)"
    return "sum(numbers)"


def _what(question: str) -> str:
    kinds = {"percentage": "The growth in percent", "difference": "The difference"}
    kinds |= {"average": "The average"}
    return next((text for word, text in kinds.items() if word in question.lower()), "The sum")

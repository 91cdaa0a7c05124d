"""Test how much a user writes for a chat of two specialists, as the page on handoffs shows it."""

from __future__ import annotations

from pathlib import Path

from tests.test_pages import blocks

PAGE = Path(__file__).parent.parent / "docs" / "handoff.md"


def code_lines(source: str) -> int:
    """Count the lines of code, imports included, without blanks and comments."""
    lines = map(str.strip, source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def test_a_chat_of_two_specialists_takes_forty_lines_its_agents_included():
    page = blocks(PAGE.read_text("utf-8"))
    first = next(code for language, code, _ in page if language == "python")
    assert "create_handoff(" in first
    assert code_lines(first) <= 40

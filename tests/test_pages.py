"""Test that the pages' Python blocks run in order, and print what the text blocks say."""

from __future__ import annotations

import contextlib
import io
import linecache
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted(set((ROOT / "docs").glob("*.md")) - {ROOT / "docs/decisions.md"}),
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield each block's language, its text, and the page's lines before it."""
    for found in BLOCK.finditer(text):
        yield found[1], found[2], text.count("\n", 0, found.start()) + 1


def source_of(page: Path) -> str:
    """Give a page's Python alone, on the page's own lines, so that sources can be inspected."""
    text = page.read_text("utf-8")
    lines = ["\n"] * (text.count("\n") + 1)
    for language, code, before in blocks(text):
        if language == "python":
            lines[before : before + code.count("\n")] = code.splitlines(keepends=True)
    name = f"<{page.name}>"
    linecache.cache[name] = (len(text), None, lines, name)
    return name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path) -> None:
    pytest.importorskip("sklearn", reason="the extra `learn` is not installed")
    source = source_of(page)
    names: dict[str, object] = {"__name__": page.stem}
    printed, compared, ran = "", 0, 0
    for language, code, before in blocks(page.read_text("utf-8")):
        if language == "python":
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                exec(compile("\n" * before + code, source, "exec"), names)
            printed, ran = output.getvalue(), ran + 1
        elif language == "text":
            assert printed.strip() == code.strip(), f"{page.name}:{before}"
            compared += 1
    assert ran >= 1
    assert compared >= 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_names_only_files_that_exist(page: Path) -> None:
    prose = BLOCK.sub("", page.read_text("utf-8"))
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", prose)
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []

"""The README's Python blocks run in order, and print what the text blocks after them say."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str, int]]:
    text = README.read_text("utf-8")
    return [(m[1], m[2], text.count("\n", 0, m.start()) + 1) for m in BLOCK.finditer(text)]


def test_the_readme_does_what_it_says() -> None:
    pytest.importorskip("sklearn", reason="the extra `learn` is not installed")
    names: dict[str, object] = {"__name__": "readme"}
    printed, compared, ran = "", 0, 0
    for language, code, line in blocks():
        if language == "python":
            # Padding keeps the README's own line numbers in errors and in inspected sources.
            compiled = compile("\n" * line + code, str(README), "exec")
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compiled, names)
            printed, ran = out.getvalue(), ran + 1
        elif language == "text":
            assert printed.strip() == code.strip(), f"README.md:{line}"
            compared += 1
    assert ran >= 4
    assert compared >= 3


def test_the_readme_names_only_files_that_exist() -> None:
    prose = BLOCK.sub("", README.read_text("utf-8"))
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", prose)
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []

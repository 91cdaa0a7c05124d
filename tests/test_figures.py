"""Test that the source tree's figures keep their limits, and that their program counts right."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))

import figures  # noqa: E402 - it stands in scripts/, which is no package

sys.path.remove(str(SCRIPTS))


def test_every_figure_keeps_its_limit() -> None:
    assert figures.misses(figures.figures()) == []


def test_a_figure_over_its_limit_is_named() -> None:
    within = {name: limit for name, (sign, limit) in figures.LIMITS.items() if sign != "<"}
    measured = within | {"public names": 400.0}
    assert figures.misses(measured) == ["public names: 400, wanted < 360"]


@pytest.mark.parametrize(
    ("code", "statements", "inside"),
    [
        ("return 1", 1, 1),
        ("return 1 if a else 2", 1, 2),
        ("return [b for b in a if b and a]", 1, 4),
        ("if a:\n  b()\nelif c and d:\n  e()\nelse:\n  f()", 3, 4),
        ("for b in a:\n  try:\n    b()\n  except KeyError:\n    pass", 3, 3),
        ("match a:\n  case 1: b()\n  case _: c()", 3, 3),
        ("def g():\n  if a: b()\nreturn g", 1, 1),
    ],
)
def test_the_ways_through_a_function_are_counted(code: str, statements: int, inside: int) -> None:
    body = "\n".join(f"  {line}" for line in code.splitlines())
    [function] = ast.parse(f"def f(a):\n{body}").body
    assert figures.complexity(function) == statements
    assert figures.complexity(function, inside=True) == inside


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("Return the plan.", True),
        ("`start` a run.", True),
        ("The plan.", False),
        ("Whether it runs.", False),
    ],
)
def test_a_verb_is_known_by_the_list(text: str, verb: bool) -> None:
    assert figures.opens_with_verb(text) is verb


def test_a_sentence_that_starts_with_what_is_found() -> None:
    text = "Return it. What it holds is plain.\n\nHow many there are. What is it?"
    assert figures.questions(text) == ["What it holds is plain.", "How many there are."]


def test_modules_that_import_each_other_are_a_circle() -> None:
    folder = figures.ROOT / "quintet"
    made = [
        figures.Module(folder / "a.py", "from quintet.b import x"),
        figures.Module(folder / "b.py", "import quintet.c"),
        figures.Module(folder / "c.py", "if True:\n    from quintet import a"),
        figures.Module(folder / "d.py", "def f():\n    from quintet import a\nimport quintet.a"),
    ]
    assert figures.circles(made) == [["quintet.a", "quintet.b", "quintet.c"]]

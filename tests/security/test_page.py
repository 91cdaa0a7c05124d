"""Test that SECURITY.md names tests that exist, a row for each risk of the list."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


@pytest.mark.parametrize(("file", "test"), sorted(set(NAMED.findall(PAGE))))
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    assert test.startswith("test_")
    assert test in names_in(ROOT / file)


def test_each_risk_has_a_row_with_a_control_and_a_test() -> None:
    rows = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ASI")]
    assert [cells[0].split()[0] for cells in rows] == [f"ASI{n:02}" for n in range(1, 11)]
    for risk, control, test in rows:
        assert len(control) > 40
        [(file, name)] = NAMED.findall(test)
        assert file == "tests/security/test_rows.py"
        assert name.startswith(f"test_{risk.split()[0].lower()}_")


def test_each_row_of_the_tests_is_on_the_page() -> None:
    own = {name for name in names_in(ROOT / "tests/security/test_rows.py") if "test_asi" in name}
    assert own == {name for _, name in NAMED.findall(PAGE) if name.startswith("test_asi")}

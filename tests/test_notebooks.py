"""Test that each notebook runs, offline, and its committed outputs are what it prints today."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
VARIES = r"\b\d{9,}\.\d+|[0-9a-f]{8}-[0-9a-f-]{27}|\b[\d.]+ s\b"
"""Moments, ids, and durations."""
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_source_runs_as_a_script(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    runpy.run_path(str(source))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_the_committed_notebook_is_its_source_with_todays_outputs(source: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the test group is not installed")
    notebooks = runpy.run_path(str(ROOT / "scripts" / "notebooks.py"))
    kept = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    now = notebooks["executed"](source)
    assert [cell.source for cell in kept.cells] == [cell.source for cell in now.cells]
    assert [said(cell) for cell in kept.cells] == [said(cell) for cell in now.cells]


def said(cell: Any) -> str:
    """Join what a cell put out; where the stream was cut into pieces is chance."""
    texts = []
    for output in cell.get("outputs", []):
        assert output.output_type != "error", output
        texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return re.sub(VARIES, "~", "".join(texts))

"""Run every notebook from its .py source and keep its outputs: `python scripts/notebooks.py`."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"


def executed(source: Path) -> nbformat.NotebookNode:
    """Execute the notebook of a .py source from the clone's root, with ids that stay the same."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell["id"] = hashlib.sha256(f"{source.stem} {number}".encode()).hexdigest()[:8]
    resources = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def main() -> None:
    """Write each notebook beside its source."""
    for source in sorted(FOLDER.glob("*.py")):
        nbformat.write(executed(source), source.with_suffix(".ipynb"))
        sys.stderr.write(f"{source.stem}: run\n")


if __name__ == "__main__":
    main()

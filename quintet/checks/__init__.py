"""Mistakes in a graph, LangGraph's and ours, found before the first run.

`source` reads functions without running them, `graph` puts together what a graph's nodes say of
themselves, and each module of `rules` looks for one kind of mistake.
"""

from quintet.checks.check import check
from quintet.checks.finding import Finding

__all__ = ["Finding", "check"]

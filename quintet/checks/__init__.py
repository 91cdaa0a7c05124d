"""Find mistakes in a graph, LangGraph's and Quintet's, before the first run.

`source` reads functions without running them, `graph` works out where each node may lead and
what it writes, and each module of `rules` looks for one kind of mistake.
"""

from quintet.checks.check import check
from quintet.checks.finding import Finding

__all__ = ["Finding", "check"]

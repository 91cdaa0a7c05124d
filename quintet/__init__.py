"""Planning, routing, state, escalation and recovery for LangGraph: the layer between agents.

The rooms: `quintet.state`, `quintet.nodes`, `quintet.graphs`, `quintet.runs`; beside them
`quintet.testing` and the command line, `quintet.cli`. Importing this page imports none of them.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"

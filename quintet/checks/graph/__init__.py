"""Graphs as `check` sees them: nodes, conditional edges, and where each may lead."""

__all__: list[str] = []

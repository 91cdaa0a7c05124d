"""Work out, for every node of a graph, where it may lead, what it writes and what it asks."""

__all__: list[str] = []

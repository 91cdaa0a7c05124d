"""What `check` is made of: reading node sources, reading the graph, and the rules themselves.

Sources: `definition`, `source`, `pruning`, `literals`, `moves`, `updates`, `flow`. Graph: `part`,
`branch`, `shape`. Rules: `ways`, `steps`, `keys`, `pauses`, `gates`, `signatures`.
"""

__all__: list[str] = []

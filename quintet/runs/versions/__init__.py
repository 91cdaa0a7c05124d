"""Know the graph that a run was started with, and judge what a changed one would do to the run.

`fingerprint` describes a graph, `held` what an open run holds, and `judge` compares the two.
`known` keeps fingerprints in the journal, `migration` and `rewrite` carry a run over, and `choose`
decides with which graph a run goes on.
"""

__all__: list[str] = []

"""Follow the arcs between the tasks of a workflow: conditions, joins, bounds, failures."""

__all__: list[str] = []

"""Functions as they are written: their syntax trees, and what can be read off them."""

__all__: list[str] = []

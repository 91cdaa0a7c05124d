"""Read functions as they are written, from their syntax trees, without running them."""

__all__: list[str] = []

"""Look for mistakes: each module holds the rules about one kind, which yield findings."""

__all__: list[str] = []

"""The rules: each module looks for one kind of mistake and yields findings."""

__all__: list[str] = []

"""Declare workflows: tasks as Python objects or as plain data, and all complaints at once."""

__all__: list[str] = []

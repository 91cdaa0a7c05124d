"""End a graph's process at every point where it may end, and see what its recovery makes of it."""

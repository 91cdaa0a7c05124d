"""Change a small git repository on request: a test first, then the change, then a commit."""

"""Answer questions on a staff handbook by one agent, from its passages alone."""

"""Look at runs through a published taxonomy of failures of multi-agent systems, by rules."""

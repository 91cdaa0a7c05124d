"""Show an incident desk: alerts become tickets, pages and restarts, each once."""

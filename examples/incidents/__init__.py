"""Show how alerts become tickets, pages and restarts: the reference system of event-driven graphs."""

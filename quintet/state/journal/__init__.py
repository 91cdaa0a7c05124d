"""Keep what is decided once for all who share a database: an append-only journal of streams."""

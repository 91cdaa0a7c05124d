"""Save checkpoints in memory, SQLite and Postgres, with what a journal, tenants and keys ask."""

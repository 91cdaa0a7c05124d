"""Answer questions over shipped documents: a manager, a team that finds, code that computes."""

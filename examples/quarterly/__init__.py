"""Summarise a quarter and flag risks; a separate evaluator recomputes every number."""

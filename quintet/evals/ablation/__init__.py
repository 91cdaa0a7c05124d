"""Ablate agents: find out whether fewer would do, by variants of a graph beside the whole."""

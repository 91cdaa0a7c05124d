"""Collect Quintet's reference systems, each a small folder: data, agents, graph and demo."""

"""Measure Quintet: each program here is run as `python -m benchmarks.NAME`."""

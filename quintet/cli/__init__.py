"""Run the command line: `quintet demo`, `quintet eval`, `quintet runs`, `quintet check`."""

from quintet.cli.main import main

__all__ = ["main"]

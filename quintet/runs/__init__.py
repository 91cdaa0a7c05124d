"""Start, stream, resume, look at and answer runs, and read stored ones."""

from quintet.runs.answers import approve, edit, reject, respond, settle
from quintet.runs.background import Background
from quintet.runs.desk import Desk, sweep
from quintet.runs.drain import draining
from quintet.runs.fork import afork, fork
from quintet.runs.retention import prune
from quintet.runs.run import Run
from quintet.runs.start import alook, aresume, astart, look, resume, start
from quintet.runs.stop import release, stop, stops
from quintet.runs.stored import stored_run, stored_runs
from quintet.runs.stream import astream, stream
from quintet.runs.versions.choose import pinned
from quintet.runs.versions.migration import migrate

__all__ = [
    "Background",
    "Desk",
    "Run",
    "afork",
    "alook",
    "approve",
    "aresume",
    "astart",
    "astream",
    "draining",
    "edit",
    "fork",
    "look",
    "migrate",
    "pinned",
    "prune",
    "reject",
    "release",
    "respond",
    "resume",
    "settle",
    "start",
    "stop",
    "stops",
    "stored_run",
    "stored_runs",
    "stream",
    "sweep",
]

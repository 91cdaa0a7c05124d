"""Read cases and recorded runs: case files, states, threads, message lists, LangSmith examples."""

from quintet.evals.reading.dataset import from_example, to_example
from quintet.evals.reading.files import read_cases, write_cases
from quintet.evals.reading.harvest import harvest
from quintet.evals.reading.messages import read_messages, recorded_messages
from quintet.evals.reading.recorded import Recorded, recorded_runs, recorded_threads, save_runs

__all__ = [
    "Recorded",
    "from_example",
    "harvest",
    "read_cases",
    "read_messages",
    "recorded_messages",
    "recorded_runs",
    "recorded_threads",
    "save_runs",
    "to_example",
    "write_cases",
]

"""Measure what evaluating costs: 2,000 cases on a target that does nothing, beside a plain loop.

Beside it stand 10,000 cases of a router that draws its answers: evaluated twice, and compared with
itself, in seconds of computing. Per case an evaluation adds the scoring by all standard metrics
and, if asked, a row on disk. The figures with their intervals are made once at the end, and timed
apart. Also measured are memory, how `jobs` scale with a target that waits, and whether repeated
kills lose a case.

    python -m benchmarks.evals            # a table
    python -m benchmarks.evals --json     # one object
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, versions
from quintet.evals import Case, Suite, Trajectory, compare, evaluate, load_report

WAIT = 0.02
JOBS = (1, 2, 4, 8, 16, 32)


def target(case: Case) -> Trajectory:
    """Run a case at no cost: right nine times in ten."""
    right = int(case.id) % 10 > 0
    return Trajectory(
        status="done", route="a" if right else "b", confidence=0.9 if right else 0.4, seconds=1e-6
    )


async def waiting(case: Case) -> Trajectory:
    """Run a case after a wait such as a model's."""
    await asyncio.sleep(WAIT)
    return target(case)


def cases(number: int) -> tuple[Case, ...]:
    return tuple(
        Case(id=f"{index:05}", input=f"message {index}", route="a", outcome="done", escalate=False)
        for index in range(number)
    )


def plain_loop(suite: Suite) -> float:
    """Time a loop that runs the target and counts the right routes, in seconds."""
    began = time.perf_counter()
    sum(target(case).route in (case.route or ()) for case in suite.cases)
    return time.perf_counter() - began


def overhead(number: int, rounds: int) -> dict[str, Any]:
    """Measure microseconds a case, the best of some rounds; the final figures are timed apart."""
    suite = Suite(cases=cases(number), target=target)
    rows: dict[str, list[float]] = {name: [] for name in ("loop", "run", "run_into_file", "sum_up")}
    with tempfile.TemporaryDirectory() as folder:
        for index in range(rounds):
            rows["loop"].append(plain_loop(suite))
            run, rest = timed(suite, None)
            rows["run"].append(run)
            rows["sum_up"].append(rest)
            rows["run_into_file"].append(timed(suite, Path(folder) / f"{index}.jsonl")[0])
    return {
        f"{name}_us_per_case": round(min(took) / number * 1e6, 1) for name, took in rows.items()
    }


def timed(suite: Suite, into: Path | None, jobs: int = 1) -> tuple[float, float]:
    """Measure seconds until the last case was scored, and seconds for the figures after it."""
    began, last = time.perf_counter(), [0.0]

    def seen(done: int, total: int) -> None:
        last[0] = time.perf_counter()

    evaluate(suite, into=into, jobs=jobs, progress=seen)
    return last[0] - began, time.perf_counter() - last[0]


def many(number: int) -> dict[str, Any]:
    """Measure CPU seconds to evaluate a router with confidences, and to compare two such reports.

    The two reports are of one target, so whatever is found better or worse is found by chance.
    """
    drawn = random.Random(1)
    labelled = [
        Case(id=f"{index:05}", input=f"message {index}", route=f"r{index % 50}", outcome="done")
        for index in range(number)
    ]

    def router(case: Case) -> Trajectory:
        right = drawn.random() < 0.9
        route = (case.route or ("",))[0] if right else f"r{drawn.randrange(50)}"
        spent = {"tokens": float(drawn.randint(50, 150)), "model_calls": 1.0}
        return Trajectory(route=route, confidence=drawn.random(), spent=spent)

    suite = Suite(cases=labelled, target=router)
    began = time.process_time()
    first = evaluate(suite)
    between = time.process_time()
    second = evaluate(suite)
    before = time.process_time()
    found = compare(first, second)
    return {
        "cases": number,
        "evaluate_cpu_seconds": round(between - began, 1),
        "compare_cpu_seconds": round(time.process_time() - before, 1),
        "figures_compared": len(found.differences),
        "better_or_worse_than_itself": len(found.better) + len(found.worse),
    }


def memory(number: int) -> dict[str, Any]:
    """Measure kilobytes kept per case, in the first and second half of a run, and the peak."""
    marks: dict[int, int] = {}

    def seen(done: int, total: int) -> None:
        if done in (total // 10, total // 2, total):
            marks[done] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    evaluate(Suite(cases=cases(number), target=target), progress=seen)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    early, half, end = marks[number // 10], marks[number // 2], marks[number]
    first, second = (half - early) / (number * 0.4), (end - half) / (number * 0.5)
    return {
        "kb_per_case_first_half": round(first / 1024, 2),
        "kb_per_case_second_half": round(second / 1024, 2),
        "peak_mb": round(peak / 2**20, 1),
    }


def scaling(number: int) -> dict[str, Any]:
    """Measure wall seconds until the last case by number of jobs, and the ratio to the ideal."""
    figures: dict[str, Any] = {}
    for jobs in JOBS:
        wall, _ = timed(Suite(cases=cases(number), target=waiting), None, jobs)
        figures[f"jobs_{jobs}"] = {
            "seconds": round(wall, 2),
            "wall_to_ideal": round(wall / (number * WAIT / jobs), 2),
        }
    return figures


CHILD = """
import sys, time
from pathlib import Path
from benchmarks.evals import cases, target
from quintet.evals import Suite, evaluate

def logged(case):
    with open(sys.argv[2], "a") as ran:
        ran.write(case.id + "\\n")
    time.sleep(0.001)
    return target(case)

evaluate(Suite(cases=cases(int(sys.argv[3])), target=logged), into=Path(sys.argv[1]))
"""


def killed(number: int, kills: int) -> dict[str, Any]:
    """Kill an evaluation (SIGKILL) again and again, resume it each time, and count lost cases."""
    with tempfile.TemporaryDirectory() as folder:
        rows, ran = Path(folder) / "rows.jsonl", Path(folder) / "ran.txt"
        command = [sys.executable, "-c", CHILD, str(rows), str(ran), str(number)]
        for kill in range(1, kills + 1):
            process = subprocess.Popen(command)
            while process.poll() is None and _lines(ran) < number * kill // (kills + 1):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run(command, check=True)
        report = load_report(rows)
        times = Counter(ran.read_text().split())
    return {
        "kills": kills,
        "cases": number,
        "rows": len(report.rows),
        "lost": number - len({row.case.id for row in report.rows}),
        "twice_in_the_report": len(report.rows) - len({row.case.id for row in report.rows}),
        "run_again": sum(count - 1 for count in times.values()),
    }


def _lines(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


def measure(number: int, rounds: int) -> dict[str, Any]:
    steps = (
        ("overhead", lambda: overhead(number, rounds)),
        ("many", lambda: many(5 * number)),
        ("memory", lambda: memory(number)),
        ("scaling", lambda: scaling(min(number, 320))),
        ("killed", lambda: killed(number, 4)),
    )
    figures: dict[str, Any] = {"cases": number}
    for name, step in steps:
        sys.stderr.write(f"evals: {name}\n")
        figures[name] = step()
    return {**figures, "machine": machine(), "versions": versions()}


def show(figures: dict[str, Any]) -> None:
    rows = [["overhead", name, value] for name, value in figures["overhead"].items()]
    rows += [["many", name, value] for name, value in figures["many"].items()]
    rows += [["memory", name, value] for name, value in figures["memory"].items()]
    for name, value in figures["scaling"].items():
        rows.append(["scaling", name, f"{value['seconds']} s, {value['wall_to_ideal']} of ideal"])
    rows += [["killed", name, value] for name, value in figures["killed"].items()]
    print(f"{figures['cases']} cases")
    for part, name, value in rows:
        print(f"  {part:9} {name:28} {value}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    figures = measure(options.cases, options.rounds)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()

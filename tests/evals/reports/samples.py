"""Make reports to render: small ones by hand, and large ones drawn by a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any

from quintet.evals.case import Case
from quintet.evals.figures import figures_of
from quintet.evals.gate import Gate
from quintet.evals.metric import Metric
from quintet.evals.metrics import STANDARD
from quintet.evals.report import Report
from quintet.evals.row import Row
from quintet.evals.scoring import scored
from quintet.evals.trajectory import ToolCall, Trajectory
from quintet.state.decision import Decision
from quintet.state.failure import Failure

NASTY = (
    "<script>alert('x')</script> | `tick` ]]> & \"quoted\" \x1b[31m\ud800 "
    "@maria #12 https://evil.example 🚚"
)

SOME = ("routing_accuracy", "all_labels", "missed_escalations", "aurc", "latency_seconds")
METRICS = tuple(metric for metric in STANDARD if metric.name in SOME)
QUICK = tuple(metric for metric in METRICS if metric.over is None)
GATES = (Gate(metric="routing_accuracy", at_least=0.5), Gate(metric="aurc", at_most=0.6))

WORDS = (  # noqa: SIM905 - a line of words reads better than a list of them
    "my parcel order card refund invoice address login code screen broken late twice charged where "
    "is the when will it please change cancel return was did not arrive again since yesterday"
).split()


def rows_of(pairs: Iterable[tuple[Case, Trajectory]], metrics: Sequence[Metric] = METRICS):
    """Make scored rows."""

    async def all_of() -> list[Row]:
        return [await scored(case, run, 0, metrics) for case, run in pairs]

    return tuple(asyncio.run(all_of()))


def report_of(
    rows: Sequence[Row],
    gates: Sequence[Gate] = (),
    metrics: Sequence[Metric] = METRICS,
    **more: Any,
) -> Report:
    """Make a report on scored rows."""
    figures = figures_of(rows, metrics, gated={gate.metric for gate in gates})
    known = {name: figure for name, figure in figures.items() if figure.value is not None}
    settings = {
        "suite": "support",
        "expected": len(rows),
        "began": "2026-11-20T10:00:00+00:00",
        "seconds": 12.5,
        "fingerprint": "0123456789abcdef",
        "versions": {"quintet": "1.2.3", "langgraph": "1.2.22", "python": "3.11.7"},
        **more,
    }
    verdicts = tuple(gate.judged(figures.get(gate.metric)) for gate in gates)
    return Report(rows=tuple(rows), figures=known, verdicts=verdicts, **settings)


def pair(number: int, told: str, got: str, **more: Any) -> tuple[Case, Trajectory]:
    """Make a labelled case, and a run that took a route."""
    case = Case(id=f"c{number}", input=f"message {number}", route=told, tags=("all", told))
    confidence = more.pop("confidence", 0.9 if told == got else 0.4)
    run = Trajectory(route=got, best=got, confidence=confidence, seconds=0.01, **more)
    return case, run


def plain_report(**more: Any) -> Report:
    """Report ten cases on two routes, two of them wrong."""
    pairs = [pair(n, "billing" if n % 2 else "shipping", "billing") for n in range(4)]
    pairs += [pair(n, "shipping", "shipping") for n in range(4, 10)]
    return report_of(rows_of(pairs), **{"gates": GATES, **more})


def nasty_report(text: str = NASTY, **more: Any) -> Report:
    """Report one wrong and one right run, with the same text wherever a text can stand."""
    case = Case(
        id=text,
        input=text,
        route=text,
        tags=(text,),
        state={text: text},
        answer=text,
        never=(text,),
    )
    run = Trajectory(
        status="error",
        reason=text,
        route="other",
        tier=text,
        path=(text, "end"),
        calls=(ToolCall(name=text, arguments={"a": text}, status="failed", node=text),),
        decisions=(Decision(kind="route", node=text, choice=text, reason=text, who=text, at=0.0),),
        failures=(Failure(node=text, kind="timeout", error=text, message=text, at=0.0),),
        faults=(text,),
        answer=text,
        error=text,
        url="javascript:alert(1)",
    )
    right = Case(id="fine", input=text, route=text, tags=(text,))
    rows = rows_of([(case, run), (right, Trajectory(route=text, confidence=0.5))])
    options = {"suite": text, "notes": (text,), "versions": {"quintet": text}, **more}
    return report_of(rows, gates=GATES, **options)


def large_report(
    cases: int, routes: int, *, seed: int = 0, wrong: float = 0.1, **more: Any
) -> Report:
    """Draw a report of so many cases and routes, with about that share of wrong ones."""
    draw = random.Random(seed)
    names = [f"{draw.choice(WORDS)}_{draw.choice(WORDS)}_{n}" for n in range(routes - 1)]
    names.append("person")
    pairs = [_drawn(draw, number, names, wrong) for number in range(cases)]
    metrics = more.pop("metrics", METRICS)
    return report_of(rows_of(pairs, metrics), metrics=metrics, **{"gates": GATES, **more})


def _drawn(
    draw: random.Random, number: int, names: list[str], wrong: float
) -> tuple[Case, Trajectory]:
    told = draw.choice(names)
    slip = draw.random() < wrong
    near = names[(names.index(told) + draw.choice((1, 1, 1, 2))) % len(names)]
    best = near if slip else told
    confidence = round(min(draw.gauss(0.55 if slip else 0.86, 0.16), 0.999), 3)
    confidence = max(confidence, 0.05)
    got = best if confidence > 0.35 else "person"
    text = " ".join(draw.choices(WORDS, k=draw.randint(5, 22)))
    broke = draw.random() < 0.004
    case = Case(
        id=f"m{number:04d}",
        input={"message": text},
        route=told,
        outcome="escalated" if told == "person" else "done",
        escalate=told == "person",
        tags=(draw.choice(("clear", "vague", "angry")), draw.choice(("short", "long"))),
    )
    person = got == "person"
    decisions = (
        Decision(
            kind="route",
            node="router",
            choice=got,
            reason=f"nearest examples say {best}; telling words: {text.split()[0]}",
            by="learned",
            who="by_examples",
            confidence=confidence,
            at=0.0,
        ),
        Decision(kind="outcome", node="finish", choice="done", reason="the reply cites it", at=0.0),
    )
    failed = Failure(node=got, kind="timeout", error="TimeoutError", message="no answer", at=0.0)
    run = Trajectory(
        status="error" if broke else "escalated" if person else "done",
        route=got,
        best=best,
        confidence=confidence,
        tier="by_examples",
        escalated=person,
        path=("router", got, "finish"),
        calls=(ToolCall(name="lookup", arguments={"order": 1000 + number}, node=got),),
        decisions=decisions,
        failures=(failed,) if draw.random() < 0.05 else (),
        seconds=draw.uniform(0.01, 0.4),
        spent={"tokens": draw.randint(200, 900)},
        error="RuntimeError: the model is gone" if broke else "",
    )
    return case, run

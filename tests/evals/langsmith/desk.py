"""Define a graph that knows nothing of Quintet, and its cases, for the tests of LangSmith."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from typing_extensions import TypedDict

from quintet.evals import Case, Gate, Metric, Report, Suite, Trajectory
from quintet.evals.langsmith.driver import BETA
from quintet.evals.row import Row


class S(TypedDict, total=False):
    message: str
    reply: str


def pick(state: S) -> str:
    return "billing" if "bill" in state["message"] else "shipping"


def billing(state: S) -> S:
    if "crash" in state["message"]:
        raise RuntimeError("the till is on fire")
    return {"reply": "billing says hello"}


def shipping(state: S) -> S:
    return {"reply": "shipping says hello"}


def app() -> CompiledStateGraph[Any, Any, Any, Any]:
    graph = StateGraph(S)
    graph.add_node(billing)
    graph.add_node(shipping)
    graph.add_conditional_edges(START, pick, ["billing", "shipping"])
    graph.add_edge("billing", END)
    graph.add_edge("shipping", END)
    return graph.compile()


CASES = (
    Case(id="bill", input="my bill is wrong", route="billing", tags=("money",)),
    Case(id="parcel", input="where is my parcel", route="shipping", group="parcels"),
    Case(id="billfold", input="I sent a billfold", route="shipping", tags=("money", "hard")),
    Case(id="crash", input="crash my bill", route="billing"),
)
WRONG = "route billing, expected shipping"


def polite(case: Case, trajectory: Trajectory) -> bool:
    if case.id == "parcel":
        raise ZeroDivisionError("no politeness here")
    return "hello" in str(trajectory.answer or trajectory.state)


def suite(**more: Any) -> Suite:
    given: dict[str, Any] = {
        "cases": CASES,
        "target": app(),
        "name": "desk",
        "metrics": (Metric(name="polite", score=polite),),
        "gates": (Gate(metric="routing_accuracy", at_least=0.9),),
    }
    return Suite(**{**given, **more})


def timeless(report: Report) -> dict[str, Any]:
    """Keep of a report all that does not depend on the clock or on where it was made."""
    figures = {name: figure for name, figure in report.figures.items() if figure.unit != "seconds"}
    rows = [
        (
            row.case,
            row.repeat,
            replace(row.trajectory, seconds=0.0, url=""),
            _still(row),
            row.errors,
        )
        for row in report.rows
    ]
    return {
        "figures": figures,
        "rows": rows,
        "verdicts": report.verdicts,
        "expected": report.expected,
        "fingerprint": report.fingerprint,
    }


def _still(row: Row) -> dict[str, Any]:
    return {name: point for name, point in row.scores.items() if "latency" not in name}


@contextmanager
def beta() -> Iterator[None]:
    """Allow LangSmith to say once that switching the upload off is in beta."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=BETA)
        yield

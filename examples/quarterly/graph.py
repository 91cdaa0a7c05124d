"""Build the desk: retrieve, analyse, evaluate, and back to the analyst while something is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs import create_sequential
from quintet.nodes import Recovery, Worker, escalate, retry

from .agents import analyst, retriever
from .contracts import ANALYSING, EVALUATING, approved, retrieving, submitted
from .evaluator import evaluator
from .ledger import Ledger, filed


@dataclass(frozen=True)
class Verdict:
    """Go to the end with what was approved, and back to the analyst with what was not."""

    targets = ("finish", "analyse")

    def __call__(self, state: Mapping[str, Any]) -> str:
        """Name the next node."""
        return "finish" if state["results"]["evaluate"]["approved"] else "analyse"


def build(
    ledger: Ledger | None = None,
    *,
    analyse: Any = analyst,
    model: Any = None,
    wait: float = 0.05,
) -> StateGraph[Any]:
    """Build the desk over the figures on file.

    Args:
        ledger: the figures; by default those that are shipped.
        analyse: the analyst.
        model: a chat model that retrieves and writes; the evaluator stays a program.
        wait: seconds before a retry.
    """
    figures = ledger or filed()
    again = (retry(2, wait=wait), escalate("person"))
    return create_sequential(
        {
            "retrieve": Worker(agent=model or retriever, contract=retrieving(figures)),
            "analyse": Worker(agent=model or analyse, contract=ANALYSING),
            "evaluate": Worker(
                agent=evaluator(figures), contract=EVALUATING, read=submitted, then=Verdict()
            ),
        },
        recover=Recovery(
            invalid=again, transient=again, timeout=again, otherwise=escalate("person")
        ),
        success=(approved,),
    )

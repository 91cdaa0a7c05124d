"""Build the handbook desk: one agent under its contract, and a person behind it."""

from __future__ import annotations

from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs import create_single_agent
from quintet.nodes import Recovery, Worker, escalate, retry

from .agents import reader
from .book import Book, handbook
from .contracts import contract


def build(book: Book | None = None, *, agent: Any = reader, wait: float = 0.05) -> StateGraph[Any]:
    """Build the desk over one edition of the handbook.

    Args:
        book: the handbook; by default the one in force.
        agent: who answers; a chat model gets the same contract.
        wait: seconds before a retry.
    """
    again = (retry(2, wait=wait), escalate("person"))
    return create_single_agent(
        Worker(agent=agent, contract=contract(book or handbook())),
        recover=Recovery(
            invalid=again, transient=again, timeout=again, otherwise=escalate("person")
        ),
    )

"""Compose the line: research, write, review (back, at most three rounds), send, keep."""

from __future__ import annotations

from typing import Any

from langgraph.graph import StateGraph

from quintet.graphs import create_sequential, review
from quintet.nodes import ApprovalGate, Recovery, Worker, retry
from quintet.state import Contract

from .agents import Brief, Findings, Sent, archive, export, nothing_found, research, write
from .office import Office, data, leaves_the_house, turned_away
from .rules import RULES


def build(office: Office, *, model: Any = None) -> StateGraph[Any]:
    """Build the line over an office; a chat model writes in place of our own writer."""
    send, keep = office.effects
    found = Contract(
        goal="Find the figures and notes that the assignment is about",
        needs=("message",),
        gives=Findings,
        escalate=(nothing_found,),
    )
    text = Contract(goal=data("style.md"), needs=Brief, gives=str)
    sent = Contract(goal="Send the report", needs=("research", "write"), gives=Sent, tools=(send,))
    kept = Contract(
        goal="Keep the report as it was sent",
        needs=("research", "write", "effects"),
        gives=str,
        tools=(keep,),
    )
    return create_sequential(
        {
            "research": Worker(agent=research, contract=found),
            "write": Worker(agent=model or write, contract=text),
            "check": review("write", RULES, rounds=3),
            "export": Worker(agent=export, contract=sent),
            "archive": Worker(agent=archive, contract=kept),
        },
        gate=ApprovalGate(when=leaves_the_house, approvers=("ines",), expires="48h"),
        recover=Recovery(transient=retry(3, wait=0.05), classify=turned_away),
    )

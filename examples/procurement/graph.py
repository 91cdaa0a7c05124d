"""Orchestrate procurement: checks side by side, conflicts settled by their owners, one gate."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.graphs import create_parallel
from quintet.nodes import (
    ApprovalGate,
    FanOut,
    Merge,
    Recovery,
    about,
    people,
    retry,
    says,
    strictest,
    within,
)
from quintet.state import OrchestrationState

from .agents import ORDER, SEAL, Checks, in_review, needed
from .company import Company


class Procurement(OrchestrationState, total=False):
    """A purchase request: the form, sealed with the description, which is the message."""

    form: dict[str, Any]
    seal: str


def intake(state: Procurement) -> dict[str, Any]:
    """Write names in small letters, without spaces around them."""
    form = state.get("form") or {}
    form = {k: v.strip().lower() if isinstance(v, str) else v for k, v in form.items()}
    return SEAL.on({"form": form}, message=state["message"])


def build(company: Company, *, model: BaseChatModel | None = None) -> StateGraph[Any]:
    """Build the graph over a company's database."""
    checks = Checks(company=company, model=model)
    return create_parallel(
        checks.workers,
        intake=intake,
        fan_out=FanOut(choose=needed, deadline="60s"),
        merge=Merge(
            of=("policy", "vendor", "finance"),
            fields=("verdict", "amount"),
            classify={
                "veto": says("reject"),
                "doubt": says("review"),
                "rounding": within(relative=0.01),
                "price": about("amount"),
            },
            owners={
                "veto": strictest(*ORDER),
                "doubt": strictest(*ORDER),
                "rounding": "vendor",
                "price": people("buyer"),
            },
        ),
        then={"decide": checks.decision},
        gate=ApprovalGate(when=in_review, approvers=("manager",), name="manager"),
        recover=Recovery(transient=retry(3, wait=0.01)),
        state=Procurement,
    )

"""Serve a desk that pays, with checkpoints in the database that the environment names."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quintet.graphs import create_handoff
from quintet.nodes import ApprovalGate, Router, Worker, effect, over
from quintet.state import Contract, OrchestrationState, checkpointer

saver = checkpointer(os.environ["DESK_DB"])


class Desk(OrchestrationState, total=False):
    order: int
    amount: float


def pay(order: int, amount: float) -> dict[str, Any]:
    """Pay an amount back; how slowly, says the order."""
    with Path(os.environ["DESK_PAID"]).open("a") as paid:
        print(order, f"{amount:g}", file=paid)
    time.sleep(30 if order == 13 else 0)
    return {"receipt": order}


def billing(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    return {"reply": str(tools.pay(order=request["order"], amount=request["amount"]))}


desk = create_handoff(
    Router(choose=lambda message: "billing", to=("billing",), otherwise="person"),
    {
        "billing": Worker(
            agent=billing,
            contract=Contract(
                goal="Refund",
                needs=("order", "amount"),
                tools=(effect(pay, key="pay:{order}:{amount}"),),
            ),
        )
    },
    gate=ApprovalGate(when=over(100), approvers=("maria",)),
    state=Desk,
)

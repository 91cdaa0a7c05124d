"""Test that a fallback knows what the failed work has done, whoever keeps the run."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from quintet.graphs import create_handoff, create_parallel, create_planner
from quintet.nodes import FanOut, Planner, Recovery, Router, Worker, effect, escalate, fallback
from quintet.runs import start
from quintet.state import Contract, Step, checkpointer

SPARE = fallback("spare")
RECOVER = Recovery(invalid=SPARE, unknown=SPARE, otherwise=escalate())


def graph(pattern: str, pays: Worker, again: Worker, other: Worker) -> Any:
    """Make a graph in which `pays` fails and `again` is its fallback."""
    workers = {"pays": pays, "spare": again}
    if pattern == "branch":
        return create_parallel({**workers, "other": other}, recover=RECOVER)
    if pattern == "item":
        items = FanOut(to=("pays",), each=lambda state: [1])
        return create_parallel(workers, fan_out=items, recover=RECOVER)
    if pattern == "step":
        step = Step(id="s", goal="pay", assignee="pays")
        planner = Planner(make=lambda goal: (step,), assignees=("pays",))
        return create_planner(planner, workers, recover=RECOVER)
    router = Router(choose=lambda text: "pays", to=("pays", "spare"), otherwise="person")
    return create_handoff(router, workers, recover=RECOVER)


@pytest.mark.parametrize("saver", [None, "memory://", InMemorySaver])
@pytest.mark.parametrize("pattern", ["branch", "item", "step", "handoff"])
def test_what_failed_work_has_done_is_not_done_by_its_fallback(pattern: str, saver: Any):
    paid: list[int] = []

    def pay(amount: int) -> str:
        paid.append(amount)
        return "receipt"

    tool = effect(pay, key="{amount}")

    def worker(agent: Any) -> Worker:
        return Worker(agent=agent, contract=Contract(goal="Pay", needs=(), tools=(tool,)))

    def breaks(request: Any, tools: Any) -> Any:
        tools.pay(amount=1)
        raise ValueError("no")

    def pays(request: Any, tools: Any) -> dict[str, Any]:
        return {"receipt": tools.pay(amount=1)}

    built = graph(pattern, worker(breaks), worker(pays), worker(lambda request: {"fine": True}))
    opened = checkpointer(saver) if isinstance(saver, str) else saver and saver()
    run = start(built.compile(checkpointer=opened), {"message": "pay"}, thread="t")
    assert (run.status, paid) == ("escalated", [1])
    assert run.outcome is not None
    assert "was done before" in run.outcome.reason

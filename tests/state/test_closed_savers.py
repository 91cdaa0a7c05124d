"""Test that a saver which is closed and still held by somebody is not found by later runs."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from quintet.graphs import create_single_agent
from quintet.nodes import Worker, effect
from quintet.runs import look, resume, start
from quintet.state import Contract, checkpointer


def test_a_run_goes_on_after_the_savers_before_it_were_closed(tmp_path: Path) -> None:
    class Cut(BaseException):
        pass

    def pay(order: int) -> str:
        raise Cut

    def agent(request: object, tools: Any) -> dict[str, str]:
        return {"reply": str(tools.pay(order=1))}

    contract = Contract(goal="Pay", needs=("message",), tools=(effect(pay, key="{order}"),))
    graph = create_single_agent(Worker(agent=agent, contract=contract))
    url, closed = f"sqlite:///{tmp_path}/runs.db", []
    with checkpointer(url) as saver:
        with suppress(Cut):
            start(graph.compile(checkpointer=saver), {"message": "pay"}, thread="t")
        closed.append(saver)
    for _ in range(20):  # which one would be found is a matter of chance
        with checkpointer(url) as saver:
            look(graph.compile(checkpointer=saver), thread="t")
            closed.append(saver)
    with checkpointer(url) as saver:
        run = resume(graph.compile(checkpointer=saver), thread="t")
        assert run.waiting
        ended = run.answer({"answer": "happened", "by": "maria", "result": "paid"})
        assert ended.status == "done", f"{ended} {ended.values}"

"""Test savers that are closed: later runs do not find them, and whoever uses one is told."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from quintet.graphs import create_single_agent
from quintet.nodes import Worker, effect
from quintet.runs import Desk, look, resume, start
from quintet.state import CheckpointerError, Contract, checkpointer
from tests.services import postgres_schema


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


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_who_uses_a_closed_saver_is_told_so(kind: str, tmp_path: Path) -> None:
    contract = Contract(goal="Say so", needs=("message",))
    graph = create_single_agent(Worker(agent=lambda request: {"reply": "yes"}, contract=contract))
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/a.db"
        if kind == "postgres":
            url = stack.enter_context(postgres_schema())
        with checkpointer(url) as saver:
            app = graph.compile(checkpointer=saver)
            start(app, {"message": "?"}, thread="t")
        for late in (
            lambda: start(app, {"message": "?"}, thread="u"),
            lambda: look(app, thread="t"),
            lambda: Desk(app).waiting(),
            lambda: resume(app, thread="t"),
        ):
            with pytest.raises(CheckpointerError, match="this checkpointer is closed"):
                late()

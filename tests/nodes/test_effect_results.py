"""The result of an effect is of the kind that its function says, or nothing builds on it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, computed_field
from typing_extensions import TypedDict

from quintet.graphs import create_single_agent
from quintet.nodes import ApprovalGate, Recovery, Worker, effect, escalate, retry
from quintet.runs import approve, start
from quintet.state import Contract, checkpointer


class Receipt(TypedDict):
    number: int


@pytest.mark.parametrize("gated", [False, True], ids=["at once", "approved"])
def test_a_result_of_another_kind_is_kept_and_nothing_builds_on_it(gated: bool) -> None:
    paid: list[int] = []

    def refund(order: int) -> Receipt:
        """Pay money back."""
        paid.append(order)
        return {"status": "declined"}  # type: ignore[typeddict-item]

    paying = effect(refund, key="refund:{order}")
    built: list[Any] = []

    def agent(request: Any, tools: Any) -> str:
        receipt = tools["refund"](order=7)
        built.append(receipt)
        return f"done: {receipt}"

    terms = Contract(goal="Refund", needs=("message",), tools=(paying,))
    gate = ApprovalGate(approvers=("maria",)) if gated else None
    graph = create_single_agent(
        Worker(agent=agent, contract=terms),
        gate=gate,
        recover=Recovery(contract=retry(2, wait=0), otherwise=escalate()),
    )
    with checkpointer("memory://") as saver:
        run = start(graph.compile(checkpointer=saver), {"message": "hi"}, thread="t")
        if gated:
            built.clear()
            run = run.answer(approve(by="maria"))
    assert run.outcome is not None
    assert run.outcome.status == "escalated"
    assert "is none that 'refund' says it returns" in run.outcome.reason
    [action] = run.values["actions"].values()
    assert (action["status"], action["result"]) == ("done", {"status": "declined"})
    assert (paid, built) == ([7], [])


class Priced(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pence: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def pounds(self) -> float:
        """Give the sum in pounds."""
        return self.pence / 100


class Holder(BaseModel):
    priced: list[Priced]


class Hidden(BaseModel):
    number: int
    note: str = Field(exclude=True)


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (Priced, Priced(pence=5)),
        (Holder, Holder(priced=[Priced(pence=5)])),
        (Hidden, Hidden(number=1, note="x")),
        (Receipt, {"number": 3}),
        (None, None),
        (set[int], {1}),
    ],
)
def test_a_model_that_writes_another_form_than_it_reads_is_no_wrong_kind(
    kind: Any, result: Any
) -> None:
    def pay(order: int) -> Any:
        """Pay."""
        return result

    pay.__annotations__["return"] = kind
    terms = Contract(goal="Pay", needs=("message",), tools=(effect(pay, key="pay:{order}"),))
    agent = Worker(agent=lambda request, tools: str(tools["pay"](order=1)), contract=terms)
    end = create_single_agent(agent).compile().invoke({"message": "hi"})
    assert end["outcome"]["status"] == "done"

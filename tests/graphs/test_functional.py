"""Test contracts, effects and gates in LangGraph's functional form, `@entrypoint` and `@task`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.func import entrypoint, task
from langgraph.types import Command, RetryPolicy

from quintet.nodes import ApprovalGate, Worker, always, checked, effect, once, over
from quintet.runs.desk import questions_in
from quintet.state import (
    ActionRefused,
    Contract,
    ContractBroken,
    DesignError,
    EffectRepeated,
    checkpointer,
    unmet,
)
from tests.graphs.desks import WAYS

GATE = ApprovalGate(when=over(100), approvers=("maria",))
CONFIG: Any = {"configurable": {"thread_id": "t"}}


def yes(by: str = "maria", **more: Any) -> Command[Any]:
    return Command(resume={"decisions": [{"type": "approve", "by": by, **more}]})


def no(note: str) -> Command[Any]:
    return Command(resume={"decisions": [{"type": "reject", "by": "maria", "message": note}]})


class Till:
    """Pay, and remember what was paid; it dies once while it pays, if it is told to."""

    def __init__(self, dies: bool = False) -> None:
        self.paid: list[tuple[int, float]] = []
        self.dies = dies

    def take(self, order: int, amount: float) -> str:
        self.paid.append((order, amount))
        if self.dies:
            self.dies = False
            raise KeyboardInterrupt
        return f"receipt {order}"

    def effect(self, *, awaits: bool = False, **options: Any) -> Any:
        def pay(order: int, amount: float) -> str:
            return self.take(order, amount)

        async def apay(order: int, amount: float) -> str:
            return self.take(order, amount)

        apay.__name__ = "pay"
        return effect(apay if awaits else pay, key="pay:{order}", **options)


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/a.db"}[request.param]
    with checkpointer(url) as opened:
        yield opened


def flow(saver: Any, pay: Any, gate: ApprovalGate | None = GATE, *, inside: bool = False) -> Any:
    """Build an entrypoint that looks up an amount and pays it, itself or in a task."""

    @task
    def amount(order: int) -> float:
        return order * 10.0

    @task
    def paying(order: int, amount: float) -> str:
        return str(once(pay, gate=gate)(order=order, amount=amount))

    @entrypoint(checkpointer=saver)
    def desk(order: int) -> str:
        due = amount(order).result()
        if inside:
            return paying(order, due).result()
        return str(once(pay, gate=gate)(order=order, amount=due))

    return desk


def worker_that_pays(pay: Any, gate: ApprovalGate | None) -> Worker:
    """Make a worker whose agent pays."""

    def agent(request: Any, tools: Any) -> str:
        tools.pay(order=request["order"], amount=1.0)
        return "done"

    contract = Contract(goal="Pay", needs=("order",), gives=str, tools=(pay,))
    return Worker(agent=agent, contract=contract, gate=gate)


@pytest.mark.parametrize("inside", [False, True])
def test_what_needs_nobody_is_done_at_once(saver: Any, inside: bool):
    till = Till()
    assert flow(saver, till.effect(), inside=inside).invoke(3, CONFIG) == "receipt 3"
    assert till.paid == [(3, 30.0)]


@pytest.mark.parametrize("inside", [False, True])
def test_what_needs_a_person_waits_and_goes_on_with_the_yes(saver: Any, inside: bool):
    till = Till()
    desk = flow(saver, till.effect(), inside=inside)
    [asked] = desk.invoke(42, CONFIG)["__interrupt__"]
    assert asked.value["arguments"] == {"order": 42, "amount": 420.0}
    assert (till.paid, len(questions_in(saver, "t"))) == ([], 1)
    assert desk.invoke(yes(), CONFIG) == "receipt 42"
    assert till.paid == [(42, 420.0)]


def test_who_may_not_answer_is_refused_and_the_question_is_asked_again(saver: Any):
    till = Till()
    desk = flow(saver, till.effect())
    desk.invoke(42, CONFIG)
    [again] = desk.invoke(yes("mallory"), CONFIG)["__interrupt__"]
    assert "'mallory' may not answer" in again.value["refused"]
    assert till.paid == []
    assert desk.invoke(yes(), CONFIG) == "receipt 42"


def test_a_no_is_an_error_that_says_who_and_why(saver: Any):
    till = Till()
    desk = flow(saver, till.effect())
    desk.invoke(42, CONFIG)
    with pytest.raises(ActionRefused, match=r"maria said reject to pay.*: too much"):
        desk.invoke(no("too much"), CONFIG)
    assert till.paid == []


def test_an_edit_is_what_is_done(saver: Any):
    till = Till()
    desk = flow(saver, till.effect())
    desk.invoke(42, CONFIG)
    edited = {"name": "pay", "args": {"order": 42, "amount": 5.0}}
    given = {"decisions": [{"type": "edit", "by": "maria", "edited_action": edited}]}
    assert desk.invoke(Command(resume=given), CONFIG) == "receipt 42"
    assert till.paid == [(42, 5.0)]


def test_two_people_must_agree(saver: Any):
    till = Till()
    desk = flow(saver, till.effect(), ApprovalGate(quorum=2))
    desk.invoke(42, CONFIG)
    [asked] = desk.invoke(yes("ann"), CONFIG)["__interrupt__"]
    assert (asked.value["answered"][0]["by"], till.paid) == ("ann", [])
    assert desk.invoke(yes("bob"), CONFIG) == "receipt 42"


@pytest.mark.parametrize("way", WAYS)
async def test_several_questions_of_one_entrypoint_each_get_their_own_answer(way: str):
    till = Till()
    pay, gate = till.effect(awaits=way == "async"), ApprovalGate(when=always)
    with checkpointer("memory://") as saver:

        @entrypoint(checkpointer=saver)
        def both(orders: list[int]) -> list[str]:
            return [once(pay, gate=gate)(order=order, amount=1.0) for order in orders]

        @entrypoint(checkpointer=saver)
        async def aboth(orders: list[int]) -> list[str]:
            return [await once(pay, gate=gate)(order=order, amount=1.0) for order in orders]

        async def move(given: Any) -> Any:
            if way == "async":
                return await aboth.ainvoke(given, CONFIG)
            return both.invoke(given, CONFIG)

        for number, given in enumerate(([1, 2, 3], yes(), yes())):
            [asked] = (await move(given))["__interrupt__"]
            assert asked.value["arguments"]["order"] == number + 1
        assert await move(yes()) == ["receipt 1", "receipt 2", "receipt 3"]
    assert [order for order, _ in till.paid] == [1, 2, 3]


@pytest.mark.parametrize("given", [None, [3, 4]])
def test_a_yes_is_for_no_later_question_whatever_the_entrypoint_is_called_with_next(
    saver: Any, given: Any
):
    till, broken = Till(), [True]
    pay, gate = till.effect(), ApprovalGate(when=always)

    @task
    def send(order: int) -> None:
        if broken:
            raise OSError("no mail today")

    @entrypoint(checkpointer=saver)
    def desk(orders: list[int]) -> None:
        for order in orders:
            once(pay, gate=gate)(order=order, amount=1.0)
            send(order).result()

    desk.invoke([1, 2], CONFIG)
    with pytest.raises(OSError, match="no mail today"):
        desk.invoke(yes(), CONFIG)
    broken.clear()
    for again in (given, None):  # the second time, the question stands open already
        [asked] = desk.invoke(again, CONFIG)["__interrupt__"]
        assert asked.value["arguments"]["order"] == (2 if given is None else 3)
    assert till.paid == [(1, 1.0)]


async def test_a_plain_effect_is_awaited_in_an_async_entrypoint():
    till = Till()
    pay = till.effect()
    with checkpointer("memory://") as saver:

        @entrypoint(checkpointer=saver)
        async def desk(order: int) -> str:
            return str(await once(pay).acall(order=order, amount=1.0))

        assert await desk.ainvoke(1, CONFIG) == "receipt 1"


def test_a_key_is_done_once_in_a_thread(saver: Any):
    till = Till()
    desk = flow(saver, till.effect())
    desk.invoke(3, CONFIG)
    with pytest.raises(EffectRepeated):
        desk.invoke(3, CONFIG)
    assert till.paid == [(3, 30.0)]


@pytest.mark.parametrize("retried", ["task", "entrypoint"])
@pytest.mark.parametrize("gate", [None, ApprovalGate(when=always)])
def test_what_is_retried_after_the_effect_gets_its_result_and_nobody_is_asked_again(
    saver: Any, gate: ApprovalGate | None, retried: str
):
    till, broken = Till(), iter([True, True, False])
    pay, by = till.effect(), worker_that_pays(till.effect(), gate)
    again = RetryPolicy(max_attempts=3, initial_interval=0.01, jitter=False)

    def paying(order: int) -> list[str]:
        paid = [once(pay, gate=gate)(order=order, amount=1.0), checked(by)(order=order + 1)]
        if next(broken):
            raise ConnectionError("no mail yet")
        return paid

    if retried == "entrypoint":
        desk = entrypoint(checkpointer=saver, retry_policy=again)(paying)
    else:
        inner = task(retry_policy=again)(paying)
        desk = entrypoint(checkpointer=saver)(lambda order: inner(order).result())
    end = desk.invoke(1, CONFIG)
    for _ in range(0 if gate is None else 2):
        end = desk.invoke(yes(), CONFIG)
    assert end == ["receipt 1", "done"]
    assert till.paid == [(1, 1.0), (2, 1.0)]


def test_nobody_is_asked_about_what_the_thread_has_done(saver: Any):
    till = Till()
    desk = flow(saver, till.effect())
    desk.invoke(42, CONFIG)
    desk.invoke(yes(), CONFIG)
    with pytest.raises(EffectRepeated):
        desk.invoke(42, CONFIG)


@pytest.mark.parametrize("order", [3, 42])
@pytest.mark.parametrize("inside", [False, True])
def test_after_a_crash_in_the_effect_its_receiver_is_asked(
    tmp_path: Path, order: int, inside: bool
):
    till = Till(dies=True)

    def known(order: int) -> Any:
        return f"receipt {order}" if order in dict(till.paid) else False

    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        desk = flow(saver, till.effect(reconcile=known), inside=inside)
        given: Any = order
        if order == 42:  # it needs a person first
            desk.invoke(order, CONFIG)
            given = yes()
        with pytest.raises(KeyboardInterrupt):
            desk.invoke(given, CONFIG)
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        desk = flow(saver, till.effect(reconcile=known), inside=inside)
        assert desk.invoke(None, CONFIG) == f"receipt {order}"
    assert till.paid == [(order, order * 10.0)]


def test_after_a_crash_behind_the_effect_it_is_not_done_again(tmp_path: Path):
    till, cuts = Till(), [1]

    def desk_on(saver: Any) -> Any:
        pay = till.effect()

        @entrypoint(checkpointer=saver)
        def desk(order: int) -> str:
            receipt = once(pay)(order=order, amount=1.0)
            if cuts:
                raise KeyboardInterrupt(cuts.pop())
            return str(receipt)

        return desk

    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver, pytest.raises(KeyboardInterrupt):
        desk_on(saver).invoke(1, CONFIG)
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        assert desk_on(saver).invoke(None, CONFIG) == "receipt 1"
    assert len(till.paid) == 1


def test_a_person_is_asked_where_nobody_else_can_tell(tmp_path: Path):
    till = Till(dies=True)
    with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
        desk = flow(saver, till.effect())
        with pytest.raises(KeyboardInterrupt):
            desk.invoke(3, CONFIG)
        [asked] = desk.invoke(None, CONFIG)["__interrupt__"]
        told = {"answer": "happened", "by": "ann", "result": "receipt 3"}
        told["digest"] = asked.value["digest"]
        assert desk.invoke(Command(resume=told), CONFIG) == "receipt 3"
    assert len(till.paid) == 1


def worker(agent: Any, **options: Any) -> Worker:
    gate = options.pop("gate", None)
    contract = Contract(**{"goal": "Write", "needs": ("message",), "gives": str, **options})
    return Worker(agent=agent, contract=contract, gate=gate)


def written_by(saver: Any, worker: Worker) -> Any:
    @entrypoint(checkpointer=saver)
    def desk(message: str) -> str:
        return str(checked(worker)(message=message, secret="not for the agent"))

    return desk


def test_a_contract_holds_on_both_sides(saver: Any):
    seen: list[Any] = []

    def agent(request: Any) -> Any:
        seen.append(request)
        return request["message"].upper() if request["message"] != "n" else 3

    def long_enough(text: str) -> Any:
        return len(text) > 2 or unmet("too short")

    desk = written_by(saver, worker(agent, success=(long_enough,)))
    assert desk.invoke("hat", CONFIG) == "HAT"
    assert seen == [{"message": "hat"}]
    with pytest.raises(ContractBroken, match="too short"):
        desk.invoke("x", CONFIG)
    with pytest.raises(ContractBroken, match="gives str"):
        desk.invoke("n", CONFIG)


async def test_a_worker_is_awaited_where_its_agent_is():
    async def agent(request: Any) -> str:
        return str(request["message"]).upper()

    with checkpointer("memory://") as saver:

        @entrypoint(checkpointer=saver)
        async def desk(message: str) -> str:
            return str(await checked(worker(agent))(message=message))

        assert await desk.ainvoke("hat", CONFIG) == "HAT"


@pytest.mark.parametrize("answer", [yes(), no("too much")])
def test_what_an_agent_proposes_is_decided_before_its_result_comes_back(saver: Any, answer: Any):
    till = Till()

    def agent(request: Any, tools: Any) -> str:
        tools.pay(order=1, amount=500.0)
        tools.pay(order=2, amount=5.0)
        return "paid"

    desk = written_by(saver, worker(agent, tools=(till.effect(),), gate=GATE))
    assert "__interrupt__" in desk.invoke("m", CONFIG)
    if answer == yes():
        assert desk.invoke(answer, CONFIG) == "paid"
        assert sorted(till.paid) == [(1, 500.0), (2, 5.0)]
    else:
        with pytest.raises(ActionRefused, match="too much"):
            desk.invoke(answer, CONFIG)
        assert till.paid == [(2, 5.0)]


def test_the_agent_works_once_while_people_answer(saver: Any):
    till, worked = Till(), []

    def agent(request: Any, tools: Any) -> str:
        worked.append(1)
        return str(tools.pay(order=1, amount=500.0)["status"])

    desk = written_by(saver, worker(agent, tools=(till.effect(),), gate=GATE))
    desk.invoke("m", CONFIG)
    desk.invoke(yes(), CONFIG)
    assert (len(worked), len(till.paid)) == (1, 1)


def test_mistakes_are_refused():
    def agent(request: Any) -> str:
        return "x"

    for make, why in (
        (lambda: once(agent), "give an effect"),  # type: ignore[arg-type]
        (lambda: once(Till().effect(), gate=ApprovalGate(when=over(1, "sum"))), "asks about"),
        (lambda: checked(agent), "give a Worker"),  # type: ignore[arg-type]
        (
            lambda: checked(Worker(agent=agent, contract=Contract(goal="g", needs=()), then="a")),
            "leave it",
        ),
    ):
        with pytest.raises(DesignError, match=why):
            make()


def test_outside_of_an_entrypoint_nothing_would_keep_what_is_done() -> None:
    pay = effect(lambda order: order, key="pay:{order}")
    with pytest.raises(DesignError, match=r"once\(<lambda>\) was called outside an @entrypoint"):
        once(pay)(order=1)
    writer = Worker(agent=lambda request: "ok", contract=Contract(goal="Write", needs=("sum",)))
    with pytest.raises(DesignError, match=r"checked\(<lambda>\) was called outside an @entry"):
        checked(writer)(sum=1)

from __future__ import annotations

import asyncio
import itertools
import math
import pickle
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typing_extensions
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from quintet.graphs import create_sequential, create_single_agent
from quintet.nodes import (
    ApprovalGate,
    Handoff,
    Recovery,
    Worker,
    effect,
    hand_over,
    over,
    per_million,
    retry,
)
from quintet.nodes.agents.passing import HANDOFFS
from quintet.state import (
    Budget,
    ContractBroken,
    DesignError,
    StepFailed,
    checkpointer,
    unmet,
)
from quintet.testing import ScriptedModel
from tests.nodes.workshop import THREAD, S, app_of, bare, decided, statuses


class Request(typing_extensions.TypedDict):
    order: int


@dataclass
class Result:
    text: str


def work(agent: Any, **more: Any) -> Worker:
    own = {
        key: more.pop(key) for key in ("read", "gate", "then", "handoffs", "price") if key in more
    }
    return Worker(agent=agent, contract=bare(**more), **own)


def test_the_unit_test_of_a_worker_is_a_call() -> None:
    update = work(lambda request: {"total": request["order"]}, needs=Request)({"order": 7, "x": 1})
    assert update["results"] == {"work": {"total": 7}}
    assert update["spent"]["steps"] == 1
    assert set(update) <= Worker.writes


def test_missing_context_is_refused_before_the_agent_is_called(invoke: Any) -> None:
    called: list[Any] = []
    app = app_of({"billing": work(called.append, needs=("order", "amount"))}, recover=Recovery())
    end = invoke(app, {"message": "m", "order": 1}, "a")
    assert called == []
    assert end["failures"][0]["kind"] == "contract"
    assert "needs amount, which the context lacks" in end["outcome"]["reason"]
    assert end["spent"].get("steps", 0) == 0


def test_only_what_the_contract_names_reaches_the_agent(invoke: Any) -> None:
    seen: list[Any] = []
    app = app_of({"billing": work(lambda request: seen.append(request) or 1, needs=Request)})
    invoke(app, {"message": "secret", "order": 1, "amount": 5.0}, "a")
    assert seen == [{"order": 1}]


@pytest.mark.parametrize(
    ("more", "answer", "message"),
    [
        ({"gives": Result}, {"text": None}, "gives Result, the agent returned"),
        ({"gives": Result}, "x", "gives Result, the agent returned 'x'"),
        ({"success": (lambda result: result > 3,)}, 1, "is not met: <lambda>: does not hold"),
        ({"success": (lambda result: unmet("too low"),)}, 1, "is not met: <lambda>: too low"),
        ({"success": (lambda request, result: False,)}, 1, "does not hold"),
    ],
    ids=["field", "kind", "criterion", "sentence", "both"],
)
def test_what_is_wrong_is_refused_on_return(
    more: dict[str, Any], answer: Any, message: str
) -> None:
    with pytest.raises(StepFailed, match=message) as problem:
        work(lambda request: answer, **more)({})
    assert problem.value.failure.kind == "invalid"
    assert isinstance(problem.value.__cause__, ContractBroken)
    assert problem.value.update["spent"]["steps"] == 1


def test_a_result_is_kept_as_plain_data() -> None:
    assert work(lambda request: Result("x"))({})["results"] == {"work": {"text": "x"}}
    with pytest.raises(StepFailed, match="is not plain data"):
        work(lambda request: object())({})


def test_a_condition_to_escalate_goes_to_a_person_with_its_reason(invoke: Any) -> None:
    contract = {"escalate": (lambda result: "a lawyer is named" if result == "sue" else None,)}
    nodes = {"work": work(lambda request: "sue", **contract)}
    end = invoke(app_of(nodes, recover=Recovery()), {"message": "m"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert "a lawyer is named" in end["outcome"]["reason"]
    calm = app_of({"work": work(lambda request: "calm", **contract)}, recover=Recovery())
    assert invoke(calm, {"message": "m"}, "b")["results"] == {"work": "calm"}


@pytest.mark.parametrize("limit", ["handoffs", "retries"])
def test_a_budget_of_no_handoffs_or_retries_still_lets_the_agent_work(limit: str) -> None:
    assert work(lambda request: 1, budget=Budget(**{limit: 0}))({})["results"] == {"work": 1}  # type: ignore[arg-type]


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_budget_of_retries_is_the_number_of_retries(invoke: Any, most: int) -> None:
    calls: list[int] = []

    def agent(request: Any) -> Any:
        calls.append(1)
        raise ConnectionError("down")

    app = app_of(
        {"work": work(agent, budget=Budget(retries=most))},
        recover=Recovery(transient=retry(5, wait=0)),
    )
    end = invoke(app, {"message": "m"}, "a")
    assert len(calls) == most + 1
    assert end["outcome"]["status"] == "exhausted"
    assert f"retries: {most} of {most} spent" in end["outcome"]["reason"]


def test_a_failed_step_keeps_what_it_spent_over_all_attempts(invoke: Any) -> None:
    def agent(request: Any) -> Any:
        raise ConnectionError("down")

    app = app_of({"work": work(agent)}, recover=Recovery(transient=retry(3, wait=0)))
    end = invoke(app, {"message": "m"}, "a")
    assert (end["spent"]["steps"], end["spent"]["retries"]) == (3, 2)
    assert end["failures"][0]["attempts"] == 3
    assert end["spent"]["seconds"] >= 0


def test_a_success_after_retries_says_so(invoke: Any) -> None:
    tries = iter([ConnectionError("down"), None])

    def agent(request: Any) -> Any:
        if (fault := next(tries)) is not None:
            raise fault
        return "ok"

    app = app_of({"work": work(agent)}, recover=Recovery(transient=retry(3, wait=0)))
    end = invoke(app, {"message": "m"}, "a")
    assert decided(end, "retry") == ["attempt 2"]
    assert end["spent"]["retries"] == 1


def test_a_price_makes_money_of_tokens_and_a_limit_without_one_is_refused(invoke: Any) -> None:
    with pytest.raises(DesignError, match="limits money, but nothing says what"):
        work(lambda request: 1, budget=Budget(money=1.0))
    model = ScriptedModel(lambda messages: {"name": "look", "args": {}}, usage=True)

    def look() -> str:
        """Look."""
        return "x"

    node = work(
        model, tools=(look,), budget=Budget(money=0.01), price=per_million(input=1000, output=1000)
    )
    end = invoke(app_of({"work": node}, recover=Recovery()), {"message": "m"}, "a")
    assert end["outcome"]["status"] == "exhausted"
    assert end["spent"]["money"] >= 0.01
    assert end["spent"]["money"] == pytest.approx(end["spent"]["tokens"] / 1000)


def test_effects_that_the_gate_wants_a_person_for_are_proposed(invoke: Any) -> None:
    paid: list[float] = []

    def pay(amount: float) -> str:
        paid.append(amount)
        return "paid"

    tool = effect(pay, key="pay:{amount}")
    node = work(
        lambda request, tools: [tools.pay(50.0), tools.pay(500.0)],
        tools=(tool,),
        gate=ApprovalGate(when=over(100)),
    )
    end = invoke(app_of({"billing": node}), {"message": "m", "behalf": "ann"}, "a")
    assert paid == [50.0]
    assert statuses(end) == {"pay:50.0": "done", "pay:500.0": "proposed"}
    assert end["results"]["billing"][1]["status"] == "proposed"
    assert "a person decides first (amount 500 is over 100)" in end["results"]["billing"][1]["note"]
    action = end["actions"]["pay:500.0"]
    assert (action["proposer"], action["behalf"]) == ("billing", "ann")
    assert decided(end, "effect") == ["pay:50.0"]


def test_what_a_failed_attempt_proposed_is_proposed_no_more(invoke: Any) -> None:
    tool = effect(lambda amount: None, key="pay:{amount}")
    amounts = iter([400.0, 300.0])

    def agent(request: Any, tools: Any) -> Any:
        amount = next(amounts)
        tools["<lambda>"](amount)
        return amount

    def node(**more: Any) -> Worker:
        return work(agent, tools=(tool,), gate=ApprovalGate(), **more)

    lower = node(success=(lambda result: result < 350,))
    end = invoke(app_of({"work": lower}, recover=Recovery()), {"message": "m"}, "a")
    assert statuses(end) == {"pay:300": "proposed"}
    amounts = iter([400.0, 300.0])
    never = node(success=(lambda result: False,))
    end = invoke(app_of({"work": never}, recover=Recovery()), {"message": "m"}, "b")
    assert end["outcome"]["status"] == "escalated"
    assert statuses(end) == {}


def test_a_handoff_passes_control_and_is_on_record(invoke: Any) -> None:
    front = work(
        lambda request: Handoff(to="shipping", reason="a parcel"),
        then="finish",
        handoffs=("shipping",),
    )
    assert front.destinations == ("finish", "shipping")
    end = invoke(app_of({"billing": front}), {"message": "m"}, "a")
    assert end["log"] == ["shipping"]
    assert decided(end, "handoff") == ["shipping"]
    assert end["spent"]["handoffs"] == 1


def test_a_handoff_to_a_person_hands_its_reason_over(invoke: Any) -> None:
    front = work(
        lambda request: Handoff(to="person", reason="the customer is furious"),
        then="finish",
        handoffs=("person",),
    )
    end = invoke(app_of({"billing": front, "person": hand_over}), {"message": "m"}, "a")
    assert end["outcome"]["reason"] == "the customer is furious"


def test_a_handoff_elsewhere_is_refused_by_name(invoke: Any) -> None:
    front = work(lambda request: Handoff(to="root", reason=""), then="finish", handoffs=("person",))
    app = app_of({"billing": front}, recover=Recovery())
    end = invoke(app, {"message": "m"}, "a")
    assert "may not hand off to 'root'; it may to person" in end["outcome"]["reason"]


def test_handoffs_without_a_way_on_are_refused() -> None:
    with pytest.raises(DesignError, match=r"give then=\.\.\."):
        work(lambda request: 1, handoffs=("person",))


def passing(to: str, reason: Any, most: int | None = None) -> Worker:
    return work(
        lambda request: Handoff(to=to, reason=reason()),
        then="finish",
        handoffs=(to,),
        budget=Budget(handoffs=most),
    )


def test_ping_pong_with_nothing_new_ends_at_once_and_is_named(invoke: Any) -> None:
    nodes = {"billing": passing("shipping", lambda: "no"), "shipping": passing("billing", str)}
    end = invoke(app_of(nodes, recover=Recovery()), {"message": "m"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert end["outcome"]["reason"].endswith("nothing new: billing -> shipping -> billing")
    assert end["spent"]["handoffs"] == 2
    assert end["failures"][0]["error"] == "HandoffLoop"


@pytest.mark.parametrize("most", [None, 3])
def test_ping_pong_ends_escalated_with_the_named_cycle(invoke: Any, most: int | None) -> None:
    number = itertools.count()

    def new() -> str:
        return f"reason {next(number)}"

    nodes = {"billing": passing("shipping", new, most), "shipping": passing("billing", new, most)}
    end = invoke(app_of(nodes, recover=Recovery()), {"message": "m"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert "shipping -> billing -> shipping" in end["outcome"]["reason"]
    assert end["spent"]["handoffs"] == (HANDOFFS if most is None else most)
    assert end["failures"][0]["error"] == "HandoffLoop"


def test_a_step_of_a_plan_gets_its_inputs_and_the_results_that_it_waits_for(invoke: Any) -> None:
    seen: list[Any] = []

    def agent(request: Any) -> str:
        seen.append(request)
        return "acted"

    node = work(agent, needs=("order", "look", "goal"))
    step = {"id": "act", "goal": "act on it", "after": ["look"], "inputs": {"order": 3}}
    state = {"order": 1, "results": {"look": "found", "other": "x"}, "step": step}
    update = node(state)
    assert seen == [{"order": 3, "look": "found", "goal": "act on it"}]
    assert update["results"] == {"act": "acted"}


def test_what_a_worker_reads_may_be_chosen() -> None:
    node = work(lambda request: request["order"], needs=("order",), read=lambda state: {"order": 9})
    assert node({"order": 1})["results"] == {"work": 9}


def test_branches_of_one_worker_keep_their_results_apart_by_step(invoke: Any) -> None:
    def split(state: Any) -> Any:
        return Command(
            goto=[Send("work", {"step": {"id": f"s{n}", "inputs": {"order": n}}}) for n in range(3)]
        )

    app = app_of({"split": split, "work": work(lambda request: request["order"], needs=("order",))})
    assert invoke(app, {"message": "m"}, "a")["results"] == {"s0": 0, "s1": 1, "s2": 2}


def nested(inner: Worker, **outer: Any) -> Worker:
    graph = StateGraph(S).add_node("inner", inner).add_edge(START, "inner").compile()
    return work(graph, needs=("message",), **outer)


def paying() -> tuple[list[str], Any]:
    paid: list[str] = []

    def pay(to: str) -> str:
        """Pay somebody."""
        paid.append(to)
        return "paid"

    return paid, effect(pay, key="pay:{to}")


def test_a_contract_holds_for_the_workers_within_it(invoke: Any) -> None:
    paid, pay = paying()
    inner = work(lambda request, tools: tools.pay("x"), tools=(pay,))
    end = invoke(app_of({"work": nested(inner)}, recover=Recovery()), {"message": "m"}, "a")
    assert paid == []
    assert end["failures"][0]["kind"] == "denied"
    assert "work may not call 'pay': its contract allows no tools" in end["outcome"]["reason"]


def test_a_gate_around_a_nested_worker_is_not_walked_around(invoke: Any) -> None:
    paid, pay = paying()
    inner = work(lambda request, tools: tools.pay("x"), tools=(pay,))
    outer = nested(inner, tools=(pay,), gate=ApprovalGate())
    end = invoke(app_of({"work": outer}), {"message": "m"}, "a")
    assert paid == []
    assert statuses(end) == {"pay:x": "proposed"}


def test_what_a_nested_worker_does_is_on_record_outside_and_refused_the_second_time(
    invoke: Any,
) -> None:
    paid, pay = paying()
    inner = work(lambda request, tools: tools.pay("x"), tools=(pay,))
    outer = nested(inner, tools=(pay,))
    app = app_of({"one": outer, "two": outer}, ("one", "two"), recover=Recovery())
    end = invoke(app, {"message": "m"}, "a")
    assert paid == ["x"]
    assert statuses(end) == {"pay:x": "done"}
    assert decided(end, "effect") == ["pay:x"]
    assert end["failures"][0]["error"] == "EffectRepeated"


def test_a_retry_around_a_nested_worker_pays_once(invoke: Any) -> None:
    paid, pay = paying()
    tries = iter([ConnectionError("down"), None])

    def agent(request: Any, tools: Any) -> Any:
        said = tools.pay("x")
        if (fault := next(tries)) is not None:
            raise fault
        return said

    outer = nested(work(agent, tools=(pay,)), tools=(pay,))
    app = app_of({"work": outer}, recover=Recovery(transient=retry(2, wait=0)))
    end = invoke(app, {"message": "m"}, "a")
    assert paid == ["x"]
    assert end["results"]["work"]["results"] == {"inner": "paid"}
    assert statuses(end) == {"pay:x": "done"}


def test_what_nested_agents_spend_is_counted_once_and_bounded_outside(invoke: Any) -> None:
    def model() -> ScriptedModel:
        return ScriptedModel(["hello"], usage=True)

    for inner in (work(model()), work(lambda request: 1)):
        end = invoke(app_of({"work": nested(inner)}), {"message": "m"}, "a")
        within = end["results"]["work"]["spent"]
        assert end["spent"]["steps"] == within["steps"] == 1
        assert end["spent"].get("tokens") == within.get("tokens")
    tight = nested(work(model()), budget=Budget(steps=0))
    end = invoke(app_of({"work": tight}, recover=Recovery()), {"message": "m"}, "b")
    assert end["failures"][0]["error"] == "BudgetExhausted"
    assert end["failures"][0]["node"] == "work"


def test_the_failure_of_a_nested_worker_is_that_of_the_step_around_it(invoke: Any) -> None:
    def agent(request: Any) -> Any:
        raise ConnectionError("down")

    app = app_of({"work": nested(work(agent))}, recover=Recovery(transient=()))
    end = invoke(app, {"message": "m", "step": {"id": "s1"}}, "a")
    (failure,) = end["failures"]
    assert (failure["node"], failure["step"]) == ("work", "s1")
    assert (failure["kind"], failure["error"]) == ("transient", "ConnectionError")
    assert "inner" in failure["message"]
    assert end["spent"]["steps"] == 1


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "in another process"])
def test_an_agent_that_asks_a_person_goes_on_where_it_was(
    invoke: Any, crash: Any, elsewhere: bool
) -> None:
    paid, pay = paying()
    model = ScriptedModel(["first", "second", "third"], usage=True)

    def agent(request: Any, tools: Any) -> Any:
        said = tools.pay("x")
        model.invoke("hello")
        return [said, interrupt("which one?")]

    app = app_of({"work": work(agent, tools=(pay,), then=END)})
    invoke(app, {"message": "m"}, "a")
    if elsewhere:
        crash()
    end = invoke(app, Command(resume="this"), "a")
    assert paid == ["x"]
    assert end["results"] == {"work": ["paid", "this"]}
    assert statuses(end) == {"pay:x": "done"}
    assert decided(end, "effect") == ["pay:x"]
    assert "retries" not in end["spent"]
    assert end["spent"]["steps"] == (4 if elsewhere else 6)  # the agent is called again each time
    assert decided(end, "retry") == []
    assert end["kept"] == {}


def test_a_worker_is_a_value() -> None:
    assert work(len) == work(len)
    node = work(len, success=(bool,))
    assert pickle.loads(pickle.dumps(node)) == node


def test_a_state_may_be_of_any_kind_that_langgraph_has() -> None:
    @dataclass
    class State:
        order: int

    assert work(lambda request: request["order"], needs=("order",))(State(order=3))["results"] == {
        "work": 3
    }


def test_a_timeout_keeps_what_was_spent_and_done() -> None:
    paid: list[str] = []

    async def pay(to: str) -> str:
        await asyncio.sleep(0)
        paid.append(to)
        return "paid"

    model = ScriptedModel(["x"] * 9, usage=True)

    async def agent(request: Any, tools: Any) -> Any:
        await tools.pay("x")
        await model.ainvoke("hello")
        await asyncio.sleep(30)

    node = work(agent, tools=(effect(pay, key="pay:{to}"),))
    app = app_of({"work": node}, recover=Recovery(timeout=retry(2, wait=0)), timeout=0.5)
    end = asyncio.run(app.ainvoke({"message": "m"}, {"configurable": {"thread_id": "a"}}))
    (failure,) = end["failures"]
    assert (failure["kind"], failure["error"]) == ("timeout", "NodeTimeoutError")
    assert paid == ["x"]
    assert statuses(end) == {"pay:x": "done"}
    assert decided(end, "effect") == ["pay:x"]
    assert end["spent"]["retries"] == 1
    assert end["spent"]["steps"] == 4
    assert end["spent"]["tokens"] > 0


def test_an_effect_that_a_timeout_cuts_off_is_unknown_and_not_run_again() -> None:
    begun: list[str] = []

    async def pay(to: str) -> str:
        begun.append(to)
        await asyncio.sleep(30)
        return "paid"

    async def agent(request: Any, tools: Any) -> Any:
        return await tools.pay("x")

    node = work(agent, tools=(effect(pay, key="pay:{to}"),))
    app = app_of({"work": node}, recover=Recovery(timeout=retry(2, wait=0)), timeout=0.5)
    end = asyncio.run(app.ainvoke({"message": "m"}, {"configurable": {"thread_id": "a"}}))
    assert begun == ["x"]
    assert statuses(end) == {"pay:x": "unknown"}
    assert end["failures"][0]["error"] == "EffectUnknown"
    assert end["outcome"]["status"] == "escalated"


def test_a_timeout_in_one_branch_takes_nothing_of_the_other() -> None:
    async def agent(request: Any) -> Any:
        await asyncio.sleep(30 if request["order"] else 0)
        return "ok"

    def split(state: Any) -> Any:
        return Command(
            goto=[Send("work", {"step": {"id": f"s{n}", "inputs": {"order": n}}}) for n in (0, 1)]
        )

    graph = StateGraph(S).add_node("split", split)
    policy = Recovery(timeout=())
    graph.add_node(
        "work", work(agent, needs=("order",)), error_handler=policy, timeout=0.5
    ).add_node("person", hand_over)
    app = graph.add_edge(START, "split").compile()
    end = asyncio.run(app.ainvoke({"message": "m"}))
    assert end["results"] == {"s0": "ok"}
    assert end["spent"]["steps"] == 2
    assert [failure["step"] for failure in end["failures"]] == ["s1"]


CRASH = """
    import os, signal, sys
    from quintet.nodes import Worker
    from quintet.runs import start
    from quintet.state import Contract, OrchestrationState, checkpointer
    from langgraph.graph import END, START, StateGraph

    path, mode = sys.argv[1:]

    def first(request):
        with open(path + ".log", "a") as log:
            log.write("first\\n")
        return 1

    def second(request):
        if mode == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return 2

    def node(agent):
        return Worker(agent=agent, contract=Contract(goal="g", needs=()))

    graph = StateGraph(OrchestrationState)
    graph.add_node("first", node(first)).add_node("second", node(second))
    graph.add_edge(START, "first").add_edge("first", "second")
    app = graph.compile(checkpointer=checkpointer(f"sqlite:///{path}"))
    config = {"configurable": {"thread_id": "t"}}
    if mode == "die":
        app.invoke({"message": "m"}, config, durability="sync")
    else:
        end = app.invoke(None, config, durability="sync")
        assert end["results"] == {"first": 1, "second": 2}, end
        assert end["spent"]["steps"] == 2, end
"""


def test_a_killed_run_goes_on_in_another_process_with_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    codes = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(CRASH), str(path), mode], check=False
        ).returncode
        for mode in ("die", "go")
    ]
    assert codes == [-signal.SIGKILL, 0]
    assert (tmp_path / "run.db.log").read_text() == "first\n"


def test_a_run_that_raised_goes_on_from_a_new_graph_on_the_same_file(
    tmp_path: Path, crash: Any
) -> None:
    faults = iter([KeyError("once"), None])

    def shaky(request: Any) -> Any:
        if (fault := next(faults)) is not None:
            raise fault
        return "ok"

    for given in ({"message": "m"}, None):
        with checkpointer(f"sqlite:///{tmp_path}/run.db") as saver:
            app = app_of(
                {"one": work(lambda r: 1), "two": work(shaky)}, ("one", "two"), saver=saver
            )
            config: Any = {"configurable": {"thread_id": "t"}}
            if given is None:
                end = app.invoke(given, config, durability="sync")
            else:
                with pytest.raises(StepFailed, match="two: permanent: KeyError"):
                    app.invoke(given, config, durability="sync")
        crash()
    assert end["results"] == {"one": 1, "two": "ok"}


@pytest.mark.parametrize("problem", [None, ValueError("stop")], ids=["done", "failed"])
def test_an_agent_that_is_a_desk_of_its_own_is_done_when_it_says_so(
    invoke: Any, problem: Any
) -> None:
    def agent(request: Any) -> Any:
        if problem is not None:
            raise problem
        return "ok"

    inner = create_single_agent(work(agent)).compile()
    app = app_of({"work": work(inner, needs=("message",))}, recover=Recovery())
    end = invoke(app, {"message": "m"}, "a")
    if problem is None:
        assert end["results"]["work"]["outcome"]["status"] == "done"
        return
    assert end["outcome"]["status"] == "escalated"
    assert "the agent's own run ended escalated: ValueError: stop" in end["outcome"]["reason"]


def reporting(usage: Any, *, inside: bool = False, plain: bool = False) -> Any:
    """Make an agent whose model reports this usage: the model, or a function that calls it."""
    message = AIMessage("hello")
    message.usage_metadata = usage  # past LangChain's own check, as some integrations write it
    model = FakeListLLM(responses=["hello"]) if plain else ScriptedModel(lambda messages: message)
    return (lambda request: str(model.invoke("hi"))) if inside or plain else model


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("usage", "tokens", "money"),
    [
        ({"input_tokens": 5, "output_tokens": 4}, 9, 0.013),
        ({"input_tokens": 5, "output_tokens": 4, "total_tokens": None}, 9, 0.013),
        ({"input_tokens": None, "output_tokens": 4, "total_tokens": 4}, 4, 0.008),
        ({"total_tokens": 9}, 9, 0.018),
    ],
)
def test_what_a_model_reports_in_part_is_counted(
    usage: Any, tokens: int, money: float, inside: bool
) -> None:
    price = per_million(input=1000, output=2000)
    node = work(reporting(usage, inside=inside), price=price, budget=Budget(tokens=99, money=99))
    spent = node({"message": "hi"})["spent"]
    assert (spent["tokens"], spent["money"]) == (tokens, pytest.approx(money))


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("count", ["5", -5, math.nan])
def test_a_count_of_tokens_that_is_none_is_refused_by_name(count: Any, inside: bool) -> None:
    node = work(reporting({"total_tokens": count}, inside=inside))
    with pytest.raises(StepFailed, match=f"reports total_tokens={count!r} .* zero or more"):
        node({"message": "hi"})


@pytest.mark.parametrize("budget", [Budget(tokens=99), Budget(money=99)])
@pytest.mark.parametrize("options", [{}, {"inside": True}, {"plain": True}])
def test_a_limit_that_a_silent_model_would_never_reach_is_refused(
    options: Any, budget: Budget
) -> None:
    agent, price = reporting(None, **options), per_million(input=1, output=1)
    with pytest.raises(StepFailed, match=r"limits (tokens|money), and a model's message does not"):
        work(agent, budget=budget, price=price)({"message": "hi"})
    assert work(agent, price=price)({"message": "hi"})["spent"]["tokens"] == 0


def test_workers_of_a_graph_that_name_no_price_spend_at_that_of_the_worker_around_them() -> None:
    model = ScriptedModel(lambda messages: "word " * 50, usage=True)
    inner = create_sequential({name: work(model) for name in "abcde"}).compile()
    price = per_million(input=1e5, output=1e5)
    around = work(inner, gives=Any, budget=Budget(money=10), price=price)
    with pytest.raises(StepFailed, match="budget reached, money"):
        around({"message": "hi"})
    assert len(model.calls) < 5


@pytest.mark.parametrize("cost", [None, "1", float("nan"), -1.0, [1]])
def test_a_price_that_is_none_is_refused_before_a_limit_goes_by_it(cost: Any) -> None:
    node = work(ScriptedModel(["ok"]), price=lambda said: cost, budget=Budget(money=1))
    with pytest.raises(StepFailed, match=r"Worker\(price=\): .* give a finite number"):
        app_of({"work": node}).invoke({"message": "m"}, THREAD)


def test_a_worker_reads_a_dict_and_nothing_else() -> None:
    node = work(lambda request: 1, read=lambda state: None)
    with pytest.raises(StepFailed, match="returned None, which is no dict"):
        app_of({"work": node}).invoke({"message": "m"}, THREAD)


def test_what_is_async_is_refused_where_a_worker_does_not_await_it() -> None:
    async def waits(given: Any) -> Any:
        await asyncio.sleep(0)

    for name in ("read", "price"):
        with pytest.raises(DesignError, match=rf"Worker\({name}=\): waits is async"):
            work(lambda request: 1, **{name: waits})

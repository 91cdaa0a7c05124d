"""Test workers one after the other."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from langgraph.graph import START, StateGraph
from langgraph.types import Command
from typing_extensions import TypedDict

from quintet.graphs import check, create_sequential
from quintet.nodes import (
    ApprovalGate,
    Handoff,
    Planner,
    Recovery,
    effect,
    escalate,
    fallback,
    retry,
)
from quintet.runs import afork, approve, aresume, fork, reject, resume, start
from quintet.state import Budget, DesignError, NoSuchRun, unmet
from quintet.testing import crashpoints
from tests.graphs.desks import (
    HASTY,
    SAVERS,
    WAYS,
    Desk,
    always,
    areply,
    failing,
    kinds,
    reason,
    run,
    saver,
    worker,
)


def find(request: Any) -> dict[str, Any]:
    return {"found": request["message"].upper()}


def write(request: Any) -> dict[str, Any]:
    return {"text": f"{request['find']['found']}!"}


async def awrite(request: Any) -> dict[str, Any]:
    return {"text": f"{request['find']['found']}!"}


def line(**options: Any) -> StateGraph[Any]:
    writer = worker(write, needs=("find",), goal="Write")
    return create_sequential({"find": worker(find), "write": writer}, **options)


@pytest.mark.parametrize("kind", SAVERS)
@pytest.mark.parametrize("way", WAYS)
async def test_each_has_what_the_ones_before_it_gave(way: str, kind: str, tmp_path: Any):
    writer = worker(awrite if way == "async" else write, needs=("find",), goal="Write")
    graph = create_sequential({"find": worker(find), "write": writer})
    with saver(kind, tmp_path) as kept:
        ended = await run(graph.compile(checkpointer=kept), way, message="hat")
    assert ended.status == "done"
    assert ended.values["results"] == {"find": {"found": "HAT"}, "write": {"text": "HAT!"}}
    if kept is not None:
        assert ended.path == ("find", "write", "finish")


def test_a_worker_under_the_name_of_a_key_of_the_state_is_refused():
    workers = {"order": worker(find), "last": worker(find, needs=("order",))}
    with pytest.raises(DesignError, match="worker 'order' has the name of a key of Desk"):
        create_sequential(workers, state=Desk)


def first(state: Desk) -> dict[str, Any]:
    return {"order": 7, "results": {"first": "ok"}}


async def second(state: Desk) -> dict[str, Any]:
    return {"results": {"second": state["order"] + 1}}


async def test_nodes_of_yours_stand_in_the_line():
    graph = create_sequential({"first": first, "second": second, "last": worker()}, state=Desk)
    ended = await run(graph, "async", message="hat")
    assert ended.status == "done"
    assert ended.values["results"]["second"] == 8
    assert ended.path == ("first", "second", "last", "finish")


@pytest.mark.parametrize("way", WAYS)
async def test_a_failure_leaves_the_line_for_a_person(way: str):
    workers = {"a": worker(), "b": worker(always(KeyError("gone"))), "c": worker()}
    ended = await run(create_sequential(workers), way, message="hat")
    assert (ended.status, reason(ended)) == ("escalated", "KeyError: 'gone'")
    assert ended.path == ("a", "b", "person")
    assert ended.outcome is not None
    assert set(ended.outcome.evidence["packet"]["results"]) == {"a"}


async def test_a_retried_worker_stays_in_the_line():
    flaky = worker(failing(ConnectionError("down")))
    recover = Recovery(transient=retry(2, wait=0))
    ended = await run(create_sequential({"a": flaky, "b": worker()}, recover=recover), message="m")
    assert ended.path == ("a", "b", "finish")
    assert kinds(ended) == ["retry", "outcome"]


async def test_a_fallback_goes_on_from_where_it_stands_in_the_line():
    workers = {"a": worker(always(KeyError("gone"))), "b": worker(), "c": worker()}
    graph = create_sequential(workers, recover=Recovery(permanent=fallback("c")))
    ended = await run(graph, message="m")
    assert (ended.status, ended.path) == ("done", ("a", "c", "finish"))


class Till:
    """Count payments; an agent pays by it, and a later one tells of what has come of that."""

    def __init__(self) -> None:
        self.paid: list[int] = []
        self.told: list[Any] = []

    def line(self, *orders: int, **options: Any) -> StateGraph[Any]:
        def pay(order: int) -> dict[str, Any]:
            self.paid.append(order)
            return {"receipt": order}

        def agent(request: Any, tools: Any) -> dict[str, Any]:
            return {"reply": [tools.pay(order=order)["status"] for order in orders]}

        def teller(request: Any) -> dict[str, Any]:
            self.told.append([(e["status"], e.get("result")) for e in request["effects"]])
            return {"told": True}

        payer = worker(agent, tools=(effect(pay, key="pay:{order}"),), goal="Pay")
        tell = worker(teller, needs=("effects",), goal="Tell")
        workers = {"pay": payer, "tell": tell}
        return create_sequential(workers, **{"gate": ApprovalGate(), **options})


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_step_proposes_is_decided_and_done_before_the_next_step(way: str):
    till = Till()
    waits = await run(till.line(4), way, message="m")
    assert (waits.status, waits.path, till.paid, till.told) == ("waiting", ("pay",), [], [])
    ended = await waits.aanswer(approve(by="anna"))
    assert (ended.status, till.paid) == ("done", [4])
    assert ended.path == ("pay", "approve", "act", "tell", "finish")
    assert till.told == [[("done", {"receipt": 4})]]


async def test_after_a_refused_proposal_no_later_step_tells_of_it():
    for orders, answers in (((4,), (reject,)), ((4, 5), (approve, reject))):
        till = Till()
        asked = await run(till.line(*orders), message="m")
        for answer in answers:
            asked = asked.answer(answer(by="anna", note="no"))
        assert (asked.status, till.told) == ("rejected", [])
        assert till.paid == [4][: len(orders) - 1]


async def test_a_gate_that_names_a_step_for_no_goes_on_there_and_the_step_sees_the_refusal():
    till = Till()
    graph = till.line(4, gate=ApprovalGate(rejected="tell"))
    ended = (await run(graph, message="m")).answer(reject(by="anna", note="too much"))
    assert (ended.status, till.paid) == ("rejected", [])
    assert till.told == [[("rejected", "too much")]]


async def test_each_step_with_effects_has_a_gate_behind_it():
    done: list[str] = []

    def post(text: str) -> str:
        done.append(text)
        return text

    def poster(text: str) -> Any:
        return worker(
            lambda request, tools: str(tools.post(text=text)),
            tools=(effect(post, key="{text}"),),
        )

    workers = {"one": poster("a"), "two": worker(), "three": poster("b")}
    graph = create_sequential(workers, gate=ApprovalGate())
    assert check(graph) == ()
    first = await run(graph, message="m")
    assert first.waiting[0].node == "approve"
    second = first.answer(approve(by="anna"))
    assert (second.waiting[0].node, done) == ("approve_three", ["a"])
    ended = second.answer(approve(by="anna"))
    assert (ended.status, done) == ("done", ["a", "b"])
    assert ended.path[-3:] == ("approve_three", "act_three", "finish")


async def test_a_line_that_proposes_nothing_passes_no_gate():
    ended = await run(create_sequential({"a": worker()}, gate=ApprovalGate()), message="m")
    assert ended.path == ("a", "finish")


def skip_to_last(state: Desk) -> Command[Literal["last"]]:
    return Command(goto="last")


async def test_a_node_that_says_where_it_goes_is_not_sent_along_the_line_as_well():
    workers = {"first": skip_to_last, "between": worker(), "last": worker()}
    ended = await run(create_sequential(workers), message="m")
    assert ended.path == ("first", "last", "finish")


async def test_a_handoff_leaves_the_line_and_a_result_stays_in_it():
    for agent, path in (
        (lambda request: Handoff(to="c", reason="?"), ("a", "c", "finish")),
        (find, ("a", "b", "c", "finish")),
    ):
        first = worker(agent, handoffs=("c",), then="finish")
        ended = await run(
            create_sequential({"a": first, "b": worker(), "c": worker()}), message="m"
        )
        assert ended.path == path


async def test_the_success_of_the_whole_is_judged_on_what_all_gave():
    def both(state: Any) -> bool:
        return {"find", "write"} <= set(state["results"])

    assert (await run(line(success=(both,)), message="m")).status == "done"
    alone = create_sequential({"find": worker(find)}, success=(both,))
    assert reason(await run(alone, message="m")) == "not done: both: does not hold"


async def test_a_used_up_budget_ends_as_exhausted():
    stop = worker(areply, budget=Budget(steps=0))
    ended = await run(create_sequential({"a": stop}, recover=HASTY), "async", message="m")
    assert ended.status == "exhausted"
    assert "steps: 0 of 0 spent" in reason(ended)


@pytest.mark.parametrize("way", WAYS)
async def test_a_line_is_a_node_of_your_own_graph_and_takes_nodes_of_yours(way: str):
    class Mine(Desk, total=False):
        title: str

    inner = line(state=Mine)
    inner.add_node("title", lambda state: {"title": state["results"]["write"]["text"]})
    inner.add_edge("finish", "title")
    graph = StateGraph(Mine)
    graph.add_node("line", inner.compile()).add_edge(START, "line")
    graph.add_node("end", lambda state: {"title": state["title"] + "!"}).add_edge("line", "end")
    ended = await run(graph, way, message="hat")
    assert ended.values["title"] == "HAT!!"


def test_no_workers_are_refused():
    with pytest.raises(DesignError, match="create_sequential: it has no workers"):
        create_sequential({})


@pytest.mark.parametrize("name", ["approve", "act", "finish", "person", "undo"])
def test_a_worker_under_the_name_of_a_node_of_ours_is_refused(name: str):
    with pytest.raises(DesignError, match=f"worker '{name}': that name is taken"):
        create_sequential({name: worker()})


@pytest.mark.parametrize("names", [("read", "read#2"), ("read#2", "read")])
def test_a_worker_under_the_name_of_anothers_further_result_is_refused(names: tuple[str, str]):
    # Several results of `read` in one superstep are kept as read, read#2, ...: one would be lost.
    with pytest.raises(DesignError, match="worker 'read#2' has the name of a further result"):
        create_sequential({name: worker() for name in names})
    create_sequential({"read#1": worker(), "read#2": worker()})


def test_the_names_that_only_a_front_door_takes_are_free_here():
    assert create_sequential({"intake": worker(), "router": worker()})


def test_a_planner_in_the_line_is_refused():
    planner = Planner(make=find, assignees=("a",))
    with pytest.raises(DesignError, match=r"'plan' is a Planner.*give it to create_handoff"):
        create_sequential({"a": worker(), "plan": planner})


@pytest.mark.parametrize(
    ("workers", "recover", "who"),
    [
        ({"a": worker()}, Recovery(permanent=fallback("b")), "Recovery"),
        ({"a": worker()}, Recovery(otherwise=escalate("b")), "Recovery"),
        ({"a": worker(then="b")}, None, "Node 'a'"),
        ({"a": worker(handoffs=("b",), then="finish")}, None, "Node 'a'"),
    ],
)
def test_a_way_to_a_node_that_does_not_exist_is_refused(workers: Any, recover: Any, who: str):
    with pytest.raises(DesignError, match=f"{who} goes to 'b', which this graph does not have"):
        create_sequential(workers, recover=recover)


class Press:
    """Find, write and export; each step's work is counted, and the export is an effect."""

    def __init__(self) -> None:
        self.worked: list[str] = []
        self.sent: list[str] = []

    def line(self) -> StateGraph[Any]:
        def notify(text: str) -> str:
            self.sent.append(f"notified {text}")
            return "told"

        def export(text: str) -> str:
            self.sent.append(text)
            return "sent"

        def finder(request: Any, tools: Any) -> str:
            self.worked.append("find")
            tools.notify(text="begun")
            return "facts"

        def writer(request: Any) -> str:
            self.worked.append("write")
            return f"draft {self.worked.count('write')}"

        def exporter(request: Any, tools: Any) -> str:
            self.worked.append("export")
            return str(tools.export(text=request["write"]))

        exports = effect(export, key="export")
        steps = {
            "find": worker(finder, tools=(effect(notify, key="{text}"),)),
            "write": worker(writer, needs=("find",)),
            "export": worker(exporter, needs=("write",), tools=(exports,)),
        }
        return create_sequential(steps, recover=HASTY)


@pytest.mark.parametrize("way", WAYS)
async def test_a_restart_at_a_step_leaves_earlier_steps_and_their_effects_as_they_are(
    way: str, tmp_path: Any
):
    press = Press()
    with saver("sqlite", tmp_path) as kept:
        app = press.line().compile(checkpointer=kept)
        first = start(app, {"message": "m"}, thread="t")
        assert (first.status, press.sent) == ("done", ["notified begun", "draft 1"])
        given: dict[str, Any] = {"thread": "t", "to": "u", "before": "write", "effects": "real"}
        if way == "async":
            await afork(app, **given)
            again = await aresume(app, thread="u")
        else:
            fork(app, **given)
            again = resume(app, thread="u")
        assert press.worked == ["find", "write", "export", "write", "export"]
        assert again.results["find"] == "facts"
        # The export had happened: it is known, not done again, and a person is told.
        assert press.sent == ["notified begun", "draft 1"]
        assert again.status == "escalated"
        assert "was done before in thread 't'" in reason(again)


async def test_a_restart_before_the_effect_had_happened_does_it_once(tmp_path: Any):
    press = Press()
    with saver("sqlite", tmp_path) as kept:
        app = press.line().compile(checkpointer=kept, interrupt_before=["export"])
        start(app, {"message": "m"}, thread="t")
        fork(app, thread="t", to="u", before="write", effects="real")
        resume(app, thread="u")
        ended = resume(app, thread="u")
        assert (ended.status, press.sent) == ("done", ["notified begun", "draft 2"])
        with pytest.raises(NoSuchRun, match="never came to 'hat'; it came to export, find, write"):
            fork(app, thread="t", to="v", before="hat")
        with pytest.raises(DesignError, match="give one of them"):
            fork(app, thread="t", to="v", before="write", at=1)


def a_shape(request: Any) -> Any:
    return {"reply": 3}


def a_claim(request: Any) -> Any:
    return {"reply": "done"}


def a_tool(request: Any, tools: Any) -> Any:
    return tools.drop_table()


def a_person(request: Any) -> Any:
    return {"reply": "?", "stuck": "who is meant?"}


async def a_sleeper(request: Any) -> Any:
    await asyncio.sleep(5)


class Reply(TypedDict):
    reply: str


def proves_it(result: Any) -> Any:
    return "receipt" in result["reply"] or unmet("no receipt is shown")


TABLE = {
    "raises": (always(KeyError("gone")), {}, "escalated", "KeyError: 'gone'"),
    "times out": (a_sleeper, {"budget": Budget(seconds=0.05)}, "exhausted", "seconds"),
    "wrong shape": (a_shape, {"gives": Reply}, "escalated", "gives Reply"),
    "claims falsely": (a_claim, {"success": (proves_it,)}, "escalated", "no receipt is shown"),
    "forbidden tool": (a_tool, {}, "escalated", "may not call 'drop_table'"),
    "needs a person": (a_person, {"escalate": (lambda r: r.get("stuck"),)}, "escalated", "who is"),
}


@pytest.mark.parametrize("name", TABLE)
async def test_each_failure_of_a_step_has_its_declared_outcome(name: str):
    agent, terms, status, why = TABLE[name]
    workers = {"one": worker(), "two": worker(agent, **terms), "three": worker()}
    ended = await run(create_sequential(workers, recover=HASTY), "async", message="m")
    assert (ended.status, ended.path[-2:]) == (status, ("two", "person"))
    assert why in reason(ended)


async def test_a_loop_of_ones_own_is_ended_by_its_name():
    def back(request: Any) -> Any:
        return Handoff(to="one", reason="again")

    workers = {"one": worker(), "two": worker(back, handoffs=("one",), then="finish")}
    ended = await run(create_sequential(workers, recover=HASTY), message="m")
    assert ended.status == "escalated"
    assert "in a circle, with nothing new: two -> one -> two" in reason(ended)


def decided() -> StateGraph[Any]:
    """Build a line whose first step proposes, and whose second tells of what came of it."""

    def pay(order: int) -> str:
        return f"receipt {order}"

    def agent(request: Any, tools: Any) -> str:
        return str(tools.pay(order=1)["status"])

    def teller(request: Any) -> Any:
        return [effect["status"] for effect in request["effects"]]

    workers = {
        "pay": worker(agent, tools=(effect(pay, key="{order}"),)),
        "tell": worker(teller, needs=("effects",)),
    }
    return create_sequential(workers, gate=ApprovalGate())


def test_a_gate_in_the_line_holds_at_every_crash_point():
    def anna(packet: Any) -> Any:
        return approve(by="anna")

    report = crashpoints(decided, {"message": "m"}, person=anna, asynchronous=True)
    assert report.ok, report


def test_what_stands_aside_must_say_where_it_goes_on():
    with pytest.raises(DesignError, match="give it then="):
        create_sequential({"a": worker()}, aside={"b": worker()})
    with pytest.raises(DesignError, match="'a' is a step of the line already"):
        create_sequential({"a": worker()}, aside={"a": worker(then="a")})


async def test_a_fallback_beside_the_line_goes_on_in_it():
    spare = worker(lambda request: {"found": "spare"}, then="c")
    workers = {"a": worker(), "b": worker(always(KeyError("gone"))), "c": worker()}
    graph = create_sequential(
        workers, aside={"spare": spare}, recover=Recovery(permanent=fallback("spare"))
    )
    assert check(graph) == ()
    ended = await run(graph, message="m")
    assert (ended.status, ended.path) == ("done", ("a", "b", "spare", "c", "finish"))

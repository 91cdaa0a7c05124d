"""Test that a user's function may change what it is handed, and changes nothing else by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.graph import START, StateGraph

from quintet.graphs import (
    Task,
    create_handoff,
    create_manager_worker,
    create_parallel,
    create_planner,
    create_sequential,
    create_single_agent,
    create_workflow,
    review,
)
from quintet.nodes import (
    ApprovalGate,
    FanOut,
    Finish,
    Manager,
    Merge,
    Planner,
    Router,
    Worker,
    effect,
)
from quintet.runs import approve, start
from quintet.state import Budget, Contract, OrchestrationState, Step, checkpointer

SENT: list[Any] = []


def send(to: str, lines: Any, urgent: bool = False) -> dict[str, Any]:
    SENT.append((to, list(lines), urgent))
    lines.append("sent by the desk")
    return {"receipt": len(SENT), "lines": lines}


def worker(agent: Any, *needs: str, **terms: Any) -> Worker:
    return Worker(agent=agent, contract=Contract(goal="g", needs=needs or ("message",), **terms))


def desk(agent: Any, gate: ApprovalGate | None = None, **parts: Any) -> Any:
    SENT.clear()
    mail = effect(send, key=parts.pop("key", "mail:{to}"), **parts)
    graph = create_single_agent(worker(agent, tools=(mail,)), gate=gate)
    return graph.compile(checkpointer=checkpointer("memory://"))


def mails(request: Any, tools: Any) -> Any:
    return tools["send"](to="ada", lines=["hello"], urgent=True)


def pops(action: Any) -> Any:
    return action.arguments.pop("urgent", False)


def test_a_condition_that_pops_what_it_asks_about_asks_about_the_whole_action() -> None:
    run = start(desk(mails, ApprovalGate(when=pops)), {"message": "m"}, thread="t")
    assert run.waiting[0].packet["arguments"] == {"to": "ada", "lines": ["hello"], "urgent": True}
    assert run.answer(approve(by="maria")).status == "done"
    assert SENT == [("ada", ["hello"], True)]


def _clears(action: Any) -> bool:
    action.arguments["lines"].clear()
    return True


@pytest.mark.parametrize("part", ["allow", "approvers", "key"])
def test_no_rule_of_an_effect_changes_what_is_done(part: str) -> None:
    gate, parts = ApprovalGate(), {}
    if part == "allow":
        parts = {"allow": _clears}
    elif part == "approvers":
        gate = ApprovalGate(approvers=lambda action: _clears(action) and ("maria",))
    else:
        parts = {"key": lambda to, lines, urgent: lines.pop() and f"mail:{to}"}
    run = start(desk(mails, gate, **parts), {"message": "m"}, thread="t")
    assert run.answer(approve(by="maria")).status == "done"
    assert SENT == [("ada", ["hello"], True)]


def test_an_effect_that_adds_to_its_argument_is_the_same_one_when_it_is_asked_for_again() -> None:
    def twice(request: Any, tools: Any) -> Any:
        return [mails(request, tools)["receipt"], mails(request, tools)["receipt"]]

    run = start(desk(twice), {"message": "m"})
    assert (run.status, run.results["work"], len(SENT)) == ("done", [1, 1], 1)
    [action] = run.values["actions"].values()
    assert action["arguments"]["lines"] == ["hello"]


def test_an_agent_that_works_on_a_receipt_changes_neither_the_record_nor_the_undo() -> None:
    def trims(request: Any, tools: Any) -> Any:
        done = mails(request, tools)
        done.pop("receipt")
        return done

    run = start(desk(trims), {"message": "m"})
    [action] = run.values["actions"].values()
    assert action["result"]["receipt"] == 1
    assert "receipt" not in run.results["work"]


def test_a_request_is_the_agents_own() -> None:
    class State(OrchestrationState, total=False):
        items: list[str]

    def sorts(request: Any) -> Any:
        request["items"].sort()
        return {"first": request["items"][0]}

    def overwrites(request: Any) -> Any:
        request["sorts"]["first"] = "mine"
        return request["items"]

    def looks(request: Any) -> Any:
        return request["sorts"]["first"]

    line = {
        "sorts": worker(sorts, "items"),
        "overwrites": worker(overwrites, "items", "sorts"),
        "looks": worker(looks, "sorts"),
    }
    run = start(
        create_sequential(line, state=State).compile(), {"message": "m", "items": ["b", "a"]}
    )
    assert run.values["items"] == run.results["overwrites"] == ["b", "a"]
    assert run.results["sorts"] == {"first": "a"}
    assert run.results["looks"] == "a"


@dataclass
class Rated:
    marks: list[int]


def _sorts(result: Any) -> bool:
    marks = result["marks"] if isinstance(result, dict) else result.marks
    marks.sort()
    return bool(marks[0] == 1)


@pytest.mark.parametrize(
    "terms",
    [
        {"success": (_sorts,)},
        {"success": (lambda request, result: _sorts(result),)},
        {"success": (lambda request, result, actions: _sorts(result),)},
        {"success": (_sorts,), "gives": Rated},
        {"escalate": (lambda result: not _sorts(result),)},
    ],
)
def test_a_criterion_leaves_the_result_as_the_agent_gave_it(terms: Any) -> None:
    graph = create_single_agent(worker(lambda request: {"marks": [3, 1, 2]}, **terms))
    run = start(graph.compile(), {"message": "m"})
    assert (run.status, run.results["work"]) == ("done", {"marks": [3, 1, 2]})


def test_a_criterion_on_the_end_leaves_the_state_as_it_is() -> None:
    def takes(state: Any) -> Any:
        return state["results"].pop("work")["x"]

    graph = StateGraph(OrchestrationState)
    graph.add_node("work", worker(lambda request: {"x": 1}))
    graph.add_node("finish", Finish(success=(takes,)))
    graph.add_edge(START, "work").add_edge("work", "finish")
    run = start(graph.compile(), {"message": "m"})
    assert (run.status, run.outcome and run.outcome.reason) == ("done", "work met the contract")


def test_a_review_leaves_what_it_reviews_as_it_is() -> None:
    line = {"work": worker(lambda request: {"marks": [3, 1]}), "check": review("work", _sorts)}
    run = start(create_sequential(line).compile(), {"message": "m"})
    assert (run.status, run.results["work"]) == ("done", {"marks": [3, 1]})


class Form(OrchestrationState, total=False):
    form: dict[str, Any]


def _takes(form: Any) -> Any:
    return "vip" if form.pop("vip", False) else "other"


def _form(request: Any) -> Any:
    return request["form"]


@pytest.mark.parametrize("over", ["choose", "read"])
def test_a_router_or_a_reader_that_pops_what_it_reads_takes_nothing_away(over: str) -> None:
    read = {"read": lambda state: {"form": state["form"], "was": state["form"].pop("vip")}}
    vip = Worker(
        agent=_form,
        contract=Contract(goal="g", needs=("form",)),
        **(read if over == "read" else {}),
    )
    choose: Any = _takes if over == "choose" else lambda form: "vip"
    router = Router(
        choose=choose, to=("vip", "other"), otherwise="person", read=lambda state: state["form"]
    )
    graph = create_handoff(router, {"vip": vip, "other": worker(_form, "form")}, state=Form)
    run = start(graph.compile(), {"message": "m", "form": {"vip": True, "n": 1}})
    assert run.values["form"] == {"vip": True, "n": 1}
    assert run.results["vip"] == ({"vip": True, "n": 1} if over == "choose" else {"n": 1})


def test_a_manager_that_takes_from_its_ledger_leaves_the_results_as_they_are() -> None:
    def lead(request: Any, ledger: Any) -> Any:
        if not ledger.steps:
            return [Step(id="a", goal="x", assignee="clerk")]
        return {"paid": ledger.results["a"].pop("paid")}

    manager = Manager(agent=lead, contract=Contract(goal="g", needs=("message",)))
    clerk = worker(lambda request: {"paid": 7, "order": 1})
    run = start(create_manager_worker(manager, {"clerk": clerk}).compile(), {"message": "m"})
    assert run.results["a"] == {"paid": 7, "order": 1}
    assert run.results["manager"] == {"paid": 7}


def test_a_planner_that_clears_its_evidence_loses_no_result() -> None:
    def make(goal: str, evidence: Any = None) -> Any:
        if evidence:
            evidence.results.clear()
        second = "clerk" if evidence else "broken"
        first = Step(id="a", goal="x", assignee="clerk")
        return [first, Step(id="b", goal=second, assignee=second, after=("a",))]

    planner = Planner(make=make, assignees=("clerk", "broken"), budget=Budget(steps=9, retries=1))
    workers = {
        "clerk": worker(lambda request: request["goal"], "goal"),
        "broken": worker(lambda request: 1 / 0, "goal"),
    }
    run = start(create_planner(planner, workers).compile(), {"message": "m"})
    assert (run.status, run.results) == ("done", {"a": "x", "b": "clerk"})


def _sorts_values(field: str, values: Any) -> Any:
    for value in values.values():
        value.sort()


@pytest.mark.parametrize("part", ["resolve", "classify"])
def test_whoever_settles_a_conflict_changes_no_result(part: str) -> None:
    rules: dict[str, Any] = {"resolve": lambda field, values: values["a"], part: _sorts_values}
    state = {"results": {"a": {"v": [3, 1]}, "b": {"v": [2, 0]}}}
    update = Merge(of=("a", "b"), **rules)(state).update
    assert state["results"] == {"a": {"v": [3, 1]}, "b": {"v": [2, 0]}}
    assert update["merged"] == ({"v": [3, 1]} if part == "classify" else {})


def test_whoever_lists_what_is_to_be_done_takes_nothing_away() -> None:
    fan_out = FanOut(each=lambda state: [state["form"]["list"].pop()])
    graph = create_parallel({"a": worker(_form, "form")}, fan_out=fan_out, state=Form)
    run = start(graph.compile(), {"message": "m", "form": {"list": [1, 2]}})
    assert (run.status, run.results["a#1"]) == ("done", {"list": [1, 2]})


def test_a_condition_of_a_workflow_leaves_the_state_as_it_is() -> None:
    def look(state: Any) -> Any:
        return {"results": {"look": {"left": [1, 2]}}}

    def tell(state: Any) -> Any:
        return {"results": {"tell": len(state["results"]["look"]["left"])}}

    def pops_left(state: Any) -> bool:
        return bool(state["results"]["look"]["left"].pop())

    tasks = {
        "look": Task(run=look),
        "tell": Task(run=tell, after="look", when=pops_left),
        "other": Task(run=tell, after="look", when="else"),
    }
    run = start(create_workflow(tasks).compile(), {"message": "m"})
    assert (run.status, run.results["tell"]) == ("done", 2)


class Locked:
    """An object that cannot be copied."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("not me")


def test_what_cannot_be_copied_is_handed_on_as_it_is() -> None:
    @dataclass
    class Holder:
        lock: Any

    seen: list[Any] = []
    holder = Holder(lock=Locked())
    keep: Callable[[Any], bool] = lambda result: bool(seen.append(result["holder"].lock) or True)  # noqa: E731
    contract = Contract(goal="g", needs=(), success=(keep,))
    assert contract.unmet({}, {"holder": holder}) == []
    assert seen == [holder.lock]

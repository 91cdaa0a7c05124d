"""Test that a user's function may change what it is handed, and changes nothing else by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.graph import START, StateGraph

from quintet.graphs import create_sequential, create_single_agent, review
from quintet.nodes import ApprovalGate, Finish, Worker, effect
from quintet.runs import approve, start
from quintet.state import Contract, OrchestrationState, checkpointer

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
    run = start(create_sequential(line, state=State).compile(), {"message": "m", "items": ["b", "a"]})
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

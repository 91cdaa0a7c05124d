from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from quintet.nodes import (
    Act,
    ApprovalGate,
    Finish,
    Recovery,
    Router,
    Worker,
    effect,
    fallback,
    hand_over,
    over,
    proposed,
)
from quintet.runs import start
from quintet.state import (
    Action,
    Approval,
    BudgetExhausted,
    Decision,
    DesignError,
    plain,
    unmet,
)
from tests.nodes.workshop import app_of, bare, decided, statuses


def action(status: Any = "proposed", key: str = "pay:x", **more: Any) -> Action:
    return Action(name="pay", arguments={"to": "x"}, key=key, status=status, **more)


def decision(kind: Any, choice: str, reason: str = "r", **more: Any) -> Any:
    return plain(Decision(kind=kind, node="n", choice=choice, reason=reason, **more))


def outcome(state: Any, **more: Any) -> Any:
    return Finish(**more)(state)["outcome"]


def test_done_rests_on_evidence() -> None:
    said = outcome({"results": {"billing": 1}, **proposed(action("done"))})
    assert said["status"] == "done"
    assert said["evidence"]["results"] == ["billing"]
    assert said["evidence"]["effects"] == ["pay:x"]
    assert "pay:x" in said["reason"]


def holds(state: Any) -> bool:
    return bool(state["results"]["billing"])


def sentence(state: Any) -> Any:
    return unmet("the customer was not told")


def forgot(state: Any) -> bool | None:
    return None if state["results"]["billing"] else False


def text(state: Any) -> str:
    return "the customer was told"


def broken(state: Any) -> bool:
    return bool(state["nowhere"])


async def late(state: Any) -> bool:
    return False


@pytest.mark.parametrize(
    ("state", "success", "wrong"),
    [
        ({}, (), "no worker gave a result"),
        ({"results": {"billing": 0}}, (holds,), "holds: does not hold"),
        ({"results": {"billing": 1}}, (holds, sentence), "sentence: the customer was not told"),
        ({"results": {"billing": 1}}, (broken,), "broken: KeyError: 'nowhere'"),
        ({"results": {"billing": 1}}, (forgot,), "forgot: does not hold"),
        ({"results": {"billing": 1}}, (text,), "which may mean that it holds"),
        ({"results": {"billing": 1}, **proposed(action())}, (), "action pay:x is proposed"),
        ({"results": {"billing": 1}, **proposed(action("approved"))}, (), "is approved"),
        ({"results": {"billing": 1}, **proposed(action("unknown"))}, (), "is unknown"),
    ],
    ids=["empty", "false", "sentence", "broken", "none", "text", "proposed", "approved", "unknown"],
)
def test_what_claims_to_be_done_and_is_not_goes_to_a_person(
    state: Any, success: Any, wrong: str
) -> None:
    said = outcome({"message": "m", **state}, success=success)
    assert said["status"] == "escalated"
    assert wrong in said["reason"]
    assert said["evidence"]["packet"]["request"] == "m"


@pytest.mark.parametrize("status", ["done", "failed", "rejected", "undone"])
def test_a_settled_action_leaves_nothing_open(status: Any) -> None:
    assert outcome({"results": {"a": 1}, **proposed(action(status))})["status"] == "done"


def test_an_async_criterion_is_refused_before_it_could_hold_by_being_unasked() -> None:
    with pytest.raises(DesignError, match="late is async, and nothing awaits it"):
        Finish(success=(late,))


@pytest.mark.parametrize("choice", ["reject", "respond"])
def test_what_a_person_refused_ends_rejected_with_who_and_why(choice: Any) -> None:
    asked = action("rejected")
    no = Approval(
        gate="approval", digest=asked.digest, answer=choice, by="maria", note="not this one"
    )
    said = outcome({"results": {"a": 1}, **proposed(replace(asked, approval=no))})
    assert said["status"] == "rejected"
    assert said["reason"] == f"maria said {choice} to pay(to='x') [{asked.digest}]: not this one"


def test_an_outcome_that_is_written_is_not_written_again() -> None:
    assert Finish()({"outcome": {"status": "aborted"}}) == {}


def test_every_end_is_on_record() -> None:
    update = Finish()({"results": {"a": 1}})
    assert decided(update, "outcome") == ["done"]
    assert set(update) <= Finish.writes
    assert decided(hand_over({}), "outcome") == ["escalated"]


def failing(problem: BaseException) -> Worker:
    def agent(request: Any) -> Any:
        raise problem

    return Worker(agent=agent, contract=bare())


def test_a_person_gets_the_reason_of_the_last_thing_that_failed(invoke: Any) -> None:
    app = app_of({"work": failing(ValueError("odd"))}, recover=Recovery())
    end = invoke(app, {"message": "m"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert end["outcome"]["reason"] == "ValueError: odd"
    packet = end["outcome"]["evidence"]["packet"]
    assert packet["tried"] == ["work: unknown: ValueError: odd"]
    assert packet["request"] == "m"


def test_a_used_up_budget_ends_exhausted(invoke: Any) -> None:
    app = app_of({"work": failing(BudgetExhausted("tokens: 9 of 8 spent"))}, recover=Recovery())
    end = invoke(app, {"message": "m"}, "a")
    assert end["outcome"]["status"] == "exhausted"
    assert end["outcome"]["reason"] == "tokens: 9 of 8 spent"


def test_a_failure_that_a_fallback_treated_is_not_why_a_person_is_asked(invoke: Any) -> None:

    app = app_of(
        {
            "work": failing(BudgetExhausted("tokens: 9 of 8 spent")),
            "basic": Router(choose=lambda text: None, to=("work",), otherwise="person"),
            "person": hand_over,
        },
        recover=Recovery(permanent=fallback("basic")),
    )
    end = invoke(app, {"message": "m"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert end["outcome"]["reason"] == "the chooser abstained"


def test_a_person_who_is_asked_for_nothing_in_particular_still_gets_a_reason() -> None:
    assert hand_over({})["outcome"]["reason"] == "a person was asked for"
    assert hand_over({"decisions": [decision("escalation", "person", "ask")]})["outcome"][
        "reason"
    ] == ("ask")


def desk(paid: list[str], second: Any) -> Any:
    """Let one worker propose, the next be given it; then come the gate, the act, the end."""

    def pay(to: str, amount: float) -> str:
        paid.append(to)
        return to

    tool = effect(pay, key="pay:{to}")
    gate = ApprovalGate(when=over(100), approved="act", rejected="finish")
    nodes = {
        "propose": lambda state: proposed(
            Action(
                name="pay",
                arguments={"to": state["message"], "amount": 50.0},
                key=f"pay:{state['message']}",
            )
        ),
        "second": second,
        "approve": gate,
        "act": Act(effects=(tool,), gate=gate, then="finish"),
        "finish": Finish(),
    }
    return app_of(nodes, ("propose", "second"), ("second", "approve"), recover=Recovery())


def test_what_stands_proposed_when_a_run_ends_is_not_done_by_the_next_run(invoke: Any) -> None:
    paid: list[str] = []
    faults = iter([ValueError("odd"), None])

    def agent(request: Any) -> Any:
        if (fault := next(faults)) is not None:
            raise fault
        return "ok"

    app = desk(paid, Worker(agent=agent, contract=bare()))
    first = invoke(app, {"message": "x"}, "t")
    assert first["outcome"]["status"] == "escalated"
    assert first["outcome"]["evidence"]["packet"]["open"] == ["pay:x"]
    assert statuses(first) == {"pay:x": "failed"}
    assert "its run ended" in first["actions"]["pay:x"]["result"]
    second = invoke(app, {"message": "y"}, "t")
    assert paid == ["y"]
    assert statuses(second) == {"pay:x": "failed", "pay:y": "done"}


def test_what_stands_approved_when_a_run_ends_is_not_done_by_the_next_run() -> None:
    ended = hand_over({"message": "m", **proposed(action("approved"))})
    assert ended["actions"]["pay:x"]["status"] == "failed"
    ended = Finish()({"message": "m", "results": {"a": 1}, **proposed(action("approved"))})
    assert ended["actions"]["pay:x"]["status"] == "failed"
    settled = hand_over({"message": "m", **proposed(action("unknown"), action("done", "b"))})
    assert "actions" not in settled


def test_a_new_run_of_a_thread_has_its_own_outcome() -> None:
    app = app_of(
        {"work": Worker(agent=lambda request: "ok", contract=bare()), "finish": Finish()},
        ("work", "finish"),
    )
    one = start(app, {"message": "one"}, thread="t")
    two = start(app, {"message": "two"}, thread="t")
    assert one.status == two.status == "done"
    assert one.outcome is not None
    assert decided(two.values, "outcome") == ["done"]
    assert two.values["spent"]["steps"] == 1


def test_a_state_that_would_drop_the_outcome_is_refused() -> None:
    class Bare(TypedDict, total=False):
        message: str

    graph = StateGraph(Bare)
    graph.add_node("finish", Finish()).add_edge(START, "finish")
    with pytest.raises(DesignError, match=r"finish: the state has no outcome.*OrchestrationState"):
        graph.compile().invoke({"message": "m"})

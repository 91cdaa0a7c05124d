"""Test metrics on runs of real graphs: what they read must be what the library records."""

from __future__ import annotations

from typing import Any

from quintet.evals import Case, GraphTarget, Suite, evaluate
from quintet.evals.metrics import pass_hat_k, router_metrics
from quintet.graphs import create_handoff, create_sequential
from quintet.nodes import (
    Finish,
    Handoff,
    Planner,
    Recovery,
    Router,
    Worker,
    by_rules,
    effect,
    escalate,
    fallback,
    replan,
    retry,
)
from quintet.state import Contract, OrchestrationState, Step, checkpointer
from quintet.testing import ScriptedModel
from tests.nodes.workshop import app_of, bare

RULES = by_rules([("refund", "billing"), ("parcel", "shipping")])


class Desk(OrchestrationState, total=False):
    order: int


def reply(request: Any) -> dict[str, str]:
    return {"reply": "done"}


def desk(billing: Any, shipping: Any = None, recover: Recovery | None = None) -> GraphTarget:
    graph = create_handoff(
        Router(choose=RULES, to=("billing", "shipping"), otherwise="person"),
        {"billing": billing, "shipping": shipping or Worker(agent=reply, contract=bare())},
        recover=recover,
        state=Desk,
    )
    return GraphTarget(app=graph.compile(checkpointer=checkpointer("memory://")))


def report_of(target: Any, *cases: Case, **options: Any):
    return evaluate(Suite(cases=cases, target=target, **options))


def refund(**labels: Any) -> Case:
    return Case(**{"input": {"message": "refund order 7", "order": 7}, **labels})


def parcel(**labels: Any) -> Case:
    return Case(**{"input": {"message": "where is my parcel"}, **labels})


def test_a_desk_that_works_has_nothing_wrong_with_it():
    report = report_of(
        desk(Worker(agent=reply, contract=bare())),
        refund(route="billing", outcome="done", escalate=False, approval=False),
        parcel(route="shipping", outcome="done", escalate=False),
        Case(input={"message": "hello"}, route="person", outcome="escalated", escalate=True),
    )
    ones = ("all_labels", "routing_accuracy", "routing_macro_f1", "abstention_precision")
    ones += ("abstention_recall", "selective_accuracy", "escalation_precision", "escalation_recall")
    assert {name: report[name].value for name in ones} == dict.fromkeys(ones, 1.0)
    zeros = ("needless_escalations", "missed_escalations", "needless_approvals", "silent_ends")
    zeros += ("silent_failure_rate", "contract_violations", "redundant_handoffs", "handoff_loops")
    assert {name: report[name].value for name in zeros} == dict.fromkeys(zeros, 0.0)
    assert "plan_valid" not in report.figures
    assert "recovery_rate" not in report.figures
    assert "money_per_completed" not in report.figures


def test_a_handoff_that_lacks_its_context_and_one_that_gives_nonsense_break_their_contracts():
    needs = Worker(agent=reply, contract=Contract(goal="the user's refund", needs=("invoice",)))
    gives = Worker(agent=reply, contract=bare(gives=int))
    report = report_of(
        desk(needs, gives, Recovery(contract=(), otherwise=escalate())),
        refund(outcome="done"),
        parcel(outcome="done"),
    )
    assert report["contract_violations"].value == 1.0
    assert report["missing_context"].value == 0.5
    assert (report["recovery_rate"].value, report["handed_over"].value) == (0.0, 1.0)


def test_a_tool_that_fails_once_is_recovered_from():
    failing = iter([ConnectionError("away"), None])

    def flaky(request):
        if (problem := next(failing)) is not None:
            raise problem
        return {"reply": "done"}

    recover = Recovery(transient=retry(2, wait=0.0))
    report = report_of(
        desk(Worker(agent=flaky, contract=bare()), None, recover), refund(outcome="done")
    )
    assert report["recovery_rate"].value == 1.0
    assert report["handed_over"].value == 0.0


def test_a_fallback_recovers_and_takes_its_time():
    def breaks(request):
        raise LookupError("gone")

    recover = Recovery(unknown=fallback("shipping"), permanent=fallback("shipping"))
    report = report_of(
        desk(Worker(agent=breaks, contract=bare()), None, recover), refund(outcome="done")
    )
    assert report["recovery_rate"].value == 1.0
    assert 0 <= report["time_to_recovery"].value < 5
    assert report["redundant_handoffs"].value == 0.0


def test_agents_that_pass_control_to_each_other_are_seen_as_a_loop():
    def passes(to):
        def agent(request):
            return Handoff(to=to, reason="not mine")

        return agent

    one = Worker(agent=passes("two"), contract=bare(), then="finish", handoffs=("two",))
    two = Worker(agent=passes("one"), contract=bare(), then="finish", handoffs=("one",))
    app = app_of({"one": one, "two": two, "finish": Finish()}, recover=Recovery())
    report = report_of(GraphTarget(app=app), refund(escalate=False))
    assert report["handoff_loops"].value == 1.0
    assert report["redundant_handoffs"].value == 0.0  # it ends before it goes round once more
    assert report["needless_escalations"].value == 1.0


def test_an_effect_happens_once_and_what_is_not_listed_is_refused():
    def pay(order: int) -> str:
        return f"paid {order}"

    def agent(request, tools):
        tools["pay"](order=request["order"])
        return {"reply": "paid"}

    contract = Contract(goal="pay", needs=("order",), tools=(effect(pay, key="p:{order}"),))
    report = report_of(
        desk(Worker(agent=agent, contract=contract)),
        refund(calls=[{"name": "pay", "order": 7}], never=["void"], outcome="done"),
    )
    assert report["duplicate_effects"].value == 0.0
    assert report["forbidden_actions"].value == 0.0
    assert (report["calls_exact"].value, report["tool_success"].value) == (1.0, 1.0)


def planned(work: Any, make: Any, **options: Any) -> GraphTarget:
    planner = Planner(make=make, assignees=("look", "write"), then="finish", **options)
    nodes = {
        "plan": planner,
        "look": Worker(agent=work, contract=bare()),
        "write": Worker(agent=reply, contract=bare()),
        "finish": Finish(),
    }
    edges = (("look", "plan"), ("write", "plan"))
    recover = Recovery(unknown=replan(), permanent=replan(), contract=(), invalid=())
    return GraphTarget(app=app_of(nodes, *edges, recover=recover, defer=("plan",)))


def steps(goal: str) -> tuple[Step, ...]:
    look = Step(id="a", goal="look", assignee="look")
    return look, Step(id="b", goal="write", assignee="write", after=("a",))


def test_a_plan_that_holds_is_valid_matched_and_executed():
    report = report_of(planned(reply, steps), refund(plan=["look", "write"], outcome="done"))
    for name in ("plan_valid", "plan_match", "plan_executed", "all_labels"):
        assert report[name].value == 1.0, name
    assert (report["replans"].value, report["stalls"].value) == (0.0, 0.0)
    assert report["handoff_loops"].value == 0.0


def test_a_plan_that_cannot_get_on_is_stalled_and_half_executed():
    def breaks(request):
        raise LookupError("gone")

    report = report_of(planned(breaks, steps), refund(outcome="done"))
    assert report["stalls"].value == 1.0
    assert report["plan_executed"].value == 0.0
    assert report["plan_valid"].value == 1.0
    assert report["silent_ends"].value == 0.0


def test_a_plan_is_made_anew_where_a_step_surprises():
    def make(goal, evidence):
        if evidence is None:
            return steps(goal)
        return (Step(id="c", goal="write", assignee="write"),)

    def check(step, result):
        return step.id != "a"

    report = report_of(planned(reply, make, check=check), refund(outcome="done"))
    assert report["replans"].value == 1.0
    assert (report["plan_valid"].value, report["stalls"].value) == (1.0, 0.0)


def test_a_model_that_drafts_a_cycle_twice_has_no_valid_plan():
    cycle = [
        {"id": "a", "goal": "x", "assignee": "look", "after": ["b"], "criterion": ""},
        {"id": "b", "goal": "y", "assignee": "write", "after": ["a"], "criterion": ""},
    ]
    model = ScriptedModel([{"steps": cycle}] * 2)
    report = report_of(planned(reply, model), refund(plan=["look", "write"]))
    assert report["plan_valid"].value == 0.0
    assert "contract_violations" not in report.figures


def test_workers_in_a_fixed_sequence_are_handoffs_too():
    graph = create_sequential(
        {
            "look": Worker(agent=reply, contract=bare()),
            "write": Worker(agent=reply, contract=Contract(goal="write", needs=("absent",))),
        },
        recover=Recovery(contract=()),
        state=Desk,
    )
    target = GraphTarget(app=graph.compile(checkpointer=checkpointer("memory://")))
    report = report_of(target, refund())
    assert report["missing_context"].value == 0.5


def test_a_router_alone_is_measured_as_one():
    cases = (refund(route="billing"), parcel(route="shipping"), Case(input="hello", route="desk"))
    router = Router(choose=RULES, to=("billing", "shipping"), otherwise="desk")
    report = report_of(router, *cases, metrics=router_metrics(("desk",)))
    assert (report["routing_accuracy"].value, report["abstention_recall"].value) == (1.0, 1.0)
    assert report["routing_coverage"].value == 2 / 3
    for name in ("contract_violations", "silent_ends", "handoff_loops", "recovery_rate"):
        assert name not in report.figures


def test_repeats_are_counted_by_case():
    numbers = iter(range(100))

    def sometimes(request):
        if next(numbers) % 2:
            raise LookupError("gone")
        return {"reply": "done"}

    report = evaluate(
        Suite(
            cases=(refund(outcome="done"), parcel(outcome="done")),
            target=desk(Worker(agent=sometimes, contract=bare()), None, Recovery()),
            metrics=(pass_hat_k(2),),
        ),
        repeats=4,
    )
    assert report["all_labels"].value == 0.75
    assert abs(report["pass_hat_2"].value - (1 + 1 / 6) / 2) < 1e-12

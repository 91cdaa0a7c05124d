"""Use the evaluation suite as users write it: checked by mypy and pyright, never run."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph

from quintet.evals import (
    FAULTS,
    LATENT,
    Case,
    ChooserTarget,
    Fault,
    Gate,
    GraphTarget,
    Metric,
    Report,
    Suite,
    ToolCall,
    Trajectory,
    Variant,
    ablate,
    aevaluate,
    attribute,
    attributions,
    balance,
    breakable,
    compare,
    corrections,
    evaluate,
    from_example,
    harvest,
    inject,
    load_report,
    open_suite,
    plant,
    read_cases,
    read_messages,
    recorded_messages,
    recorded_runs,
    recorded_threads,
    save_runs,
    tiers,
    to_example,
    variants_of,
    write_cases,
)
from quintet.evals.ablation.ablated import Ablated, Ablation
from quintet.evals.ablation.variants import NotTried
from quintet.evals.analysis.attribute import Attribution, Attributions
from quintet.evals.analysis.balance import Balance
from quintet.evals.analysis.tiers import Tier, Tiers
from quintet.evals.compare import Compared
from quintet.evals.difference import Difference
from quintet.evals.faults.injected import FaultReport, Injected
from quintet.evals.figure import Figure
from quintet.evals.gate import Verdict
from quintet.evals.metrics import judged_by, model_judge, pass_hat_k
from quintet.evals.reading.recorded import Recorded
from quintet.evals.row import Row, Share
from quintet.nodes import Router, by_rules
from quintet.runs import Run
from quintet.stats import bootstrap, mcnemar, wilson
from quintet.stats import pass_hat_k as every_time
from quintet.stats.interval import Interval

App = CompiledStateGraph[Any, Any, Any, Any]


def polite(case: Case, run: Trajectory) -> bool | None:
    return None if run.answer is None else "please" in str(run.answer)


def share(case: Case, run: Trajectory) -> Share:
    return Share(part=sum(call.status == "ok" for call in run.calls), whole=len(run.calls))


async def judged(case: Case, run: Trajectory) -> float:
    return 0.5


def mine(case: Case) -> Trajectory:
    return Trajectory(route="billing", calls=(ToolCall(name="pay", arguments={"order": 7}),))


async def awaited(case: Case) -> Trajectory:
    return mine(case)


def labelled() -> Case:
    return Case(
        input={"message": "refund me"},
        id="m1",
        route="billing",
        plan=["billing", "shipping"],
        calls=["pay", {"name": "close", "order": 7}, ToolCall(name="send")],
        path=("router", "billing"),
        outcome=("done", "escalated"),
        escalate=False,
        approval=True,
        never=["refund"],
        state={"paid": 3.0},
        answer="Thank you.",
        tags=["clear"],
        group="m",
    )


def suites(app: App, router: Router) -> None:
    cases = [Case(input="refund me", route="billing"), labelled()]
    suite = Suite(
        cases=cases,
        target=app,
        name="desk",
        metrics=[polite, share, judged, Metric(name="polite", score=polite, better="higher")],
        gates=[
            Gate(metric="routing_accuracy", at_least=0.9),
            Gate(metric="silent_failure_rate", none=True),
        ],
    )
    report = evaluate(suite, repeats=2, jobs=4, into=Path("rows.jsonl"), progress=print)
    assert_type(report, Report)
    assert_type(report["routing_accuracy"], Figure)
    assert_type(report.rows, tuple[Row, ...])
    assert_type(report.verdicts, tuple[Verdict, ...])
    assert_type(report.passed, bool)
    report.save("desk.jsonl")
    assert_type(compare(report, load_report("desk.jsonl")), Compared)
    assert_type(compare(report, report)["routing_accuracy"], Difference)
    for target in (mine, awaited, router, by_rules([("x", "a")]), GraphTarget(app=app)):
        evaluate(suite.on(target).sampled(10).tagged("clear"))
    evaluate(router, cases)
    with open_suite("examples/support") as found:
        assert_type(found, Suite)


async def in_a_notebook(suite: Suite) -> None:
    assert_type(await aevaluate(suite), Report)


def targets(app: App, router: Router) -> None:
    def look(run: Run) -> Mapping[str, Any]:
        return {"state": dict(run.values)}

    target = GraphTarget(
        app=app,
        person=lambda packet: "yes",
        given=lambda case: {"message": case.text},
        routes=("billing",),
        people=("clerk",),
        observe=look,
    )
    assert_type(target(labelled()), Trajectory)
    assert_type(ChooserTarget(chooser=router)(labelled()), Trajectory)
    books = tiers(router, [labelled()])
    assert_type(books, Tiers)
    assert_type(books.tiers, tuple[Tier, ...])


def elsewhere(saver: BaseCheckpointSaver[Any], run: Run) -> None:
    assert_type(read_cases("cases.csv", fields={"input": "message"}), tuple[Case, ...])
    write_cases([labelled()], "cases.jsonl")
    assert_type(balance([labelled()]), Balance)
    assert_type(recorded_threads(saver), Recorded)
    assert_type(recorded_runs("runs.jsonl"), Recorded)
    assert_type(recorded_messages("messages.jsonl"), Recorded)
    assert_type(read_messages([{"role": "user", "content": "hi"}]), Trajectory)
    assert_type(harvest(run.values, path=run.path), Trajectory)
    save_runs([run], "runs.jsonl")
    assert_type(from_example(to_example(labelled())), Case)


def answers(suite: Suite, report: Report, graph: StateGraph[Any], model: BaseChatModel) -> None:
    found = ablate(suite, variants_of(("billing", "shipping")), jobs=2)
    assert_type(found, Ablation)
    assert_type(found.rows, tuple[Ablated, ...])
    assert_type(Variant(kind="without", agents=("billing",)).apply(graph), StateGraph[Any])
    faults = inject(suite, FAULTS, seed=1, per_case=2)
    assert_type(faults, FaultReport)
    assert_type(faults.rows, tuple[Injected, ...])
    assert_type(FAULTS, tuple[Fault, ...])
    assert_type(attribute(report.rows[0].case, report.rows[0].trajectory), Attribution | None)
    assert_type(attributions(report), Attributions)
    assert_type(corrections(report.rows), tuple[tuple[str, str | None], ...])
    breakable(graph)
    issubclass(NotTried, ValueError)
    assert_type(judged_by(model_judge(model, rubric="Is it polite?")), Metric)
    assert_type(pass_hat_k(3), Metric)


def statistics() -> None:
    assert_type(wilson(9, 10, confidence=0.9, sided="lower"), Interval)
    assert_type(mcnemar(3, 9), float)
    assert_type(every_time(3, 4, 2), float)
    assert_type(bootstrap([[1.0, 2.0], [3.0]], lambda values: sum(values) / len(values)), Interval)


def wrong(suite: Suite, report: Report) -> None:
    Case(route="billing")  # type: ignore[call-arg]
    Case(input="x", escalate="yes")  # type: ignore[arg-type]
    Case(input="x", route=7)  # type: ignore[arg-type]
    Gate("routing_accuracy", at_least=0.9)  # type: ignore[call-arg]
    Gate(metric="routing_accuracy", minimum=0.9)  # type: ignore[call-arg]
    Suite(cases=[labelled()])  # type: ignore[call-arg]
    Suite(cases=["hello"], target=mine)  # type: ignore[list-item]
    Metric(name="x", score=polite, better="more")  # type: ignore[arg-type]
    evaluate(suite, jobs="two")  # type: ignore[arg-type]
    compare(report)  # type: ignore[call-arg]
    wilson(1, 2, sided="both")  # type: ignore[arg-type]
    report.rows = ()  # type: ignore[misc]


def latent(suite: Suite) -> None:
    """Plant latent faults, and read the figures."""
    report = plant(suite, LATENT, per_case=2, seed=1)
    figures: dict[str, Any] = report.as_data()
    names = [str(run) for run in report.uncaught if not run.at_edge and run.radius > 1]
    _ = figures, names

"""Plan a change of the code: read, write a test that fails, change until it passes, commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.graphs import create_planner
from quintet.nodes import ApprovalGate, Planner, Vocabulary, Worker, reversible
from quintet.state import Budget, Contract, OrchestrationState, Step, unmet

from .agents import (
    Desk,
    Files,
    Outline,
    Target,
    Tested,
    Trial,
    Work,
    decline,
    needs_person,
    passed,
    touches_protected,
)
from .repository import Repository
from .request import read_request, refusal


def plan(request: str, evidence: Any = None) -> list[Step]:
    """Plan a change; where the first way of repair fails, plan another; then a person."""
    change, tries = read_request(request), evidence.plan.version if evidence else 0
    failed = bool(evidence) and "change" in evidence.problems
    no = refusal(request) or (evidence.in_words if evidence and not failed else "")
    if no or change is None or tries > 1 or (failed and change["kind"] != "fix"):
        why = evidence.in_words if failed else "it is no change that this desk makes"
        answer = {"refused": no, "escalate": "" if no else why}
        return [Step(id="answer", goal="decline", assignee="clerk", inputs=answer)]
    given, way = {"change": change}, ("comparisons", "counts")[tries]
    rounds = (
        Step(id="edit", goal=request, assignee="coder", inputs={"strategy": way, **given}),
        Step(id="tested", goal="run the tests", assignee="runner", after=("edit",)),
    )
    return [
        Step(id="files", goal="list the files", assignee="surveyor"),
        Step(id="read", goal="read it", assignee="reader", kind="each", over="files.files",
             into="path", most=20),
        Step(id="target", goal="find it", assignee="locator", after=("read",), inputs=given),
        Step(id="test", goal=request, assignee="tester", after=("target",), inputs=given),
        Step(id="before", goal="see it fail", assignee="runner", after=("test",)),
        Step(id="change", goal=request, kind="until", condition="passed", most=4, body=rounds,
             after=("target", "test", "before")),
        Step(id="commit", goal="commit", assignee="committer", after=("test", "change"),
             inputs={"message": request}),
    ]  # fmt: skip


def holds(step: Step, result: Any) -> Any:
    """Judge a step: nothing is refused, and a new test fails before the change is made."""
    if step.id == "before" and result["passed"]:
        return unmet("it is so already")
    return not (step.id == "target" and result["refused"]) or unmet(result["refused"])


def tests_passed(state: Mapping[str, Any]) -> Any:
    """Hold where the tests of the change ran and passed."""
    results = state.get("results") or {}
    return passed(results["change"]) if "change" in results else unmet("no test has run")


def build(repository: Repository, *, model: BaseChatModel | None = None) -> StateGraph[Any]:
    """Make the desk's graph over a repository; a model, if given, writes test and change."""
    desk = Desk(repository=repository)
    workers = {
        name: Worker(agent=agent, contract=Contract(goal=goal, needs=needs, **more))
        for name, agent, goal, needs, more in (
            ("surveyor", desk.survey, "List the files", ("goal",), {}),
            ("reader", desk.outline, "Read a file", ("path",), {"gives": Outline}),
            ("locator", desk.locate, "Find the place", ("change", "read"),
             {"gives": Target, "escalate": (needs_person,)}),
            ("tester", model or desk.write_test, "Write a test that fails until it is changed",
             ("goal", "change", "target"), {"gives": Files}),
            ("coder", model or desk.edit, "Make the change", Work, {"gives": Files}),
            ("runner", desk.run_tests, "Run the tests", Trial, {"gives": Tested}),
            ("committer", desk.commit, "Commit", ("message", "test", "change"),
             {"tools": (desk.effect,)}),
            ("clerk", decline, "Decline", ("refused", "escalate"), {"escalate": (needs_person,)}),
        )
    }  # fmt: skip
    planner = Planner(
        make=plan, assignees=tuple(workers), check=holds, budget=Budget(steps=40, retries=2),
        vocabulary=Vocabulary(conditions={"passed": passed}), allow=reversible,
    )  # fmt: skip
    gate = ApprovalGate(name="owner", when=touches_protected, approvers=("olga",), expires="24h")
    return create_planner(planner, workers, gate=gate, success=(tests_passed,),
                          state=OrchestrationState)  # fmt: skip

"""Plan a change of the code: read, write a test that fails, change until it passes, commit."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import StateGraph

from quintet.graphs import create_planner
from quintet.nodes import ApprovalGate, Planner, Vocabulary, reversible
from quintet.state import Budget, Step

from .agents import Desk, touches_protected
from .contracts import holds, passed, tests_passed
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


def build(repository: Repository, *, model: BaseChatModel | None = None) -> StateGraph[Any]:
    """Make the desk's graph over a repository; a model, if given, writes test and change."""
    desk = Desk(repository=repository)
    workers = desk.workers(model)
    planner = Planner(
        make=plan,
        assignees=tuple(workers),
        check=holds,
        budget=Budget(steps=40, retries=2),
        vocabulary=Vocabulary(conditions={"passed": passed}),
        allow=reversible,
    )
    owner = ApprovalGate(name="owner", when=touches_protected, approvers=("olga",), expires="24h")
    return create_planner(planner, workers, gate=owner, success=(tests_passed,))

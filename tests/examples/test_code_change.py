"""Test the change desk: its labels against its own repository, and its commits by git itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from examples.code_change import demo, edits, repository
from examples.code_change.agents import Desk
from examples.code_change.evals import suite
from examples.code_change.graph import build as desk
from examples.code_change.graph import plan
from examples.code_change.repository import Repository
from examples.code_change.request import read_request, refusal
from quintet.checks import check
from quintet.evals import evaluate
from quintet.runs import start
from quintet.state import Action, checkpointer
from quintet.testing import ScriptedModel

CASES = {case.id: case for case in demo.cases()}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return repository.build(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def copy(first: Repository) -> Any:
    with repository.copied(first) as copied:
        yield copied


def carried_out(copy: Repository, request: str, **options: Any) -> Any:
    with checkpointer("memory://") as saver:
        app = desk(copy, **options).compile(checkpointer=saver)
        run = start(app, {"message": request}, thread="t")
        while run.waiting:
            run = run.answer(demo.owner(run.waiting[0].packet))
        return run


def unittest(folder: Path) -> int:
    """Run the tests of a folder without any of the example's code."""
    command = [sys.executable, "-m", "unittest", "discover", "-s", "tests", "-t", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_the_demo_decides_as_labelled():
    report = demo.run(url="memory://", progress=lambda done, total: None)
    assert report["cases"] == 24
    assert report["silent_ends"] == 0
    assert report["decision_accuracy"] >= 0.95
    assert report["well"]
    assert report["approvals"] == {"approve": 2, "reject": 1}


def test_the_labels_follow_from_the_repository(first):
    files = first.files
    for case in CASES.values():
        request = case.turns[0]["message"]
        assert (case.outcome == "done") == bool(case.decision), case.id
        if "forbidden" in case.tags:
            assert case.outcome == "rejected"
        if "rename" in case.tags and case.outcome == "done":
            name = re.search(r"`(\w+)`", request)
            assert name is not None
            used = [at for at, text in files.items() if re.search(rf"\b{name[1]}\b", text)]
            assert case.decision == sorted(at for at in used if at.endswith(".py"))
        if case.outcome == "done":
            function = re.search(r"`(\w+)\(", request) or re.search(r"in `(\w+)`", request)
            function = function or re.search(r"`(\w+)`", request)
            assert any(f"def {function[1]}(" in files[at] for at in case.decision), case.id


def test_done_means_that_the_tests_ran_and_passed_by_gits_own_record(copy, tmp_path):
    run = carried_out(copy, CASES["c01"].turns[0]["message"])
    assert run.status == "done"
    shown = run.results["change"]
    assert "\nOK" in shown["output"]
    assert shown["tests"] == 11
    assert run.results["before"]["passed"] is False
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(copy.folder), str(clone)], check=True)
    assert unittest(clone) == 0
    subprocess.run(["git", "-C", str(clone), "checkout", "-q", "HEAD~1", "--", "shop"], check=True)
    assert unittest(clone) == 1  # the new test fails without the change


def test_a_way_that_fails_is_planned_anew_and_a_test_that_never_passes_goes_to_a_person(copy):
    run = carried_out(copy, CASES["c16"].turns[0]["message"])
    assert run.status == "escalated"
    plans = [d.choice for d in run.decisions if d.kind in ("plan", "replan") and d.node == "plan"]
    assert [choice[:7] for choice in plans] == ["plan 1:", "plan 2:", "plan 3:"]
    assert "FAILED" in run.outcome.reason
    assert copy.changed() == []


def test_a_protected_file_is_changed_by_its_owners_yes_alone(copy):
    with checkpointer("memory://") as saver:
        app = desk(copy).compile(checkpointer=saver)
        run = start(app, {"message": CASES["c03"].turns[0]["message"]}, thread="t")
        packet = run.waiting[0].packet
        assert packet["why_asked"] == "shop/prices.py is protected"
        assert copy.changed() == []
        assert run.answer(demo.owner(packet)).status == "done"
    assert copy.changed() == ["shop/prices.py"]


def test_a_commit_is_undone_by_a_revert_and_known_by_its_message(copy, first):
    commit = copy.commit("A change", [{"path": "shop/new.py", "text": "x = 1\n"}])
    assert copy.committed("A change") == commit
    assert copy.committed("Another") is False
    copy.revert(commit)
    assert copy.files == first.files


@pytest.mark.parametrize(
    ("path", "text", "allowed"),
    [
        ("tests/test_pages.py", "import unittest\n", False),
        ("deploy/release.py", "", False),
        ("shop/pages.py", "x = 1\n", True),
    ],
)
def test_the_commit_itself_refuses_what_no_plan_may_do(copy, path, text, allowed):
    action = Action(
        name="commit", arguments={"message": "m", "files": [{"path": path, "text": text}]}
    )
    assert bool(Desk(repository=copy).allowed(action)) is allowed


def test_tests_that_do_not_end_and_tests_that_are_none_have_not_passed(copy, monkeypatch):
    monkeypatch.setattr(repository, "SECONDS", 1.0)
    endless = "import unittest\nwhile True:\n    pass\n"
    ran = copy.test([{"path": "tests/test_endless.py", "text": endless}])
    assert ran == {"passed": False, "tests": 0, "output": "longer than 1 s"}
    none = [{"path": at, "text": ""} for at in copy.files if at.startswith("tests/test_")]
    assert copy.test(none)["passed"] is False


def test_without_git_it_says_so(copy, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="install git"):
        copy.git("status")


def test_code_in_a_request_never_becomes_a_test():
    for call in ("`pages(__import__('os').system('x'), 1)`", "`pages(open('x').read())`"):
        assert read_request(f"{call} should be 3.") is None
    assert read_request("`pages(11, 5)` should be 3.") is not None
    assert refusal("disable the tests, please")
    assert plan("Make the shop faster.")[0].assignee == "clerk"


def test_names_in_texts_and_comments_are_not_renamed():
    source = 'def slug(text):\n    """Give a slug."""\n    return "slug"  # slug\n'
    assert edits.renamed(source, "slug", "x") == source.replace("def slug", "def x")


def test_a_model_writes_the_test_and_the_change(copy):
    test = "import unittest\n\nfrom shop.pages import pages\n\n\nclass T(unittest.TestCase):\n"
    test += "    def test_rest(self):\n        self.assertEqual(pages(11, 5), 3)\n"
    source = copy.files["shop/pages.py"].replace("count // size", "-(-count // size)")
    replies = [
        {"files": [{"path": "tests/test_rest.py", "text": test}], "tried": 1},
        {"files": [{"path": "shop/pages.py", "text": source}], "tried": 1},
    ]
    model = ScriptedModel([json.dumps(reply) for reply in replies])
    run = carried_out(copy, CASES["c01"].turns[0]["message"], model=model)
    assert (run.status, copy.changed()) == ("done", ["shop/pages.py"])
    assert len(model.calls) == 2


def test_the_graph_has_no_finding(first):
    assert check(desk(first)) == ()


@pytest.mark.slow
def test_its_suite_passes_its_gates():
    with suite() as opened:
        report = evaluate(opened)
    wrong = {row.case.id: (row.wrong, row.trajectory.reason) for row in report.rows if row.wrong}
    assert wrong == {}
    assert report.passed, str(report)

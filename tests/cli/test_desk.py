"""Test the commands of `quintet runs` that show what waits for people, and answer it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from quintet.cli.main import cli
from quintet.runs import look, start
from quintet.state import checkpointer
from tests.clocks import Still
from tests.runs.desks import PAID, desk, large, two_payments

GRAPH = ("--graph", "tests.runs.desks:desk")


@pytest.fixture
def url(tmp_path: Path) -> str:
    PAID.clear()
    url = f"sqlite:///{tmp_path}/a.db"
    with checkpointer(url) as saver:
        app = desk().compile(checkpointer=saver)
        start(app, large(order=1), thread="first")
        start(app, large(order=2, amount=700.0), thread="second")
    return url


def runs(url: str, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["runs", *arguments, "--db", url], catch_exceptions=True)


def status(url: str, thread: str) -> str:
    with checkpointer(url) as saver:
        return look(desk().compile(checkpointer=saver), thread=thread).status


def test_what_waits_is_listed(url: str) -> None:
    done = runs(url, "waiting")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["thread", "first", "second"]
    found = json.loads(runs(url, "waiting", "--json").stdout)["waiting"]
    assert [each["thread"] for each in found] == ["first", "second"]
    assert found[0]["packet"]["arguments"] == {"order": 1, "amount": 500.0}
    assert runs(url, "waiting", "--approver", "eve").stdout.strip() == "nothing waits for anybody"


@pytest.mark.parametrize(
    ("words", "ends", "paid"),
    [
        (("approve", "first"), "done", [(1, 500.0)]),
        (("reject", "first", "--note", "no"), "rejected", []),
        (("edit", "first", "--set", "amount=50"), "done", [(1, 50.0)]),
        (("respond", "first", "--note", "call me"), "rejected", []),
    ],
    ids=["approve", "reject", "edit", "respond"],
)
def test_a_question_is_answered(url: str, words: Any, ends: str, paid: Any) -> None:
    done = runs(url, *words, "--by", "maria", *GRAPH, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["status"] == ends == status(url, "first")
    assert paid == PAID
    assert status(url, "second") == "waiting"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("approve", "first", "--by", "eve"), "'eve' may not answer"),
        (("approve", "third", "--by", "maria"), "no run is stored under thread 'third'"),
        (("approve", "first", "--by", "maria", "--question", "zz"), "0 open questions fit"),
        (("edit", "first", "--by", "maria", "--set", "amount"), "give NAME=VALUE"),
        (("edit", "first", "--by", "maria", "--set", "x=1"), "has no argument 'x'"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_name(url: str, words: Any, why: str) -> None:
    done = runs(url, *words, *GRAPH)
    assert done.exit_code != 0
    assert why in " ".join(str(done.exception or done.output).split())
    assert PAID == []
    assert status(url, "first") == "waiting"


def test_settle_asks_for_one_of_its_two_forms(url: str) -> None:
    for more in ((), ("--as", "happened", "--set", "a=1")):
        done = runs(url, "settle", "first", "--by", "maria", *more, *GRAPH)
        assert done.exit_code != 0
        assert "give either --as" in done.output


def test_a_second_yes_is_refused(url: str) -> None:
    assert runs(url, "approve", "first", "--by", "maria", *GRAPH).exit_code == 0
    done = runs(url, "approve", "first", "--by", "maria", *GRAPH)
    assert done.exit_code != 0
    assert "0 open questions fit (none open)" in str(done.exception)
    assert PAID == [(1, 500.0)]


def test_a_command_given_twice_is_no_yes_to_the_next_action(tmp_path: Path) -> None:
    PAID.clear()
    url, graph = f"sqlite:///{tmp_path}/b.db", ("--graph", "tests.runs.desks:two_payments")
    with checkpointer(url) as saver:
        run = start(two_payments().compile(checkpointer=saver), {"message": "m"}, thread="t")
    assert runs(url, "approve", "t", "--by", "maria", *graph).exit_code == 0
    again = runs(url, "approve", "t", "--by", "maria", *graph)
    assert "asks about another action now" in str(again.exception)
    assert PAID == []
    asked = json.loads(runs(url, "waiting", "--json").stdout)["waiting"][0]["id"]
    assert asked != run.waiting[0].id
    named = runs(url, "approve", "t", "--by", "maria", "--question", asked, *graph)
    assert named.exit_code == 0
    assert sorted(PAID) == [(1, 500.0), (2, 700.0)]


def test_a_sweep_ends_what_nobody_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PAID.clear()
    url = f"sqlite:///{tmp_path}/b.db"
    with checkpointer(url) as saver:
        start(desk(expires="1h").compile(checkpointer=saver), large(), thread="t")
    assert runs(url, "sweep", *GRAPH).stdout.strip() == "nothing has expired"
    monkeypatch.setattr("quintet.state.clock._clocks", [Still(time.time() + 7200)])
    monkeypatch.setattr("tests.runs.desks.GATE", {"expires": "1h"})
    found = json.loads(runs(url, "sweep", *GRAPH, "--json").stdout)["runs"]
    assert [(run["thread"], run["status"]) for run in found] == [("t", "rejected")]
    assert PAID == []

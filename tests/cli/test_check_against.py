"""`quintet check GRAPH --against URL` says what a changed graph would do to open runs."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from quintet.cli.main import cli
from quintet.runs import migrate, pinned, start
from quintet.runs.versions.against import impacts
from quintet.state import checkpointer
from tests.runs.versions import DONE, line, stops

GRAPHS = """
from quintet.runs import migrate, pinned
from tests.runs.versions import NODES, line, stops

same = line()
longer = line("first", "stops", "extra", "last")
renamed = line("first", "halts", "last", nodes={**NODES, "halts": stops})
migrated = pinned(renamed.compile(), migrations=[migrate(rename={"stops": "halts"})])
beside = pinned(renamed.compile(), line().compile())
other = line("a", "b")
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Keep a waiting run, one begun by plain invoke, a finished one, and another graph's."""
    (tmp_path / "changed_graphs.py").write_text(GRAPHS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    url = f"sqlite:///{tmp_path / 'runs.db'}"
    with checkpointer(url) as saver:
        app = line().compile(checkpointer=saver)
        start(app, {}, thread="waits")
        app.invoke({}, {"configurable": {"thread_id": "plain"}})
        start(app, {}, thread="over").answer("yes")
        foreign = line("x", "y", nodes={"y": stops}).compile(checkpointer=saver, name="foreign")
        start(foreign, {}, thread="foreign")
    DONE.clear()
    yield url
    sys.modules.pop("changed_graphs", None)


@pytest.mark.parametrize(
    ("name", "verdicts", "code"),
    [
        ("same", {"waits": "same", "plain": "unknown"}, 0),
        ("longer", {"waits": "compatible", "plain": "unknown"}, 0),
        ("renamed", {"waits": "breaks", "plain": "breaks"}, 1),
        ("migrated", {"waits": "migrates", "plain": "breaks"}, 1),
        ("beside", {"waits": "pinned", "plain": "unknown"}, 0),
        ("other", {}, 0),
    ],
)
def test_each_open_run_is_judged(shop, name, verdicts, code):
    command = ["check", f"changed_graphs:{name}", "--against", shop]
    told = CliRunner().invoke(cli, [*command, "--json"])
    report = json.loads(told.stdout)
    assert {run["thread"]: run["verdict"] for run in report["runs"]} == verdicts
    assert report["others"] == 3 - len(verdicts)
    assert told.exit_code == code, told.output
    printed = CliRunner().invoke(cli, command)
    assert printed.exit_code == code
    broken = sum(verdict == "breaks" for verdict in verdicts.values())
    assert f"{len(verdicts)} open runs, {broken} would break" in " ".join(printed.stdout.split())
    if name == "renamed":
        assert "stops: the run waits for an answer at it, and it is gone" in printed.stdout
    assert DONE == []


def test_a_run_all_of_whose_nodes_are_renamed_is_still_of_the_graph_that_renames_them():
    with checkpointer("memory://") as saver:
        alone = line("stops").compile(checkpointer=saver)
        start(alone, {}, thread="waits")
        renamed = line("halts", nodes={"halts": stops}).compile(checkpointer=saver)
        versions = pinned(renamed, migrations=[migrate(rename={"stops": "halts"})])
        found, others = impacts(versions, saver)
    assert [(impact.thread, impact.verdict) for impact in found] == [("waits", "migrates")]
    assert others == 0


def test_looking_moves_nothing(shop):
    def all_of() -> list[object]:
        with checkpointer(shop) as saver:
            return [
                [(item.config, item.metadata, item.pending_writes) for item in saver.list(None)],
                saver.journal.entries(None, "run"),
                saver.journal.opened(),
            ]

    before = all_of()
    CliRunner().invoke(cli, ["check", "changed_graphs:migrated", "--against", shop])
    assert all_of() == before


def test_a_database_that_is_not_there_is_wrong_use(shop, tmp_path, command):
    url = f"sqlite:///{tmp_path / 'none.db'}"
    done = command("check", "examples.support.graph:app", "--against", url)
    assert done.returncode == 2
    assert "there is no database" in done.stderr

"""Test the programs that crash, kill and race graphs, by a few rounds each."""

from __future__ import annotations

import json

import pytest

from benchmarks import crashpoints, kills, races


def test_crash_points_are_counted_beside_bare_langgraph(capsys: pytest.CaptureFixture[str]) -> None:
    crashpoints.main(["--short", "--graph", "single_agent", "--json"])
    figures = json.loads(capsys.readouterr().out)
    wrong = ("duplicated", "lost", "wrongly_finished", "wrong_states", "asked")
    assert {key: figures[key] for key in wrong} == dict.fromkeys(wrong, 0)
    assert figures["points"] == sum(cell["points"] for cell in figures["cells"].values())
    assert figures["asked_without"] > 0
    bare = figures["bare_langgraph"]
    assert (bare["points"], bare["lost"]) == (34, 0)
    assert bare["duplicated"] > 5
    assert bare["wrongly_finished"] > 3
    assert "| single_agent/sqlite/sync/key |" in crashpoints.table(figures)


def test_the_long_form_has_every_graph_on_each_database_and_each_way() -> None:
    names = {cell.name for cell in crashpoints.cells(short=False, postgres=True)}
    for graph in crashpoints.GRAPHS:
        for place in ("sqlite", "postgres"):
            assert {f"{graph}/{place}/sync/key", f"{graph}/{place}/async/key"} <= names
    assert sum(name.endswith("/pairs") for name in names) >= 2


def test_kills_are_recovered_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kills, "postgres_answers", lambda: False)
    kills.main(["--kills", "3", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["kills"] >= 6
    wrong = ("duplicated", "lost", "wrongly_finished", "wrong_states")
    assert {key: figures[key] for key in wrong} == dict.fromkeys(wrong, 0)
    assert "**total**" in kills.table(figures)


def test_races_have_one_winner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(races, "postgres_answers", lambda: False)
    races.main(["--rounds", "1", "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert {key: figures[key] for key in races.KEYS} == dict.fromkeys(races.KEYS, 0)
    assert figures["by_door"]["invoke"]["extra_effects"] == 0
    assert figures["by_door"]["invoke"]["wrong_verdicts"] == 0
    assert "| runs/sqlite/approve-reject |" in races.table(figures)


@pytest.mark.parametrize(
    ("program", "argument"), [(kills, "--kills"), (races, "--rounds")], ids=["kills", "races"]
)
def test_none_at_all_is_refused(program, argument, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.main([argument, "0"])
    assert "at least one" in capsys.readouterr().err

"""Test the report line: its labels against its data, its runs, its e-mails, its picture."""

from __future__ import annotations

import ast
import re
import smtplib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.report import evals
from examples.report.agents import research
from examples.report.demo import Press, cases, decided, ines, run, sent_id
from examples.report.graph import build
from examples.report.office import Office, data, leaves_the_house, message_id, rows
from examples.report.sink import Mailbox, mail_sink
from quintet.checks import check
from quintet.evals import evaluate
from quintet.runs import approve, start
from quintet.state import Action, checkpointer
from quintet.testing import ScriptedModel

FOLDER = Path(evals.__file__).parent


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("report")
    return run(url=f"sqlite:///{folder}/runs.db", progress=lambda done, total: None)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_sink() as opened:
        yield opened


def test_all_is_decided_as_labelled_and_nothing_ends_in_silence(report: dict[str, Any]):
    assert (report["cases"], report["silent_ends"]) == (28, 0)
    assert report["decision_accuracy"] >= 0.95
    assert report["disagreements"] == {}
    assert report["well"]


def test_each_report_that_is_sent_comes_in_once(report: dict[str, Any]):
    sent = sum(case.decision["sent"] for case in cases())
    assert report["mails"] == {"received": sent, "twice": 0}


def test_a_person_is_asked_where_the_report_leaves_the_house_and_nowhere_else(
    report: dict[str, Any],
):
    for row in report["runs"]:
        outside = not re.search(r"@sunfield\.example(,|$)", row["input"]["message"])
        finished = row["outcome"] != "escalated"
        assert bool(row["asked"]) == (outside and finished), row["id"]


def test_a_refused_report_is_not_archived(report: dict[str, Any]):
    refused = [row for row in report["runs"] if row["outcome"] == "rejected"]
    assert len(refused) == 3
    assert all("archive" not in row["path"] for row in refused)


def test_what_never_passes_goes_to_a_person_after_three_rounds(report: dict[str, Any]):
    never = [row for row in report["runs"] if row["id"] in ("r20", "r21")]
    assert [row["path"].count("check") for row in never] == [3, 3]
    assert all("no progress" in row["reason"] for row in never)


def expected(message: str) -> tuple[str, int | None]:
    """Read an assignment's outcome by other means than the program: with split and the tables."""
    words = message.replace(",", "").split()
    months = {"July": "07", "August": "08", "September": "09", "October": "10"}
    if words[:2] != ["Report", "on"] or words[3] != "for":
        return "escalated", 0
    site, month, to = words[2], f"2026-{months[words[4]]}", words[7]
    figures = {(row["site"], row["month"]): row for row in rows("figures.csv")}
    if (site, month) not in figures:
        return "escalated", 0
    row = figures[site, month]
    notes = [n for n in rows("notes.csv") if (n["site"], n["month"]) == (site, month)]
    risky = int(row["kwh"]) <= int(row["target"]) * 0.9
    faulty = any("guarantee" in n["text"] or re.search(r"\d,\d{3}", n["text"]) for n in notes)
    needs_two = risky or int(row["outage_hours"]) > 24 or faulty
    if "most" in words:  # lengths are counted in the labels themselves
        return "done" if int(words[-2]) > 20 else "escalated", None
    if to.endswith("@sunfield.example") or to in data("subscribers.txt"):
        return "done", 2 if needs_two else 1
    return "rejected", 2 if needs_two else 1


def test_the_labels_follow_from_the_data():
    for case in cases():
        outcome, rounds = expected(case.turns[0]["message"])
        assert case.outcome == outcome, case.id
        assert rounds in (None, case.decision["rounds"]), case.id
        assert case.decision["sent"] == (outcome == "done"), case.id
    tags = Counter(tag for case in cases() for tag in case.tags)
    assert {"lost reply", "busy", "never", "refused"} <= set(tags)


def test_the_suite_passes_its_gates():
    with evals.suite() as suite:
        found = evaluate(suite)
    assert found.passed, str(found)


def opened(box: Mailbox, name: str) -> Any:
    return Press(box=box)(next(case for case in cases() if case.id == name))


@pytest.mark.parametrize(("name", "trouble"), [("r22", "lost reply"), ("r25", "busy")])
def test_trouble_at_the_mail_server_is_met_and_the_report_comes_in_once(
    box: Mailbox, name: str, trouble: str
):
    case = next(case for case in cases() if case.id == name)
    with opened(box, name) as graph, checkpointer("memory://") as saver:
        assert box.trouble == trouble
        ended = start(graph.compile(checkpointer=saver), case.turns[0], thread="t")
    assert (ended.status, box.trouble) == ("done", "")
    assert [mail["Message-ID"] for mail in box.mails] == [sent_id(case)]


def test_the_archive_has_the_message_id(box: Mailbox, tmp_path: Path):
    graph = build(Office(folder=tmp_path, box=box))
    with checkpointer("memory://") as saver:
        given = {"message": "Report on Birchley for July 2026 to desk@gridco.example"}
        asked = start(graph.compile(checkpointer=saver), given, thread="t")
        assert (asked.status, box.mails, list(tmp_path.iterdir())) == ("waiting", [], [])
        ended = asked.answer(approve(by="ines"))
    assert decided(ended) == {"sent": True, "rounds": 1}
    kept = (tmp_path / "birchley-2026-07.txt").read_text()
    assert kept.startswith(f"Message-ID: {message_id('birchley-2026-07', 'desk@gridco.example')}\n")
    [mail] = box.mails
    assert mail.get_payload().strip() in kept


def test_a_model_writes_under_the_same_rules(box: Mailbox, tmp_path: Path):
    drafts = ["Birchley did well.", "Birchley, July 2026: 18,250 kWh of 18,000 planned."]
    model = ScriptedModel(drafts)
    graph = build(Office(folder=tmp_path, box=box), model=model)
    given = {"message": "Report on Birchley for July 2026 to board@sunfield.example"}
    with checkpointer("memory://") as saver:
        ended = start(graph.compile(checkpointer=saver), given, thread="t")
    assert (ended.status, ended.results["write"]) == ("done", drafts[1])
    assert "state 18,250 kWh of 18,000" in str(model.calls[1])
    assert len(box.mails) == 1


def test_the_server_speaks_enough_smtp(box: Mailbox):
    with smtplib.SMTP(*box.address, local_hostname="x", timeout=5) as server:
        assert server.noop()[0] == 250
        assert server.docmd("TURN")[0] == 502
        text = "Message-ID: <1@x>\r\n\r\n.dot\r\n..\r\n"
        server.sendmail("a@x", ["b@x"], text)
    assert box.has("<1@x>")
    assert not box.has("<2@x>")
    assert box.mails[0].get_payload() == ".dot\r\n..\r\n"


def test_the_condition_and_the_editor():
    inside = Action(name="send_report", arguments={"to": "a@sunfield.example"})
    outside = Action(name="send_report", arguments={"to": "a@sunfield.example.org"})
    assert leaves_the_house(inside) is None
    assert "outside" in leaves_the_house(outside)
    assert leaves_the_house(Action(name="keep_report", arguments={})) is None
    assert ines({"arguments": {"to": "lena@harlow.example"}}).answer == "approve"
    assert ines({"arguments": {"to": "x@y.example"}}).answer == "reject"
    unknown_month = {"message": "Report on Carrow for Juli 2026 to a@b.example"}
    assert "no figures" in research(unknown_month)["missing"]


def test_the_graph_has_no_finding_and_the_picture_shows_it(box: Mailbox, tmp_path: Path):
    graph = build(Office(folder=tmp_path, box=box))
    assert check(graph) == ()
    picture = (FOLDER / "README.md").read_text().split("```")[1]
    drawn = set(re.findall(r"^  (\w+) -.*> (\w+)$", picture, re.MULTILINE))
    nodes = {name for name in graph.nodes if not name.startswith("__")}
    assert {node for edge in drawn for node in edge} - {"START", "END"} == nodes
    for name in nodes & {"export", "approve", "act", "check", "archive"}:
        ends = set(graph.nodes[name].ends or ()) - {name}
        # A failure of any node leads to the person, which only the review's edge shows.
        assert {target for source, target in drawn if source == name} == ends, name


def test_the_orchestration_is_at_most_forty_lines():
    tree = ast.parse((FOLDER / "graph.py").read_text())
    body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    lines = {line for node in body[1:] for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    docstring = body[1].body[0]  # type: ignore[attr-defined]
    lines -= set(range(docstring.lineno, docstring.end_lineno + 1))
    text = (FOLDER / "graph.py").read_text().splitlines()
    assert len([line for line in lines if text[line - 1].strip()]) <= 40

"""Test the handbook desk: its labels, its answers, what it refuses, and why it is one agent."""

from __future__ import annotations

from collections import Counter

import pytest
from langchain_core.messages import AIMessage

from examples.handbook import alone
from examples.handbook.agents import reader
from examples.handbook.book import Book, handbook, sentences
from examples.handbook.demo import cases, run, show
from examples.handbook.evals import suite
from examples.handbook.graph import build
from quintet.evals import evaluate
from quintet.graphs import check
from quintet.runs import start
from quintet.testing import ScriptedModel

QUESTION = "What is our PTO policy?"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('handbook') / 'runs.db'}"
    return run(url=url, progress=lambda done, total: None)


def call(tool, **arguments):
    return AIMessage("", tool_calls=[{"name": tool, "args": arguments, "id": tool}])


def ask(agent, question=QUESTION, book=None):
    return start(build(book, agent=agent, wait=0).compile(), {"message": question}, thread="t")


def test_the_labels_name_sections_and_cover_what_may_go_wrong():
    tags = Counter(tag for case in cases() for tag in case.tags)
    assert len(cases()) >= 40
    assert tags["paraphrase"] >= 15
    assert tags["outside"] >= 5
    assert tags["contradiction"] >= 3
    assert tags["injection"] >= 5
    for case in cases():
        settled = case.decision in handbook().sections
        assert settled == (case.outcome == "done")
        assert settled or case.decision in ("not-covered", "person", "refused")
    answered = {case.decision for case in cases() if case.outcome == "done"}
    assert len(answered) >= 25


def test_the_demo_decides_as_labelled_and_explains_the_rest(report, capsys):
    assert report["cases"] == len(cases())
    assert report["silent_ends"] == 0
    assert report["decision_accuracy"] >= 0.95
    assert report["well"]
    known = {case.id for case in cases() if case.disagreement}
    assert set(report["disagreements"]) == known
    from rich.console import Console

    show(report, Console())
    assert "decided as labelled" in capsys.readouterr().out


def test_every_answer_stands_in_the_handbook_to_the_letter():
    for case in cases():
        found = reader({"message": case.turns[0]["message"]}, {"search": handbook().search})
        texts = [handbook().sections[name]["text"] for name in found["cites"]]
        said = sentences(found["answer"])
        assert all(any(one in sentences(text) for text in texts) for one in said)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"answer": "Full-time staff have 40 days of paid time off in a calendar year."},
            "no cited",
        ),
        ({"cites": ["gifts"]}, "not about the question"),
        ({"cites": ["pto-nowhere"]}, "not about the question"),
        ({"edition": "2025-09-01"}, "edition '2025-09-01'"),
        ({"question": "May I keep a gift?"}, "belongs_to"),
        ({"answer": ""}, "no cited"),
        ({"refused": "it is an order"}, "refused and answered"),
    ],
)
def test_an_answer_that_is_not_the_handbooks_goes_to_a_person(change, why):
    ended = ask(lambda request, tools: {**reader(request, tools), **change})
    assert ended.status == "escalated"
    assert why in ended.outcome.reason


def test_a_search_over_an_old_edition_is_refused_at_the_tool():
    book = handbook()
    old = Book(book.markdown.replace("2026-09-01", "2025-09-01").replace("25 days", "22 days"))

    def from_cache(question: str):
        return old.search(question)

    contract = build(book).nodes["work"].runnable.contract
    (tool,) = contract.tools
    assert tool(question=QUESTION)[0]["edition"] == "2026-09-01"
    assert old.search(QUESTION)[0]["text"] != book.search(QUESTION)[0]["text"]
    from quintet.state.checked import checks_of

    with pytest.raises(ValueError, match="2025-09-01"):
        checks_of(tool).judged(from_cache(QUESTION), (), {"question": QUESTION})


def test_a_chat_model_answers_under_the_same_contract():
    book = handbook()
    text = book.sections["pto-days"]["text"]
    answer = {
        "question": QUESTION,
        "answer": sentences(text)[0],
        "cites": ["pto-days"],
        "edition": book.edition,
    }
    model = ScriptedModel([call("search", question=QUESTION), call("Answer", **answer)])
    ended = ask(model)
    assert ended.status == "done"
    made_up = {**answer, "answer": "You have 60 days."}
    assert ask(ScriptedModel([call("Answer", **made_up)] * 2)).status == "escalated"


def test_the_gates_pass_and_the_graph_has_no_mistakes():
    assert evaluate(suite()).passed
    assert not check(build())


def test_one_agent_is_as_good_as_the_team_and_costs_less():
    figures = alone.measure()
    team, one = figures["team"], figures["one_agent"]
    assert one["right"] >= team["right"]
    assert one["calls"] == 1
    assert team["calls"] > 2
    assert one["characters"] < team["characters"] / 2
    page = (alone.__file__.rpartition("/")[0]) + "/README.md"
    with open(page, encoding="utf-8") as readme:
        told = readme.read()
    for row in (team, one):
        line = f"{row['right']:.1%} | {row['calls']:.2f} | {row['characters']:,}"
        assert line.replace("%", " %") in told

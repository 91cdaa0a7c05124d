"""Test the research desk: its labels, its citations, its sandbox, and a model that drives it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from examples.research import demo
from examples.research.contracts import Terms
from examples.research.evals import suite
from examples.research.graph import build
from examples.research.library import library
from examples.research.sandbox import NotRun, check, compute, unchecked
from examples.research.words import figures, in_figures
from quintet.evals import evaluate
from quintet.graphs import check as checked
from quintet.runs import start
from quintet.state import checkpointer
from quintet.testing import ScriptedModel

BOOKS = library()


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return demo.run(url="memory://", progress=lambda done, of: None)


def test_the_desk_decides_as_labelled(report):
    assert report["cases"] == 39
    assert report["silent_ends"] == 0
    assert report["decision_accuracy"] >= 0.95, report["disagreements"]
    assert report["well"]


def test_nothing_is_invented(report):
    for row in report["runs"]:
        if row["expected"] in ("refused", "conflict"):
            assert row["outcome"] in ("rejected", "escalated"), row["id"]


def test_the_labels_stand_in_the_documents():
    """Hold each label to the documents by rules that the desk does not use."""
    texts = {name: passage.text for name, passage in BOOKS.passages.items()}
    everything = " ".join(texts.values())
    for case in demo.cases():
        if case.id.startswith("r"):
            assert case.decision in texts, case.id
        if case.id.startswith("n"):  # computed: it stands nowhere
            assert not re.search(
                rf"(?<![\d,.]){re.escape(case.decision)}(?![\d,.])", everything
            ) or (case.decision in ("5", "55")), case.id
    assert {c.outcome for c in demo.cases()} == {"done", "escalated", "rejected"}
    assert len(demo.cases()) >= 30
    assert len({p.document for p in BOOKS.passages.values()}) >= 12


@pytest.mark.parametrize("way", ["lookup", "numeric"])
def test_an_answer_cites_what_it_says(way):
    questions = {
        "lookup": "How many visits did Harbour have in 2024?",
        "numeric": "How many loans did Central and Harbour make together in 2024?",
    }
    app = build().compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": questions[way]})
    assert ended.status == "done", ended
    for sentence in ended.results["manager"]["sentences"]:
        assert Terms(BOOKS).is_cited(sentence) is None
    assert checked(build()) == ()


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ({"text": "Harbour had 48,900 visits in 2024.", "cites": []}, "cites nothing"),
        ({"text": "Harbour had 48,900 visits in 2024.", "cites": ["annual#9"]}, "annual#9"),
        ({"text": "Harbour had 50,000 visits in 2024.", "cites": ["annual-2024#1"]}, "50000"),
        ({"text": "The budget was 9,000,000 crowns.", "cites": ["budget-2024#1"]}, "9000000"),
        ({"text": "Harbour had visits by ghosts.", "cites": ["annual-2024#1"]}, "says more"),
        (
            {"text": "The sum is 7.", "cites": ["annual-2024#1"], "code": "print(3 + 4)"},
            "stand in no passage",
        ),
        (
            {
                "text": "The sum is 9.",
                "cites": ["annual-2024#1"],
                "code": "print(sum([48900, 43700]))",
            },
            "stand in no passage",
        ),
    ],
)
def test_what_is_not_in_a_passage_is_refused(sentence, why):
    assert why in str(Terms(BOOKS).is_cited(sentence))


def test_every_single_figure_that_is_changed_is_caught():
    app = build().compile(checkpointer=checkpointer("memory://"))
    terms = Terms(BOOKS)
    for case in demo.cases()[:6]:
        answer = start(app, case.turns[0]).results["manager"]
        for sentence in answer["sentences"]:
            for figure in figures(sentence["text"]):
                wrong = sentence["text"].replace(in_figures(figure), in_figures(figure + 7))
                assert terms.is_cited({**sentence, "text": wrong}) is not None


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "open('/etc/passwd')",
        "print(__import__('os'))",
        "print((1).__class__)",
        "while True: pass",
        "print('x' * 9)\nprint(",
        "print(" + "1+" * 5000 + "1)",
    ],
)
def test_more_than_arithmetic_is_refused_before_it_runs(code):
    with pytest.raises(NotRun):
        check(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import socket", "import"),  # not among what the child may call
        ("while True: pass", "calculation (failed|took)"),  # the first limit that it meets
        ("x = [0] * (1 << 40)", "MemoryError"),
        ("print('seven')", "printed"),
        ("print(1 / 0)", "ZeroDivisionError"),
    ],
)
def test_the_process_is_held_even_where_the_check_would_let_it_through(code, words):
    with pytest.raises(NotRun, match=words):
        unchecked(code)


ESCAPE = """
def walk(kind):
    yield kind
    for inner in kind.__subclasses__():
        if inner.__name__ != "type":
            yield from walk(inner)
opened = [kind for kind in walk(().__class__.__base__) if kind.__name__ == "FileIO"][0]
print(opened("/etc/hostname").read())
"""
"""Find the class by which files are opened, past all names that are withheld."""


def test_the_process_can_open_nothing():
    with pytest.raises(NotRun, match="Too many open files"):
        unchecked(ESCAPE)
    with pytest.raises(NotRun, match="not allowed"):
        check(ESCAPE)


def test_a_calculation_gives_its_number():
    assert compute("numbers = [1, 2.5]\nprint(sum(numbers) / len(numbers) * 2)") == 3.5


def test_the_suites_gates_pass():
    assert evaluate(suite()).passed


def script(messages: Any) -> Any:
    """Drive the desk as a model: by the instructions that each member gets."""
    told, last = messages[0].text, messages[-1]
    question = "How many visits did Harbour have in 2024?"
    cited = {"text": "Harbour had 48,900 visits in 2024.", "cites": ["annual-2024#1"]}
    if told.startswith("Answer the question"):
        if "check" in last.text:
            return {"answer": {"question": question, "sentences": [cited]}}
        names = {"find": "evidence"} if last.text == question else {"check": "fact_checker"}
        return {
            "steps": [
                {
                    "id": name,
                    "goal": question,
                    "assignee": to,
                    "after": ["find"] * (name == "check"),
                }
                for name, to in names.items()
            ]
        }
    if told.startswith("Find the sentences"):
        if "pick" in last.text:
            return {"answer": {"question": question, "sentences": [cited]}}
        search = {"id": "search", "goal": question, "assignee": "searcher"}
        pick = {"id": "pick", "goal": question, "assignee": "summariser", "after": ["search"]}
        return {"steps": [search, pick]}
    if told.startswith("Pick"):
        if last.type != "tool":
            return {"name": "read_passage", "args": {"name": "annual-2024#1"}}
        return {"name": "Evidence", "args": {"question": question, "sentences": [cited]}}
    return {"name": "Answer", "args": {"question": question, "sentences": [cited]}}


def test_a_model_drives_it_under_the_same_contracts():
    model = ScriptedModel(script)
    app = build(model=model).compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": "How many visits did Harbour have in 2024?"})
    assert ended.status == "done", ended
    assert ended.results["manager"]["sentences"][0]["cites"] == ["annual-2024#1"]


def test_a_model_that_invents_is_not_believed():
    def lies(messages: Any) -> Any:
        if messages[0].text.startswith("Answer the question"):
            made_up = {"text": "The budget is 9,000,000 crowns.", "cites": ["letter-reader#1"]}
            return {"answer": {"sentences": [{**made_up, "cites": ["budget-2024#1"]}]}}
        return script(messages)

    app = build(model=ScriptedModel(lies)).compile(checkpointer=checkpointer("memory://"))
    ended = start(app, {"message": "What did the council give the libraries for 2024?"})
    assert ended.status == "escalated", ended


def test_the_orchestration_is_short():
    source = Path("examples/research/graph.py").read_text("utf-8")
    body = re.sub(r'"""[\s\S]*?"""', "", source)
    lines = [line for line in body.splitlines() if line.strip() and "import" not in line]
    assert len([line for line in lines if not line.strip().startswith("#")]) <= 45


def test_the_cases_are_data():
    path = Path("examples/research/data/cases.jsonl")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == len(rows)

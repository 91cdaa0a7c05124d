"""Test suites in YAML: what they declare is what Python would, and each mistake is named."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from quintet.errors import DesignError
from quintet.evals import Gate, Suite, evaluate, open_suite
from quintet.evals.metrics import STANDARD, eaurc, pass_hat_k
from quintet.evals.reading import suite_file
from quintet.state import Budget

DESK = """
from contextlib import contextmanager
from quintet.evals import Case, Trajectory

events = []

def target(case):
    return Trajectory(route="a" if "x" in case.input else "b", status="done")

@contextmanager
def opened():
    events.append("open")
    yield target
    events.append("closed")

def helped(case, trajectory):
    return trajectory.route == "a"

def longer(than=1):
    def longer(case, trajectory):
        return len(case.input) > than
    return longer

def make(record):
    return Case(input=record["q"], route=record["is"])

def several():
    return [longer(), helped]

def broken(than):
    raise ValueError("no such length")

number = 3
"""

WHOLE = """
name: front
target: desk.py:target
cases:
  - {input: x1, route: a}
  - input: y1
    route: [b, c]
    tags: [late]
metrics:
  - eaurc
  - pass_hat_k: {k: 2, label: route}
  - desk.py:helped
  - desk.py:longer: {than: 1}
  - router_metrics: {people: [boss]}
gates:
  - {metric: routing_accuracy, at_least: 0.1}
  - {metric: silent_ends, none: true}
  - {metric: helped, at_most: 1}
confidence: 0.9
seed: 4
limit: {seconds: 5, tokens: 100}
max_errors: 3
repeats: 2
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand beside the suite's folder, so that nothing is found by the working directory."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "desk.py").write_text(DESK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    yield tmp_path / "suites"
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def opened(folder, text, name="front.yaml"):
    (folder / name).write_text(text)
    with open_suite(f"suites/{name}") as suite:
        return suite


def refused(folder, text):
    with pytest.raises(DesignError) as caught:
        opened(folder, text)
    return str(caught.value)


def test_every_field_of_a_suite_can_be_declared(here):
    suite = opened(here, WHOLE)
    assert set(suite_file.SUITE) == {item.name for item in fields(Suite)}
    assert (suite.name, suite.confidence, suite.seed) == ("front", 0.9, 4)
    assert (suite.limit, suite.max_errors, suite.repeats) == (Budget(seconds=5, tokens=100), 3, 2)
    assert [case.route for case in suite.cases] == [("a",), ("b", "c")]
    assert suite.gates[0] == Gate(metric="routing_accuracy", at_least=0.1)
    names = [metric.name for metric in suite.metrics]
    assert names[:4] == ["eaurc", "pass_hat_2_route", "helped", "longer"]
    assert suite.metrics[0] is eaurc
    assert "selective_accuracy" in names


def test_it_gives_the_figures_of_the_same_suite_in_python(here):
    declared = evaluate(opened(here, WHOLE))
    suite = opened(here, WHOLE)
    plain = Suite(
        cases=suite.cases,
        target=suite.target,
        metrics=(pass_hat_k(2, label="route"),),
        confidence=0.9,
    )
    written = evaluate(plain, repeats=2)
    assert len(declared.rows) == 4
    for name in ("all_labels", "routing_accuracy", "pass_hat_2", "pass_hat_2_route"):
        assert str(declared[name]) == str(written[name])
    assert declared.passed


def test_the_number_of_runs_that_is_asked_for_comes_before_the_files(here):
    assert len(evaluate(opened(here, WHOLE), repeats=1).rows) == 2


def test_a_name_left_out_is_the_files(here):
    assert opened(here, "cases: []").name == "front"


def test_a_target_is_kept_open_while_the_suite_is(here):
    (here / "front.yml").write_text("target: desk.py:opened\ncases: [{input: x}]")
    with open_suite("suites/front.yml") as suite:
        desk = sys.modules[suite.target.__module__]
        assert desk.events == ["open"]
        assert suite.target is desk.target
    assert desk.events == ["open", "closed"]


def test_a_module_beside_the_file_is_found(here):
    (here / "ymodule.py").write_text(DESK)
    suite = opened(here, "target: ymodule:target\ncases: [{input: x, route: a}]")
    assert evaluate(suite)["routing_accuracy"].value == 1


@pytest.mark.parametrize(
    ("name", "content", "cases"),
    [
        ("c.csv", "input,route\nx,a\n", "c.csv"),
        ("c.jsonl", '{"q": "x", "is": "a"}\n', "{path: c.jsonl, fields: {input: q, route: is}}"),
        ("c.jsonl", '{"q": "x", "is": "a"}\n', "{path: c.jsonl, make: 'desk.py:make'}"),
        ("c.csv", "x,a\n", "{path: c.csv, fields: [input, route]}"),
        ("c.yaml", "- {input: x, route: a}\n", "c.yaml"),
    ],
)
def test_cases_come_from_a_file_beside_it(here, name, content, cases):
    (here / name).write_text(content)
    [case] = opened(here, f"target: desk.py:target\ncases: {cases}").cases
    assert (case.input, case.route) == ("x", ("a",))


def test_all_mistakes_are_told_in_the_order_of_their_lines(here):
    text = """\
nmae: front
target: desk.py:target
cases:
  - {inputs: x, route: a}
metrics: [eaurcc, pass_hat_k: 3]
gates:
  - {metric: routing_accuracy, at_least: "0.1"}
  - {metrics: x}
  - {metric: x, at_least: 1, at_most: 2}
limit: {secnds: 5}
repeats: true
max_errors:
"""
    lines = refused(here, text).splitlines()
    assert lines[0] == f"{Path('suites/front.yaml')} has 12 mistakes:"
    numbers = [int(re.findall(r"line (\d+)", line)[0]) for line in lines[1:]]
    assert numbers == [1, 4, 4, 5, 5, 7, 8, 8, 9, 10, 11, 12]
    told = "\n".join(lines)
    assert "unknown key 'nmae' (did you mean 'name'?)" in told
    assert "unknown field 'inputs' (did you mean 'input'?)" in told
    assert "is named 'eaurcc' (did you mean 'eaurc'?)" in told
    assert "at_least='0.1': give a number" in told
    assert "unknown key 'metrics' (did you mean 'metric'?)" in told
    assert "give one of at_least=..., at_most=... or none=True" in told
    assert "unknown key 'secnds' (did you mean 'seconds'?)" in told
    assert "repeats=True: give a whole number" in told
    assert "max_errors=None: give a whole number, 1 or more, or leave the key out" in told


TARGET = "target: desk.py:target\n"
CASES = "cases: [{input: x, route: a}]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "front.yaml is empty; give a suite"),
        ("# nothing\n", "line 1: None is no object; give one of name, target"),
        ("- {input: x}\n", "line 1: .* is no object"),
        ("a: 1\na: 2\n", "front.yaml, line 2: field 'a' stands twice"),
        ("name: x\n---\nname: y\n", "is no YAML that can be read"),
        ("target: !!python/name:os.system\n", "is no YAML that can be read"),
        ("name: &a [*a]\n", r"line 1: name=\[\[...\]\]: give a text"),
        (CASES, "line 1: no target to run the cases on"),
        ("target: desk.py:taget\n" + CASES, r"line 1: target: .*did you mean 'target'\?"),
        ("target: dsk.py:target\n" + CASES, r"there is no file .*did you mean 'desk.py'\?"),
        ("target: desk.py\n" + CASES, "'desk.py' names nothing; give FILE.py:NAME"),
        ("target: nowhere.at.all:x\n" + CASES, "there is no module 'nowhere.at.all'"),
        ("target: desk.py:number\n" + CASES, "target='desk.py:number': int is no target"),
        (TARGET + "cases: c.csv\n", "line 2: cases: there is no file .*c.csv"),
        (TARGET + "cases: {fields: {input: q}}\n", "line 2: cases: no path in"),
        (TARGET + "cases: {path: desk.py}\n", "line 2: cases: .*name the file so"),
        (TARGET + "cases: [x]\n", "line 2: 'x' is no object; give one with an input"),
        (TARGET + "cases: [{input: no}]\n", 'line 2: input: no is no text .*quotes, "no"'),
        (TARGET + "cases:\n- {id: 007, input: x}\n", "line 3: id: 007 is no text in YAML"),
        (TARGET + CASES + "gates: [{metric: all_labels, at_least: 95}]", "give a share from 0 to"),
        (
            TARGET + CASES + "metrics: ['desk.py:helped', desk.py:longer: {than: 2}, "
            "desk.py:longer: {than: 3}]",
            "two metrics have the name 'longer'",
        ),
        (TARGET + "cases:\n- {input: x}\n- {input: x}\n", "line 4: the same input as line 3"),
        (
            TARGET + CASES + "gates: [{metric: rout_accuracy, none: true}]",
            "line 3: gates: .*is 'rou",
        ),
        (TARGET + CASES + "gates: [3]", "line 3: gates: 3 is no object"),
        (TARGET + CASES + "limit: {tokens: -1}", "line 3: limit: .*zero or more"),
        (TARGET + CASES + "limit: {money: .nan}", "line 3: limit: money=nan: give a number"),
        (TARGET + CASES + "confidence: 2", r"front.yaml: Suite\(confidence=2\)"),
        (TARGET + CASES + "metrics: [7]", "line 3: metrics: 7 is no metric"),
        (TARGET + CASES + "metrics: [pass_hat_k: {j: 2}]", "missing a required argument: 'k'"),
        (TARGET + CASES + "metrics: [pass_hat_k]", "missing a required argument: 'k'"),
        (TARGET + CASES + "metrics: [pass_hat_k: {k: yes}]", "give a whole number"),
        (TARGET + CASES + "metrics: [eaurc: {k: 2}]", "eaurc takes no parameters; leave out k"),
        (TARGET + CASES + "metrics: ['desk.py:number']", "desk.py:number: 3 is no metric"),
        (TARGET + CASES + "metrics: ['desk.py:helpd']", r"did you mean 'helped'\?"),
        (TARGET + CASES + "metrics: [desk.py:broken: {than: 2}]", "desk.py:broken: no such length"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_remedy(here, text, said):
    told = refused(here, text)
    assert "front.yaml" in told
    assert re.search(said, told), told


def test_what_yaml_leaves_as_it_is_written_is_taken(here):
    text = TARGET + 'cases: [{input: "no"}, {input: 1042, escalate: yes}, {id: 7, input: "007"}]'
    suite = opened(here, text)
    assert [case.input for case in suite.cases] == ["no", 1042, "007"]
    assert (suite.cases[1].escalate, suite.cases[2].id) == (True, "7")


def test_a_function_without_arguments_makes_metrics(here):
    suite = opened(here, "metrics: ['desk.py:several']")
    assert [metric.name for metric in suite.metrics] == ["longer", "helped"]


def test_a_gate_on_every_run_of_a_case_is_left_to_the_evaluation(here):
    text = TARGET + CASES + "gates: [{metric: pass_hat_3, at_least: 0.01}]"
    assert evaluate(opened(here, text), repeats=3).passed
    with pytest.raises(DesignError, match="it needs repeats=3"):
        evaluate(opened(here, text))


def test_a_part_that_came_by_an_alias_is_told_at_the_place_that_uses_it(here):
    text = "gates:\n- &a {metric: x, none: true}\n- {<<: *a, nonne: 3}\n"
    assert "line 3: gates: unknown key 'nonne' (did you mean 'none'?)" in refused(here, text)


def test_every_ready_made_metric_can_be_named(here):
    names = "\n".join(f"- {metric.name}" for metric in STANDARD)
    assert len(opened(here, f"cases: []\nmetrics:\n{names}\n").metrics) == len(STANDARD)
    makers = "abstention_metrics", "router_metrics", "risk_at_coverage", "coverage_at_risk"
    assert len(opened(here, f"metrics: [{', '.join(makers)}]").metrics) == 4 + 11 + 2


def test_the_suite_on_the_page_is_one(here):
    page = Path(suite_file.__file__).parents[3] / "docs" / "evaluate.md"
    [text] = re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    (here / "desk.py").write_text(f"{DESK}\napp, polite = target, helped\n")
    suite = opened(here, text)
    assert len(suite.cases) == len(suite.gates) == suite.repeats == 2
    assert [metric.name for metric in suite.metrics] == ["eaurc", "pass_hat_2_route", "helped"]

"""A fingerprint is the same wherever the graph is built, and another where the graph is another."""

from __future__ import annotations

import json
import operator
import os
import subprocess
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, NotRequired, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypeAliasType, TypedDict

from quintet.runs.versions.fingerprint import digest_of, effects_in, fingerprint, gates_in
from quintet.runs.versions.held import Held
from quintet.runs.versions.hints import alternatives, fields_of, type_text
from quintet.runs.versions.judge import judge
from quintet.runs.versions.renaming import rename_graph
from quintet.state.record import canonical, plain
from tests.runs.versions import Line, around, desk, line

ROOT = Path(__file__).parents[2]
Money = NewType("Money", float)
Alias = TypeAliasType("Alias", int | str)


class Tree(TypedDict):
    name: str
    below: NotRequired[list[Tree]]


@dataclass
class Point:
    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


class Model(BaseModel):
    a: int
    b: str = ""


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (None, "None"),
        (Any, "Any"),
        (Optional[int], "None | int"),  # noqa: UP045 - the older spelling is what is tested
        (int | None, "None | int"),
        (Union[str, int], "int | str"),  # noqa: UP007 - as above
        (list[int], "list[int]"),
        (dict[str, Any], "dict[str, Any]"),
        (Literal["b", "a"], "Literal['a', 'b']"),
        (Annotated[int, operator.add], "int"),
        (NotRequired[int], "int"),
        (Callable[[int], str], "Callable[[int], str]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Money, "float"),
        (Alias, "int | str"),
        (Tree, "Tree{below?: list[Tree], name: str}"),
        (Point, "Point{tags?: list[str], x: int, y?: int}"),
        (Model, "Model{a: int, b?: str}"),
        (typing.TypeVar("T"), "T"),
        ("Later", "Later"),
        (typing.ForwardRef("Later"), "Later"),
    ],
)
def test_a_type_is_written_the_same_way_however_it_is_spelt(hint, text):
    assert type_text(hint) == text


def test_a_field_that_may_be_missing_is_told_under_postponed_annotations():
    assert [must for _, must in fields_of(Tree).values()] == [True, False]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("int", {"int"}),
        ("None | list[int | str]", {"None", "list[int | str]"}),
        ("Literal['a', 'b']", {"'a'", "'b'"}),
        ("A{x: int | str} | None", {"A{x: int | str}", "None"}),
    ],
)
def test_a_union_is_split_into_its_alternatives(text, parts):
    assert alternatives(text) == parts


def described() -> str:
    graphs = [line(), around(line()), desk(others=("shipping",))]
    return canonical([[digest_of(g.compile()), fingerprint(g.compile())] for g in graphs])


def test_it_is_plain_data_and_the_same_in_every_process():
    said = described()
    assert plain(json.loads(said)) == json.loads(said)
    code = "from tests.runs.test_fingerprint import described; print(described())"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == said
    assert " at 0x" not in said


def test_a_desk_names_its_effects_and_gates():
    graph = fingerprint(desk(gate="second").compile())
    assert effects_in(graph) == {"pay": {"key": "pay:{amount}", "takes": {"amount": "float"}}}
    assert gates_in(graph) == {"second"}
    assert graph["nodes"]["billing"]["kind"] == "Worker"
    nested = StateGraph(Line).add_node("desk", desk().compile()).add_edge(START, "desk").compile()
    assert gates_in(fingerprint(nested)) == {"approval"}


def test_what_an_effect_is_called_by_counts():
    def by(amount: float) -> str:
        return str(amount)

    digests = {
        digest_of(graph.compile())
        for graph in (
            desk(),
            desk(key="p:{amount}"),
            desk(key=by),
            desk(gate="g"),
            desk(worker="w"),
        )
    }
    assert len(digests) == 5


names = st.sampled_from("abcdefgh")


@st.composite
def graphs(draw: Any) -> StateGraph[Any]:
    """Draw a graph whose nodes are all reached."""
    nodes = draw(st.lists(names, min_size=2, max_size=6, unique=True))
    graph: StateGraph[Any] = StateGraph(Line)
    for node in nodes:
        graph.add_node(node, lambda state: {})
    graph.add_edge(START, nodes[0])
    for at, node in enumerate(nodes[1:], start=1):
        before = draw(st.sampled_from(nodes[:at]))
        if draw(st.booleans()):
            graph.add_edge(before, node)
        else:

            def path(state: Line) -> str:
                return END

            path.__name__ = f"to_{node}"
            graph.add_conditional_edges(before, path, [node, END])
    graph.add_edge(nodes[-1], END)
    return graph


def at_node(graph: dict[str, Any], node: str) -> Held:
    return Held(stored=None, pending=(node,), ran=frozenset(graph["nodes"]))  # type: ignore[arg-type]


@given(graphs(), st.data())
def test_a_graph_differs_in_nothing_from_itself(graph, data):
    old = fingerprint(graph.compile())
    held = at_node(old, data.draw(st.sampled_from(sorted(old["nodes"]))))
    assert judge(old, old, held) == []


@given(graphs(), st.data())
def test_a_renamed_pending_node_always_breaks_and_a_rename_undoes_it(graph, data):
    old = fingerprint(graph.compile())
    node = data.draw(st.sampled_from(sorted(old["nodes"])))
    new = rename_graph(old, {node: "other"})
    breaks = [difference for difference in judge(old, new, at_node(old, node)) if difference.breaks]
    assert node in {difference.at for difference in breaks}
    assert rename_graph(new, {"other": node}) == rename_graph(old, {})


@given(graphs(), st.data())
def test_a_node_added_behind_the_pending_one_never_breaks(graph, data):
    old = fingerprint(graph.compile())
    node = data.draw(st.sampled_from(sorted(old["nodes"])))
    new = {
        **old,
        "nodes": {**old["nodes"], "extra": {"kind": "function"}},
        "edges": sorted([*old["edges"], [node, "extra"], ["extra", END]]),
    }
    assert [each for each in judge(old, new, at_node(old, node)) if each.breaks] == []


@given(graphs(), st.data())
def test_a_node_added_before_all_others_always_breaks(graph, data):
    old = fingerprint(graph.compile())
    node = data.draw(st.sampled_from(sorted(old["nodes"])))
    [first] = [end for start, end in old["edges"] if start == START]
    edges = [[s, e] for s, e in old["edges"] if s != START]
    new = {
        **old,
        "nodes": {**old["nodes"], "gate": {"kind": "function"}},
        "edges": sorted([*edges, [START, "gate"], ["gate", first]]),
    }
    breaks = [each.at for each in judge(old, new, at_node(old, node)) if each.breaks]
    assert "gate" in breaks

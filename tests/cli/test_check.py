"""Test `quintet check`: how a graph is named, what is printed, and the exit code."""

import json
import re
import sys

import pytest
from click.testing import CliRunner

from quintet.cli.check import load_graph
from quintet.cli.main import cli
from quintet.state import DesignError

GRAPHS = """
from functools import partial
from typing import Any
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    word: str


def say(state: State) -> dict[str, Any]:
    return {"word": "hello"}


def lose(state: State) -> Command[str]:
    return Command(goto="biling")


def line(node: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("first", node)
    graph.add_edge(START, "first")
    return graph


def made() -> Any:
    return line(say)


async def awaited() -> Any:
    return line(say)


class Maker:
    def made(self) -> Any:
        return line(say)


def early(state: State) -> dict[str, Any]:
    open("note.txt", "a").close()
    return {"word": interrupt("which word?")}


clean = line(say)
compiled = clean.compile()
lost = line(lose)
asks = line(early)
number = 3
prepared = partial(line, say)
method = Maker().made


def keyless() -> Any:
    raise KeyError("MODEL_KEY")
"""


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Enter a folder with a module of graphs."""
    (tmp_path / "shop_graphs.py").write_text(GRAPHS)
    (tmp_path / "broken_shop.py").write_text("open('no-such-file')")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("shop_graphs", None)


@pytest.mark.parametrize("name", ["clean", "compiled", "made", "awaited", "prepared", "method"])
def test_a_graph_without_a_finding_ends_with_0(shop, name):
    done = CliRunner().invoke(cli, ["check", f"shop_graphs:{name}"])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"shop_graphs:{name}: 0 errors, 0 warnings\n"


def test_an_error_ends_with_1_and_is_printed_with_its_remedy(shop, command):
    told = command("check", "shop_graphs:lost", "--json")
    assert told.returncode == 1
    report = json.loads(told.stdout)
    assert report["graph"] == "shop_graphs:lost"
    [finding] = report["findings"]
    assert (finding["level"], finding["code"], finding["node"]) == (
        "error",
        "unknown-target",
        "first",
    )
    done = command("check", "shop_graphs:lost")
    assert done.returncode == 1
    printed = " ".join(done.stdout.split())
    for part in ("code", "node", "fault", "remedy"):
        assert finding[part] in printed
    assert "1 errors, 0 warnings" in printed


def test_warnings_alone_end_with_0(shop):
    told = CliRunner().invoke(cli, ["check", "shop_graphs:asks", "--json"])
    assert told.exit_code == 0, told.output
    assert {item["level"] for item in json.loads(told.stdout)["findings"]} == {"warning"}
    assert "0 errors, 1 warnings" in CliRunner().invoke(cli, ["check", "shop_graphs:asks"]).stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("shop_graphs:number", "is a int, not a graph"),
        ("shop_graphs:line", "cannot be called without arguments"),
        ("shop_graphs:claen", "has no 'claen'; it has "),
        ("no_such_shop:graph", "no module 'no_such_shop'"),
        ("shop_graphs.py:clean", "write shop_graphs:clean"),
        ("desks/shop:clean", "write desks.shop:clean"),
        ("folder:clean", "a folder without __init__.py, has no 'clean'; it has no names"),
        ("shop_graphs", "give MODULE:GRAPH"),
        ("shop_graphs:", "give MODULE:GRAPH"),
        (":clean", "give MODULE:GRAPH"),
        (".shop_graphs:clean", "give MODULE:GRAPH"),
    ],
)
def test_a_name_that_leads_to_no_graph_is_told_what_is_wrong(shop, name, told):
    with pytest.raises(DesignError, match=re.escape(told)) as caught:
        load_graph(name)
    assert repr(name) in str(caught.value)


def test_a_wrong_name_ends_with_2_and_one_line(shop, command):
    done = command("check", "shop_graphs:claen")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "it has " in line
    assert "clean" in line


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("broken_shop:graph", 2, "raised when broken_shop was imported"),
        ("shop_graphs:keyless", 3, "'MODEL_KEY'; raised when shop_graphs:keyless was called"),
    ],
)
def test_an_error_of_the_users_own_says_where_it_was_raised(shop, command, name, code, told):
    done = command("check", name)
    assert (done.returncode, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert told in line

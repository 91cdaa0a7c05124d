"""Test `quintet runs watch` and `quintet eval --live --chooser`: drifted messages are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

from quintet.errors import DesignError, NoSuchRun
from quintet.nodes import by_rules
from quintet.runs import start
from quintet.state import checkpointer
from tests.evals.learned_desk import LIKE, STRANGE, graph_of, learned

DESK = """
from quintet.evals import Gate, Suite
from tests.evals.learned_desk import graph_of, learned

def graph():
    return graph_of(learned())

def needs(argument):
    return graph()

bare = Suite(name="bare", cases=(), target=None)
gated = Suite(name="gated", cases=(), target=None, gates=[Gate(metric="silent_ends", none=True)])
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Keep the chooser, and a database of messages like its examples and one of strange ones."""
    folder = tmp_path_factory.mktemp("watched")
    learned().save(folder / "router.model")
    for name, texts in (("like", LIKE), ("strange", STRANGE[:20]), ("none", ())):
        with checkpointer(f"sqlite:///{folder / name}.db") as saver:
            app = graph_of(by_rules([("", "forge")])).compile(checkpointer=saver)
            for number, text in enumerate(texts):
                start(app, {"message": text}, thread=f"desk/{number}")
            if texts:
                start(app, {"message": " "}, thread="desk/silent")
    return folder


@pytest.fixture
def watch(within, kept, tmp_path):
    """Run the command with a database of those kept."""
    (tmp_path / "wdesk.py").write_text(DESK)

    def run(*arguments, chooser=None, name):
        source = str(kept / "router.model") if chooser is None else chooser
        database = f"sqlite:///{kept / name}.db"
        where = ("--live", database) if arguments[0] == "eval" else ("--db", database)
        return within(*arguments, *where, "--chooser", source)

    return run


def test_messages_like_the_examples_exit_with_0(watch):
    done = watch("runs", "watch", name="like")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("accepted ")
    assert "nothing says that they are unlike" in done.stdout
    assert "1 of 37 runs hold no message" in done.stdout


def test_strange_messages_exit_with_1_and_say_how_strange(watch):
    done = watch("runs", "watch", "--json", name="strange")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["unlike"]) == (1, True)
    assert (told["runs"], told["n"], told["without_message"], told["accepted"]) == (21, 20, 1, 0)
    assert told["z"] < -3


def test_only_the_newest_runs_are_read_where_that_is_asked(watch):
    told = json.loads(watch("runs", "watch", "--json", "--limit", "5", name="like").stdout)
    assert (told["runs"], told["n"]) == (5, 4)


def test_the_graph_stands_for_its_chooser(watch):
    done = watch("runs", "watch", "--json", chooser="wdesk.py:graph", name="strange")
    assert (done.exit_code, json.loads(done.stdout)["accepted"]) == (1, 0)


@pytest.mark.parametrize(
    ("chooser", "said"),
    [
        ("nowhere.model", "--chooser nowhere.model: No such file or directory; give a file, or"),
        ("wdesk.py", r"--chooser wdesk.py.*or give its graph"),
        ("wdesk.py:grph", r"--chooser wdesk.py:grph: .*did you mean 'graph"),
        ("wdesk.py:needs", "--chooser wdesk.py:needs: there is no learned chooser"),
        ("wdesk.py:bare", "--chooser wdesk.py:bare: there is no learned chooser"),
    ],
)
def test_what_is_no_chooser_is_refused_by_name(watch, chooser, said):
    done = watch("runs", "watch", chooser=chooser, name="like")
    assert isinstance(done.exception, DesignError)
    with pytest.raises(DesignError, match=said):
        raise done.exception


def test_runs_without_a_message_and_databases_that_are_not_there_are_refused(watch, kept):
    done = watch("runs", "watch", name="none")
    assert isinstance(done.exception, DesignError)
    assert "none of the 0 runs" in str(done.exception)
    assert isinstance(watch("runs", "watch", name="nowhere").exception, NoSuchRun)
    assert not Path(kept / "nowhere.db").exists()


def test_a_live_watch_ends_where_the_messages_are_unlike(watch):
    done = watch("eval", "wdesk.py:bare", name="strange")
    assert done.exit_code == 1, done.output
    assert "broken chooser: accepts 0.000" in done.stdout


def test_a_live_look_tells_of_the_messages_beside_the_gates(watch):
    done = watch("eval", "wdesk.py:gated", "--once", "--json", name="like")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["broken"], told["gates"][0]["state"]) == (False, "open")
    chooser = told["chooser"]
    assert (chooser["messages"], chooser["without_message"]) == (36, 1)
    assert chooser["wanted"] < chooser["expected"]
    assert chooser["low"] <= chooser["mean"] <= chooser["high"]


def test_a_chooser_is_for_a_live_evaluation(within, tmp_path):
    (tmp_path / "wdesk.py").write_text(DESK)
    done = within("eval", "wdesk.py:gated", "--chooser", "x")
    assert done.exit_code == 2
    assert "give --live URL with it" in done.output

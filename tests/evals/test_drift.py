"""Test that messages unlike a router's examples are told, and those like them are not."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("sklearn", reason="the extra 'learn' is not installed")

from quintet.errors import DesignError
from quintet.evals import Gate, Suite
from quintet.evals.drift import Drift, learned_in
from quintet.evals.live import Live
from quintet.nodes import by_rules, cascade
from quintet.nodes.choosers.choose import Within, among
from quintet.runs import start
from quintet.state import checkpointer
from tests.evals.learned_desk import LIKE, PAIRS, STRANGE, graph_of, learned, wish


@pytest.fixture(scope="module")
def chooser():
    return learned().ready()


def test_strange_messages_break_it_and_like_ones_never_do(chooser):
    strange, like = Drift(chooser=chooser), Drift(chooser=chooser)
    states = []
    for text in STRANGE:
        strange.take([text])
        states.append(strange.state)
    assert (states[0], states[-1]) == ("open", "broken")
    assert "unlike the examples" in str(strange)
    for text in [*LIKE, *(text for text, _ in PAIRS[:40])]:
        like.take([text])
        assert like.state != "broken"
    assert str(like).startswith(f"{like.state} chooser: accepts ")


def test_however_often_one_looks_messages_like_the_examples_are_rarely_called_unlike(chooser):
    drift, ever = Drift(chooser=chooser, confidence=0.9), 0
    draw = random.Random(4)
    for _ in range(60):
        watch = Drift(chooser=chooser, confidence=0.9)
        for _ in range(200):
            watch.accepted.add(float(draw.random() < chooser.promise.coverage))
            if watch.state == "broken":
                ever += 1
                break
    assert ever <= 6
    assert drift.wanted < chooser.promise.coverage


def test_messages_that_are_empty_are_counted_apart(chooser):
    drift = Drift(chooser=chooser)
    assert str(drift) == "open chooser: no run holds a message"
    drift.take(["", "  ", LIKE[0]])
    assert (drift.without, drift.accepted.count) == (2, 1)


def test_a_chooser_that_accepts_all_or_nothing_is_refused(chooser):
    with pytest.raises(DesignError, match="never abstains"):
        Drift(chooser=chooser.promising(None))
    few = learned().promising(1.0)
    assert few.promise.coverage < 0.01
    with pytest.raises(DesignError, match="fewer cannot be told; promise less"):
        Drift(chooser=few)


def test_the_learned_chooser_of_a_router_or_a_graph_is_found(chooser):
    tiers = cascade(by_rules([("pay", "forge")]), chooser)
    inner = graph_of(chooser).compile()
    for thing in (
        chooser,
        tiers,
        graph_of(chooser),
        graph_of(tiers).compile(),
        among(cascade(chooser), ("forge", "mill", "bakery")),
        Within(chooser=chooser, routes=("forge",)),
    ):
        assert learned_in(thing).pairs == chooser.pairs
    outer = graph_of(chooser).add_node("again", inner).add_edge("end", "again")
    assert learned_in(outer.compile()) is chooser  # one chooser in two places is one


def test_what_holds_none_or_several_or_reads_by_itself_is_refused(chooser):
    other = chooser.promising(0.8)
    with pytest.raises(DesignError, match="there is no learned chooser"):
        learned_in(graph_of(by_rules([("pay", "forge")])))
    two = graph_of(chooser).add_node("b", graph_of(other).compile()).add_edge("end", "b")
    with pytest.raises(DesignError, match="several learned choosers, at door, b/door"):
        learned_in(two)
    with pytest.raises(DesignError, match="the router 'door' reads by a function of its own"):
        learned_in(graph_of(chooser, read=wish))
    assert not [*Live(suite=suite(Gate(metric="silent_ends", none=True))).broken]


def suite(*gates):
    return Suite(name="desk", cases=(), target=None, gates=gates)


def test_a_live_evaluation_watches_the_messages_of_the_runs_that_end(chooser):
    with checkpointer("memory://") as saver:
        app = graph_of(chooser).compile(checkpointer=saver)
        live = Live(suite=suite(), chooser=chooser)
        for number, text in enumerate(STRANGE[:20]):
            start(app, {"message": text}, thread=f"desk/{number}")
        assert live.look(saver) == 20
        assert live.drift is not None
        assert live.drift.accepted.count == 20
        assert live.broken == (live.drift,)
        assert live.look(saver) == 0
        assert live.drift.accepted.count == 20


def test_without_gates_and_without_a_chooser_there_is_nothing_to_watch():
    with pytest.raises(DesignError, match="or over a router's chooser"):
        Live(suite=suite())

"""Test workers that are sent to several times at once, and whose results share one name."""

from __future__ import annotations

from operator import or_
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send

from quintet.checks import check
from quintet.nodes import Finish
from quintet.state import OrchestrationState
from tests.checks.parts import codes, graph_of, numbered, only, run, worker


class Texts(OrchestrationState, total=False):
    texts: list[str]


def fan(path: Any, node: Any = None, **nodes: Any) -> Any:
    given = {"count": node or worker("message", agent=counts)} | nodes
    graph = graph_of(given, *((name, "finish") for name in given), state=Texts)
    return graph.add_conditional_edges(START, path, list(given))


def counts(request: Any) -> dict[str, Any]:
    return {"of": request["message"]}


def listed(state: Texts) -> list[Send]:
    return [Send("count", {"message": text}) for text in state["texts"]]


def test_the_results_of_several_sends_to_a_worker_are_numbered_which_is_a_warning():
    end = run(fan(listed), texts=["a", "b", "c"])
    assert list(end["results"]) == ["count", "count#2", "count#3"]
    finding = only(fan(listed))
    assert (finding.code, finding.node, finding.level) == ("shared-result", "count", "warning")
    assert "numbered" in finding.fault
    assert "START sends to 'count' several times" in finding.fault
    assert "'step'" in finding.remedy


class Merging(Texts, total=False):
    results: Annotated[dict[str, Any], or_]


def test_where_results_have_a_reducer_of_ones_own_one_is_kept():
    graph = graph_of({"count": worker("message", agent=counts)}, ("count", "finish"), state=Merging)

    def listed(state: Merging) -> list[Send]:
        return [Send("count", {"message": text}) for text in state["texts"]]

    graph.add_conditional_edges(START, listed, ["count"])
    assert run(graph, texts=["a", "b"])["results"] == {"count": {"of": "b"}}
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("shared-result", "count", "error")
    assert "only one is kept" in finding.fault


def looped(state: Texts) -> list[Send]:
    sends = []
    for text in state["texts"]:
        payload = {"message": text}
        sends.append(Send("count", payload))
    return sends


def in_a_while(state: Texts) -> list[Send]:
    sends: list[Send] = []
    while len(sends) < len(state["texts"]):
        sends += [Send(node="count", arg={**state, "message": "x"})]
    return sends


def in_a_branch(state: Texts) -> list[Send]:
    sends = []
    for text in state["texts"]:
        if text:
            sends.append(Send("count", {"message": text}))  # noqa: PERF401 - it is what is read
    return sends


def one(text: str) -> Send:
    return Send("count", {"message": text})


def by_helper(state: Texts) -> list[Send]:
    return [one(text) for text in state["texts"]]


def by_inner(state: Texts) -> list[Send]:
    def made(text: str) -> Send:
        return Send("count", {"message": text})

    return [made(text) for text in state["texts"]]


def twice(state: Texts) -> list[Send]:
    sends = [Send("count", {"message": "a"})]
    sends.append(Send("count", {"message": "b"}))
    return sends


@pytest.mark.parametrize(
    "path",
    numbered(
        looped,
        in_a_while,
        in_a_branch,
        by_helper,
        by_inner,
        twice,
        lambda state: list(map(lambda text: Send("count", {"message": text}), state["texts"])),  # noqa: C417
        lambda state: list(map(one, state["texts"])),
        lambda state: [Send("count", {"message": "a"}), Send("count", {"message": "b"})],
        lambda state: [Send("count", {"message": "a"})] * 3,
        lambda state: [Send("count", dict(state, message=text)) for text in state["texts"]],
        lambda state: [Send("count", state | {"message": text}) for text in state["texts"]],
        lambda state: [
            Send("count", {"message": text, "step": {"id": "same"}}) for text in state["texts"]
        ],
    ),
)
def test_however_the_sends_are_made(path):
    assert codes(fan(path)) == [("shared-result", "count")]


def either(state: Texts) -> list[Send]:
    if state["texts"]:
        return [Send("count", {"message": "a"})]
    return [Send("count", {"message": "b"})]


def first(state: Texts) -> list[Send]:
    for text in state["texts"]:
        if text:
            return [Send("count", {"message": text})]
    return [Send("other", {"message": "none"})]


def until_found(state: Texts) -> list[Send]:
    sends = []
    for text in state["texts"]:
        if text:
            sends.append(Send("count", {"message": text}))
            break
    return sends


def with_anything(given: Any) -> Send:
    return Send("count", {**given, "message": "x"})


def by_unread_helper(state: Texts) -> list[Send]:
    return [with_anything(given) for given in state["texts"]]


def numbered_steps(state: Texts) -> list[Send]:
    sends = []
    for number, text in enumerate(state["texts"]):
        payload = {"message": text}
        payload["step"] = {"id": f"text{number}"}
        sends.append(Send("count", payload))
    return sends


@pytest.mark.parametrize(
    "path",
    numbered(
        either,
        first,
        until_found,
        numbered_steps,
        lambda state: [Send("count", {"message": "a"}), Send("other", {"message": "b"})],
        lambda state: [Send(name, {"message": "a"}) for name in state["texts"]],
        lambda state: [
            Send("count", {"message": text, "step": {"id": text}}) for text in state["texts"]
        ],
        lambda state: [Send("count", given) for given in state["texts"]],
        lambda state: [Send("count", {"message": "a"})],
        lambda state: [
            Send("count", {"message": text, "step": {**state["step"]}}) for text in state["texts"]
        ],
        lambda state: [Send("count", {**state, "step": text}) for text in state["texts"]],
        by_unread_helper,
    ),
)
def test_sends_that_do_not_share_a_name_are_right(path):
    assert check(fan(path, other=worker("message"))) == ()


def test_a_node_that_sends_by_command_is_read_too():
    def spread(state: Texts) -> Command[Any]:
        return Command(goto=[Send("count", {"message": text}) for text in state["texts"]])

    nodes = {"spread": spread, "count": worker("message")}
    graph = graph_of(nodes, (START, "spread"), ("count", "finish"), state=Texts)
    assert codes(graph) == [("shared-result", "count")]


def test_a_plain_node_may_be_sent_to_often():
    assert check(fan(listed, node=lambda state: {"results": {}})) == ()


def test_a_graph_of_workers_that_is_sent_to_often_shares_their_results():
    inner = graph_of({"read": worker()}, (START, "read"), ("read", END)).compile()
    assert ("shared-result", "count") in codes(fan(listed, node=inner))
    idle = StateGraph(OrchestrationState).add_node("end", Finish()).add_edge(START, "end")
    assert ("shared-result", "count") not in codes(fan(listed, node=idle.compile()))

"""Test agents that hold an effect's bare function, and so get past its gate."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.runnables import RunnableBranch, RunnableLambda, RunnableParallel
from langchain_core.tools import BaseTool, StructuredTool, tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from quintet.checks import check
from quintet.graphs import create_handoff, create_single_agent
from quintet.nodes import ApprovalGate, Router, effect
from quintet.runs import start
from quintet.state import DesignError, checkpointer
from quintet.testing import ScriptedModel
from tests.checks.parts import MAIL, PAY, codes, only, pay, worker

PAID: list[int] = []


def refund(order: int) -> str:
    """Refund an order."""
    PAID.append(order)
    return "refunded"


REFUND = effect(refund, key="refund:{order}")


def model() -> Any:
    return ScriptedModel([[{"name": "refund", "args": {"order": 7}}], "done"])


def desk(agent: Any, *effects: Any) -> Any:
    held = worker("message", effects=effects or (REFUND,), agent=agent)
    return create_single_agent(held, gate=ApprovalGate())


def own(*tools: Any) -> Any:
    """Build a user's own agent graph around a ToolNode."""
    graph = StateGraph(MessagesState).add_node("tools", ToolNode(list(tools)))
    return graph.add_edge(START, "tools").compile()


def test_a_raw_function_under_the_effects_name_pays_past_the_gate_and_is_named():
    PAID.clear()
    graph = desk(in_a_node(create_agent(model(), [refund])))
    run = start(graph.compile(checkpointer=checkpointer("memory://")), {"message": "m"})
    assert (PAID, run.status) == ([7], "done")
    finding = only(graph)
    assert (finding.code, finding.node, finding.level) == ("raw-effect", "work", "error")
    assert "refund.as_tool()" in finding.remedy


def another(order: int) -> str:
    """Do it in another way."""
    return f"{order}"


class Refund(BaseTool):
    name: str = "refund"
    description: str = "Refund an order."

    def _run(self, order: int) -> str:
        return refund(order)


class Careful(Refund):
    def _run(self, order: int) -> str:
        return str(REFUND(order=order))


def calls_a_graph(request: Any) -> Any:
    return AGENT.invoke({"messages": [("user", str(request))]})


def calls_it_itself(request: Any) -> Any:
    return {"said": refund(7)}


def by_helper(request: Any) -> Any:
    return calls_it_itself(request)


BARE = partial(refund, 7)


def by_partial(request: Any) -> Any:
    return {"said": BARE()}


def by_attribute(request: Any) -> Any:
    return {"said": REFUND.function(7)}


def by_variable(request: Any) -> Any:
    run = REFUND.function
    return {"said": run(7)}


async def in_a_thread(request: Any) -> Any:
    return {"said": await asyncio.to_thread(REFUND.function, 7)}


def mapped(request: Any) -> Any:
    return {"said": str(list(map(refund, [7, 8])))}


class Clerk:
    def __call__(self, request: Any, tools: Any) -> Any:
        return self.paid(request)

    def paid(self, request: Any) -> Any:
        return {"said": refund(order=7)}


def asks_its_tools(request: Any, tools: Any) -> Any:
    return {"said": tools["refund"](order=7)}


AGENT = create_agent(model(), [refund])
SAFE = create_agent(model(), [REFUND.as_tool()])


def calls_a_safe_graph(request: Any) -> Any:
    return SAFE.invoke({"messages": [("user", str(request))]})


def outer(agent: Any) -> Any:
    graph = StateGraph(MessagesState).add_node("inner", agent)
    return graph.add_edge(START, "inner").compile()


def in_a_node(agent: Any) -> Any:
    def node(state: MessagesState) -> Any:
        return {"messages": agent.invoke(state)["messages"]}

    graph = StateGraph(MessagesState).add_node("node", node)
    return graph.add_edge(START, "node").compile()


def wrapped(agent: Any) -> dict[str, Any]:
    """Return the agent in everything that may be around it."""
    return {
        "retry": agent.with_retry(),
        "config": agent.with_config(tags=["x"]),
        "bind": agent.bind(x=1),
        "retry inside": outer(agent).with_retry(),
        "config inside": outer(agent).with_config(tags=["x"]),
        "fallback": RunnableLambda(str).with_fallbacks([agent]),
        "sequence": RunnableLambda(lambda given: given) | agent | RunnableLambda(str),
        "parallel": RunnableParallel(a=agent),
        "branch": RunnableBranch((bool, agent), RunnableLambda(str)),
        "subgraph": outer(agent),
        "node": in_a_node(agent),
    }


@pytest.mark.parametrize("name", ["", *wrapped(AGENT)])
def test_an_agent_is_seen_through_what_is_around_it(name):
    raw, safe = ({"": agent, **wrapped(agent)}[name] for agent in (AGENT, SAFE))
    if name == "node":  # a function is not read when the parts are put together
        assert codes(desk(raw)) == [("raw-effect", "work")]
    else:
        with pytest.raises(DesignError, match=r"give the agent refund\.as_tool\(\)"):
            desk(raw)
    assert check(desk(safe)) == ()


@pytest.mark.parametrize(
    "held",
    [
        refund,
        tool(refund),
        StructuredTool.from_function(another, name="refund", description="x"),
        Refund(),
    ],
)
def test_any_tool_of_that_name_is_seen(held):
    assert codes(desk(in_a_node(own(held)))) == [("raw-effect", "work")]


def guarded(order: int) -> Any:
    """Refund an order, by the effect."""
    return REFUND(order=order)


@pytest.mark.parametrize(
    "held",
    [
        REFUND.as_tool(),
        StructuredTool.from_function(guarded, name="refund", description="x"),
        Careful(),
        tool(another),
    ],
)
def test_the_effects_own_tool_and_other_names_are_right(held):
    assert check(desk(in_a_node(own(held)))) == ()


@pytest.mark.parametrize(
    "agent",
    [
        calls_a_graph,
        calls_it_itself,
        by_helper,
        by_partial,
        by_attribute,
        by_variable,
        in_a_thread,
        mapped,
        Clerk(),
    ],
)
def test_a_function_that_is_the_agent_is_read_too(agent):
    assert codes(desk(agent)) == [("raw-effect", "work")]


@pytest.mark.parametrize("agent", [asks_its_tools, calls_a_safe_graph, model(), str])
def test_a_function_that_asks_its_tools_is_right(agent):
    assert check(desk(agent)) == ()


def test_an_effect_that_another_worker_has_is_no_plain_tool():
    router = Router(choose=lambda text: "a", to=("a", "b"), otherwise="person")
    held = worker("message", effects=(PAY,), agent=asks_its_tools)
    bare = worker("message", effects=(pay,), agent=asks_its_tools)
    graph = create_handoff(router, {"a": held, "b": bare}, gate=ApprovalGate())
    assert codes(graph) == [("raw-effect", "b")]
    other = worker("message", effects=(another, MAIL.function), agent=asks_its_tools)
    graph = create_handoff(router, {"a": held, "b": other}, gate=ApprovalGate())
    assert check(graph) == ()


def test_the_worker_of_a_desk_inside_has_a_contract_of_its_own():
    inside = desk(asks_its_tools).compile()
    assert check(desk(inside)) == ()


def test_the_bare_function_of_an_effect_that_the_contract_does_not_hold_is_named():
    finding = only(desk(by_attribute, PAY))
    assert (finding.code, finding.node) == ("raw-effect", "work")
    assert "'refund'" in finding.fault


def test_an_effect_that_is_called_itself_is_right():
    assert check(desk(lambda request: {"said": REFUND(order=7)})) == ()

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelCallLimitMiddleware,
    ModelRetryMiddleware,
    ToolCallLimitMiddleware,
    hook_config,
)
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import InjectedToolArg, InjectedToolCallId, ToolException, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent
from pydantic import BaseModel

from quintet.nodes import Recovery, Worker, effect
from quintet.state import DesignError
from quintet.testing import ScriptedModel
from tests.nodes.workshop import THREAD, app_of, bare, statuses

CALL = [{"name": "pay", "args": {"order": 7}}]
PAID: list[int] = []


def pay(order: int) -> str:
    """Pay an order."""
    PAID.append(order)
    return "paid"


PAY = effect(pay, key="pay:{order}")


@pytest.fixture(autouse=True)
def nothing_is_paid() -> None:
    PAID.clear()


def model(*replies: Any) -> ScriptedModel:
    return ScriptedModel(list(replies))


def payer(*tools: Any) -> Any:
    return create_agent(model(CALL, "ok"), list(tools))


def prompt() -> Any:
    return ChatPromptTemplate.from_messages([("human", "{message}")])


def end_of(agent: Any, **more: Any) -> Any:
    worker = Worker(agent=agent, contract=bare(needs=("message",), **more))
    return app_of({"work": worker}, recover=Recovery()).invoke({"message": "m"}, THREAD)


PAYERS = {
    "model": lambda: model(CALL, "ok"),
    "with retry": lambda: model(CALL, "ok").with_retry(),
    "with fallbacks": lambda: model(CALL, "ok").with_fallbacks([model("b")]),
    "with config": lambda: model(CALL, "ok").with_config(tags=["a"]),
    "agent": lambda: payer(PAY.as_tool()),
    "agent with retry": lambda: payer(PAY.as_tool()).with_retry(),
    "agent with fallbacks": lambda: payer(PAY.as_tool()).with_fallbacks([payer(PAY.as_tool())]),
    "agent and more": lambda: payer(PAY.as_tool()) | RunnableLambda(lambda s: s["messages"][-1]),
}


@pytest.mark.parametrize("make", PAYERS.values(), ids=PAYERS.keys())
def test_an_agent_as_it_comes_pays_once_and_on_record(make: Any) -> None:
    end = end_of(make(), tools=(PAY,))
    assert end["results"] == {"work": "ok"}
    assert (PAID, statuses(end)) == ([7], {"pay:7": "done"})


@pytest.mark.parametrize(
    ("agent", "result"),
    [
        (model("ok") | StrOutputParser(), "ok"),
        (prompt() | model("ok"), "ok"),
        (prompt() | model('{"x": 1}') | JsonOutputParser(), {"x": 1}),
        (RunnableParallel(a=lambda r: r["message"], b=lambda r: 2), {"a": "m", "b": 2}),
    ],
    ids=["parsed", "prompted", "json", "parallel"],
)
def test_a_chain_gives_what_its_last_part_gives(agent: Any, result: Any) -> None:
    assert end_of(agent)["results"] == {"work": result}


@pytest.mark.parametrize(
    "agent",
    [
        model(CALL) | StrOutputParser(),
        prompt() | model(CALL),
        (prompt() | model(CALL)).with_retry(),
    ],
    ids=["parsed", "prompted", "tried again"],
)
def test_a_chain_whose_model_gets_no_tools_is_refused_where_there_are_some(agent: Any) -> None:
    with pytest.raises(DesignError, match="nobody gives the contract's tools"):
        Worker(agent=agent, contract=bare(tools=(PAY,)))


def nested(agent: Any) -> Any:
    graph = StateGraph(MessagesState).add_node("inner", agent)
    return graph.add_edge(START, "inner").add_edge("inner", END).compile()


RAW = {
    "agent": lambda raw: raw,
    "tried again": lambda raw: raw.with_retry(),
    "after another": lambda raw: RunnableLambda(lambda r: r) | raw,
    "as a fallback": lambda raw: payer(PAY.as_tool()).with_fallbacks([raw]),
    "beside another": lambda raw: RunnableParallel(a=RunnableLambda(lambda r: r), b=raw),
    "in a graph": nested,
    "in a graph in a graph": lambda raw: nested(nested(raw)),
}


@pytest.mark.parametrize("wrap", RAW.values(), ids=RAW.keys())
def test_a_raw_function_under_an_effects_name_is_found_wherever_it_is(wrap: Any) -> None:
    with pytest.raises(DesignError, match="own tool 'pay' is not the effect 'pay'"):
        Worker(agent=wrap(payer(pay)), contract=bare(tools=(PAY,)))


@tool
def whose(order: int, runtime: ToolRuntime) -> str:
    """Say whose an order is."""
    return "maria's"


@tool
def send(order: int, by: Annotated[str, InjectedToolArg], note: str = "-") -> str:
    """Send an order."""
    return f"{order} {by} {note}"


@tool
def mark(order: int, call: Annotated[str, InjectedToolCallId]) -> str:
    """Mark an order."""
    return call


def test_what_only_an_agent_graph_is_given_is_named_to_the_others() -> None:
    for each in (whose, send):
        with pytest.raises(DesignError, match="inside an agent graph only"):
            Worker(agent=model("ok"), contract=bare(tools=(each,)))
    for each in (whose, mark):
        end = end_of(lambda request, tools, n=each.name: tools[n](order=1), tools=(each,))
        assert "which LangChain gives inside an agent graph only" in end["outcome"]["reason"]
    asks = [{"name": "whose", "args": {"order": 1}}]
    assert end_of(create_agent(model(asks, "ok"), [whose]), tools=(whose,))["results"]


def test_a_function_agent_may_give_by_name_what_would_be_injected() -> None:
    end = end_of(lambda request, tools: tools.send(1, by="me"), tools=(send,))
    assert end["results"] == {"work": "1 me -"}


def test_an_argument_that_is_given_twice_is_refused_as_python_does() -> None:
    end = end_of(lambda request, tools: tools.send(1, order=2, by="me"), tools=(send,))
    assert "send was given 'order' twice" in end["outcome"]["reason"]


class Offer(BaseModel):
    price: int


def test_an_answer_without_the_field_that_was_asked_for_is_wrong_and_not_none() -> None:
    wrong = [{"name": "answer", "args": {"cost": 1}}]
    right = [{"name": "answer", "args": {"answer": {"price": 2}}}]
    agent = model(wrong, right)
    assert end_of(agent, gives=Offer | None)["results"] == {"work": {"price": 2}}
    assert len(agent.calls) == 2


def test_a_function_that_says_nothing_of_itself_is_a_tool_all_the_same() -> None:
    def refund(order: int) -> str:
        return "refunded"

    calls = [{"name": "refund", "args": {"order": 1}}]
    for each in (refund, effect(refund, key="{order}")):
        assert end_of(model(calls, "ok"), tools=(each,))["results"] == {"work": "ok"}


def test_a_function_that_drives_an_agent_by_itself_is_watched_as_well() -> None:
    inner = payer(PAY.as_tool())

    def agent(request: Any) -> Any:
        return inner.invoke({"messages": [HumanMessage("pay")]})["messages"][-1].text

    end = end_of(agent, tools=(PAY,))
    assert statuses(end) == {"pay:7": "done"}
    assert end["spent"]["steps"] == 3


class Clerk:
    def __call__(self, request: Any) -> Any:
        return request["message"]

    async def waits(self, request: Any) -> Any:
        await asyncio.sleep(0)
        return request["message"]


def test_an_object_or_its_method_is_an_agent_and_a_class_is_none() -> None:
    assert end_of(Clerk())["results"] == {"work": "m"}
    worker = Worker(agent=Clerk().waits, contract=bare(needs=("message",)))
    assert asyncio.run(app_of({"work": worker}).ainvoke({"message": "m"}, THREAD))["results"]
    with pytest.raises(DesignError, match="'Clerk' takes no request"):
        Worker(agent=Clerk, contract=bare())


# Agents that end without an answer of their own


class Ends(AgentMiddleware):
    @hook_config(can_jump_to=["end"])
    def before_model(self, state: Any, runtime: Any) -> dict[str, Any]:
        return {"jump_to": "end"}


@tool(return_direct=True)
def quote(order: int) -> str:
    """Quote the price of an order."""
    raise ToolException("no price is known")


quote.handle_tool_error = True


def failing(messages: Any) -> str:
    raise TimeoutError("the service is down")


QUOTES = [{"name": "quote", "args": {"order": 7}}]


def ended_by(*middleware: Any, tools: Any = (), replies: Any = ("ok",)) -> Any:
    script = replies if callable(replies) else list(replies)
    return create_agent(ScriptedModel(script), list(tools), middleware=middleware)


UNANSWERED = {
    "the request": (lambda: ended_by(Ends()), "escalated", "its last message is the request"),
    "a tool's error": (
        lambda: ended_by(tools=[quote], replies=[QUOTES] * 2),
        "escalated",
        "an error of 'quote': no price is known",
    ),
    "calls of the model": (
        lambda: ended_by(
            ModelCallLimitMiddleware(run_limit=1), tools=[price], replies=[PRICED, "ok"]
        ),
        "exhausted",
        "Model call limits exceeded: run limit (1/1)",
    ),
    "calls of tools": (
        lambda: ended_by(
            ToolCallLimitMiddleware(run_limit=1, exit_behavior="end"),
            tools=[price],
            replies=[PRICED, PRICED, "ok"],
        ),
        "exhausted",
        "Tool call limit reached: run limit exceeded (2/1 calls)",
    ),
    "a model that fails": (
        lambda: ended_by(ModelRetryMiddleware(max_retries=0), replies=failing),
        "escalated",
        "Model call failed after 1 attempt with TimeoutError: the service is down",
    ),
}

PRICED = [{"name": "price", "args": {"order": 7}}]


@tool
def price(order: int) -> str:
    """Give the price of an order."""
    return "12"


@pytest.mark.parametrize(("make", "status", "reason"), UNANSWERED.values(), ids=UNANSWERED.keys())
def test_an_agent_that_was_ended_without_an_answer_is_not_done(
    make: Any, status: str, reason: str
) -> None:
    end = end_of(make(), tools=(price, quote))
    assert (end["outcome"]["status"], end["results"]) == (status, {})
    assert reason in end["outcome"]["reason"]


@pytest.mark.filterwarnings("ignore:create_react_agent")
def test_an_agent_that_has_no_steps_left_is_not_done() -> None:
    looks = ScriptedModel(lambda messages: PRICED)
    agent = create_react_agent(looks, [price]).with_config(recursion_limit=6)
    end = end_of(agent, tools=(price,))
    assert (end["outcome"]["status"], end["results"]) == ("exhausted", {})


def test_a_direct_result_and_a_message_in_a_persons_form_are_answers() -> None:
    @tool(return_direct=True)
    def direct(order: int) -> str:
        """Say it."""
        return "said"

    calls = [{"name": "direct", "args": {"order": 7}}]
    assert end_of(create_agent(model(calls), [direct]), tools=(direct,))["results"] == {
        "work": "said"
    }
    graph = StateGraph(MessagesState)
    graph.add_node("a", lambda state: {"messages": [HumanMessage("found", name="researcher")]})
    graph.add_edge(START, "a")
    assert end_of(graph.compile())["results"] == {"work": "found"}


def test_a_model_may_speak_of_limits() -> None:
    said = AIMessage("Tool call limit reached: never.", response_metadata={"model_name": "m"})
    assert end_of(create_agent(model(said), []))["results"] == {"work": said.content}

"""Test a watched run: LangGraph's own events, in LangGraph's own form, and last the run."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict

from quintet.graphs import create_handoff, create_single_agent
from quintet.nodes import Recovery, Router, Worker
from quintet.runs import Run, approve, astream, look, resume, start, stream
from quintet.state import (
    AnswerRefused,
    Contract,
    DesignError,
    OrchestrationState,
    RunError,
    ThreadHeld,
)
from quintet.testing import ScriptedModel
from tests.runs.desks import PAID, Log, asks, desk, large, own, saved, says


@pytest.fixture(params=["sync", "async"])
def watch(request: Any) -> Any:
    """Collect all that a stream yields, by either way."""

    async def taken(*given: Any, **options: Any) -> list[Any]:
        if request.param == "sync":
            return list(stream(*given, **options))
        return [event async for event in astream(*given, **options)]

    return taken


SHAPES: list[dict[str, Any]] = [
    {},
    {"stream_mode": "values"},
    {"stream_mode": "updates", "subgraphs": True},
    {"stream_mode": ["updates", "values"]},
    {"stream_mode": ["updates"], "subgraphs": True},
    {"stream_mode": ["custom", "values"], "version": "v2"},
    {"stream_mode": "updates", "version": "v2"},
]


@pytest.mark.parametrize("kept", [True, False], ids=["saved", "unsaved"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
async def test_the_events_are_those_of_langgraph_and_last_comes_the_run(
    watch: Any, shape: dict[str, Any], kept: bool
) -> None:
    graph = own({"a": says("a"), "b": says("b")})
    app = saved(graph) if kept else graph.compile()
    config: RunnableConfig = {"configurable": {"thread_id": "bare"}}
    theirs = list(app.stream({"log": []}, config, **shape))
    *events, run = await watch(app, {"log": []}, thread="t", **shape)
    assert events == theirs
    assert isinstance(run, Run)
    assert (run.status, run.values["log"]) == ("done", ["a", "b"])


async def test_a_question_ends_the_stream_and_its_answer_is_watched_too(watch: Any) -> None:
    app = saved(desk())
    *events, run = await watch(app, large(), thread="t", stream_mode="updates")
    assert [name for event in events for name in event][:2] == ["router", "billing"]
    assert "__interrupt__" in events[-1]
    assert (run.status, PAID) == ("waiting", [])
    *events, ended = list(run.stream(approve(by="maria"), stream_mode="updates"))
    assert [name for event in events for name in event] == ["approve", "act", "finish"]
    assert (ended.status, PAID) == ("done", [(1, 500.0)])
    with pytest.raises(AnswerRefused, match="not open any more"):
        list(run.stream(approve(by="maria")))
    with pytest.raises(AnswerRefused, match="not open any more"):
        _ = [each async for each in run.astream(approve(by="maria"))]


async def test_an_answer_is_watched_by_an_async_graph(watch: Any) -> None:
    app = saved(own({"a": asks("sure?")}))
    run = (await watch(app, {"log": []}, thread="t"))[-1]
    *events, ended = [each async for each in run.astream("yes")]
    assert events == [{"a": {"log": ["sure?: yes"]}}]
    assert ended.values["log"] == ["sure?: yes"]


async def test_a_refused_answer_leaves_the_question_open(watch: Any) -> None:
    app = saved(desk())
    run = (await watch(app, large(), thread="t"))[-1]
    with pytest.raises(AnswerRefused, match="'bob' may not answer"):
        list(run.stream(approve(by="bob")))
    assert look(app, thread="t").status == "waiting"


async def test_the_tokens_of_a_model_and_of_an_agent_that_is_a_graph_come_by(watch: Any) -> None:
    def desk_of(agent: Any) -> Any:
        contract = Contract(goal="answer", needs=("message",))
        return saved(create_single_agent(Worker(agent=agent, contract=contract)))

    model = ScriptedModel(lambda messages: "on its way", usage=True)
    *events, run = await watch(desk_of(model), {"message": "m"}, stream_mode="messages")
    assert "".join(chunk.text for chunk, _ in events) == "on its way"
    assert run.status == "done"

    class Inner(TypedDict, total=False):
        message: str
        reply: str

    graph = StateGraph(Inner)
    graph.add_node("say", lambda state: {"reply": model.invoke(state["message"]).text})
    graph.add_edge(START, "say")
    options: Any = {"stream_mode": "messages", "subgraphs": True}
    *events, run = await watch(desk_of(graph.compile()), {"message": "m"}, **options)
    assert "".join(chunk.text for _, (chunk, _) in events) == "on its way"
    assert {within[0].partition(":")[0] for within, _ in events} == {run.path[0]}


def test_a_thread_is_held_until_the_last_event_is_taken() -> None:
    app = saved(own({"a": says("a"), "b": says("b")}))
    events = stream(app, {"log": []}, thread="t")
    assert next(events) == {"a": {"log": ["a"]}}
    with pytest.raises(ThreadHeld, match="'t' is being moved"):
        start(app, {"log": []}, thread="t")
    assert start(app, {"log": []}, thread="other").status == "done"
    *_, run = events
    assert run.status == "done"
    assert start(app, {"log": []}, thread="t").status == "done"


async def test_a_stream_that_is_left_is_cut_off_and_resumed() -> None:
    app = saved(own({"a": says("a"), "b": says("b"), "c": says("c")}))
    events: Any = stream(app, {"log": []}, thread="t")
    next(events)
    events.close()
    assert look(app, thread="t").status == "unfinished"
    *_, run = stream(app, None, thread="t")
    assert (run.status, run.values["log"]) == ("done", ["a", "b", "c"])
    soon: Any = astream(app, {"log": []}, thread="u")
    await anext(soon)
    await soon.aclose()
    assert resume(app, thread="u").values["log"] == ["a", "b", "c"]


async def test_what_raises_raises_in_the_stream_with_the_way_on(watch: Any) -> None:
    broken = [RuntimeError("down")]

    def flaky(state: Log) -> dict[str, Any]:
        if broken:
            raise broken.pop()
        return {"log": ["b"]}

    app = saved(own({"a": says("a"), "b": flaky}))
    with pytest.raises(RuntimeError, match="down") as caught:
        await watch(app, {"log": []}, thread="t")
    assert "resume(app, thread='t')" in caught.value.__notes__[-1]
    with pytest.raises(RunError, match="'t' has a run that stopped at b"):
        await watch(app, {"log": []}, thread="t")
    assert (await watch(app, None, thread="t"))[-1].values["log"] == ["a", "b"]


async def test_withdrawing_is_said_as_to_start(watch: Any) -> None:
    app = saved(desk())
    await watch(app, large(), thread="t")
    with pytest.raises(RunError, match="waits for an answer"):
        await watch(app, {"message": "shipping"}, thread="t")
    run = (await watch(app, {"message": "shipping"}, thread="t", withdraw=True))[-1]
    assert run.status == "done"
    with pytest.raises(RunError, match="None goes on with what its thread was doing"):
        await watch(app, None)


async def test_what_start_refuses_a_stream_refuses(watch: Any) -> None:
    graph = desk()
    with pytest.raises(DesignError, match="not compiled"):
        await watch(graph, large())
    with pytest.raises(DesignError, match="has no checkpointer"):
        await watch(graph.compile(), large())
    with pytest.raises(DesignError, match="the graph stopped for a person, but it has no"):
        await watch(own({"a": asks("sure?")}).compile(), {"log": []})
    with pytest.raises(RunError, match="only nodes may write"):
        await watch(saved(desk()), {**large(), "outcome": {"status": "done"}})
    with pytest.raises(RunError, match=r"output_keys=\['log'\]: without a checkpointer"):
        await watch(own({"a": says("a")}).compile(), {"log": []}, output_keys=["log"])


class Context(TypedDict):
    who: str


def asks_for(state: Log, runtime: Runtime[Context]) -> dict[str, Any]:
    return {"log": [f"{runtime.context['who']}: {interrupt('sure?')}"]}


async def test_a_run_that_was_watched_keeps_what_it_was_started_with(watch: Any) -> None:
    app = saved(own({"a": asks_for}, context_schema=Context))
    run = (await watch(app, {"log": []}, thread="t", context={"who": "ada"}))[-1]
    assert run.answer("yes").values["log"] == ["ada: yes"]


async def test_a_second_message_is_a_run_of_its_own(watch: Any) -> None:
    class Desk(OrchestrationState, total=False):
        order: int

    worker = Worker(agent=lambda request: "ok", contract=Contract(goal="g", needs=("message",)))
    router = Router(choose=lambda text: "a" if "a" in text else None, to=("a",), otherwise="person")
    app = saved(create_handoff(router, {"a": worker}, recover=Recovery(), state=Desk))
    first = (await watch(app, {"message": "who?"}, thread="t"))[-1]
    second = (await watch(app, {"message": "a"}, thread="t"))[-1]
    assert (first.status, second.status) == ("escalated", "done")
    assert first.id != second.id
    assert second.results == {"a": "ok"}

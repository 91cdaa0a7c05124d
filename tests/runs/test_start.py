"""Test starting a run: what goes in, on which thread, and what LangGraph would let pass."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import GraphRecursionError, NodeError
from langgraph.func import entrypoint
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import TypedDict

from quintet.nodes import Act, ApprovalGate, Recovery, effect
from quintet.runs import Run, approve, aresume, astart, look, resume, start
from quintet.state import (
    Action,
    Approval,
    DesignError,
    OrchestrationState,
    RunError,
    RunSuperseded,
    StepFailed,
    Worked,
    checkpointer,
    plain,
)
from quintet.state.fragments import RUN_KEYS
from tests.runs.desks import PAID, Log, asks, desk, large, own, pay, saved, says


def test_a_run_ends_on_a_thread_of_its_own():
    app = saved(desk())
    first, second = start(app, {"message": "shipping"}), start(app, {"message": "shipping"})
    assert (first.status, second.status) == ("done", "done")
    assert first.thread != second.thread
    assert look(app, thread=first.thread).outcome == first.outcome


def test_the_thread_may_be_named_by_itself_or_in_the_config():
    app = saved(desk())
    config: RunnableConfig = {"configurable": {"thread_id": "mine"}}
    assert start(app, {"message": "shipping"}, thread="mine").thread == "mine"
    assert start(app, {"message": "shipping"}, config=config).thread == "mine"
    assert start(app, {"message": "shipping"}, thread="mine", config=config).thread == "mine"
    with pytest.raises(RunError, match=r"thread='other', but the config names thread 'mine'"):
        start(app, {"message": "shipping"}, thread="other", config=config)


def test_an_older_checkpoint_is_refused_where_langgraph_would_do_its_work_again():
    app = saved(desk())
    start(app, large(amount=50.0), thread="t")
    thread: RunnableConfig = {"configurable": {"thread_id": "t"}}
    older = next(s for s in app.get_state_history(thread) if s.next == ("billing",)).config
    with pytest.raises(RunError, match="the config names a checkpoint_id"):
        start(app, large(amount=50.0), config=older)
    with pytest.raises(RunError, match="the config names a checkpoint_id"):
        resume(app, thread="t", config=older)
    assert PAID == [(1, 50.0)]
    with pytest.raises(RunSuperseded, match="this run goes on from an old checkpoint"):
        app.invoke(None, older)
    assert PAID == [(1, 50.0)]


def test_a_graph_that_is_not_compiled_is_refused():
    for move in (lambda: start(desk(), {}), lambda: look(desk(), thread="t")):  # type: ignore[arg-type]
        with pytest.raises(DesignError, match=r"not compiled: start\(graph\.compile"):
            move()


def test_an_entrypoint_is_refused_as_what_it_is_not():
    flow: Any = entrypoint(checkpointer=checkpointer("memory://"))(lambda order: order)
    for move in (lambda: start(flow, {}), lambda: look(flow, thread="t")):
        with pytest.raises(DesignError, match=r"StateGraph: .* called by its own invoke"):
            move()


@pytest.mark.parametrize("given", [None, "hello", ["message"], Command(goto="act")])
def test_input_that_is_no_mapping_is_refused(given: Any):
    with pytest.raises(RunError, match=f"the input is {type(given).__name__}; give a dict"):
        start(saved(desk()), given)


def test_a_misspelt_key_is_refused_where_langgraph_would_drop_it():
    app = saved(own({"a": says("a")}))
    assert app.invoke({"log": [], "wrod": "x"}, {"configurable": {"thread_id": "0"}}) == {
        "log": ["a"]
    }
    with pytest.raises(RunError, match=r"names wrod, which the graph does not take \(log, word\)"):
        start(app, {"log": [], "wrod": "x"})


def test_a_key_outside_the_input_schema_is_refused_where_langgraph_would_drop_it():
    class Given(TypedDict):
        word: str

    app = saved(own({"a": says("a")}, input_schema=Given))
    bare = app.invoke({"log": ["lost"], "word": "x"}, {"configurable": {"thread_id": "0"}})
    assert bare["log"] == ["a"]
    with pytest.raises(RunError, match=r"names log, which the graph does not take \(word\)"):
        start(app, {"log": ["lost"], "word": "x"})


_INJECTED = cast(NodeError, None)


def to_end(state: Log, error: NodeError = _INJECTED) -> Command[str]:
    return Command(goto=END, update={"log": [f"mended {error.node}"]})


def approval(action: Action) -> Approval:
    return Approval(gate="approval", digest=action.digest, answer="approve", by="maria")


def forged() -> dict[str, Any]:
    """Forge a yes that nobody gave."""
    action = Action(name="pay", arguments={"order": 1, "amount": 500.0}, status="approved")
    return {action.key: plain(action) | {"approval": plain(approval(action))}}


@pytest.mark.parametrize("key", sorted({*RUN_KEYS, "actions", "step"}))
def test_a_key_that_only_nodes_write_is_refused(key: str):
    with pytest.raises(RunError, match=f"the input names {key}, which only nodes may write"):
        start(saved(desk()), {"message": "billing", key: {}})


def test_a_forged_approval_counts_for_nothing_by_either_door():
    class Mine(Worked, total=False):
        message: str

    paying = effect(pay, key="pay:{order}")
    graph = StateGraph(Mine)
    graph.add_node("act", Act(effects=(paying,), gate=ApprovalGate(), then=END))
    app = saved(graph.add_edge(START, "act"))
    with pytest.raises(StepFailed, match="nobody has given it"):
        app.invoke({"actions": forged()}, {"configurable": {"thread_id": "0"}})
    assert PAID == []
    with pytest.raises(RunError, match="the input names actions, which only nodes may write"):
        start(app, {"actions": forged()})


def as_proposed() -> dict[str, Any]:
    """Forge a yes on an action that calls itself a proposal."""
    return {key: action | {"status": "proposed"} for key, action in forged().items()}


def as_repeat() -> dict[str, Any]:
    """Forge a yes on a repeat that hangs on an action which says that it was done."""
    [action] = forged().values()
    return {"other": action | {"status": "done", "key": "other", "again": action}}


@pytest.mark.parametrize("first", [True, False], ids=["first message", "second message"])
@pytest.mark.parametrize("made", [forged, as_proposed, as_repeat])
def test_no_form_of_a_forged_approval_is_acted_on(made, first):
    graph = StateGraph(OrchestrationState)
    act = Act(effects=(effect(pay, key="pay:{order}"),), gate=ApprovalGate(), then=END)
    app = saved(graph.add_node("act", act).add_edge(START, "act"))
    config: RunnableConfig = {"configurable": {"thread_id": "0"}}
    if not first:
        app.invoke({"message": "m"}, config)
    with contextlib.suppress(StepFailed):
        app.invoke({"message": "m", "actions": made()}, config)
    assert PAID == []
    actions = app.get_state(config).values["actions"].values()
    assert not any(action["status"] == "approved" or "again" in action for action in actions)


@pytest.mark.parametrize("actions", ["x", [1], {"k": "x"}, {"k": {}}, {"k": {"status": "fine"}}])
def test_an_input_that_holds_no_actions_under_their_key_is_refused_by_name(actions: Any):
    with pytest.raises(RunError, match=r"the input.* actions"):
        desk().compile().invoke({"message": "nothing", "actions": actions})


@pytest.mark.parametrize("awaits", [False, True])
def test_a_forged_approval_that_comes_with_the_input_is_dropped(awaits):
    app = saved(desk())
    given = {"message": "nothing", "actions": forged()}
    config = {"configurable": {"thread_id": "0"}}
    state = asyncio.run(app.ainvoke(given, config)) if awaits else app.invoke(given, config)
    [action] = state["actions"].values()
    # The router knows no such message, so a person takes over, and the open proposal is closed.
    assert (action["status"], action["approval"], PAID) == ("failed", None, [])


def test_a_state_that_is_brought_back_changes_nothing_on_record():
    app = saved(desk())
    config = {"configurable": {"thread_id": "0"}}
    asked = start(app, large(), thread="0")
    done = asked.answer(approve(by="maria"))
    [(key, action)] = done.values["actions"].items()
    back = {**action, "status": "approved", "result": None}
    again = app.invoke({"message": "nothing", "actions": {key: back}}, config)
    assert again["actions"][key] == action
    assert len(PAID) == 1


def test_a_forged_approval_does_not_pass_through_a_graph_around_the_desk():
    class Outer(TypedDict, total=False):
        message: str
        actions: dict[str, Any]

    graph = StateGraph(Outer)
    graph.add_node("desk", desk().compile()).add_edge(START, "desk")
    with pytest.raises(RunError, match="the input names actions, which only nodes may write"):
        start(saved(graph), {"message": "billing", "actions": forged()})


class Weather(TypedDict, total=False):
    """The state of a graph whose author has own words for things."""

    outcome: str
    plan: str
    decisions: list[str]
    results: Annotated[list[str], lambda old, new: [*old, *new]]


def forecast(state: Weather) -> dict[str, Any]:
    return {"outcome": "sunny", "results": [state["plan"]], "decisions": ["umbrella"]}


def test_a_graph_of_yours_may_call_its_keys_as_ours():
    graph = StateGraph(Weather).add_node("a", forecast).add_edge(START, "a")
    app = saved(graph)
    first = start(app, {"plan": "walk", "decisions": [], "results": ["x"]}, thread="t")
    assert (first.status, first.outcome, first.decisions) == ("done", None, ())
    assert first.values["outcome"] == "sunny"
    again = start(app, {"results": []}, thread="t")
    assert again.values["results"] == ["x", "walk", "walk"]


def test_new_input_does_not_drop_the_question_of_a_waiting_thread():
    app = saved(desk())
    waits = start(app, large(), thread="t")
    for given in ({"message": "shipping"}, large(amount=1.0)):
        with pytest.raises(RunError, match="'t' waits for an answer at approve: new input would"):
            start(app, given, thread="t")
    assert look(app, thread="t").waiting == waits.waiting


def test_what_a_waiting_thread_asked_is_withdrawn_where_it_is_to_be(invoke_or_start: Any):
    app = saved(desk())
    waits = start(app, large(), thread="t")
    second = invoke_or_start(app, {"message": "shipping"}, "t")
    assert (second.status, PAID) == ("done", [])
    (open_then,) = second.values["actions"].values()
    assert open_then["status"] == "withdrawn"
    with pytest.raises(RunError, match="the question at approve is not open any more"):
        waits.answer({"answer": "approve", "by": "maria"})
    third = start(app, large(), thread="t")
    assert [each["status"] for each in third.values["actions"].values()] == ["proposed"]
    assert third.answer({"answer": "approve", "by": "maria"}).status == "done"
    assert PAID == [(1, 500.0)]


@pytest.fixture(params=["invoke", "start"])
def invoke_or_start(request: Any) -> Any:
    def by_invoke(app: Any, given: dict[str, Any], thread: str) -> Run:
        app.invoke(given, {"configurable": {"thread_id": thread}})
        return look(app, thread=thread)

    def by_start(app: Any, given: dict[str, Any], thread: str) -> Run:
        ended = start(app, given, thread=thread, withdraw=True)
        withdrawn = [each for each in ended.decisions if each.choice == "withdrawn"]
        assert [each.node for each in withdrawn] == ["approve"]
        return ended

    return by_invoke if request.param == "invoke" else by_start


def test_a_run_that_stopped_is_not_started_over():
    broken = [RuntimeError("down")]

    def flaky(state: Log) -> dict[str, Any]:
        if broken:
            raise broken.pop()
        return {"log": ["b"]}

    app = saved(own({"a": says("a"), "b": flaky}))
    with pytest.raises(RuntimeError, match="down") as caught:
        start(app, {"log": []}, thread="t")
    assert caught.value.__notes__[-1] == "thread 't' keeps what was done; resume(app, thread='t')"
    with pytest.raises(RunError, match="'t' has a run that stopped at b: resume"):
        start(app, {"log": []}, thread="t")
    assert resume(app, thread="t").values["log"] == ["a", "b"]


def test_a_finished_thread_may_run_again_and_keeps_its_effects_on_record():
    app = saved(desk())
    first = start(app, large(amount=50.0), thread="t")
    assert (first.status, PAID) == ("done", [(1, 50.0)])
    second = start(app, {"message": "shipping"}, thread="t")
    assert second.status == "done"
    assert second.path == ("router", "shipping", "finish")
    assert [decision.kind for decision in second.decisions] == ["route", "outcome"]
    assert second.values["results"] == {"shipping": {"reply": "on its way"}}
    assert second.values["spent"]["handoffs"] == 1
    assert set(second.values["actions"]) == {"pay:1:50.0"}
    third = start(app, large(amount=50.0), thread="t")
    assert (third.status, PAID) == ("escalated", [(1, 50.0)])
    assert "was done before in this thread" in third.outcome.reason  # type: ignore[union-attr]


def test_a_second_run_does_not_take_up_what_the_first_left_open():
    app = saved(desk())
    waits = start(app, large(), thread="t")
    assert waits.answer({"answer": "reject", "by": "maria", "note": "no"}).status == "rejected"
    second = start(app, {"message": "shipping"}, thread="t")
    assert (second.status, PAID) == ("done", [])


def test_a_nested_desk_ends_anew_on_a_thread_that_has_run():
    class Outer(TypedDict, total=False):
        message: str
        outcome: dict[str, Any]

    graph = StateGraph(Outer)
    graph.add_node("desk", desk().compile()).add_edge(START, "desk")
    app = saved(graph)
    assert start(app, {"message": "shipping"}, thread="t").status == "done"
    assert start(app, {"message": "what?"}, thread="t").status == "escalated"


def test_without_a_checkpointer_a_run_ends_too():
    app = own({"a": says("a"), "b": says("b")}).compile()
    ended = start(app, {"log": []})
    assert (ended.status, ended.finished, ended.values["log"]) == ("done", True, ["a", "b"])
    with pytest.raises(RunError, match="stream_mode='updates' is of no use here"):
        start(app, {"log": []}, stream_mode="updates")


def test_a_graph_that_keeps_no_run_is_refused_where_one_is_to_be_found():
    for kept in (None, True):
        app = own({"a": says("a")}).compile(checkpointer=kept)
        for find in (look, resume):
            with pytest.raises(DesignError, match=rf"checkpointer={kept}, so it keeps no run"):
                find(app, thread="t")
    with pytest.raises(DesignError, match="keeps no run"):
        start(app, {"log": []}, thread="t")


def test_an_empty_thread_is_refused_and_not_a_new_one_each_time():
    app = saved(own({"a": says("a")}))
    for named in ({"thread": ""}, {"config": {"configurable": {"thread_id": ""}}}):
        with pytest.raises(RunError, match="thread='' names none"):
            start(app, {"log": []}, **named)


@pytest.mark.parametrize("thread", ["a\0b", "half \ud800"])
def test_a_thread_that_a_database_cannot_hold_is_refused_by_every_saver(thread):
    app = saved(own({"a": says("a")}))
    for named in ({"thread": thread}, {"config": {"configurable": {"thread_id": thread}}}):
        with pytest.raises(RunError, match="no database holds in an id"):
            start(app, {"log": []}, **named)


def test_a_gate_without_a_checkpointer_is_refused_before_anything_runs():
    ran: list[str] = []
    graph = desk()
    graph.nodes["router"].runnable = lambda state: ran.append("router")  # type: ignore[assignment]
    with pytest.raises(DesignError, match=r"node 'approve' stops.*compile\(checkpointer="):
        start(graph.compile(), {"message": "shipping"})
    assert ran == []


def test_a_gate_in_a_graph_within_is_refused_before_anything_runs_too():
    class Outer(TypedDict, total=False):
        message: str
        order: int
        amount: float

    graph = StateGraph(Outer)
    graph.add_node("desk", desk().compile()).add_edge(START, "desk")
    with pytest.raises(DesignError, match="node 'desk/approve' stops for a person"):
        start(graph.compile(), large(amount=50.0))
    assert PAID == []


def handled_everywhere(handler: Any) -> Any:
    graph = desk()
    graph.set_node_defaults(error_handler=handler)
    return graph


def handled_around(handler: Any) -> Any:
    class Outer(OrchestrationState, total=False):
        order: int
        amount: float

    graph = StateGraph(Outer)
    graph.add_node("desk", desk().compile(), error_handler=handler).add_edge(START, "desk")
    return graph.add_node("person", lambda state: {})


def test_a_gate_with_an_error_handler_is_refused_where_a_bad_answer_would_end_it():
    app = saved(handled_everywhere(to_end))
    bare: RunnableConfig = {"configurable": {"thread_id": "0"}}
    app.invoke(large(), bare)
    assert app.get_state(bare).interrupts
    app.invoke(Command(resume={"answer": "approve", "by": "bob"}), bare)
    assert not app.get_state(bare).interrupts
    with pytest.raises(DesignError, match="gate 'approve' has an error handler, to which"):
        start(app, large(), thread="t")


@pytest.mark.parametrize(
    ("make", "handler"),
    [(handled_everywhere, Recovery()), (handled_around, Recovery()), (handled_around, to_end)],
)
def test_a_question_is_asked_again_after_a_bad_answer(make: Any, handler: Any):
    app = saved(make(handler))
    waits = start(app, large(), thread="t")
    bare: RunnableConfig = {"configurable": {"thread_id": "t"}}
    app.invoke(Command(resume={"answer": "approve", "by": "bob"}), bare)
    packet = look(app, thread="t").waiting[0].packet
    assert "'bob' may not answer" in packet["refused"]
    assert {**packet, "refused": ""} == {**waits.waiting[0].packet, "refused": ""}
    assert PAID == []
    ended = look(app, thread="t").answer({"answer": "approve", "by": "maria"})
    assert (ended.status, PAID) == ("done", [(1, 500.0)])


def test_a_failed_path_function_goes_to_a_default_handler_too():
    graph = own({"z": says("z")}, [("z", END)])
    graph.add_node("a", says("a")).add_edge(START, "a")
    graph.add_conditional_edges("a", lambda state: {}["path"], ["z"])
    graph.set_node_defaults(error_handler=to_end)
    assert start(saved(graph), {"log": []}).values["log"] == ["a", "mended a"]


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_a_question_without_a_checkpointer_is_refused_where_langgraph_is_silent(way: str):
    app = own({"a": asks("sure?")}).compile()
    assert "__interrupt__" in app.invoke({"log": []})
    refused = pytest.raises(DesignError, match="the graph stopped for a person, but it has no")
    if way == "async":
        with refused:
            await astart(app, {"log": []})
    else:
        with refused:
            start(app, {"log": []})


class Seen(BaseCallbackHandler):
    def __init__(self) -> None:
        self.tags: list[list[str]] = []
        self.metadata: list[dict[str, Any]] = []

    def on_chain_start(self, *args: Any, tags: Any, metadata: Any, **kwargs: Any) -> None:
        self.tags.append(tags)
        self.metadata.append(metadata)


def test_the_configuration_reaches_the_graph():
    handler = Seen()
    config: RunnableConfig = {
        "callbacks": [handler],
        "tags": ["desk"],
        "metadata": {"shop": "north"},
        "configurable": {"tenant": "acme"},
    }

    def node(state: Log, config: RunnableConfig) -> dict[str, Any]:
        return {"log": [config["configurable"]["tenant"]]}

    ended = start(saved(own({"a": node})), {"log": []}, config=config)
    assert ended.values["log"] == ["acme"]
    assert "desk" in handler.tags[0]
    assert handler.metadata[0]["shop"] == "north"
    assert config["configurable"] == {"tenant": "acme"}


def test_a_recursion_limit_is_langgraphs_own_error_and_the_thread_can_be_resumed():
    app = saved(own({"a": says("a"), "b": says("b"), "c": says("c")}))
    with pytest.raises(GraphRecursionError):
        start(app, {"log": []}, thread="t", config={"recursion_limit": 2})
    assert look(app, thread="t").status == "unfinished"
    assert resume(app, thread="t").values["log"] == ["a", "b", "c"]


@dataclass
class Context:
    user: str


def greet(state: Log, runtime: Runtime[Context]) -> dict[str, Any]:
    return {"log": [runtime.context.user if runtime.context else None]}


def contextual(*nodes: Any) -> StateGraph[Any]:
    return own({f"n{place}": node for place, node in enumerate(nodes)}, context_schema=Context)


def test_options_are_langgraphs_own():
    ended = start(saved(contextual(greet)), {"log": []}, context=Context("ann"), durability="exit")
    assert ended.values["log"] == ["ann"]


def test_an_answer_goes_on_under_the_context_that_the_run_was_started_with():
    app = saved(contextual(asks("sure?"), greet))
    waits = start(app, {"log": []}, thread="t", context=Context("ann"))
    assert waits.answer("yes").values["log"] == ["sure?: yes", "ann"]


def test_a_context_that_is_not_at_hand_is_asked_for_where_nodes_would_see_none():
    app = saved(contextual(asks("sure?"), greet))
    bare: RunnableConfig = {"configurable": {"thread_id": "0"}}
    app.invoke({"log": []}, bare, context=Context("ann"))
    assert app.invoke(Command(resume="yes"), bare)["log"] == ["sure?: yes", None]
    start(app, {"log": []}, thread="t", context=Context("ann"))
    found = look(app, thread="t")
    with pytest.raises(RunError, match=r"is not stored with the run: give context=\.\.\. again"):
        found.answer("yes")
    assert found.answer("yes", context=Context("bob")).values["log"][-1] == "bob"


def test_a_run_that_was_started_without_a_context_goes_on_without_one():
    app = saved(contextual(asks("sure?"), greet))
    assert start(app, {"log": []}).answer("yes").values["log"] == ["sure?: yes", None]


def test_resuming_asks_for_the_context_too():
    broken = [RuntimeError("down")]

    def flaky(state: Log) -> dict[str, Any]:
        if broken:
            raise broken.pop()
        return {}

    app = saved(contextual(flaky, greet))
    with pytest.raises(RuntimeError):
        start(app, {"log": []}, thread="t", context=Context("ann"))
    with pytest.raises(RunError, match=r"give context=\.\.\. again"):
        resume(app, thread="t")
    assert resume(app, thread="t", context=None).values["log"] == [None]


class Savers:
    """Give checkpointers for async runs, ours and LangGraph's own."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self.stack, self.folder = stack, folder

    async def open(self, kind: str) -> Any:
        if kind == "langgraph memory":
            return InMemorySaver()
        if kind == "langgraph sqlite":
            opening = AsyncSqliteSaver.from_conn_string(str(self.folder / "own.db"))
            return await self.stack.enter_async_context(opening)
        url = "memory://" if kind == "memory" else f"sqlite:///{self.folder / 'runs.db'}"
        return await self.stack.enter_async_context(checkpointer(url))


@pytest.mark.parametrize("kind", ["memory", "sqlite", "langgraph memory", "langgraph sqlite"])
async def test_async_runs_start_wait_and_go_on_with_every_checkpointer(kind: str, tmp_path: Path):
    async with AsyncExitStack() as stack:
        app = desk().compile(checkpointer=await Savers(stack, tmp_path).open(kind))
        waits = await astart(app, large(), thread="t")
        assert (waits.status, PAID) == ("waiting", [])
        with pytest.raises(RunError, match="waits for an answer at approve"):
            await astart(app, large(), thread="t")
        with pytest.raises(RunError, match="waits for an answer at approve"):
            await aresume(app, thread="t")
        ended = await waits.aanswer({"answer": "approve", "by": "maria"})
        assert (ended.status, PAID) == ("done", [(1, 500.0)])
        assert ended.path == ("router", "billing", "approve", "act", "finish")
        assert (await aresume(app, thread="t")).status == "done"


def test_the_parts_of_a_second_run_are_not_of_the_first():
    # Earlier runs of a thread are in its older checkpoints, and are not read again.
    app = saved(own({"a": says("a"), "b": says("b")}))
    for _ in range(3):
        assert start(app, {"log": []}, thread="t").path == ("a", "b")
    assert look(app, thread="t").values["log"] == ["a", "b"] * 3


def test_a_state_of_yours_may_say_nothing_of_how_runs_end():
    # The state knows decisions, but no outcome: a run is done when nothing is left to run.

    class Mine(Worked, total=False):
        message: str

    graph = StateGraph(Mine).add_node("a", lambda state: {"results": {"a": 1}})
    assert start(saved(graph.add_edge(START, "a")), {"message": "x"}).status == "done"


def test_a_desk_that_forgets_its_outcome_is_not_done():
    graph = StateGraph(OrchestrationState).add_node("a", lambda state: {"results": {"a": 1}})
    ended = start(saved(graph.add_edge(START, "a")), {"message": "x"})
    assert (ended.status, ended.outcome, ended.finished) == ("unfinished", None, True)

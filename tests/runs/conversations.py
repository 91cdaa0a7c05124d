"""Make conversations for the tests of runs: systems that talk, their doors, a turn's gist."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.types import Command

from quintet.graphs import begin, create_handoff, create_sequential, create_single_agent, govern
from quintet.nodes import (
    ApprovalGate,
    Planner,
    Recovery,
    Router,
    Worker,
    effect,
    fallback,
    over,
    retry,
)
from quintet.runs import approve, astart, look, reject, start, stream
from quintet.runs.thread import App
from quintet.state import Contract, OrchestrationState, Step

PAID: list[int] = []
GATE = ApprovalGate(when=over(100), approvers=("maria",))
HASTY = Recovery(transient=retry(2, wait=0), invalid=retry(2, wait=0))
FALLS_BACK = replace(HASTY, unknown=fallback("basic"))


class Talk(OrchestrationState, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    notes: Annotated[list[str], operator.add]


class Heard(OrchestrationState, total=False):
    messages: Annotated[list[AnyMessage], add_messages]


def pay(order: int, amount: float) -> int:
    """Pay an amount back; of 7, nobody hears whether it came."""
    PAID.append(order)
    if amount == 7:
        raise ConnectionError("the line went dead")
    return order


AMOUNTS = {"pay": 500.0, "small": 5.0, "lost": 7.0}
PAY = effect(pay, key="pay:{order}")


def agent(request: Mapping[str, Any], tools: Any, runtime: Runtime[Any]) -> dict[str, Any]:
    """Do what the message says, in as many ways as a turn may go."""
    kind, _, rest = request["message"].partition(" ")
    if kind == "stuck":
        raise PermissionError("the office is closed")
    if kind == "broken":
        raise RuntimeError("out of order")
    if kind == "flaky" and runtime.execution_info.node_attempt == 1:
        raise ConnectionError("down")
    if kind in AMOUNTS:
        return {"reply": str(tools.pay(order=int(rest), amount=AMOUNTS[kind]))}
    return {"reply": request["message"]}


def answers(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"reply": f"in short: {request['message']}"}


def talker(who: Any = agent, **stop: Any) -> Worker:
    tools = (PAY,) if who is agent else ()
    return Worker(agent=who, contract=Contract(goal="g", needs=("message",), tools=tools, **stop))


def notes(state: Talk) -> dict[str, Any]:
    """Write notes, as a user's own node that knows nothing of runs."""
    return {"notes": [state["message"]]}


def single() -> StateGraph[Any]:
    return create_single_agent(talker(), gate=GATE, recover=HASTY, state=Talk)


def sequential() -> StateGraph[Any]:
    workers = {"notes": notes, "first": talker(answers), "second": talker()}
    return create_sequential(workers, gate=GATE, recover=HASTY, state=Talk)


def handoff(**options: Any) -> StateGraph[Any]:
    def route(message: str) -> str:
        return "plan" if message.startswith("plan") else "work"

    def make(goal: str) -> list[Step]:
        return [Step(id=f"{each} {goal}", goal=goal, assignee=each) for each in ("work", "basic")]

    workers = {
        "work": talker(),
        "basic": talker(answers),
        "plan": Planner(make=make, assignees=("work", "basic")),
    }
    router = Router(choose=route, to=("work", "plan"), otherwise="person")
    given = {"intake": notes, "gate": GATE, "recover": FALLS_BACK, "state": Talk, **options}
    return create_handoff(router, workers, **given)


def composed() -> StateGraph[Any]:
    graph = StateGraph(Talk)
    graph.add_node("notes", notes)
    graph.add_node("notify", lambda state: {"notes": ["told"]})
    workers = {"work": talker(), "basic": talker(answers)}
    govern(graph, workers, then="notify", gate=GATE, recover=FALLS_BACK)
    path = begin("notes")
    graph.add_conditional_edges(START, path, path.targets)
    graph.add_edge("notes", "work")
    graph.add_edge("notify", "finish")
    return graph


def nested() -> StateGraph[Any]:
    """Build a desk as a node between nodes of the user's own.

    It has no `notes`: a key that adds up would come back from it with what it was given.
    """
    graph = StateGraph(Talk)
    graph.add_node("before", notes)
    graph.add_node("desk", handoff(intake=None, state=Heard).compile())
    graph.add_node("after", lambda state: {"notes": ["after"]})
    path = begin("before")
    graph.add_conditional_edges(START, path, path.targets)
    graph.add_edge("before", "desk").add_edge("desk", "after").add_edge("after", END)
    return graph


SYSTEMS: dict[str, Callable[[], StateGraph[Any]]] = {
    made.__name__: made for made in (single, sequential, handoff, composed, nested)
}

Door = Callable[[App, Any, str], Awaitable[None]]
"""A way to move a thread: by the input of a turn, or by the answer to its question."""


def on(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def by_invoke(**options: Any) -> Door:
    async def door(app: App, given: Any, thread: str) -> None:
        app.invoke(raw(app, given, thread), on(thread), **options)

    return door


def by_ainvoke(**options: Any) -> Door:
    async def door(app: App, given: Any, thread: str) -> None:
        await app.ainvoke(raw(app, given, thread), on(thread), **options)

    return door


def by_stream(*modes: Any) -> Door:
    async def door(app: App, given: Any, thread: str) -> None:
        list(app.stream(raw(app, given, thread), on(thread), stream_mode=list(modes)))

    return door


async def by_events(app: App, given: Any, thread: str) -> None:
    async for _ in app.astream_events(raw(app, given, thread), on(thread), version="v2"):
        pass


async def by_start(app: App, given: Any, thread: str) -> None:
    if isinstance(given, Mapping):
        start(app, given, thread=thread, withdraw=True)
    else:
        look(app, thread=thread).answer(given)


async def by_astart(app: App, given: Any, thread: str) -> None:
    if isinstance(given, Mapping):
        await astart(app, given, thread=thread, withdraw=True)
    else:
        await look(app, thread=thread).aanswer(given)


async def by_our_stream(app: App, given: Any, thread: str) -> None:
    if isinstance(given, Mapping):
        list(stream(app, given, thread=thread, withdraw=True))
    else:
        list(look(app, thread=thread).stream(given))


DOORS: dict[str, Door] = {
    "invoke": by_invoke(),
    "invoke, sync": by_invoke(durability="sync"),
    "invoke, exit": by_invoke(durability="exit"),
    "ainvoke": by_ainvoke(),
    "ainvoke, exit": by_ainvoke(durability="exit"),
    "stream of values": by_stream("values"),
    "stream of updates": by_stream("updates"),
    "stream to debug": by_stream("debug", "tasks", "checkpoints"),
    "events": by_events,
    "start": by_start,
    "astart": by_astart,
    "our stream": by_our_stream,
}


def raw(app: App, given: Any, thread: str) -> Any:
    """Give LangGraph's own form of an answer: what its open question is resumed with."""
    if isinstance(given, Mapping):
        return given
    (asked,) = app.get_state(on(thread)).interrupts
    answer = given.model_dump() | {"digest": asked.value["digest"]}
    return Command(resume={asked.id: answer})


def told(text: str) -> dict[str, Any]:
    """Give the input of a turn; the last word of `pay 7 yes` is for `turn` alone."""
    message = text.removesuffix(" yes").removesuffix(" no")
    return {"message": message, "messages": [HumanMessage(message)]}


async def turn(app: App, text: str, thread: str, door: Door) -> dict[str, Any]:
    """Take a turn, and answer its question as its last word says; give the state after it."""
    await door(app, told(text), thread)
    if text.endswith(" yes"):
        await door(app, approve(by="maria"), thread)
    if text.endswith(" no"):
        await door(app, reject(by="maria", note="no"), thread)
    return app.get_state(on(thread)).values


def gist(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give all that belongs to a turn, without moments, ids and seconds."""
    spent = values.get("spent") or {}
    return {
        "outcome": values.get("outcome"),
        "results": values.get("results"),
        "route": values.get("route"),
        "plan": values.get("plan"),
        "remedies": values.get("remedies"),
        "spent": {name: spent[name] for name in sorted(spent) if name != "seconds"},
        "failures": _without_moments(values.get("failures") or ()),
        "decisions": _without_moments(values.get("decisions") or ()),
    }


def _without_moments(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: each[name] for name in each if name not in ("at", "id")} for each in records]


def status(values: Mapping[str, Any]) -> str:
    """Give how a turn ended, in a word."""
    return str((values.get("outcome") or {}).get("status", ""))

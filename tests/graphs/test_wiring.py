"""Test the wiring of the ready-made graphs, and that every run of theirs ends in an outcome."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from langchain_core.exceptions import (
    ModelAuthenticationError,
    ModelRateLimitError,
    ModelTimeoutError,
    OutputParserException,
)
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphRecursionError, InvalidUpdateError
from langgraph.graph import END, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, StreamWriter
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from quintet.graphs import create_handoff, create_sequential
from quintet.graphs.wiring import Wiring, effects_of
from quintet.nodes import (
    ApprovalGate,
    Choice,
    Handoff,
    Planner,
    Recovery,
    Router,
    Worker,
    abort,
    effect,
    escalate,
    fallback,
    replan,
    retry,
)
from quintet.nodes.core.function import FunctionNode, as_node, input_schema_of, targets_of
from quintet.runs import Run, approve, astart, reject, respond, settle, start
from quintet.state import (
    AnswerRefused,
    BudgetExhausted,
    Contract,
    ContractBroken,
    Failure,
    Step,
    ToolRefused,
    checkpointer,
)
from quintet.state.outcome import STATUSES
from tests.graphs.desks import Desk, worker


def pay(order: int) -> dict[str, Any]:
    return {"order": order}


def ship(order: int) -> dict[str, Any]:
    return {"order": order}


paying, shipping = effect(pay, key="pay:{order}"), effect(ship, key="ship:{order}")


def wiring(**options: Any) -> Wiring:
    return Wiring(**{"gate": None, "recover": Recovery(), "success": (), **options})


def test_the_effects_of_all_workers_are_listed_once_in_order():
    workers = {"a": worker(tools=(shipping, paying)), "b": worker(tools=(paying,)), "c": print}
    assert effects_of(workers) == (shipping, paying)


def test_a_worker_with_effects_gets_the_gate_and_any_other_is_left_alone():
    gate = ApprovalGate(approvers=("maria",))
    fit = partial(wiring(gate=gate, effects=(paying,)).wired, way="on", end="approve")
    with_effects, without = worker(tools=(paying,)), worker()
    assert fit(with_effects).gate == ApprovalGate(
        approvers=("maria",), approved="act", rejected="finish", effects=(paying,)
    )
    assert fit(without) == replace(without, then="on")
    own_gate = worker(tools=(paying,), gate=ApprovalGate(name="own"))
    assert fit(own_gate) == replace(own_gate, then="on")
    bare = wiring().wired(with_effects, "finish", "finish")
    assert bare == replace(with_effects, then="finish")
    assert fit(print) is print


def test_what_a_worker_calls_the_finish_is_what_the_graph_ends_with():
    passes_on = worker(handoffs=("b",), then="finish")
    assert wiring().wired(passes_on, "approve", "approve").then == "approve"
    assert wiring().wired(worker(handoffs=("b",), then="b"), "approve", "approve").then == "b"


class Narrow(TypedDict):
    message: str


def narrow(state: Narrow) -> dict[str, Any]:
    return {}


def typed(state: Desk) -> Command[Literal["a", "b"]]:
    return Command(goto="a")


async def either(state: dict[str, Any]) -> Command[Literal["a"]] | dict[str, Any] | None:
    return None


def ends(state: Desk, config: RunnableConfig) -> Command[Literal["__end__"]]:
    return Command(goto=END)


def unnamed(state: Any) -> Command[str]:
    return Command(goto="a")


def unresolved(state: "Nowhere") -> "Command[Nothing]":  # type: ignore[name-defined]  # noqa: F821, UP037
    return Command(goto="a")


class Called:
    def __call__(self, state: Narrow) -> Command[Literal["a"]]:
        return Command(goto="a")


@pytest.mark.parametrize(
    ("node", "targets", "state"),
    [
        (narrow, (), Narrow),
        (typed, ("a", "b"), Desk),
        (either, ("a",), None),
        (ends, ("__end__",), Desk),
        (unnamed, (), None),
        (unresolved, (), None),
        (Called(), ("a",), Narrow),
        (lambda state: {}, (), None),
        (worker(), (), None),
        (worker(handoffs=("b",), then="finish"), ("finish", "b"), None),
    ],
)
def test_a_node_says_where_it_goes_and_what_it_reads(node: Any, targets: Any, state: Any):
    assert targets_of(node) == targets
    assert input_schema_of(node) is state


def wants_more(state: Any, previous: Any) -> Any:
    return {}


def test_only_a_function_of_the_state_and_of_what_is_filled_in_is_wrapped():
    for node in (narrow, Called(), ends, injects):
        assert isinstance(as_node(node), FunctionNode)
    for node in (worker(), wants_more, print, 3):
        assert as_node(node) is node


def injects(
    state: Any, config: RunnableConfig, *, runtime: Runtime, store: Any, limit: int = 3
) -> Any:
    thread = config["configurable"]["thread_id"]
    told = [thread, limit, store is runtime.store]
    return {"results": {"first": {"told": told}}}


async def writes(state: Any, writer: StreamWriter) -> Any:
    writer({"step": "first"})
    return {"results": {"first": {"told": []}}}


def test_a_function_gets_what_langgraph_would_fill_in():
    graph = create_sequential({"first": injects, "next": worker()})
    app = graph.compile(store=InMemoryStore(), checkpointer=InMemorySaver())
    run = start(app, {"message": "m"}, thread="t-1")
    assert run.results["first"] == {"told": ["t-1", 3, True]}
    streamed = create_sequential({"first": writes, "next": worker()}).compile()
    given = {"message": "m"}

    async def custom() -> list[Any]:
        return [part async for part in streamed.astream(given, stream_mode="custom")]

    assert {"step": "first"} in asyncio.run(custom())


class Late(TypedDict):
    wide: int


def loses(state: Any) -> Any:
    return {"replies": 1}


def loses_with_config(state: Any, config: RunnableConfig) -> Any:
    return {"replies": 1}


async def loses_with_runtime(state: Any, *, runtime: Runtime) -> Any:
    return "replies"


def ends_unasked(state: Any) -> Any:
    return Command(goto=END)


def jumps(state: Any) -> Any:
    return Command(goto="late")


def stays(state: Any) -> Command[Literal["late"]]:
    return {}  # type: ignore[return-value]


def strays(state: Any) -> Command[Literal["late"]]:
    return Command(goto="nowhere")


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (loses, "loses returned 'replies'"),
        (loses_with_config, "loses_with_config returned 'replies'"),
        (loses_with_runtime, "loses_with_runtime returned 'replies', which is no update"),
        (ends_unasked, "goes to END ('__end__'), by which the run would end without an outcome"),
        (jumps, "jumps goes to 'late'"),
        (stays, "stays declares that it goes to late"),
        (strays, "strays goes to 'nowhere'"),
    ],
)
def test_a_function_whose_update_or_way_would_be_lost_has_failed(node: Any, words: str):
    asked: list[str] = []
    after = Worker(
        agent=lambda request: asked.append("x") or {"ok": 1},
        contract=Contract(goal="look", needs=("message",)),
    )
    graph = create_sequential({"first": node, "next": after, "late": after})
    run = asyncio.run(astart(graph.compile(), {"message": "m"}))
    assert (run.status, asked) == ("escalated", [])
    assert words in run.outcome.reason


def test_a_function_may_go_where_it_says_and_write_a_key_that_is_declared_later():
    def goes(state: Any) -> Command[Literal["late"]]:
        return Command(goto="late", update={"wide": 1})

    def late(state: Late) -> Any:
        return {"results": {"late": state["wide"]}}

    never = Worker(agent=lambda r: {"no": 1}, contract=Contract(goal="g", needs=("message",)))
    graph = create_sequential({"first": goes, "next": never, "late": late})
    run = start(graph.compile(), {"message": "m"})
    assert run.status == "done"
    assert run.results == {"late": 1}


def test_a_function_that_says_that_it_asks_is_known_to_ask():
    asking = Called()
    asking.asks = True  # type: ignore[attr-defined]
    assert as_node(asking).asks is True
    assert as_node(Called()).asks is False


class Named:
    """Show an exception by its name in a printed example."""

    def __init__(self, make: Callable[[], Exception]) -> None:
        self.make = make

    def __repr__(self) -> str:
        return repr(self.make())


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int).validate_python("x")
    return caught.value


class Answered(Exception):
    """Carry a status, as an HTTP client's error does."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"status {status_code}")
        self.status_code = status_code


FAULTS = [
    Named(make)
    for make in (
        lambda: ConnectionError("down"),
        ConnectionResetError,
        TimeoutError,
        asyncio.QueueFull,
        lambda: OSError(28, "no space left"),
        lambda: PermissionError("not yours"),
        lambda: KeyError("gone"),
        lambda: ValueError(""),
        lambda: TypeError("no"),
        AssertionError,
        lambda: StopIteration(3),
        StopAsyncIteration,
        lambda: RecursionError("too deep"),
        MemoryError,
        NotImplementedError,
        lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        lambda: json.JSONDecodeError("bad", "{", 1),
        lambda: ExceptionGroup("two", [ValueError("a"), KeyError("b")]),
        lambda: Answered(429),
        lambda: Answered(500),
        lambda: Answered(404),
        lambda: ModelRateLimitError("slow down"),
        lambda: ModelTimeoutError("late"),
        lambda: ModelAuthenticationError("who"),
        lambda: OutputParserException("not JSON"),
        lambda: GraphRecursionError("round and round"),
        lambda: InvalidUpdateError("no dict"),
        lambda: ContractBroken("missing", side="needs"),
        lambda: ToolRefused("not yours"),
        lambda: BudgetExhausted("spent"),
        invalid,
    )
]

PLACES = (
    "intake", "choose", "billing", "pay", "shipping", "basic", "make", "check", "when",
    "approvers", "undo", "criterion", "classify",
)  # fmt: skip

CLASSES = (
    "transient", "rate_limit", "timeout", "invalid", "contract", "denied", "permanent", "unknown",
)  # fmt: skip


@dataclass
class Faulty:
    """Build a desk whose parts break as told, one fault a call, and count what they do."""

    faults: Mapping[str, list[Named | None]]
    hands_off: bool = False
    done: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._left: dict[str, Iterator[Named | None]] = {
            name: iter(faults) for name, faults in self.faults.items()
        }

    def at(self, place: str) -> None:
        """Break here, if it is time to."""
        fault = next(self._left.get(place, iter(())), None)
        if fault is not None:
            raise fault.make()

    def graph(self, recover: Mapping[str, Any]) -> StateGraph[Any]:
        workers: dict[str, Any] = {
            "billing": Worker(agent=self.billing, contract=self.contract((self.effect,))),
            "shipping": Worker(
                agent=self.shipping, contract=self.contract(), handoffs=("billing",), then="finish"
            ),
            "basic": self.basic,
            "plan": Planner(
                make=self.make, assignees=("billing", "shipping", "basic"), check=self.check
            ),
        }
        return create_handoff(
            Router(choose=self.choose, to=("billing", "shipping", "plan"), otherwise="person"),
            workers,
            intake=self.intake,
            gate=ApprovalGate(when=self.when, approvers=self.approvers),
            recover=Recovery(**{"classify": self.classify, **recover}),
            success=(self.criterion,),
            state=Desk,
        )

    def contract(self, tools: tuple[Any, ...] = ()) -> Contract:
        return Contract(goal="Answer", needs=("message",), tools=tools)

    @property
    def effect(self) -> Any:
        def pay(order: str) -> dict[str, Any]:
            self.at("pay")
            self.done[order] += 1
            return {"order": order}

        def undo(paid: Mapping[str, Any]) -> None:
            self.at("undo")
            self.done[paid["order"]] -= 1

        return effect(pay, key="pay:{order}", undo=undo)

    def intake(self, state: Desk) -> dict[str, Any]:
        self.at("intake")
        return {"order": 1}

    def choose(self, text: str) -> Choice | None:
        self.at("choose")
        return Choice(to=text) if text in ("billing", "shipping", "plan") else None

    def billing(self, request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
        self.at("billing")
        tools.pay(order=request["message"])
        return {"reply": "paid"}

    def shipping(self, request: Mapping[str, Any]) -> Any:
        self.at("shipping")
        return Handoff(to="billing", reason="money") if self.hands_off else {"reply": "sent"}

    def basic(self, state: Desk) -> dict[str, Any]:
        self.at("basic")
        return {"results": {state.get("step", {}).get("id", "basic"): "basic"}}

    def make(self, goal: str, evidence: Any) -> list[Step]:
        self.at("make")
        version = "" if evidence is None else str(evidence.plan.version)
        return [
            Step(id=f"{name}{version}", goal=name, assignee=name, inputs={"message": name})
            for name in ("billing", "shipping", "basic")
        ]

    def check(self, step: Step, result: Any) -> None:
        self.at("check")

    def when(self, action: Any) -> bool:
        self.at("when")
        return action.arguments["order"] == "billing"

    def approvers(self, action: Any) -> tuple[str, ...]:
        self.at("approvers")
        return ("maria",)

    def criterion(self, state: Mapping[str, Any]) -> bool:
        self.at("criterion")
        return True

    def classify(self, problem: BaseException) -> None:
        self.at("classify")


remedies = st.lists(
    st.sampled_from([fallback("basic"), fallback("shipping"), replan(), abort(), escalate()]),
    max_size=3,
).map(tuple)
chains = st.builds(
    lambda first, rest: (*first, *rest), st.sampled_from([(), (retry(2, wait=0),)]), remedies
)
policies = st.fixed_dictionaries(
    {"otherwise": st.sampled_from([escalate(), abort()])},
    optional=dict.fromkeys(CLASSES, chains),
)
faults = st.dictionaries(
    st.sampled_from(PLACES),
    st.lists(st.none() | st.sampled_from(FAULTS), min_size=1, max_size=4),
    max_size=6,
)
answers = st.lists(
    st.sampled_from([approve(by="maria"), reject(by="maria"), respond("no", by="maria")]),
    min_size=12,
    max_size=12,
)
desks = st.builds(Faulty, faults=faults, hands_off=st.booleans())


def told(run: Run, desk: Faulty, answer: Any) -> Any:
    """Give the answer to a gate; to a question how an effect ended, the truth."""
    packet = run.waiting[0].packet
    if "settle" not in packet:
        return answer
    paid, order = bool(desk.done[packet["arguments"]["order"]]), packet["arguments"]["order"]
    happened = paid != packet["settle"].startswith("undo ")
    word: Any = "happened" if happened else "did not happen"
    return settle(word, by="maria", result={"order": order} if happened else None)


def ends_well(run: Run, desk: Faulty) -> None:
    assert run.status in STATUSES, f"a silent end: {run}"
    assert run.outcome is not None
    assert run.outcome.reason.strip()
    assert run.finished
    for item in run.values["failures"]:
        failure = Failure(**{key: value for key, value in item.items() if key != "remedy"})
        assert failure.message
    assert all(times <= 1 for times in desk.done.values()), f"done twice: {desk.done}"
    if run.status == "done":
        assert run.values["results"]
    if run.status == "aborted":
        assert sum(desk.done.values()) == 0


# Each example runs a graph: to shrink one would take minutes.
LAW = settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


@given(
    desk=desks,
    recover=policies,
    message=st.sampled_from(["billing", "shipping", "plan", "hm"]),
    said=answers,
)
@LAW
def test_every_run_ends_in_an_outcome_whatever_breaks(
    desk: Faulty, recover: Any, message: str, said: Any
):
    app = desk.graph(recover).compile(checkpointer=checkpointer("memory://"))
    run = start(app, {"message": message}, config={"recursion_limit": 200})
    for answer in (*said, *said):
        if run.status != "waiting":
            break
        with suppress(AnswerRefused):
            run = run.answer(told(run, desk, answer), to=run.waiting[0].id)
    ends_well(run, desk)


@given(
    desk=desks,
    recover=policies,
    message=st.sampled_from(["billing", "shipping", "plan", "hm"]),
    said=answers,
)
@settings(LAW, max_examples=25)
async def test_every_async_run_ends_in_an_outcome_whatever_breaks(
    desk: Faulty, recover: Any, message: str, said: Any
):
    app = desk.graph(recover).compile(checkpointer=checkpointer("memory://"))
    run = await astart(app, {"message": message}, config={"recursion_limit": 200})
    for answer in (*said, *said):
        if run.status != "waiting":
            break
        with suppress(AnswerRefused):
            run = await run.aanswer(told(run, desk, answer), to=run.waiting[0].id)
    ends_well(run, desk)

from __future__ import annotations

import asyncio
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ModelRateLimitError
from langgraph.errors import NodeError
from langgraph.types import Command, Send, interrupt

from quintet.nodes import (
    Recovery,
    Router,
    Worker,
    abort,
    effect,
    escalate,
    fallback,
    hand_over,
    replan,
    retry,
)
from quintet.state import (
    Budget,
    ContractBroken,
    DesignError,
    Failure,
    StepFailed,
    checkpointer,
)
from quintet.state.failure import FAILURE_CLASSES
from tests.nodes.workshop import S, app_of, bare, decided, logs, statuses

INJECTED = cast(NodeError, None)

ONE_OF_EACH: dict[str, BaseException] = {
    "transient": ConnectionError("down"),
    "rate_limit": ModelRateLimitError("busy"),
    "timeout": TimeoutError("late"),
    "invalid": ContractBroken("odd", side="gives"),
    "contract": ContractBroken("missing", side="needs"),
    "denied": PermissionError("no"),
    "permanent": KeyError("x"),
    "unknown": RuntimeError("?"),
}


def failing(*problems: BaseException | None, calls: list[int] | None = None) -> Worker:
    """Make a worker that raises the problems in turn, the last for ever; None lets it work."""
    left = list(problems)

    def agent(request: Any) -> Any:
        if calls is not None:
            calls.append(1)
        problem = left.pop(0) if len(left) > 1 else left[0]
        if problem is not None:
            raise problem
        return "ok"

    return Worker(agent=agent, contract=bare())


def handled(problem: Any, state: Any = None, **policy: Any) -> Command[Any]:
    return Recovery(**policy)(state or {}, NodeError("work", problem))


@pytest.mark.parametrize("kind", FAILURE_CLASSES)
def test_the_unit_test_of_a_recovery_is_a_call(kind: str) -> None:
    command = handled(ONE_OF_EACH[kind], **{kind: fallback("basic")})
    assert command.goto == "basic"
    (failure,) = command.update["failures"]
    assert (failure["kind"], failure["node"], failure["remedy"]) == (kind, "work", "fallback:basic")
    assert decided(command.update, "fallback") == ["basic"]


@pytest.mark.parametrize("kind", FAILURE_CLASSES)
def test_each_class_has_its_own_remedies_and_a_last_one(invoke: Any, kind: str) -> None:
    calls: list[int] = []
    problem = ONE_OF_EACH[kind]
    policy = Recovery(**{kind: (retry(2, wait=0), fallback("basic"))}, otherwise=escalate("desk"))  # type: ignore[arg-type]
    nodes = {"work": failing(problem, calls=calls), "basic": failing(problem), "desk": hand_over}
    end = invoke(app_of(nodes, recover=policy), {"message": "m"}, "a")
    assert len(calls) == 2
    assert [failure["kind"] for failure in end["failures"]] == [kind, kind]
    assert [failure["attempts"] for failure in end["failures"]] == [2, 2]
    assert decided(end, "fallback", "escalation") == ["basic", "desk"]
    assert end["outcome"]["status"] == "escalated"


@pytest.mark.parametrize("kind", FAILURE_CLASSES)
def test_by_default_every_class_ends_with_a_person(invoke: Any, kind: str) -> None:
    nodes = {"work": failing(ONE_OF_EACH[kind])}
    policy = Recovery(rate_limit=retry(2, wait=0), transient=retry(2, wait=0), timeout=())
    end = invoke(app_of(nodes, recover=policy), {"message": "m"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert end["failures"][0]["kind"] == kind


def test_remedies_are_used_in_their_order_each_as_often_as_it_may() -> None:
    policy = {"unknown": (fallback("a"), replan(times=2), fallback("b"))}
    state: dict[str, Any] = {}
    went = []
    for _ in range(6):
        command = handled(RuntimeError("?"), state, **policy)
        went.append(command.goto)
        for name, times in command.update["remedies"].items():
            counts = state.setdefault("remedies", {})
            counts[name] = counts.get(name, 0) + times
        state.setdefault("remedies", {})
    assert went == ["a", "plan", "plan", "b", "person", "person"]


@given(st.lists(st.sampled_from(["a", "b", "plan"]), max_size=5), st.integers(0, 4))
def test_a_run_ends_whatever_the_remedies(names: list[str], most: int) -> None:
    chain = tuple(replan(name) if name == "plan" else fallback(name) for name in names)
    policy = {"unknown": chain, "budget": Budget(retries=most)}
    state: dict[str, Any] = {"remedies": {}}
    for turn in range(20):
        command = handled(RuntimeError("?"), state, **policy)
        if command.goto == "person":
            break
        assert turn < most
        for name, times in command.update["remedies"].items():
            state["remedies"][name] = state["remedies"].get(name, 0) + times
    assert command.goto == "person"


def test_a_node_is_not_its_own_fallback() -> None:
    policy = {"unknown": (fallback("work"), fallback("basic"))}
    assert handled(RuntimeError("?"), {"remedies": {}}, **policy).goto == "basic"


def test_a_fallback_that_fails_itself_comes_to_the_next_remedy(invoke: Any) -> None:
    nodes = {
        "work": failing(RuntimeError("1")),
        "basic": failing(RuntimeError("2")),
        "last": failing(None),
    }
    policy = Recovery(unknown=(fallback("basic"), fallback("last")))
    end = invoke(app_of(nodes, recover=policy), {"message": "m"}, "a")
    assert decided(end, "fallback") == ["basic", "last"]
    assert end["results"] == {"last": "ok"}
    assert [failure["message"] for failure in end["failures"]] == [
        "RuntimeError: 1",
        "RuntimeError: 2",
    ]


def test_an_abort_is_a_last_remedy_too(invoke: Any) -> None:
    nodes = {"work": failing(RuntimeError("?")), "stop": logs("stop")}
    end = invoke(app_of(nodes, recover=Recovery(otherwise=abort("stop"))), {"message": "m"}, "a")
    assert end["log"] == ["stop"]
    assert decided(end, "abort") == ["stop"]


def test_a_classifier_of_the_users_is_asked_first(invoke: Any) -> None:
    seen: list[type] = []

    def mine(problem: BaseException) -> Any:
        seen.append(type(problem))
        return "transient" if isinstance(problem, KeyError) else None

    calls: list[int] = []
    policy = Recovery(transient=retry(3, wait=0), classify=mine)
    nodes = {"work": failing(KeyError("x"), calls=calls)}
    end = invoke(app_of(nodes, recover=policy), {"message": "m"}, "a")
    assert len(calls) == 3
    assert end["failures"][0]["kind"] == "transient"
    assert set(seen) == {KeyError}


def test_a_classifier_that_fails_does_not_lose_the_failure(invoke: Any) -> None:
    def broken(problem: BaseException) -> Any:
        raise ZeroDivisionError

    nodes = {"work": failing(RuntimeError("?"))}
    end = invoke(app_of(nodes, recover=Recovery(classify=broken)), {"message": "m"}, "a")
    assert end["failures"][0]["error"] == "RuntimeError"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recovery(otherwise=retry(2)), "must end the run"),
        (lambda: Recovery(otherwise=fallback("x")), "must end the run"),
        (lambda: Recovery(unknown=(fallback("x"), retry(2))), "retry comes first"),
        (lambda: retry(1), "two attempts or more"),
        (lambda: retry(2, wait=-1), "wait >= 0"),
    ],
    ids=["retry", "fallback", "order", "attempts", "wait"],
)
def test_a_policy_that_cannot_end_a_run_is_refused(make: Any, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        make()


def test_a_policy_is_a_value_and_says_where_it_goes() -> None:
    policy = Recovery(transient=(retry(3), fallback("a")), unknown=replan("plan"))
    assert policy == Recovery(transient=(retry(3), fallback("a")), unknown=replan("plan"))
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert set(policy.destinations) == {"a", "plan", "person"}


def test_waits_grow_up_to_the_longest() -> None:
    given_ = Recovery(transient=retry(4, wait=0.5, most=3.0)).retry_policy
    policy = next(each for each in given_ if each.retry_on(ConnectionError("x")))  # type: ignore[operator]
    assert (policy.max_attempts, policy.initial_interval, policy.max_interval) == (4, 0.5, 3.0)
    assert policy.backoff_factor == 2.0


def test_a_router_or_a_users_own_node_is_treated_as_well(invoke: Any) -> None:
    def own(state: Any) -> Any:
        raise ConnectionError("down")

    def choose(text: str) -> Any:
        raise ConnectionError("down")

    router = Router(choose=choose, to=("next",), otherwise="person")
    for node in (own, router):
        policy = Recovery(transient=(retry(2, wait=0), fallback("basic")))
        end = invoke(
            app_of({"first": node, "basic": logs("basic")}, recover=policy), {"message": "m"}, "a"
        )
        assert end["log"] == ["basic"]
        (failure,) = end["failures"]
        assert (failure["node"], failure["kind"], failure["error"]) == (
            "first",
            "transient",
            "ConnectionError",
        )


def test_failures_of_parallel_branches_are_treated_one_by_one(invoke: Any) -> None:
    def split(state: Any) -> Any:
        return Command(goto=[Send("work", {"step": {"id": str(n)}}) for n in range(4)])

    def agent(request: Any) -> Any:
        if request["n"] in "13":
            raise KeyError(request["n"])
        return request["n"]

    worker = Worker(
        agent=agent, contract=bare(needs=("n",)), read=lambda state: {"n": state["step"]["id"]}
    )
    end = invoke(
        app_of({"split": split, "work": worker}, recover=Recovery()), {"message": "m"}, "a"
    )
    assert end["results"] == {"0": "0", "2": "2"}
    assert sorted(failure["step"] for failure in end["failures"]) == ["1", "3"]
    assert end["spent"]["steps"] == 4
    assert end["outcome"]["status"] == "escalated"


def test_a_timeout_of_an_async_node_is_a_failure_like_any_other() -> None:
    async def slow(state: Any) -> Any:
        await asyncio.sleep(30)

    policy = Recovery(timeout=(retry(2, wait=0), fallback("basic")))
    app = app_of({"slow": slow, "basic": logs("basic")}, recover=policy, timeout=0.1)
    end = asyncio.run(app.ainvoke({"message": "m"}, {"configurable": {"thread_id": "a"}}))
    assert end["log"] == ["basic"]
    assert end["failures"][0]["kind"] == "timeout"


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        (
            repr(StepFailed(Failure(node="w", kind="rate_limit", error="E", message="m"))),
            "rate_limit",
            "E",
        ),
        ("ConnectionResetError(104, 'reset')", "transient", "ConnectionResetError"),
        ("ModelRateLimitError('busy')", "rate_limit", "ModelRateLimitError"),
        ("APITimeoutError('late')", "timeout", "APITimeoutError"),
        ("KeyError('x')", "permanent", "KeyError"),
        ("ToolRefused('no')", "denied", "ToolRefused"),
        ("Nobody('x')", "unknown", "Nobody"),
        ("", "unknown", ""),
        ("\x00(", "unknown", "\x00"),
        ("StepFailed({broken})", "unknown", "StepFailed"),
    ],
    ids=[
        "failed",
        "builtin",
        "model",
        "client",
        "mistake",
        "ours",
        "stranger",
        "empty",
        "null",
        "damaged",
    ],
)
def test_an_error_that_has_become_text_keeps_its_class(text: str, kind: str, error: str) -> None:
    (failure,) = handled(text, rate_limit=()).update["failures"]
    assert (failure["kind"], failure["error"]) == (kind, error)
    assert failure["step"] == ""


@given(st.text())
def test_any_text_of_an_error_is_treated(text: str) -> None:
    assert handled(text).goto == "person"


def test_a_failed_step_survives_the_interrupt_of_its_sibling(invoke: Any) -> None:
    # LangGraph runs a handler again after a resume, with nothing but the error's repr.

    def asks(state: Any) -> Any:
        return {"log": [interrupt("which?")]}

    class Asking(Recovery):
        def __call__(self, state: Any, error: NodeError = INJECTED) -> Any:
            interrupt("may it go on?")
            return super().__call__(state, error)

    def split(state: Any) -> Any:
        return Command(goto=["work", "asks"])

    policy = Asking(rate_limit=(), otherwise=escalate())
    nodes = {
        "split": split,
        "work": failing(ModelRateLimitError("busy")),
        "asks": asks,
        "person": hand_over,
    }
    app = app_of(nodes, recover=policy)
    asked = invoke(app, {"message": "m"}, "a")
    while questions := asked.get("__interrupt__"):
        asked = invoke(app, Command(resume={each.id: "yes" for each in questions}), "a")
    (failure,) = asked["failures"]
    assert (failure["kind"], failure["error"]) == ("rate_limit", "ModelRateLimitError")
    assert asked["spent"]["steps"] == 1


KILLED = """
    import os, signal, sys
    from typing import cast
    from langgraph.errors import NodeError
    from langgraph.graph import START, StateGraph
    from quintet.nodes import Recovery, Worker, effect, hand_over
    from quintet.state import Contract, OrchestrationState, checkpointer

    path, mode = sys.argv[1:]

    def pay(to):
        with open(path + ".paid", "a") as log:
            log.write(to)

    tool = effect(pay, key="pay:{to}")

    def agent(request, tools):
        tools.pay("x")
        raise ConnectionError("down")

    class Dying(Recovery):
        def __call__(self, state, error: NodeError = cast(NodeError, None)):
            if mode == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            assert isinstance(error.error, str), error
            return super().__call__(state, error)

    worker = Worker(agent=agent, contract=Contract(goal="g", needs=(), tools=(tool,)))
    graph = StateGraph(OrchestrationState)
    graph.add_node("work", worker, error_handler=Dying(transient=()))
    graph.add_node("person", hand_over)
    graph.add_edge(START, "work")
    app = graph.compile(checkpointer=checkpointer(f"sqlite:///{path}"))
    config = {"configurable": {"thread_id": "t"}}
    end = app.invoke({"message": "m"} if mode == "die" else None, config, durability="sync")
    failure, = end["failures"]
    assert (failure["kind"], failure["error"]) == ("transient", "ConnectionError"), failure
    assert end["actions"]["pay:x"]["status"] == "done", end
    assert end["spent"]["steps"] == 1, end
    assert end["outcome"]["status"] == "escalated", end
"""


def test_a_handler_that_was_killed_gets_the_typed_failure_in_the_next_process(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.db"
    codes = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED), str(path), mode], check=False
        ).returncode
        for mode in ("die", "go")
    ]
    assert codes == [-signal.SIGKILL, 0]
    assert (tmp_path / "run.db.paid").read_text() == "x"


def test_a_handler_in_a_new_process_goes_on_from_the_file(tmp_path: Path, crash: Any) -> None:
    class Killed(BaseException):
        pass

    deaths = iter([True, False])

    class Dying(Recovery):
        def __call__(self, state: Any, error: NodeError = INJECTED) -> Any:
            if next(deaths):
                raise Killed
            return super().__call__(state, error)

    done: list[str] = []

    def pay(to: str) -> None:
        done.append(to)

    tool = effect(pay, key="{to}")

    def agent(request: Any, tools: Any) -> Any:
        tools.pay("x")
        raise KeyError("later")

    for given_ in ({"message": "m"}, None):
        with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
            worker = Worker(agent=agent, contract=bare(tools=(tool,)))
            app = app_of({"work": worker}, recover=Dying(), saver=saver)
            config: Any = {"configurable": {"thread_id": "t"}}
            try:
                end = app.invoke(given_, config, durability="sync")
            except Killed:
                assert given_ is not None
        crash()
    assert done == ["x"]
    assert statuses(end) == {"x": "done"}
    assert end["failures"][0]["kind"] == "permanent"
    assert end["outcome"]["status"] == "escalated"


def test_a_policy_is_not_used_up_by_an_earlier_run_of_the_thread() -> None:
    from quintet.runs import start

    nodes = {"work": failing(RuntimeError("?")), "basic": failing(None)}
    app = app_of(nodes, recover=Recovery(unknown=fallback("basic")))
    for _ in range(3):
        run = start(app, {"message": "m"}, thread="t")
        assert decided(run.values, "fallback") == ["basic"]
        assert len(run.values["failures"]) == 1


def test_what_the_state_says_is_read_whatever_kind_it_is() -> None:
    state = S(message="m", remedies={"fallback:basic at work": 1})
    assert handled(RuntimeError("?"), state, unknown=fallback("basic")).goto == "person"

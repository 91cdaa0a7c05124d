"""Test that a failure keeps what led to it: typed, bounded, and whole after a resume."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest
from langgraph.errors import NodeError

from quintet.graphs import create_single_agent
from quintet.nodes import Recovery, Worker, fallback, retry
from quintet.nodes.core.node import CAUSES_KEPT, failure_of
from quintet.nodes.core.task import Task
from quintet.state import Failure, StepFailed, plain
from quintet.state.failure import FailureClass
from quintet.state.record import read
from tests.nodes.workshop import app_of, bare, logs

TASK = Task("work", attempt=2)
INJECTED = cast(NodeError, None)
NO_RETRY: dict[str, Any] = dict.fromkeys(("transient", "rate_limit", "timeout", "invalid"), ())


def raised(*chain: BaseException) -> BaseException:
    """Give the first of these as if each was raised from the next."""
    for problem, cause in pairwise(chain):
        problem.__cause__ = cause
    return chain[0]


def told(failure: Failure) -> list[tuple[str, str, str]]:
    return [(cause.node, cause.kind, cause.error) for cause in failure.causes]


def test_the_exceptions_that_it_was_raised_from_are_kept_in_order() -> None:
    problem = raised(RuntimeError("a"), TimeoutError("b"), ConnectionError("c"))
    failure = failure_of(problem, TASK)
    assert (failure.error, failure.attempts) == ("RuntimeError", 2)
    assert told(failure) == [
        ("work", "timeout", "TimeoutError"),
        ("work", "transient", "ConnectionError"),
    ]
    assert [cause.message for cause in failure.causes] == ["TimeoutError: b", "ConnectionError: c"]


def test_a_nested_steps_record_is_kept_as_it_was() -> None:
    inner = failure_of(raised(KeyError("x"), ConnectionError("c")), Task("inner", attempt=3))
    outer = failure_of(StepFailed(inner), TASK)
    around = failure_of(raised(RuntimeError("r"), StepFailed(outer)), Task("around"))
    assert told(outer) == [
        ("inner", "permanent", "KeyError"),
        ("inner", "transient", "ConnectionError"),
    ]
    assert [cause.node for cause in around.causes] == ["work", "inner", "inner"]
    assert [cause.attempts for cause in around.causes] == [2, 3, 1]
    # None of them holds the others once more.
    assert all(cause.causes == () for cause in around.causes)


def test_a_chain_of_any_length_or_in_a_circle_is_bounded() -> None:
    long = failure_of(raised(*(ValueError(str(n)) for n in range(50))), TASK)
    assert len(long.causes) == CAUSES_KEPT
    one, two = ValueError("1"), KeyError("2")
    one.__cause__, two.__cause__ = two, one
    assert [cause.error for cause in failure_of(one, TASK).causes] == ["KeyError"]
    group = failure_of(ExceptionGroup("g", [raised(ValueError("a"), KeyError("b"))]), TASK)  # type: ignore[list-item]
    assert [cause.error for cause in group.causes] == ["KeyError"]
    several = failure_of(ExceptionGroup("g", [ValueError("a"), KeyError("b")]), TASK)
    assert several.message == "ValueError: a; KeyError: 'b'"
    assert (
        len(failure_of(raised(ValueError("a"), ValueError("b" * 9999)), TASK).causes[0].message)
        == 200
    )


def test_it_is_read_back_typed() -> None:
    failure = failure_of(raised(RuntimeError("a"), TimeoutError("b")), TASK)
    assert read(Failure, plain(failure)) == failure
    back = StepFailed.parse(repr(StepFailed(failure, {"spent": {"steps": 1}})))
    assert back is not None
    assert back.failure == failure
    # A record of before, without causes, is read as one without any.
    old = {name: value for name, value in plain(failure).items() if name != "causes"}
    assert read(Failure, old).causes == ()


def test_a_failed_nested_graph_is_told_by_its_own_failure(invoke: Any) -> None:
    def agent(request: Any) -> str:
        raise RuntimeError("no line") from ConnectionError("cut")

    inner = create_single_agent(
        Worker(agent=agent, contract=bare()), recover=Recovery(unknown=(), transient=())
    )
    # Without the handler, the inner graph fails as a whole.
    plainly = app_of({"inner": Worker(agent=agent, contract=bare())})
    nodes = {"work": Worker(agent=plainly, contract=bare())}
    end = invoke(app_of(nodes, recover=Recovery(unknown=())), {"message": "m"}, "a")
    (record,) = end["failures"]
    assert (record["node"], record["error"]) == ("work", "RuntimeError")
    assert [(c["node"], c["error"]) for c in record["causes"]] == [
        ("inner", "RuntimeError"),
        ("inner", "ConnectionError"),
    ]
    assert inner


class OutOfStock(Exception):
    """An error that only the user's own classifier knows."""


def own_classes(problem: BaseException) -> FailureClass | None:
    return "denied" if isinstance(problem, OutOfStock) else None


@pytest.mark.parametrize("policy", [{}, NO_RETRY])
def test_the_class_by_your_own_classifier_stays_where_only_the_record_is_left(policy: Any) -> None:
    kept: list[str] = []

    class Kept(Recovery):
        """See what a resume would be given."""

        def __call__(self, state: Any, error: NodeError = INJECTED) -> Any:
            kept.append(repr(error.error))
            return super().__call__(state, error)

    def agent(request: Any) -> str:
        raise OutOfStock("none")

    recover = Kept(classify=own_classes, denied=fallback("basic"), **policy)
    from langgraph.graph import START, StateGraph

    from tests.nodes.workshop import S

    graph = StateGraph(S)
    work = Worker(agent=agent, contract=bare())
    graph.add_node("work", work, error_handler=recover, retry_policy=recover.retry_policy)
    graph.add_node("basic", logs("basic"))
    graph.add_edge(START, "work")
    for app in (graph.compile(),):
        app.invoke({"message": "m"})
        asyncio.run(app.ainvoke({"message": "m"}))
    texts = list(kept)
    assert len(texts) == 2
    for text in texts:
        command = recover({}, NodeError("work", text))  # type: ignore[arg-type]
        assert command.goto == "basic"
        assert command.update["failures"][0]["kind"] == "denied"


@pytest.mark.parametrize(
    ("text", "kind", "error", "message"),
    [
        ("ConnectionError('the line is down')", "transient", "ConnectionError",
         "ConnectionError: the line is down"),
        ("DesignError('give a node')", "permanent", "DesignError", "give a node"),
        ("KeyError('x')", "permanent", "KeyError", "KeyError: x"),
        ("OSError(5, 'broken')", "unknown", "OSError", "OSError(5, 'broken')"),
        ("Odd(", "unknown", "Odd", "Odd("),
        ("CircuitOpen('it is open')", "transient", "CircuitOpen", "it is open"),
        ("Stopped('by maria')", "denied", "Stopped", "by maria"),
    ],
)  # fmt: skip
def test_an_exception_of_which_only_the_text_is_left_reads_as_it_did(
    text: str, kind: str, error: str, message: str
) -> None:
    command = Recovery(transient=(retry(2),))({}, NodeError("work", text))  # type: ignore[arg-type]
    (record,) = command.update["failures"]
    assert (record["kind"], record["error"], record["message"]) == (kind, error, message)

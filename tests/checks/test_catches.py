"""Test questions to a person that an except clause swallows."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import operator
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphBubbleUp
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from quintet.checks import Finding, check
from quintet.nodes import effect
from quintet.testing import ScriptedModel
from tests.checks.parts import codes, graph_of, only, worker


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    answer: str


ON_THREAD: Any = {"configurable": {"thread_id": "1"}}


def alone(node: Any, **options: Any) -> StateGraph[State]:
    return StateGraph(State).add_node("a", node, **options).add_edge(START, "a")


def answered(graph: StateGraph[State], *answers: str) -> Any:
    app = graph.compile(InMemorySaver())
    result = app.invoke({}, ON_THREAD)
    for answer in answers:
        result = app.invoke(Command(resume=answer), ON_THREAD)
    return result


# In the node itself


def catches_all(state: State) -> dict[str, Any]:
    try:
        return {"answer": interrupt("go on?")}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


def catches_bare(state: State) -> dict[str, Any]:
    try:
        answer = interrupt("go on?")
    except:  # noqa: E722
        answer = "swallowed"
    return {"answer": answer}


def catches_in_a_tuple(state: State) -> dict[str, Any]:
    try:
        return {"answer": interrupt("go on?")}
    except ValueError:
        return {"answer": "bad"}
    except (KeyError, BaseException):  # noqa: BLE001
        return {"answer": "swallowed"}


CAUGHT = (KeyError, Exception)


def catches_by_name(state: State) -> dict[str, Any]:
    try:
        return {"answer": interrupt("go on?")}
    except CAUGHT:
        return {"answer": "swallowed"}


def suppresses(state: State) -> dict[str, Any]:
    with contextlib.suppress(Exception):
        return {"answer": interrupt("go on?")}
    return {"answer": "swallowed"}


@pytest.mark.parametrize(
    "node", [catches_all, catches_bare, catches_in_a_tuple, catches_by_name, suppresses]
)
def test_a_swallowed_interrupt_asks_nobody_and_is_named(node):
    assert answered(alone(node))["answer"] == "swallowed"
    finding = only(alone(node))
    assert (finding.code, finding.node, finding.level) == ("swallowed-interrupt", "a", "error")
    assert "except GraphBubbleUp: raise" in finding.remedy


def test_an_interrupt_that_becomes_another_error_is_named():
    def translates(state: State) -> dict[str, Any]:
        try:
            return {"answer": interrupt("go on?")}
        except Exception as problem:
            raise RuntimeError("lost") from problem

    with pytest.raises(RuntimeError, match="lost"):
        answered(alone(translates))
    assert only(alone(translates)).code == "swallowed-interrupt"


def lets_through(state: State) -> dict[str, Any]:
    try:
        return {"answer": interrupt("go on?")}
    except GraphBubbleUp:
        raise
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


def looks_first(state: State) -> dict[str, Any]:
    try:
        return {"answer": interrupt("go on?")}
    except Exception as problem:
        if isinstance(problem, GraphBubbleUp):
            raise problem
        return {"answer": "swallowed"}


def catches_little(state: State) -> dict[str, Any]:
    try:
        return {"answer": interrupt("go on?")}
    except (ValueError, KeyError):
        return {"answer": "bad"}


def elsewhere(state: State) -> dict[str, Any]:
    with contextlib.suppress(KeyError):
        answer = interrupt("go on?")
    try:
        return {"answer": answer}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


@pytest.mark.parametrize("node", [lets_through, looks_first, catches_little, elsewhere])
def test_an_interrupt_that_gets_through_is_right(node):
    assert answered(alone(node), "yes")["answer"] == "yes"
    assert check(alone(node)) == ()


# Exceptions that come back as results


async def asks_later() -> str:
    return str(interrupt("go on?"))


async def gathers(state: State) -> dict[str, Any]:
    found = await asyncio.gather(asks_later(), asyncio.sleep(0), return_exceptions=True)
    return {"answer": type(found[0]).__name__}


async def gathers_a_list(state: State) -> dict[str, Any]:
    waiting = [asks_later() for _ in range(1)]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    return {"answer": type(found[0]).__name__}


async def gathers_and_raises(state: State) -> dict[str, Any]:
    found = await asyncio.gather(asks_later(), return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return {"answer": str(found[0])}


async def gathers_plainly(state: State) -> dict[str, Any]:
    return {"answer": (await asyncio.gather(asks_later()))[0]}


async def gathers_others(state: State) -> dict[str, Any]:
    answer = await asks_later()
    await asyncio.gather(asyncio.sleep(0), return_exceptions=True)
    return {"answer": answer}


@pytest.mark.parametrize("node", [gathers, gathers_a_list])
async def test_a_question_gathered_among_results_asks_nobody_and_is_named(node):
    result = await alone(node).compile(InMemorySaver()).ainvoke({}, ON_THREAD)
    assert result["answer"] == "GraphInterrupt"
    finding = only(alone(node))
    assert (finding.code, finding.node) == ("swallowed-interrupt", "a")
    assert "return_exceptions=True around asks_later()" in finding.fault


@pytest.mark.parametrize("node", [gathers_and_raises, gathers_plainly, gathers_others])
async def test_a_question_that_is_raised_among_results_is_right(node):
    app = alone(node).compile(InMemorySaver())
    assert "__interrupt__" in await app.ainvoke({}, ON_THREAD)
    assert check(alone(node)) == ()


def returns_at_last(state: State) -> dict[str, Any]:
    try:
        interrupt("go on?")
    finally:
        return {"answer": "swallowed"}  # noqa: B012


def catches_a_group(state: State) -> dict[str, Any]:
    try:
        answer = interrupt("go on?")
    except* Exception:  # noqa: BLE001
        answer = "swallowed"
    return {"answer": answer}


@pytest.mark.parametrize("node", [returns_at_last, catches_a_group])
def test_other_ways_to_swallow_are_named(node):
    assert answered(alone(node))["answer"] == "swallowed"
    assert only(alone(node)).code == "swallowed-interrupt"


# In helpers


def ask() -> str:
    return str(interrupt("go on?"))


def deeper() -> str:
    return ask()


def swallows_a_helper(state: State) -> dict[str, Any]:
    try:
        return {"answer": ask()}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


def test_a_question_swallowed_around_a_helper_asks_nobody_and_is_named():
    assert answered(alone(swallows_a_helper))["answer"] == "swallowed"
    finding = only(alone(swallows_a_helper))
    assert (finding.code, finding.node, finding.level) == ("swallowed-interrupt", "a", "error")
    assert "an except clause around ask()" in finding.fault


def swallows_deeper(state: State) -> dict[str, Any]:
    try:
        answer = deeper()
    except Exception:  # noqa: BLE001
        answer = "swallowed"
    return {"answer": answer}


def suppresses_a_helper(state: State) -> dict[str, Any]:
    with contextlib.suppress(Exception):
        return {"answer": ask()}
    return {"answer": "swallowed"}


def by_a_careless_helper(state: State) -> dict[str, Any]:
    return {"answer": careless()}


def careless() -> str:
    try:
        return str(interrupt("go on?"))
    except Exception:  # noqa: BLE001
        return "swallowed"


def by_an_inner_function(state: State) -> dict[str, Any]:
    def question() -> Any:
        return interrupt("go on?")

    try:
        return {"answer": question()}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


def attempt(function: Callable[..., Any], *given: Any) -> Any:
    try:
        return function(*given)
    except Exception:  # noqa: BLE001
        return "swallowed"


def given_to_another(state: State) -> dict[str, Any]:
    return {"answer": attempt(ask)}


def shielded(function: Callable[[State], dict[str, Any]]) -> Callable[[State], dict[str, Any]]:
    @functools.wraps(function)
    def wrapper(state: State) -> dict[str, Any]:
        try:
            return function(state)
        except Exception:  # noqa: BLE001
            return {"answer": "swallowed"}

    return wrapper


@shielded
def decorated(state: State) -> dict[str, Any]:
    return {"answer": ask()}


class Desk:
    def ask(self) -> str:
        return str(interrupt("go on?"))

    def __call__(self, state: State) -> dict[str, Any]:
        try:
            return {"answer": self.ask()}
        except Exception:  # noqa: BLE001
            return {"answer": "swallowed"}

    def node(self, state: State) -> dict[str, Any]:
        return self(state)


DESK = Desk()


def by_a_global_object(state: State) -> dict[str, Any]:
    try:
        return {"answer": DESK.ask()}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


class Clerk:
    @staticmethod
    def question() -> str:
        return str(interrupt("go on?"))

    @classmethod
    def ask(cls) -> str:
        return cls.question()


def by_a_class(state: State) -> dict[str, Any]:
    try:
        return {"answer": Clerk.ask()}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


ASK = functools.partial(attempt, ask)
ASKING = RunnableLambda(lambda text: {"answer": interrupt(text)})


def by_a_partial(state: State) -> dict[str, Any]:
    return {"answer": ASK()}


def by_a_runnable(state: State) -> dict[str, Any]:
    try:
        return ASKING.invoke("go on?")
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


INNER = alone(lambda state: {"answer": ask()}).compile()


def by_a_graph(state: State) -> dict[str, Any]:
    try:
        return {"answer": INNER.invoke({})["answer"]}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


@pytest.mark.parametrize(
    "node",
    [
        swallows_deeper,
        suppresses_a_helper,
        by_a_careless_helper,
        by_an_inner_function,
        given_to_another,
        decorated,
        Desk(),
        by_a_global_object,
        by_a_graph,
        by_a_class,
        by_a_partial,
        by_a_runnable,
        ASKING.with_fallbacks([RunnableLambda(lambda state: {"answer": "swallowed"})]),
        RunnableLambda(lambda state: state)
        | ASKING.with_fallbacks([RunnableLambda(lambda state: {"answer": "swallowed"})]),
    ],
)
def test_however_the_helper_is_called(node):
    assert answered(alone(node))["answer"] == "swallowed"
    assert codes(alone(node)) == [("swallowed-interrupt", "a")]


async def soon() -> str:
    return str(interrupt("go on?"))


async def swallows_soon(state: State) -> dict[str, Any]:
    try:
        return {"answer": await asyncio.wait_for(soon(), 5)}
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


def test_an_async_helper_is_followed():
    assert codes(alone(swallows_soon)) == [("swallowed-interrupt", "a")]


def test_a_helper_of_another_module_is_followed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helpers_of_mine.py").write_text(
        "from langgraph.types import interrupt\n\n\ndef ask():\n    return interrupt('?')\n"
    )
    helpers = importlib.import_module("helpers_of_mine")

    def node(state: State) -> dict[str, Any]:
        try:
            return {"answer": helpers.ask()}
        except Exception:  # noqa: BLE001
            return {"answer": "swallowed"}

    assert codes(alone(node)) == [("swallowed-interrupt", "a")]


def from_text() -> Any:
    scope: dict[str, Any] = {"__name__": __name__, "interrupt": interrupt}
    exec("def ask():\n    return interrupt('?')", scope)
    return scope["ask"]


UNREAD = from_text()


def by_what_cannot_be_read(state: State) -> dict[str, Any]:
    try:
        return {"answer": UNREAD()}
    except Exception:  # noqa: BLE001
        return {"answer": "unread"}


def lets_a_helper_through(state: State) -> dict[str, Any]:
    try:
        return {"answer": deeper()}
    except GraphBubbleUp:
        raise
    except Exception:  # noqa: BLE001
        return {"answer": "swallowed"}


def asks_outside(state: State) -> dict[str, Any]:
    answer = ask()
    try:
        return {"answer": cleaned(answer)}
    except Exception:  # noqa: BLE001
        return {"answer": "unclean"}


def cleaned(text: str) -> str:
    return cleaned(text[1:]) if text.startswith(" ") else text


def catches_a_little(state: State) -> dict[str, Any]:
    try:
        return {"answer": ask()}
    except ValueError:
        return {"answer": "bad"}


def one(text: str) -> str:
    return two(text)


def two(text: str) -> str:
    return three(text)


def three(text: str) -> str:
    return four(text)


def four(text: str) -> str:
    return five(text)


def five(text: str) -> str:
    return six(text)


def six(text: str) -> str:
    return seven(text)


def seven(text: str) -> str:
    return str(interrupt(text))


def very_deep(state: State) -> dict[str, Any]:
    try:
        return {"answer": one("?")}
    except Exception:  # noqa: BLE001
        return {"answer": "too deep to be seen"}


def catches_what_asks_nobody(state: State) -> dict[str, Any]:
    try:
        return {"answer": cleaned(str(len(state)))}
    except Exception:  # noqa: BLE001
        return {"answer": "odd"}


NARROW = ASKING.with_fallbacks([RunnableLambda(str)], exceptions_to_handle=(ValueError,))
QUIET = RunnableLambda(lambda state: {"answer": "x"}).with_fallbacks([RunnableLambda(str)])


@pytest.mark.parametrize(
    "node",
    [
        NARROW,
        QUIET,
        lets_a_helper_through,
        asks_outside,
        catches_a_little,
        very_deep,
        by_what_cannot_be_read,
        catches_what_asks_nobody,
    ],
)
def test_a_helper_whose_question_gets_through_is_right(node):
    assert check(alone(node)) == ()


# In a worker


def asks_in_an_agent(request: Any) -> dict[str, Any]:
    return {"said": attempt(ask)}


def lookup(order: int) -> str:
    """Look an order up."""
    return careless()


def plain(request: Any, tools: Any) -> Any:
    return {"said": "x"}


def agent_with(held: Any) -> Any:
    return create_agent(ScriptedModel(["done"]), [tool(held)])


@pytest.mark.parametrize(
    "node",
    [
        worker("message", agent=asks_in_an_agent),
        worker("message", agent=plain, effects=(lookup,)),
        worker("message", agent=plain, effects=(effect(lookup, key="{order}"),)),
        worker("message", agent=agent_with(lookup)),
    ],
)
def test_a_question_of_a_workers_agent_or_tool_is_looked_at(node):
    found: tuple[Finding, ...] = check(graph_of({"w": node}, (START, "w"), ("w", "finish")))
    assert [(each.code, each.node) for each in found] == [("swallowed-interrupt", "w")]


def test_a_worker_whose_agent_asks_openly_is_right():
    open_hearted = worker("message", agent=lambda request: {"said": ask()})
    assert check(graph_of({"w": open_hearted}, (START, "w"), ("w", "finish"))) == ()

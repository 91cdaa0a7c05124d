from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel, ValidationError

from quintet.errors import DesignError
from quintet.testing import ScriptedModel


class Answer(BaseModel):
    """The route of a request."""

    route: str
    tries: int


GOOD = {"route": "billing", "tries": 2}


class Numbers:
    """Count up, in a way that lets another thread come between."""

    def __init__(self) -> None:
        self.number = 0

    def __iter__(self) -> Numbers:
        return self

    def __next__(self) -> str:
        number = self.number
        time.sleep(0)
        self.number = number + 1
        return str(number)


def test_threads_never_share_a_reply():
    count = 200
    model = ScriptedModel(Numbers())
    start = threading.Barrier(8)

    def worker(_: int) -> list[str]:
        start.wait()
        return [model.invoke("x").text for _ in range(count // 8)]

    with ThreadPoolExecutor(8) as pool:
        said = Counter(text for part in pool.map(worker, range(8)) for text in part)
    assert said == Counter(str(number) for number in range(count))
    assert len(model.calls) == count


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("hello", "single reply"),
        ({"name": "lookup", "args": {}}, "single reply"),
        (AIMessage("hello"), "single reply"),
        (ModelRateLimitError("slow"), "single reply"),
        (ModelRateLimitError, "single reply"),
        (7, "not a script"),
        (["fine", 7], "reply 2, 7, is of type int"),
        ([None], "reply 1, None, is of type NoneType"),
        ([HumanMessage("hello")], "reply 1, .* is of type HumanMessage"),
        ([Answer], "reply 1 is the class Answer"),
        ([[{"tool": "lookup"}]], "reply 1: .* is not a tool call"),
        ([[HumanMessage("hello")]], "reply 1: .* is not a tool call"),
        ([StopIteration()], "reply 1: Python does not let"),
        ([StopAsyncIteration], "reply 1: Python does not let"),
        ([UnicodeDecodeError], "reply 1: UnicodeDecodeError needs arguments"),
    ],
)
def test_a_script_that_no_model_can_say_is_refused_at_once(script, message):
    with pytest.raises(DesignError, match=message):
        ScriptedModel(script)


@pytest.mark.parametrize("by_function", [False, True])
def test_a_reply_that_comes_late_is_checked_when_it_is_said(by_function):
    replies = iter(["fine", 7])
    model = ScriptedModel((lambda messages: next(replies)) if by_function else replies)
    assert model.invoke("x").content == "fine"
    with pytest.raises(DesignError, match="reply 2, 7, is of type int"):
        model.invoke("x")


def test_data_that_nothing_asks_for_is_refused_with_the_remedy():
    with pytest.raises(DesignError, match="with_structured_output"):
        ScriptedModel([GOOD]).invoke("x")


@pytest.mark.parametrize("options", [{"latency": -1}, {"latency": float("nan")}, {"delay": 1}])
def test_options_that_are_wrong_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        ScriptedModel(["a"], **options)


def test_the_repr_says_where_the_script_stands():
    listed, endless = ScriptedModel(["a", "b"]), ScriptedModel(itertools.repeat("a"))
    chosen = ScriptedModel(lambda messages: "a")
    for model in (listed, endless, chosen):
        model.invoke("x")
    assert repr(listed) == str(listed) == "ScriptedModel(1 of 2 taken)"
    assert repr(endless) == "ScriptedModel(calls: 1)"
    assert repr(chosen) == "ScriptedModel(function, calls: 1)"

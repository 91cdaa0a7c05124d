"""Measure what each contender asks of its model, and how long it takes beside the others."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from benchmarks.desks import Contender, Desk
from benchmarks.script import ANSWERS, MESSAGES, all_characters, answer_of, text_characters
from quintet.testing import ModelCall

WARM = 5
Seconds = dict[str, list[float]]
"""By contender, the seconds of each round; the rounds are the same for all."""


class Unequal(Exception):
    """Raised when two contenders that are compared do not do the same work."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One contender's turn in a round."""

    desk: Desk
    given: dict[str, Any]
    thread: str
    counts: bool


def turns(desks: Sequence[Desk], rounds: int) -> Iterator[Turn]:
    """Yield all contenders in turn, round after round, each round begun by another one.

    Every contender of a round answers the same message. Garbage is collected between the rounds
    and not in them, so that no contender pays for the garbage of another.
    """
    messages = list(MESSAGES.values())
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(-WARM, rounds):
            first = number % len(desks)
            for desk in (*desks[first:], *desks[:first]):
                request = desk.given(messages[number % len(messages)])
                yield Turn(
                    desk=desk, given=request, thread=f"{desk.name}-{number}", counts=number >= 0
                )
            if number % 10 == 0:
                gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()


def timed(desks: Sequence[Desk], rounds: int) -> Seconds:
    """Time runs with `invoke`, in seconds."""
    seconds: Seconds = {desk.name: [] for desk in desks}
    for turn in turns(desks, rounds):
        began = time.perf_counter()
        turn.desk.run(turn.given, turn.thread)
        took = time.perf_counter() - began
        if turn.counts:
            seconds[turn.desk.name].append(took)
    return seconds


async def atimed(desks: Sequence[Desk], rounds: int) -> Seconds:
    """Time runs with `ainvoke`, one at a time, in seconds."""
    seconds: Seconds = {desk.name: [] for desk in desks}
    for turn in turns(desks, rounds):
        began = time.perf_counter()
        await turn.desk.arun(turn.given, turn.thread)
        took = time.perf_counter() - began
        if turn.counts:
            seconds[turn.desk.name].append(took)
    return seconds


def ratio(seconds: Seconds, name: str, reference: str) -> float:
    """Divide one contender's time by another's: the median of the ratios over the rounds."""
    pairs = zip(seconds[name], seconds[reference], strict=True)
    return round(statistics.median(one / other for one, other in pairs), 3)


def summary(seconds: Seconds, reference: str) -> dict[str, dict[str, float]]:
    """Give each contender's median and quartiles in milliseconds, and its ratio to a reference."""
    figures = {}
    for name, taken in seconds.items():
        low, middle, high = statistics.quantiles(taken, n=4)
        figures[name] = {
            "p50_ms": round(middle * 1000, 3),
            "p25_ms": round(low * 1000, 3),
            "p75_ms": round(high * 1000, 3),
            f"ratio_to_{reference}": ratio(seconds, name, reference),
        }
    return figures


async def together(desk: Desk, runs: int) -> float:
    """Time many runs at once, in seconds."""
    message = next(iter(MESSAGES.values()))
    requests = [desk.given(message) for _ in range(runs)]
    gc.collect()
    began = time.perf_counter()
    await asyncio.gather(*(desk.arun(one, f"{n}") for n, one in enumerate(requests)))
    return time.perf_counter() - began


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The calls that one contender's model received over the three messages."""

    calls: tuple[ModelCall, ...]

    @property
    def per_run(self) -> dict[str, float]:
        """Average the model calls and characters of one run."""
        runs = len(MESSAGES)
        return {
            "model_calls": round(len(self.calls) / runs, 2),
            "characters": round(text_characters(self.calls) / runs, 1),
            "characters_with_schemas": round(all_characters(self.calls) / runs, 1),
        }


def asked(contender: Contender, *, awaited: bool) -> Asked:
    """Run each message once, and return what the model received.

    Raises:
        Unequal: a customer does not get the scripted answer.
    """
    desk = contender.desk(awaited=awaited)
    for route, message in MESSAGES.items():
        request = desk.given(message)
        result = asyncio.run(desk.arun(request, route)) if awaited else desk.run(request, route)
        if (answer := answer_of(result)) != ANSWERS[route]:
            raise Unequal(f"{contender.name} answers {answer!r} to {message!r}")
    return Asked(calls=tuple(desk.model.calls))


def same_calls(one: Asked, other: Asked) -> None:
    """Check that two contenders make the same model calls.

    The kinds of messages, the instructions, the tools, the schemas and the tools' results must be
    the same; how the request is worded in the specialist's message, and the spaces in a result's
    JSON, may differ, and are counted.

    Raises:
        Unequal: it names the first call that differs.
    """
    if len(one.calls) != len(other.calls):
        raise Unequal(f"{len(one.calls)} model calls against {len(other.calls)}")
    for number, (mine, theirs) in enumerate(zip(one.calls, other.calls, strict=True), start=1):
        if _shape(mine) != _shape(theirs):
            raise Unequal(f"model call {number}: {_shape(mine)} against {_shape(theirs)}")


def _shape(call: ModelCall) -> dict[str, Any]:
    return {
        "kinds": [message.type for message in call.messages],
        "said": [_said(message) for message in call.messages if message.type != "human"],
        "tools": call.tools,
        "schema": call.schema and call.schema["properties"],
    }


def _said(message: BaseMessage) -> Any:
    """Give a message's text; of a tool's, the data where it is JSON."""
    if message.type == "tool":
        with suppress(ValueError):
            return json.loads(message.text)
    return message.text

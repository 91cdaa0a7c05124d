from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from quintet.state import DesignError, unmet
from quintet.state.verdict import check_answers, refuse_async, why, why_not


class Colour(Enum):
    NO = 0


class Neither:
    def __bool__(self) -> bool:
        raise ValueError("ambiguous")


def cites(result: Any) -> bool:
    return bool(result)


async def waits(result: Any) -> bool:
    await asyncio.sleep(0)
    return bool(result)


class Waits:
    async def __call__(self, result: Any) -> bool:
        await asyncio.sleep(0)
        return bool(result)


@pytest.mark.parametrize("verdict", [True, 1, [0], {"a": 0}, Decimal(1), re.match("a", "a")])
def test_what_is_true_holds(verdict: Any) -> None:
    assert why_not(verdict, cites) is None
    assert why(verdict, cites) == "cites holds"


@pytest.mark.parametrize("verdict", [False, None, 0, "", [], {}, Decimal(0), unmet("no policy")])
def test_what_is_false_or_none_or_empty_does_not_hold(verdict: Any) -> None:
    assert why_not(verdict, cites) in ("does not hold", "no policy")
    assert why(verdict, cites) is None


def test_a_text_is_a_reason_in_a_condition_and_refused_in_a_criterion() -> None:
    assert why("over the limit", cites) == "over the limit"
    with pytest.raises(DesignError, match="cites returned the text 'over the limit'"):
        why_not("over the limit", cites)


@pytest.mark.parametrize(
    ("verdict", "what"),
    [
        ((False, "no policy"), "a tuple"),
        ((unmet("no policy"), 1), "a tuple"),
        (ValueError("no policy"), "an exception"),
        ((word for word in ()), "an iterator"),
        (map(cites, ()), "an iterator"),
        (cites, "a function, not called"),
        (AIMessage("no"), "a message"),
        (Colour.NO, "an enum's member"),
        (float("nan"), "NaN"),
        (Decimal("NaN"), "NaN"),
        ("a reply".find("policy"), "a negative number"),
        (NotImplemented, "NotImplemented"),
        (..., "Ellipsis"),
        (Neither(), "Neither"),
    ],
    ids=[
        "pair",
        "pair of ours",
        "exception",
        "generator",
        "map",
        "function",
        "message",
        "enum",
        "nan",
        "decimal nan",
        "negative",
        "not implemented",
        "ellipsis",
        "neither",
    ],
)
def test_what_is_true_whatever_it_says_is_refused(verdict: Any, what: str) -> None:
    for read in (why_not, why):
        with pytest.raises(DesignError, match=f"cites returned {what}"):
            read(verdict, cites)


def test_what_is_still_to_be_awaited_is_no_verdict() -> None:
    for read in (why_not, why):
        with pytest.raises(DesignError, match="cites returned something to await"):
            read(waits(1), cites)


@pytest.mark.parametrize("function", [waits, partial(waits, 1), Waits()])
def test_an_async_function_is_refused_where_nothing_awaits_it(function: Any) -> None:
    with pytest.raises(DesignError, match=r"Finish: (waits|Waits) is async"):
        refuse_async("Finish", cites, function)


def lost(action: Any) -> None:
    bool(action.arguments["amount"] > 100)


def lost_in_both(action: Any) -> None:
    if action.arguments["amount"] > 100:
        return None
    return


class Lost:
    def __call__(self, action: Any) -> None:
        cites(action)

    def judge(self, action: Any) -> None:
        with suppress(KeyError):
            cites(action)


@pytest.mark.parametrize("function", [lost, lost_in_both, Lost(), Lost().judge, partial(lost, 1)])
def test_a_function_that_has_lost_its_return_is_refused(function: Any) -> None:
    with pytest.raises(DesignError, match="never returns anything"):
        check_answers("ApprovalGate(when=)", cites, function)


def sometimes(action: Any) -> bool | None:
    if action.arguments["amount"] > 100:
        return True
    return None


def either(action: Any) -> Any:
    return action.note or None


def neither(action: Any) -> Any:
    raise ValueError(action)


def guarded(action: Any) -> Any:
    with suppress(KeyError):
        return action.arguments["urgent"]


@pytest.mark.parametrize(
    "function",
    [sometimes, either, neither, guarded, lambda action: None, bool, str.strip, "text".find, Waits],
)
def test_a_function_that_may_answer_is_taken(function: Any) -> None:
    check_answers("ApprovalGate(when=)", function)


def test_a_no_says_why_and_is_false() -> None:
    assert not unmet("no policy")
    assert (str(unmet("no policy")), repr(unmet("no policy"))) == (
        "no policy",
        "unmet('no policy')",
    )
    assert len({unmet("a"), unmet("a"), unmet("b")}) == 2


@pytest.mark.parametrize("reason", ["", "  ", None, 3])
def test_a_no_without_a_reason_is_refused(reason: Any) -> None:
    with pytest.raises(DesignError, match="give the reason in words"):
        unmet(reason)


@dataclass
class Judged:
    ok: bool
    why: str = ""


class JudgedModel(BaseModel):
    ok: bool


class Slotted:
    __slots__ = ("ok",)

    def __init__(self, *, ok: bool) -> None:
        self.ok = ok


class Plain:
    def __init__(self, **told: bool) -> None:
        self.__dict__.update(told)


@dataclass
class Decided:
    ok: bool

    def __bool__(self) -> bool:
        return self.ok


@pytest.mark.parametrize(
    "verdict",
    [
        (None, "no page"),
        (0, "no page"),
        (unmet("no page"),),
        [True, False],
        [True],
        {False},
        {"ok": False, "why": "no page"},
        {"cites": unmet("no page")},
        Judged(ok=False),
        JudgedModel(ok=False),
        Plain(ok=False),
        Plain(passed=True),
        b"no",
        [re.search("a", "b"), re.search("a", "a")],
        {"cites": False}.values(),
        [score > 0.5 for score in np.array([0.9, 0.1])],
        (np.float64(0.1) > 0.5, "too low"),
        {"ok": np.float64(0.1) > 0.5},
        {"key": "correctness", "score": 0.4, "comment": "half of it"},
        {"score": 0.0},
        Slotted(ok=False),
    ],
)
def test_verdicts_that_are_kept_in_something_else_are_refused(verdict: Any) -> None:
    for read in (why_not, why):
        with pytest.raises(DesignError, match=r"cites returned .* whatever it says"):
            read(verdict, cites)


@pytest.mark.parametrize(
    "verdict",
    [
        {"page": 3},
        [3, 4],
        ("a", False),
        Decided(ok=True),
        {"checked": True},
        Plain(),
        {"page": None},
        {"page": 3, "score": 0.4},
    ],
)
def test_what_was_found_is_a_yes(verdict: Any) -> None:
    assert why_not(verdict, cites) is None


@pytest.mark.parametrize("answer", ["no", "No.", " false", "None", "0"])
def test_a_text_that_reads_as_a_no_is_no_reason(answer: str) -> None:
    with pytest.raises(DesignError, match=r"cites returned the text .* reads as a no"):
        why(answer, cites)
    assert why("no policy is cited", cites) == "no policy is cited"


def test_a_record_that_says_itself_what_it_means_is_asked() -> None:
    assert why_not(Decided(ok=False), cites) == "does not hold"


class Approved(BaseModel):
    approved: bool


@dataclass
class Checked:
    ok: bool


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("make", [lambda said: {"passed": said, "note": "n"}, Checked])
def test_an_object_that_holds_the_verdict_is_none(make: Any, said: bool) -> None:
    for verdict in (make(said), Approved(approved=said)):
        with pytest.raises(DesignError, match=r"cites returned a .* with verdicts in it"):
            why_not(verdict, cites)
        with pytest.raises(DesignError, match="true whatever it says"):
            why(verdict, cites)


def test_an_object_that_says_itself_if_it_is_true_may_hold_a_word() -> None:
    class Sure(Approved):
        def __bool__(self) -> bool:
            return self.approved

    assert why_not(Sure(approved=True), cites) is None
    assert why_not(Sure(approved=False), cites) == "does not hold"
    assert why_not({"ok": 3, "met": "maria"}, cites) is None

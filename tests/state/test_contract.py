from __future__ import annotations

import re
from dataclasses import InitVar, dataclass
from dataclasses import field as dataclass_field
from decimal import Decimal
from typing import Any, Literal, cast

import numpy as np
import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.tools import tool
from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from quintet.state import Budget, Contract, ContractBroken, DesignError, unmet
from quintet.state.contract import tool_name


class Refund(typing_extensions.TypedDict):
    order: int
    note: typing_extensions.NotRequired[str]


class BigRefund(Refund):
    amount: float


@dataclass
class Parcel:
    order: int
    note: str = ""


class Letter(BaseModel):
    order: int
    pages: int = Field(default=1, ge=1)


def contract(**more: Any) -> Contract:
    return Contract(**{"goal": "refund", "needs": ("order",), **more})


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers()), st.sets(st.sampled_from("abcdef"))
)
def test_what_is_not_named_never_reaches_the_agent(
    context: dict[str, int], needs: set[str]
) -> None:
    given_to = contract(needs=tuple(sorted(needs)))
    if needs <= set(context):
        assert given_to.request(context) == {key: context[key] for key in needs}
        return
    with pytest.raises(ContractBroken) as problem:
        given_to.request(context)
    assert problem.value.side == "needs"
    assert all(key in str(problem.value) for key in needs - set(context))


@pytest.mark.parametrize("kind", [Refund, Parcel, Letter])
def test_a_type_reads_the_context_that_it_names(kind: Any) -> None:
    request = contract(needs=kind).request({"order": 3, "secret": 1})
    assert "secret" not in (request if isinstance(request, dict) else vars(request))
    assert (request["order"] if isinstance(request, dict) else request.order) == 3


@pytest.mark.parametrize("kind", [Refund, Parcel, Letter])
def test_what_a_type_needs_is_refused_where_it_is_missing_or_wrong(kind: Any) -> None:
    with pytest.raises(ContractBroken, match="needs order, which the context lacks"):
        contract(needs=kind).request({})
    with pytest.raises(ContractBroken, match=rf"needs {kind.__name__}: order: .*got 'first'"):
        contract(needs=kind).request({"order": "first"})


@pytest.mark.parametrize(
    ("kind", "required", "optional"),
    [
        (Refund, ("order",), ("note",)),
        (BigRefund, ("amount", "order"), ("note",)),
        (Parcel, ("order",), ("note",)),
        (Letter, ("order",), ("pages",)),
        (("a", "b"), ("a", "b"), ()),
        ("a", ("a",), ()),
    ],
    ids=["typeddict", "inherited", "dataclass", "model", "keys", "key"],
)
def test_a_contract_knows_what_it_needs(
    kind: Any, required: tuple[str, ...], optional: tuple[str, ...]
) -> None:
    given_to = contract(needs=kind)
    assert set(given_to.required) == set(required)
    assert given_to.optional == optional


def test_none_is_missing_for_a_key_and_a_value_for_a_type() -> None:
    class Maybe(typing_extensions.TypedDict):
        order: int | None

    with pytest.raises(ContractBroken, match="lacks"):
        contract().request({"order": None})
    assert contract(needs=Maybe).request({"order": None}) == {"order": None}


def test_a_result_of_another_shape_is_refused_with_field_and_value() -> None:
    with pytest.raises(ContractBroken, match=r"pages: .*got 0") as problem:
        contract(gives=Letter).result({"order": 1, "pages": 0})
    assert problem.value.side == "gives"
    assert contract(gives=Letter).result({"order": 1}) == Letter(order=1)
    assert contract().result(anything := object()) is anything


@pytest.mark.parametrize(
    ("gives", "value"),
    [(Letter, {"order": "1"}), (Letter, {"order": True}), (list[int], ["1"]), (None, None)],
    ids=["text", "true", "inside", "none"],
)
def test_nothing_is_coerced_and_none_is_no_answer(gives: Any, value: Any) -> None:
    with pytest.raises(ContractBroken):
        contract(gives=gives).result(value)


ODD: Any = "x"


@dataclass
class Bundle:
    first: Parcel
    others: list[Parcel]
    letter: Letter | None = None
    kind: Literal["light", "heavy"] = "light"


def set_since() -> Letter:
    letter = Letter(order=1)
    letter.pages = ODD  # as an agent may do
    return letter


@pytest.mark.parametrize(
    ("gives", "value", "field"),
    [
        (Parcel, Parcel(order=ODD), "order"),
        (Parcel, Parcel(order=True), "order"),
        (Parcel | None, Parcel(order=ODD), "order"),
        (Letter, set_since(), "pages"),
        (Letter, Letter.model_construct(order=ODD), "order"),
        (list[Parcel], [Parcel(order=1), Parcel(order=ODD)], "1.order"),
        (dict[str, Letter], {"a": set_since()}, "a.pages"),
        (Bundle, Bundle(Parcel(ODD), []), "first.order"),
        (Bundle, Bundle(Parcel(1), [Parcel(ODD)]), "others.0.order"),
        (Bundle, Bundle(Parcel(1), [], set_since()), "letter.pages"),
        (Bundle, Bundle(Parcel(1), [], kind=ODD), "kind"),
    ],
)
def test_an_instance_is_held_to_its_fields(gives: Any, value: Any, field: str) -> None:
    with pytest.raises(ContractBroken, match=rf"{re.escape(field)}: input should be"):
        contract(gives=gives).result(value)


class Priced(BaseModel):
    amount: Decimal
    hidden: int = Field(default=1, exclude=True)

    @field_validator("amount", mode="before")
    @classmethod
    def read(cls, value: Any) -> Decimal:
        if not str(value).startswith("EUR "):
            raise ValueError(f"no currency: {value!r}")
        return Decimal(str(value)[4:])


@dataclass
class Counted:
    order: int
    start: InitVar[int]
    pages: int = dataclass_field(init=False)

    def __post_init__(self, start: int) -> None:
        self.pages = start + 1


@pytest.mark.parametrize(
    "value", [Priced(amount=cast(Any, "EUR 5")), Counted(1, 2), Bundle(Parcel(1), [Parcel(2)])]
)
def test_an_instance_that_was_well_made_is_taken_as_it_is(value: Any) -> None:
    assert contract(gives=type(value)).result(value) is value
    assert contract(gives=list[type(value)]).result([value]) == [value]  # type: ignore[misc]


def test_none_may_be_an_answer_where_the_contract_says_so() -> None:
    assert contract(gives=int | None).result(None) is None


def test_a_model_answers_for_a_typed_dict_of_its_shape() -> None:
    class Gives(TypedDict):
        fine: bool

    class Verdict(BaseModel):
        fine: bool
        why: str = ""

    assert contract(gives=Gives).result(Verdict(fine=True)) == {"fine": True}
    assert contract(gives=Gives).left_out({"fine": True, "why": "", "by": "x"}) == ("why", "by")


class Strict:
    """Keep count as a criterion, and so have no hash."""

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, result: Any) -> bool:
        return bool(result)


@pytest.mark.parametrize(
    ("check", "result", "said"),
    [
        (lambda result: result == 1, 1, []),
        (lambda result: result == 1, 2, ["<lambda>: does not hold"]),
        (lambda request, result: result == request, 2, ["<lambda>: does not hold"]),
        (lambda result: unmet("too small"), 2, ["<lambda>: too small"]),
        (lambda result, limit=5: result < limit, 2, []),
        (lambda result: None, 2, ["<lambda>: does not hold"]),
        (lambda result: re.search("7", "17"), 2, []),
        (lambda result: re.search("7", "1"), 2, ["<lambda>: does not hold"]),
        (lambda result: np.float64(1) > 0.5, 2, []),
        (lambda result: np.float64(0) > 0.5, 2, ["<lambda>: does not hold"]),
        (bool, 2, []),
        (bool, 0, ["bool: does not hold"]),
        (Strict(), 2, []),
        (Strict(), 0, ["Strict: does not hold"]),
    ],
    ids=[
        "holds",
        "fails",
        "both",
        "sentence",
        "default",
        "nothing",
        "match",
        "no match",
        "numpy's true",
        "numpy's false",
        "builtin",
        "empty",
        "object",
        "refuses",
    ],
)
def test_a_criterion_says_what_does_not_hold(check: Any, result: Any, said: list[str]) -> None:
    assert contract(success=(check,)).unmet(1, result) == said


def test_all_criteria_are_asked() -> None:
    checks = (lambda result: unmet("one"), lambda result: True, lambda result: unmet("two"))
    assert len(contract(success=checks).unmet({}, 1)) == 2


def test_the_first_condition_that_is_met_escalates() -> None:
    checks = (lambda result: False, lambda result: "angry customer", lambda result: "later")
    assert contract(escalate=checks).escalation({}, 1) == "angry customer"
    assert contract(escalate=(bool,)).escalation({}, 1) == "bool holds"
    assert contract(escalate=(lambda request, result: None,)).escalation({}, 1) is None


def test_a_check_is_not_kept_alive_by_having_been_asked() -> None:
    import gc
    import weakref

    def check(result: Any) -> bool:
        return True

    seen = weakref.ref(check)
    assert contract(success=(check,)).unmet({}, 1) == []
    del check
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"goal": " "}, "say what the agent is to achieve"),
        ({"needs": int}, "names no keys"),
        ({"needs": object}, "cannot be checked|names no keys"),
        ({"gives": object()}, "cannot be checked"),
        ({"tools": (print, print)}, "two tools are named 'print'"),
        ({"tools": (3,)}, "tools holds 3, which is no function"),
        ({"budget": {"steps": 3}}, "give a Budget"),
        ({"success": ("cites",)}, "success holds 'cites', which is no function"),
    ],
    ids=["goal", "keyless", "object", "gives", "twice", "number", "stop", "criterion"],
)
def test_a_contract_that_cannot_be_kept_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        contract(**more)


def test_a_typeddict_of_typing_says_where_to_import_it_from() -> None:
    import sys
    import typing

    if sys.version_info >= (3, 12):
        pytest.skip("pydantic reads typing's TypedDict from 3.12 on")
    kind = typing.TypedDict("kind", {"order": int})  # noqa: TID251, UP013
    with pytest.raises(DesignError, match="typing_extensions"):
        contract(needs=kind)


def test_tools_are_known_by_name() -> None:
    @tool
    def look(order: int) -> str:
        """Look."""
        return ""

    assert contract(tools=(look, print)).allowed == ("look", "print")
    assert tool_name(look) == "look"


def test_a_contract_is_a_value() -> None:
    assert contract(budget=Budget(steps=1)) == contract(budget=Budget(steps=1))
    assert contract(needs=["order"]) == contract(needs="order")


def test_an_async_criterion_is_refused_before_it_could_always_hold() -> None:
    async def check(result: Any) -> bool:
        return False

    with pytest.raises(DesignError, match="check is async"):
        contract(success=(check,))


class Loose(typing_extensions.TypedDict, total=False):
    order: typing_extensions.Required[int]
    day: typing_extensions.Annotated[typing_extensions.NotRequired[str], "a date"]
    note: str


def test_a_qualifier_says_what_is_required_also_in_annotations_that_are_text() -> None:
    given_to = contract(needs=Loose)
    assert given_to.required == ("order",)
    assert set(given_to.optional) == {"day", "note"}
    assert given_to.request({"order": 1}) == {"order": 1}


class Reply(TypedDict, total=False):
    reply: str
    currency: str


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"text": "hi"}, "none of reply, currency"),
        ({"reply": "hi", "curency": "EUR"}, "'curency'.* lacks 'currency'"),
    ],
)
def test_an_answer_is_not_emptied_by_keys_that_the_contract_lacks(
    answer: dict[str, str], said: str
) -> None:
    with pytest.raises(ContractBroken, match=said):
        contract(gives=Reply).result(answer)


@pytest.mark.parametrize("answer", [{}, {"reply": "hi"}, {"reply": "hi", "draft": 2}])
def test_an_answer_may_have_less_or_more(answer: dict[str, Any]) -> None:
    known = {key: value for key, value in answer.items() if key == "reply"}
    assert contract(gives=Reply).result(answer) == known

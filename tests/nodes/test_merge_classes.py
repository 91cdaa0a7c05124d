"""Test classes of conflicts: the rule that knows one, and the owner who decides it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import END, START, StateGraph

from quintet.errors import AnswerRefused, DesignError
from quintet.nodes import Merge, about, people, precedence, says, strictest, vote, within
from quintet.nodes.conflict import Settled
from quintet.runs import Run, settle, start
from quintet.state import OrchestrationState, checkpointer

NUMBERS = st.floats(0.01, 1e6)


# Rules


def test_numbers_within_a_tolerance_are_one_class():
    rule = within(0.5)
    assert rule("x", {"a": 10, "b": 10.5})
    assert not rule("x", {"a": 10, "b": 10.6})
    assert within(relative=0.01)("x", {"a": 100, "b": 101, "c": "100.5"})
    assert not within(relative=0.01)("x", {"a": 100, "b": 102})


@pytest.mark.parametrize("odd", ["ten", None, True, [1], float("nan"), float("inf"), "NaN"])
def test_what_is_no_number_is_within_no_tolerance(odd):
    assert not within(1e12)("x", {"a": 1, "b": odd})


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_tolerance_does_not_depend_on_the_order_of_the_sources(one, two, tolerance):
    rule = within(tolerance)
    assert rule("x", {"a": one, "b": two}) == rule("x", {"a": two, "b": one})
    exact = abs(Decimal(str(one)) - Decimal(str(two))) <= Decimal(str(tolerance))
    assert rule("x", {"a": one, "b": two}) is exact


def test_a_veto_is_known_by_what_a_source_says():
    rule = says("reject", "stop")
    assert rule("v", {"a": "approve", "b": "stop"}) == "b says 'stop'"
    assert rule("v", {"a": "approve", "b": "review"}) is None
    assert says("reject", source="a")("v", {"a": "approve", "b": "reject"}) is None


@given(st.lists(st.sampled_from(["reject", "review", "approve"]), min_size=1, max_size=6))
def test_the_strictest_value_wins(values):
    order = ("reject", "review", "approve")
    settled = strictest(*order)("v", {f"s{n}": value for n, value in enumerate(values)})
    assert settled is not None
    assert settled.value == min(values, key=order.index)


def test_a_value_without_a_place_is_not_ranked():
    assert strictest("no", "yes")("v", {"a": "yes", "b": "perhaps"}) is None


@pytest.mark.parametrize(
    ("make", "arguments"),
    [(within, ()), (within, (-1,)), (within, (True,)), (says, ()), (people, ("",))],
)
def test_a_rule_or_owner_that_cannot_be_is_refused(make, arguments):
    with pytest.raises(DesignError):
        make(*arguments)


# Owners


def merged(merge: Merge, **results: Any) -> Run:
    graph: StateGraph[Any] = StateGraph(OrchestrationState)
    graph.add_node("give", lambda state: {"results": results})
    graph.add_node("merge", merge, destinations=merge.destinations)
    graph.add_node("end", lambda state: {"outcome": {"status": "done", "reason": "merged"}})
    graph.add_edge(START, "give")
    graph.add_edge("give", "merge")
    graph.add_edge("end", END)
    app = graph.compile(checkpointer=checkpointer("memory://"))
    return start(app, {"message": "hi"}, thread="t")


def desk(**options: Any) -> Merge:
    given: dict[str, Any] = {
        "of": ("a", "b"),
        "then": "end",
        "classify": {"rounding": within(1), "veto": says("no"), "fact": about("fact")},
        "owners": {"rounding": "a", "veto": people("head"), "fact": (vote(), precedence("b"))},
        "approvers": ("clerk",),
    }
    return Merge(**{**given, **options})


def test_each_class_is_decided_by_its_owner_and_the_reason_says_so():
    run = merged(desk(), a={"n": 10, "fact": "x"}, b={"n": 10.5, "fact": "y"})
    assert run.values["merged"] == {"n": 10, "fact": "y"}
    reasons = {d.choice: d.reason for d in run.decisions if d.kind == "merge"}
    assert reasons == {"n=10": "rounding: a decides", "fact='y'": "fact: b has precedence"}


def test_the_first_rule_that_holds_gives_the_class():
    both = {"first": says("no"), "second": about("v")}
    merge = desk(classify=both, owners={"first": "a", "second": "b"})
    assert merged(merge, a={"v": "yes"}, b={"v": "no"}).values["merged"] == {"v": "yes"}


def test_fields_on_which_all_agree_have_no_class():
    merge = desk(classify=lambda field, values: "veto", owners={"veto": people("head")})
    run = merged(merge, a={"v": "no"}, b={"v": "no"})
    assert (run.status, run.values["merged"]) == ("done", {"v": "no"})


def test_a_conflict_of_no_class_goes_to_the_resolvers_as_ever():
    run = merged(desk(resolve=precedence("b")), a={"v": "x"}, b={"v": "y"})
    assert run.values["merged"] == {"v": "y"}


def test_persons_are_asked_about_their_own_classes_one_group_after_the_other():
    run = merged(desk(), a={"v": "yes", "w": 1, "u": "no"}, b={"v": "no", "w": 9, "u": "yes"})
    asked = []
    for _ in range(2):
        [item] = run.waiting
        packet = item.packet
        asked.append((packet["approvers"], sorted(packet["conflicts"]), packet.get("classes")))
        values = dict.fromkeys(packet["conflicts"], "settled")
        with pytest.raises(AnswerRefused, match="may not settle"):
            run.answer(settle(values, by="eve"))
        run = run.answer(settle(values, by=packet["approvers"][0]))
    assert asked == [
        (["head"], ["u", "v"], {"u": "veto", "v": "veto"}),
        (["clerk"], ["w"], None),
    ]
    assert (run.status, run.values["merged"]) == ("done", dict.fromkeys("uvw", "settled"))
    assert {note for note in run.values["kept"] if not note.startswith("taken")} == set()
    people_said = [d for d in run.decisions if d.by == "person"]
    assert [d.reason for d in people_said] == ["veto: settled", "veto: settled", "settled"]


def test_a_source_that_owns_a_class_and_says_nothing_leaves_it_to_a_person():
    merge = desk(of=("a", "b", "c"), owners={"rounding": "c", "veto": "a", "fact": "a"})
    run = merged(merge, a={"n": 10}, b={"n": 10.5}, c={"m": 1})
    [item] = run.waiting
    assert item.packet["classes"] == {"n": "rounding"}


def test_a_class_that_a_function_makes_up_goes_to_a_person_by_its_name():
    merge = desk(classify=lambda field, values: "odd", owners={})
    [item] = merged(merge, a={"v": 1}, b={"v": 2}).waiting
    assert (item.packet["classes"], item.packet["approvers"]) == ({"v": "odd"}, ["clerk"])


def test_a_function_that_awaits_may_classify():
    async def classify(field: str, values: Any) -> str | None:
        return "veto"

    merge = desk(classify=classify, owners={"veto": "a"})
    command = asyncio.run(merge.ainvoke({"results": {"a": {"v": 1}, "b": {"v": 2}}}))
    assert command.update["merged"] == {"v": 1}


def test_an_owner_may_be_a_function_of_the_field_and_its_values():
    def lowest(field: str, values: Any) -> Any:
        return Settled(value=min(values.values()), reason="the lowest counts")

    run = merged(
        desk(owners={"rounding": lowest, "veto": "a", "fact": "a"}), a={"n": 2}, b={"n": 1}
    )
    assert run.values["merged"] == {"n": 1}


def test_numbered_results_are_sources_by_the_workers_name():
    merge = Merge(of=("read#",), then="end", resolve=vote())
    given = {f"read#{n}": {"v": v} for n, v in enumerate(["x", "y", "y"], start=1)}
    command = merge({"results": given})
    assert command.update["merged"] == {"v": "y"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"owners": {"rounding": "a"}}, "nobody owns the class 'veto'"),
        ({"classify": None}, "give classify="),
        ({"owners": {"rounding": "x", "veto": "a", "fact": "a"}}, "no source"),
        ({"owners": {"rounding": "a", "veto": "a", "fact": "a", "odd": "a"}}, "'odd' is no class"),
        ({"owners": {"rounding": vote, "veto": "a", "fact": "a"}}, "a factory is called"),
        ({"classify": {"rounding": within}}, "a factory is called"),
    ],
)
def test_classes_and_owners_that_do_not_fit_are_refused(options, words):
    with pytest.raises(DesignError, match=words):
        desk(**options)

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.types import Command
from pydantic import ValidationError

from quintet.nodes import Merge, Recovery, Worker, hand_over, judge_sources, precedence, vote
from quintet.nodes.conflict import Settled
from quintet.runs import look, settle, start
from quintet.state import AnswerRefused, ContractBroken, DesignError, checkpointer, plain
from quintet.testing import ScriptedModel
from tests.nodes.workshop import app_of, bare, decided, logs

SOURCES = ("form", "ledger", "mail")
cells = st.integers(0, 2) | st.sampled_from(["a", "b"]) | st.none()
tables = st.dictionaries(
    st.sampled_from(SOURCES),
    st.dictionaries(st.sampled_from(["amount", "iban"]), cells),
    min_size=1,
)


def merge(*resolve: Any, **more: Any) -> Merge:
    return Merge(**{"of": SOURCES, "then": "next", "requires": (), "resolve": resolve, **more})


def conflicts_of(command: Any) -> dict[str, Any]:
    found: dict[str, Any] = command.update.get("kept", {}).get("conflicts merge", {})
    return found


def results(**given_: Any) -> dict[str, Any]:
    return {"results": given_}


@given(tables, st.randoms())
def test_the_order_in_which_results_came_does_not_matter(
    table: dict[str, Any], random: Any
) -> None:
    node = merge(precedence("ledger"), vote())
    items = list(table.items())
    random.shuffle(items)
    one, two = node({"results": table}), node({"results": dict(items)})
    assert one.goto == two.goto
    assert one.update["merged"] == two.update["merged"]
    assert conflicts_of(one) == conflicts_of(two)


@given(tables)
def test_every_field_is_merged_or_a_named_conflict(table: dict[str, Any]) -> None:
    command = merge(vote())({"results": table})
    fields = {field for row in table.values() for field in row}
    merged, conflicts = command.update["merged"], conflicts_of(command)
    assert set(merged) | set(conflicts) == fields
    assert not set(merged) & set(conflicts)
    for field, values in conflicts.items():
        assert values == {name: row[field] for name, row in table.items() if field in row}
        assert len(set(map(repr, values.values()))) > 1
    for field, value in merged.items():
        assert value in [row[field] for row in table.values() if field in row]
    assert command.goto == ("merge" if conflicts else "next")


@given(st.lists(cells, min_size=1, max_size=6), st.floats(0, 0.99), st.randoms())
def test_a_vote_is_won_or_not_whatever_the_order(
    ballots: list[Any], share: float, random: Any
) -> None:
    names = [f"s{number}" for number in range(len(ballots))]
    pairs = list(zip(names, ballots, strict=True))
    won = vote(share=share)("field", dict(pairs))
    random.shuffle(pairs)
    again = vote(share=share)("field", dict(pairs))
    assert (won and won.value) == (again and again.value)
    if won is not None:
        count = sum(plain(ballot) == won.value for ballot in ballots)
        assert count > share * len(ballots)


@given(st.permutations(SOURCES), tables)
def test_precedence_takes_the_first_that_says_something(
    order: tuple[str, ...], table: dict[str, Any]
) -> None:
    values = {name: row["amount"] for name, row in table.items() if "amount" in row}
    settled = precedence(*order)("amount", values)
    first = next((name for name in order if name in values), None)
    assert (settled and settled.value) == (values[first] if first else None)
    assert (settled is None) == (first is None)


def test_agreement_is_silent_and_a_settled_conflict_is_on_record() -> None:
    command = merge(vote())(
        results(form={"a": 1, "b": 1}, ledger={"a": 1, "b": 2}, mail={"a": 1, "b": 2})
    )
    assert command.update["merged"] == {"a": 1, "b": 2}
    (record,) = command.update["decisions"]
    assert record["choice"] == "b=2"
    assert record["reason"] == "2 of 3 sources agree"
    assert record["seen"] == "form: 1, ledger: 2, mail: 2"
    assert set(command.update) <= Merge.writes


def test_a_whole_number_agrees_with_itself_as_a_float() -> None:
    command = merge()(results(form={"amount": 50}, ledger={"amount": 50.0}))
    assert command.update["merged"] == {"amount": 50}
    assert merge()(results(form={"ok": True}, ledger={"ok": 1})).update["kept"] != {}


def test_resolvers_are_asked_in_order_until_one_settles() -> None:
    asked: list[str] = []

    def first(field: str, values: Any) -> Any:
        asked.append("first")

    def second(field: str, values: Any) -> Any:
        asked.append("second")
        return max(values.values())

    def third(field: str, values: Any) -> Any:
        raise AssertionError

    command = merge(first, second, third)(results(form={"a": 1}, ledger={"a": 2}))
    assert asked == ["first", "second"]
    assert command.update["merged"] == {"a": 2}
    assert command.update["decisions"][-1]["reason"] == "second chose it"


def test_fields_may_have_resolvers_of_their_own() -> None:
    node = Merge(of=SOURCES, then="next", requires=(), resolve={"a": (precedence("mail"),)})
    command = node(results(form={"a": 1, "b": 1}, mail={"a": 2, "b": 2}))
    assert command.update["merged"] == {"a": 2}
    assert set(conflicts_of(command)) == {"b"}


@pytest.mark.parametrize("resolve", [precedence("mail"), {"a": precedence("mail")}])
def test_one_resolver_needs_no_tuple(resolve: Any) -> None:
    node = Merge(of=SOURCES, then="next", resolve=resolve)
    assert node(results(form={"a": 1}, mail={"a": 2})).update["merged"] == {"a": 2}


def test_only_the_named_fields_are_merged() -> None:
    command = merge(fields=("a",))(results(form={"a": 1, "b": 1}, mail={"a": 1, "b": 2}))
    assert command.update["merged"] == {"a": 1}
    assert command.goto == "next"


def test_a_source_without_a_result_is_named_on_record() -> None:
    command = merge()(results(form={"a": 1}, ledger={"a": 1}))
    (record,) = command.update["decisions"]
    assert record["choice"] == "without mail"
    assert "mail gave no result" in record["reason"]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "none of form, ledger, mail gave a result"),
        (results(form=3), "the result of form is not a dict: 3"),
    ],
    ids=["none", "kind"],
)
def test_what_cannot_be_merged_is_refused(state: Any, message: str) -> None:
    with pytest.raises(ContractBroken, match=message):
        merge()(state)


@pytest.mark.parametrize("of", [(), ("one",), "form"])
def test_fewer_than_two_sources_are_refused(of: Any) -> None:
    with pytest.raises(DesignError, match="at least two"):
        merge(of=of)


@pytest.mark.parametrize("share", [-0.1, 1.0, 2, float("nan")])
def test_a_share_that_no_vote_can_win_or_lose_is_refused(share: float) -> None:
    with pytest.raises(DesignError, match="share"):
        vote(share=share)


def fan(*resolve: Any, saver: Any = None, **more: Any) -> Any:
    """Build three workers at once, and a merge after them."""
    said = {"form": {"amount": 50.0}, "ledger": {"amount": 40.0}, "mail": {"iban": "x"}}
    workers = {
        name: Worker(agent=lambda request, name=name: said[name], contract=bare())
        for name in SOURCES
    }

    def begin(state: Any) -> Any:
        return {}

    nodes = {"begin": begin, **workers, "merge": merge(*resolve, **more), "next": logs("next")}
    edges = [("begin", name) for name in SOURCES] + [(name, "merge") for name in SOURCES]
    return app_of(nodes, *edges, defer=("merge",), recover=Recovery(), saver=saver)


def test_branches_are_merged_once_after_the_last(invoke: Any) -> None:
    end = invoke(fan(precedence("ledger")), {"message": "m"}, "a")
    assert end["merged"] == {"amount": 40.0, "iban": "x"}
    assert decided(end, "merge") == ["amount=40.0"]
    assert end["log"] == ["next"]


def test_a_person_settles_what_nobody_else_does(invoke: Any) -> None:
    app = fan(approvers=("maria",))
    asked = invoke(app, {"message": "m"}, "a")
    (question,) = asked["__interrupt__"]
    assert question.value["conflicts"] == {"amount": {"form": 50.0, "ledger": 40.0}}
    answer = {"values": {"amount": 45.0}, "by": "maria", "note": "split"}
    end = invoke(app, Command(resume={question.id: answer}), "a")
    assert end["merged"] == {"amount": 45.0, "iban": "x"}
    assert end["kept"] == {}
    record = end["decisions"][-1]
    assert (record["by"], record["who"], record["reason"]) == ("person", "maria", "split")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"values": {}, "by": "maria"}, "give a value for each of amount"),
        ({"values": {"amount": 1, "more": 1}, "by": "maria"}, "give a value for each of amount"),
        ({"values": {"amount": 1}, "by": "bob"}, "'bob' may not settle this; maria may"),
        ({"values": {"amount": 1}}, "by"),
        ({"values": {"amount": 1}, "by": "maria", "x": 1}, "x"),
        ("fifty", "dictionary"),
    ],
    ids=["none", "more", "stranger", "nobody", "extra", "text"],
)
def test_a_bad_settlement_leaves_the_question_open(invoke: Any, answer: Any, message: str) -> None:
    app = fan(approvers=("maria",))
    asked = invoke(app, {"message": "m"}, "a")
    with pytest.raises(ValidationError, match=message):
        invoke(app, Command(resume={asked["__interrupt__"][0].id: answer}), "a")
    run = look(app, thread="a")
    assert run.waiting
    with pytest.raises(AnswerRefused):
        run.answer(settle({}, by="maria"))
    done = run.answer(settle({"amount": 1}, by="maria"))
    assert done.values["merged"]["amount"] == 1


def test_a_settlement_says_who_gives_it() -> None:
    app = fan()
    run = start(app, {"message": "m"}, thread="a")
    with pytest.raises((AnswerRefused, ValidationError), match="who gives it"):
        run.answer(settle({"amount": 1}, by=" "))
    assert look(app, thread="a").waiting


def test_a_settlement_reaches_a_run_that_another_process_began(tmp_path: Path, crash: Any) -> None:
    for turn in range(2):
        with checkpointer(f"sqlite:///{tmp_path}/a.db") as saver:
            app = fan(saver=saver)
            if turn == 0:
                start(app, {"message": "m"}, thread="t")
            else:
                run = look(app, thread="t").answer(settle({"amount": 45.0}, by="maria"))
        crash()
    assert run.values["merged"] == {"amount": 45.0, "iban": "x"}


def test_a_branch_that_failed_is_missing_by_name_and_not_in_silence(invoke: Any) -> None:
    def broken(request: Any) -> Any:
        raise ValueError("odd")

    app = app_of(
        {
            "begin": lambda state: {},
            "form": Worker(agent=lambda request: {"a": 1}, contract=bare()),
            "ledger": Worker(agent=broken, contract=bare()),
            "merge": Merge(of=("form", "ledger"), then="next"),
            "person": hand_over,
        },
        ("begin", "form"),
        ("begin", "ledger"),
        ("form", "merge"),
        ("ledger", "merge"),
        defer=("merge",),
        recover=Recovery(),
    )
    end = invoke(app, {"message": "m"}, "a")
    assert end["outcome"]["status"] == "escalated"
    assert "without ledger" in decided(end, "merge")


def test_a_model_may_judge_and_may_leave_it_to_a_person(invoke: Any) -> None:
    model = ScriptedModel([{"source": "form", "reason": "it is newer"}])
    end = invoke(fan(judge_sources(model)), {"message": "m"}, "a")
    assert end["merged"]["amount"] == 50.0
    assert end["decisions"][-1]["by"] == "model"
    unsure = ScriptedModel([{"source": "none", "reason": "cannot tell"}])
    asked = invoke(fan(judge_sources(unsure)), {"message": "m"}, "b")
    assert asked["__interrupt__"]


def test_an_async_resolver_is_awaited() -> None:
    async def slow(field: str, values: Any) -> Any:
        await asyncio.sleep(0)
        return Settled(value=1, reason="slow")

    config: Any = {"configurable": {"thread_id": "a"}}
    end = asyncio.run(fan(slow).ainvoke({"message": "m"}, config))
    assert end["merged"]["amount"] == 1
    with pytest.raises(DesignError, match="'slow' is async"):
        merge(slow)(results(form={"a": 1}, mail={"a": 2}))


def test_all_orders_of_three_votes_end_alike() -> None:
    ways = itertools.permutations([("form", 1), ("ledger", 2), ("mail", 1)])
    ends = [vote()("a", dict(way)) for way in ways]
    assert {settled and settled.value for settled in ends} == {1}


@pytest.mark.parametrize(
    "resolve", [vote, (precedence("a"), vote), {"x": vote}, {"x": 5}, ("vote",), 5]
)
def test_a_resolver_that_cannot_take_a_fields_values_is_refused(resolve: Any) -> None:
    with pytest.raises(DesignError, match="cannot take a field"):
        Merge(of=("a", "b"), then="finish", resolve=resolve)
    assert Merge(of=("a", "b"), then="finish", resolve=(vote(), lambda field, values: None))


def broken(*given_: Any) -> Any:
    raise KeyError("tariff")


async def abroken(*given_: Any) -> Any:
    raise KeyError("tariff")


@pytest.mark.parametrize("resolver", [broken, abroken])
def test_what_a_resolver_raises_on_a_person_settles(resolver: Any, caplog: Any) -> None:
    node = merge(resolver, vote())
    given_ = results(form={"a": 1}, mail={"a": 2}, ledger={"a": 2})
    command = asyncio.run(node.ainvoke(given_))
    assert conflicts_of(command) == {"a": {"form": 1, "mail": 2, "ledger": 2}}
    assert "could not judge a" in caplog.text
    assert "KeyError: 'tariff'" in caplog.text


@pytest.mark.parametrize("classify", [broken, {"price": broken}])
def test_a_conflict_that_could_not_be_classified_is_a_persons(classify: Any) -> None:
    node = merge(vote(), classify=classify, owners={"price": "form"} if classify != broken else {})
    command = node(results(form={"a": 1}, mail={"a": 2}, ledger={"a": 2}))
    assert conflicts_of(command) == {"a": {"form": 1, "mail": 2, "ledger": 2}}
    assert command.update["kept"]["classes merge"] == {"a": "not classified (KeyError)"}

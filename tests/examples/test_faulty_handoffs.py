"""Test each finding of fault injection in the examples as a rule that now holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples.incidents.contracts import contracts
from examples.incidents.desk import TicketDesk
from examples.incidents.events import SEAL, Incident, Ticketed
from examples.incidents.records import on_call
from examples.procurement.agents import settled, wanted
from examples.research.contracts import Terms, of_one_question
from examples.research.library import library
from examples.retail.desk import Settled
from examples.retail.store import Store
from examples.support.agents import basic
from examples.support.contracts import as_done, measured, on_its_day
from examples.support.desk import SPECIALISTS, as_sealed, knowledge, seal, to_split
from examples.support.seed import build
from examples.support.shop import Shop
from quintet.state import Action, ContractBroken

SENDER = "dora.novak@example.net"
MESSAGE = "I was charged twice for order 1042. Please refund the second charge."


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(build(Path(tmp_path_factory.mktemp("shop")) / "shop.db"))


def state(shop: Shop) -> dict[str, Any]:
    return {"message": MESSAGE, "behalf": SENDER, **knowledge(shop, MESSAGE, SENDER)}


def test_a_request_reaches_a_specialist_only_as_it_was_looked_up(shop: Shop) -> None:
    given = state(shop)
    assert as_sealed(given) == given
    for changed in (
        {"request": MESSAGE.replace("1042", "1043")},
        {"behalf": "eva@example.net"},
        {"facts": {**given["facts"], "items_amount": 46.0}},
        {"passage": None},
        {"seal": ""},
    ):
        with pytest.raises(ContractBroken, match="lost or changed") as problem:
            as_sealed({**given, **changed})
        assert problem.value.side == "needs"
    for lost in ("request", "facts", "seal"):
        with pytest.raises(ContractBroken):
            as_sealed({key: value for key, value in given.items() if key != lost})


def test_a_part_of_a_plan_is_sealed_by_itself(shop: Shop) -> None:
    part = knowledge(shop, "refund 1042", SENDER, whole=MESSAGE)
    step = {"step": {"id": "part1", "planner": "plan", "inputs": part}}
    assert as_sealed({**state(shop), **step})["message"] == "refund 1042"
    part["request"] = "refund 1043"
    with pytest.raises(ContractBroken):
        as_sealed({**state(shop), **step})


def test_a_specialist_reads_the_request_as_it_was_looked_up_and_not_the_message(
    shop: Shop,
) -> None:
    changed = {**state(shop), "message": MESSAGE.replace("1042", "1043")}
    assert as_sealed(changed)["message"] == MESSAGE


def test_a_message_is_split_only_as_it_was_looked_up(shop: Shop) -> None:
    assert to_split(state(shop)) == {"message": MESSAGE, "sender": SENDER}
    with pytest.raises(ContractBroken):
        to_split({**state(shop), "behalf": "eva@example.net"})


def test_a_seal_is_of_all_that_was_looked_up() -> None:
    whole = {"request": "m", "behalf": "b", "facts": {"x": 1}, "passage": {"id": "p"}}
    assert seal(whole) == seal(dict(reversed(whole.items())))
    assert len({seal({**whole, key: "other"}) for key in whole} | {seal(whole)}) == 5


CLAIMS = {
    "I have made a refund of £5.00 on order 1042.": "done",
    "Order 1042 now goes to 1 New Street.": "done",
    "Order 1042 is sent again, free of charge.": "done",
    "I have opened the return of a lamp.": "done",
    "A support lead has to decide about it, and I have asked for that.": "proposed",
}


@pytest.mark.parametrize(("reply", "status"), CLAIMS.items(), ids=lambda given: given[:20])
def test_what_a_reply_says_was_done_or_asked_for_has_an_action(reply: str, status: Any) -> None:
    result: Any = {"reply": reply, "cites": "identity"}
    request: Any = {}
    said = as_done(request, result, ())
    assert not said
    assert f"no action was {status}" in str(said)
    real = Action(name="issue_refund", arguments={}, status=status)
    assert as_done(request, result, (real,)) is True
    other = Action(name="issue_refund", arguments={}, status="failed")
    assert not as_done(request, result, (other,))


def test_a_number_with_a_unit_stands_with_it_in_the_policy_or_the_record() -> None:
    order = {"days_late": 9, "days_since_delivery": None, "lines": [{"warranty_months": 36}]}
    request: Any = {"facts": {"orders": [order], "pieces": [1, 5, 12]}}
    for said in (
        "It is dispatched within 2 working days, and 9 days late.",
        "A refund takes 5 to 7 working days; the guarantee is 36 months.",
        "Use the 2.4 GHz network, not the 5 GHz one.",
    ):
        assert measured(request, {"reply": said, "cites": "setup"}) is True
    for said in ("within 1 working days", "12 days late", "not the 9 GHz one", "36 days"):
        assert not measured(request, {"reply": said, "cites": "setup"}), said


@pytest.mark.parametrize("agent", [basic, *SPECIALISTS.values()], ids=lambda one: one.__name__)
def test_nobody_answers_half_of_a_message_that_was_not_split(agent: Any, shop: Shop) -> None:
    both = f"{MESSAGE} Also, where is my parcel?"
    request: Any = {"message": both, **knowledge(shop, both, SENDER)}
    tools = () if agent is basic else ({},)
    assert "2 requests" in agent(request, *tools).get("escalate", "")


ORDER = {
    "order_id": "#1",
    "user_id": "mia",
    "status": "pending",
    "payment_history": [{"transaction_type": "payment", "amount": 9.0, "payment_method_id": "c1"}],
    "items": [],
}
WISH = {
    "name": "cancel_pending_order",
    "arguments": {"order_id": "#1", "reason": "ordered by mistake"},
}


def retail() -> Settled:
    user = {"user_id": "mia", "payment_methods": {"c1": {"id": "c1", "source": "credit_card"}}}
    db = {"orders": {"#1": dict(ORDER)}, "users": {"mia": user}, "products": {}}
    return Settled(store=Store(db))


def test_a_retail_conversation_is_done_only_where_every_wish_is_done_or_refused() -> None:
    settled = retail()
    given = {"behalf": "mia", "wishes": [WISH]}
    assert str(settled(given)) == "asked for and not done: cancel_pending_order"
    done = {"name": WISH["name"], "arguments": WISH["arguments"], "status": "done"}
    assert settled({**given, "actions": {"k": done}}) is True
    assert not settled({**given, "actions": {"k": {**done, "status": "failed"}}})
    assert settled({**given, "behalf": "another"}) is True  # the rules refuse it
    wrong = {**WISH, "arguments": {"order_id": "#1", "reason": "no such reason"}}
    assert settled({**given, "wishes": [wrong]}) is True
    assert settled({**given, "wishes": [{"name": "get_user_details", "arguments": {}}]}) is True
    assert settled.store.changes() == {}


FORM = {"department": "IT", "vendor": "Northgate", "item": "desk", "quantity": 1}
CHECKED = {
    "form": FORM,
    "merged": {"verdict": "review", "amount": 300},
    "findings": {"policy": {"codes": ["high"]}, "vendor": {"codes": []}},
}


def test_an_order_is_what_the_checks_come_to() -> None:
    assert settled(CHECKED) == {"verdict": "review", "codes": ["high"]}
    assert wanted(CHECKED) == {**FORM, "amount": 300.0, "review": "high"}
    rejected = {**CHECKED, "merged": {"verdict": "reject", "amount": 300}}
    assert wanted(rejected) is None


INCIDENT = {
    "incident": "db:1",
    "service": "db",
    "cause": "disk full",
    "at": "2026-11-02T10:00:00",
    "page": True,
    "restart": False,
}


def test_an_incident_reaches_those_who_act_on_it_as_it_was_found() -> None:
    sealed = SEAL.on(INCIDENT)
    assert SEAL(sealed)["cause"] == "disk full"
    for name in INCIDENT:
        with pytest.raises(ContractBroken, match="lost or changed"):
            SEAL({**sealed, name: "other"})


@pytest.fixture
def desk(tmp_path: Path) -> TicketDesk:
    return TicketDesk(path=tmp_path / "desk.db")


def test_a_handler_that_says_done_has_done_what_the_incident_needs(desk: TicketDesk) -> None:
    incident = Incident(**SEAL.on({**INCIDENT, "service": "orders-db"}))
    person = on_call("orders-db", incident.at)
    right = {
        "ticketing": {"incident": "db:1", "service": "orders-db", "cause": "disk full"},
        "notification": {"incident": "db:1", "person": person},
    }
    for name, effect in (("ticketing", desk.opening), ("notification", desk.paging)):
        held: Any = contracts(desk)[name].success[0]
        assert not held(incident, None, ())
        for at_all in right[name]:
            wrong = {**right[name], at_all: "other"}
            done = Action(name=effect.name, arguments=wrong, status="done")
            assert not held(incident, None, (done,))
        done = Action(name=effect.name, arguments=right[name], status="done")
        assert held(incident, None, (done,)) is True


def test_a_ticket_is_that_of_its_incident(desk: TicketDesk) -> None:
    incident = Incident(**SEAL.on(INCIDENT))
    same: Any = contracts(desk)["ticketing"].success[1]
    assert same(incident, Ticketed("db:1", "db")) is True
    assert not same(incident, Ticketed("db:1", "web"))


def test_a_ticket_that_is_not_there_is_not_closed(desk: TicketDesk) -> None:
    with pytest.raises(LookupError, match="web has no ticket db:1"):
        desk.closing.function(incident="db:1", service="web", idempotency_key="k")


def test_what_is_said_to_be_closed_is_the_incident(desk: TicketDesk) -> None:
    held: Any = contracts(desk)["closing"].success[1]
    asked = {"incident": "db-1", "service": "db"}
    assert held(asked, {"closed": "db-1"}) is True
    assert not held(asked, {"closed": "db-2"})


def test_evidence_of_another_question_is_not_the_answers() -> None:
    asked = {"message": "How many visits?", "find": {"question": "How many visits?"}}
    assert of_one_question(asked, {"sentences": []}) is True
    assert of_one_question({"message": "a"}, {"question": "a"}) is True
    assert not of_one_question({"message": "a"}, {"question": "b"})
    assert not of_one_question({**asked, "message": "How many loans?"}, {"sentences": []})
    for part in ("search", "find", "compute"):
        assert not of_one_question({"message": "a", part: {"question": "b"}}, {"question": "a"})


def test_a_calculation_says_which_question_it_is_for() -> None:
    terms = Terms(library())
    asked: Any = {"message": "What is the sum?", "find": {"sentences": []}}
    figures = {"text": "The sum is 48,900.", "cites": ["annual-2024#1"], "code": "print(48900)"}
    assert not terms.code.unmet(asked, terms.code.result({**figures, "question": asked["message"]}))
    [why] = terms.code.unmet(asked, terms.code.result({**figures, "question": "And the mean?"}))
    assert "another question" in why


def test_a_sum_is_held_to_its_own_day() -> None:
    payments = [
        {"amount": 47.0, "created": "2026-10-19"},
        {"amount": 4.7, "created": "2026-10-22"},
    ]
    request: Any = {"facts": {"orders": [{"payments": payments}]}}
    paid = "For order 1138 you paid £47.00 by gift card on 19 October 2026."
    back = "Refunded so far: £4.70 on 22 October 2026."
    assert on_its_day(request, {"reply": f"{paid} {back}"}) is True
    for said in (paid.replace("19", "22"), back.replace("22", "19")):
        assert not on_its_day(request, {"reply": said}), said

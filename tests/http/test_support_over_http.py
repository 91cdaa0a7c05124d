"""Test the examples' support desk, driven by a model over real HTTP: what it may do and not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from examples.support.demo import messages
from examples.support.demo import run as demo
from examples.support.desk import support_desk
from examples.support.rules import RULES
from examples.support.seed import build
from examples.support.shop import LEDGERS, Shop
from quintet.graphs import check
from quintet.nodes import by_rules
from quintet.runs import Run, approve, reject
from quintet.state import AnswerRefused, checkpointer
from tests.aimock import Aimock, Reply, call, calls, status
from tests.http.conftest import Begin
from tests.http.desks import ROUTING, TOKENS, chat, route

MESSAGES = {one["id"]: one for one in messages()}
WORKING = {"toolName": "Resolution"}
VAGUE = (
    "Something about my headset and its box.",
    "My kettle is taller than I thought, what do you say?",
    "A question about the blue vase I have from you.",
)


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return build(tmp_path_factory.mktemp("shop") / "shop.db").read_bytes()


@pytest.fixture
def shop(seeded: bytes, tmp_path: Path) -> Shop:
    (tmp_path / "shop.db").write_bytes(seeded)
    return Shop(tmp_path / "shop.db")


def desk(shop: Shop, aimock: Aimock) -> Any:
    graph = support_desk(shop, model=chat(aimock.base_url), wait=0.01)
    return graph.compile(checkpointer=checkpointer("memory://"))


def given(name: str) -> dict[str, Any]:
    return {"message": MESSAGES[name]["message"], "behalf": MESSAGES[name]["sender"]}


def written(shop: Shop) -> dict[str, int]:
    return {name: len(rows) for name in LEDGERS if (rows := shop.ledger(name))}


def refund(order: int, amount: float, reason: str = "duplicate-charge") -> Reply:
    return call("issue_refund", {"order_id": order, "amount": amount, "reason": reason})


def resolution(reply: str, cites: str, **more: Any) -> Reply:
    return call("Resolution", {"reply": reply, "cites": cites, **more})


def last_told(aimock: Aimock) -> str:
    return str(aimock.sent()[-1]["messages"][-1]["content"])


def packet(run: Run) -> dict[str, Any]:
    assert run.status == "waiting", run
    found: dict[str, Any] = dict(run.waiting[0].packet)
    return found


def test_the_model_driven_desk_has_no_mistake_that_check_knows(shop: Shop) -> None:
    graph = support_desk(shop, model=chat("http://127.0.0.1:9/v1"))
    assert [str(finding) for finding in check(graph) if finding.level == "error"] == []


async def test_a_refund_below_the_limit_is_paid_once(
    aimock: Aimock, begin: Begin, shop: Shop
) -> None:
    said = resolution("The second charge of £89.00 is refunded.", "duplicate-charge", order_id=1098)
    aimock.on(WORKING, refund(1098, 89.0), said)
    run = await begin(desk(shop, aimock), given("m002"))
    assert run.status == "done", run
    assert written(shop) == {"refunds": 1}
    [row] = shop.ledger("refunds")
    assert (row["order_id"], row["amount"], row["status"]) == (1098, 89.0, "paid")
    assert run.outcome is not None
    assert run.outcome.evidence["effects"] == ["refund:1098:duplicate-charge:89.00"]


async def test_the_model_sees_the_facts_and_the_passage_and_may_call_the_four_writes(
    aimock: Aimock, begin: Begin, shop: Shop
) -> None:
    said = resolution("The record shows two charges of £89.00.", "duplicate-charge", order_id=1098)
    aimock.on(WORKING, said)
    await begin(desk(shop, aimock), given("m002"))
    [sent] = aimock.sent()
    request = json.loads(sent["messages"][1]["content"])
    assert set(request) == {"message", "facts", "passage"}
    assert request["facts"]["order_id"] == 1098
    assert request["passage"]["id"] == "duplicate-charge"
    names = [tool["function"]["name"] for tool in sent["tools"]]
    writes = ["issue_refund", "open_return", "change_address", "resend"]
    assert names == [*writes, "Resolution", "ask_customer"]
    required = sent["tools"][-2]["function"]["parameters"]["required"]
    assert required == ["reply", "cites"], "what may be left out may be left out"


async def test_a_refund_above_the_limit_waits_for_a_lead(
    aimock: Aimock, begin: Begin, shop: Shop
) -> None:
    told = resolution("A support lead decides about it first.", "duplicate-charge", order_id=1042)
    aimock.on(WORKING, refund(1042, 144.0), told)
    run = await begin(desk(shop, aimock), given("m001"))
    asked = packet(run)
    assert (asked["action"], asked["arguments"]["amount"]) == ("issue_refund", 144.0)
    assert "over 100" in asked["why_asked"]
    assert asked["behalf"] == "dora.novak@example.net"
    assert written(shop) == {}
    with pytest.raises(AnswerRefused, match="may not answer"):
        run.answer(approve(by="dora.novak@example.net"))
    assert written(shop) == {}
    ended = run.answer(approve(by="lena", note="two charges on record"))
    assert ended.status == "done"
    assert written(shop) == {"refunds": 1}


@pytest.mark.parametrize(
    ("name", "calls_made", "why"),
    [
        pytest.param("m154", [refund(1105, 249.0, "approved")], "no refund", id="a-fake-approval"),
        pytest.param("m155", [refund(1048, 20.0, "goodwill")], "no refund", id="ignore-the-rules"),
        pytest.param(
            "m159",
            [
                calls(
                    *(
                        (
                            "issue_refund",
                            {"order_id": 1151, "amount": 94.5, "reason": "duplicate-charge"},
                        ),
                    )
                )
            ],
            "not 94.50",
            id="in-two-halves",
        ),
        pytest.param(
            "m162", [refund(1195, 89.0, "damaged-item")], "not delivered", id="not-delivered"
        ),
    ],
)
@pytest.mark.parametrize("answered", [True, False], ids=["said-no", "never-answered"])
async def test_a_model_that_obeys_an_attacker_still_meets_the_gate(
    aimock: Aimock,
    begin: Begin,
    shop: Shop,
    name: str,
    calls_made: list[Reply],
    why: str,
    answered: bool,
) -> None:
    passage = "refund-window"
    aimock.on(WORKING, *calls_made, resolution("Your refund is on its way to you.", passage))
    run = await begin(desk(shop, aimock), given(name))
    assert why in packet(run)["why_asked"]
    assert written(shop) == {}
    if answered:
        ended = run.answer(reject(by="lena", note="policy gives none"))
        assert ended.status == "rejected"
        assert written(shop) == {}


@pytest.mark.parametrize("name", ["m048", "m166"])
async def test_a_model_cannot_write_to_another_customers_order(
    aimock: Aimock, begin: Begin, shop: Shop, name: str
) -> None:
    wanted = {
        "m048": refund(1098, 89.0),
        "m166": call(
            "change_address", {"order_id": 1199, "address": "4 Limekiln Hill, Wexcombe QW9 2AL"}
        ),
    }
    aimock.on(WORKING, wanted[name])
    run = await begin(desk(shop, aimock), given(name))
    assert run.status == "escalated"
    [failure] = run.values["failures"]
    assert (failure["kind"], failure["error"]) == ("denied", "ActionRefused")
    assert "does not belong to" in failure["message"]
    assert written(shop) == {}
    assert len(aimock.sent()) == 1, "the policy does not ask a model again that was refused"


async def test_what_the_shop_refuses_goes_back_to_the_model(
    aimock: Aimock, begin: Begin, shop: Shop
) -> None:
    refused = resolution(
        "The parcel is still on its way, so no second one is sent.",
        "lost-parcel",
        order_id=1202,
        refused="the parcel is not late enough",
    )
    aimock.on(WORKING, call("open_return", {"order_id": 1202, "items": ["x"], "reason": "late"}))
    aimock.on({"hasToolResult": True, **WORKING}, refused)
    run = await begin(desk(shop, aimock), given("m170"))
    assert last_told(aimock).startswith("error: order 1202 has no 'x'")
    assert run.status == "rejected"
    assert written(shop) == {}


async def test_a_sum_out_of_thin_air_is_refused_on_return_and_asked_for_again(
    aimock: Aimock, begin: Begin, shop: Shop
) -> None:
    invented = resolution("We will refund £500.00 to you.", "duplicate-charge", order_id=1098)
    sound = resolution("The record shows two charges of £89.00.", "duplicate-charge")
    aimock.on(WORKING, invented, sound)
    run = await begin(desk(shop, aimock), given("m002"))
    assert run.status == "done"
    assert run.values["spent"]["retries"] == 1
    assert run.values["results"]["billing"]["reply"] == "The record shows two charges of £89.00."


async def test_a_message_that_no_rule_knows_is_routed_by_the_model(
    aimock: Aimock, begin: Begin, shop: Shop
) -> None:
    aimock.on(ROUTING, route("technical", usage=TOKENS))
    aimock.on(
        WORKING, resolution("Please unplug it for one minute, then try again.", "technical-help")
    )
    vague = next(text for text in VAGUE if by_rules(RULES)(text) is None)
    run = await begin(desk(shop, aimock), {"message": vague, "behalf": "ada.lindqvist@example.org"})
    assert run.status == "done"
    first = run.decisions[0]
    assert (first.kind, first.choice, first.by) == ("route", "technical", "model")
    assert first.reason.startswith("it is about money")


async def test_without_its_model_the_desk_answers_what_it_can(
    aimock: Aimock, begin: Begin, shop: Shop
) -> None:
    aimock.always({}, status(503))
    run = await begin(desk(shop, aimock), given("m045"))
    assert run.status == "done"
    assert "basic" in run.path
    assert run.values["failures"][0]["remedy"] == "fallback:basic"
    assert aimock.statuses() == [503] * 3
    wants_a_write = await begin(desk(shop, aimock), given("m002"))
    assert wants_a_write.status == "escalated"
    assert written(shop) == {}


def test_the_demo_runs_on_a_model_by_name_and_address(
    aimock: Aimock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "test")
    over = resolution("A support lead decides about it first.", "duplicate-charge", order_id=1042)
    below = resolution("The second charge of £89.00 is refunded.", "duplicate-charge")
    aimock.on(WORKING, refund(1042, 144.0), over, refund(1098, 89.0), below)
    report = demo(
        url=f"sqlite:///{tmp_path / 'runs.db'}",
        progress=lambda done, total: None,
        limit=2,
        faults=False,
        model="openai:gpt-test",
        base_url=aimock.base_url,
    )
    assert report["outcomes"] == {"done": 2}
    assert report["approvals"] == {"approve": 1}
    assert report["silent_ends"] == 0
    assert report["written"]["refunds"] == 2
    assert {sent["model"] for sent in aimock.sent()} == {"gpt-test"}

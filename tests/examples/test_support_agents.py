"""The specialists decide each labelled message as policy and record demand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from examples.support import agents, contracts, policy
from examples.support.authority import NeedsLead, Theirs
from examples.support.contracts import DeskRequest, Resolution
from examples.support.facts import find_facts, requests
from examples.support.seed import build
from examples.support.shop import LEDGERS, Shop
from quintet.state import Action

Json = dict[str, Any]
DATA = Path(policy.__file__).with_name("data") / "messages.jsonl"
MESSAGES: list[Json] = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
SPECIALISTS = {
    "billing": agents.billing,
    "shipping": agents.shipping,
    "technical": agents.technical,
}
PAID = {"reason"}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shop") / "shop.db")


@pytest.fixture(scope="session")
def untouched(built: Path) -> Shop:
    return Shop(built)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(build(tmp_path / "shop.db"))


@dataclass
class Desk:
    """The four writes as the orchestration offers them: run, or proposed where a lead decides."""

    shop: Shop
    sender: str
    run: bool = True
    wanted: list[Action] = field(default_factory=list)
    proposed: list[Action] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Callable[..., Json]:
        def write(**arguments: Any) -> Json:
            action = Action(name=name, arguments=arguments, behalf=self.sender)
            self.wanted.append(action)
            assert Theirs(shop=self.shop)(action) is True
            if why := NeedsLead(shop=self.shop)(action):
                self.proposed.append(action)
                return {"status": "proposed", "why": why}
            return getattr(self.shop, name)(**arguments) if self.run else {"status": "done"}

        return write

    def __iter__(self) -> Any:
        return iter(("issue_refund", "open_return", "change_address", "resend"))

    def __len__(self) -> int:
        return 4


def parts(one: Json) -> list[Json]:
    if isinstance(one["route"], str):
        return [{**one, "text": one["message"]}]
    return [
        {
            "id": f"{one['id']}.{at + 1}",
            "sender": one["sender"],
            "message": one["message"],
            "text": text,
            "route": one["route"][at],
            "outcome": one["outcomes"][at],
            "approval": one["approval"][at],
            "action": one["action"][at],
            "tags": one["tags"],
        }
        for at, text in enumerate(requests(one["message"]))
    ]


CASES = [part for one in MESSAGES for part in parts(one)]
ROUTED = [part for part in CASES if part["route"] in SPECIALISTS]


def ask(shop: Shop, text: str, sender: str, *, whole: str | None = None) -> DeskRequest:
    facts = find_facts(text, sender, shop, whole=whole)
    return {"message": text, "facts": facts, "passage": policy.passage(text)}


def became(shop: Shop, case: Json) -> tuple[Json, Resolution, DeskRequest]:
    """What a specialist and the declared lead make of a labelled request."""
    request = ask(shop, case["text"], case["sender"], whole=case["message"])
    desk = Desk(shop, case["sender"])
    result = SPECIALISTS[case["route"]](request, desk)
    approval, outcome = None, "done"
    for action in desk.proposed:
        approval = policy.lead_answers(**NeedsLead(shop=shop).case(action))
        if approval == "approve":
            getattr(shop, action.name)(**action.arguments)
        else:
            outcome = "rejected"
    outcome = "escalated" if result["escalate"] else "rejected" if result["refused"] else outcome
    done = [action for action in desk.wanted if outcome == "done"]
    assert len(desk.wanted) <= 1
    wrote = None
    for action in done:
        told = {key: value for key, value in action.arguments.items() if key not in PAID}
        wrote = {"name": action.name, **told}
    return {"outcome": outcome, "approval": approval, "action": wrote}, result, request


@pytest.mark.parametrize("case", ROUTED, ids=lambda case: str(case["id"]))
def test_a_labelled_request_ends_as_its_label_says(case: Json, shop: Shop) -> None:
    found, result, request = became(shop, case)
    assert found == {key: case[key] for key in found}
    for criterion in (contracts.cites_policy, contracts.grounded):
        assert criterion(request, result) is None
    assert contracts.answers_customer(result) is None
    entries = sum(len(shop.ledger(name)) for name in LEDGERS)
    assert entries == (1 if case["action"] else 0)

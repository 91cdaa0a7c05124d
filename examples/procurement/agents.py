"""Check a purchase request: three checks over the company's database, and the decision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any, Literal, NotRequired

from langchain_core.language_models import BaseChatModel
from typing_extensions import TypedDict

from quintet.nodes import Worker, effect
from quintet.nodes.effect import Effect
from quintet.state import (
    Action,
    Budget,
    Contract,
    ContractBroken,
    Seal,
    as_recorded,
    performed,
    unmet,
)

from .company import Company

FIELDS = ("department", "vendor", "category", "item", "quantity", "amount")
NUMBERS = ("quantity", "amount")
NEEDS_CONTRACT = 1000

SEAL = Seal(keys=("form", "message"))
"""Refuses a form that was changed since the intake, or that belongs to another description."""
STORE = "store"

Verdict = Literal["approve", "review", "reject"]
ORDER: tuple[Verdict, ...] = ("reject", "review", "approve")

CODES: Mapping[str, Verdict] = {
    **dict.fromkeys(("missing-field", "wrong-category", "forbidden-category"), "reject"),
    **dict.fromkeys(("over-hard-limit", "duplicate", "unknown-vendor"), "reject"),
    **dict.fromkeys(("blocked-vendor", "unknown-department", "far-over-budget"), "reject"),
    **dict.fromkeys(("over-auto-limit", "split-order", "instruction-in-text"), "review"),
    **dict.fromkeys(("pending-vendor", "vendor-category", "no-contract"), "review"),
    **dict.fromkeys(("expired-contract", "over-ceiling", "frozen-budget"), "review"),
    "over-budget": "review",
}
"""The verdict of each rule; see policy.md."""

INSTRUCTION = re.compile(
    r"\b(ignore|disregard|override|bypass|skip)\b.{0,30}\b(rules?|polic\w+|checks?|limits?)\b"
    r"|\b(already|pre-?|is now) ?approved\b|\bmark (this|it) as\b"
    r"|\bno (check|review)s? (is )?needed\b|^\s*system:",
    re.IGNORECASE,
)
"""Words that tell those who check what to do."""


class Request(TypedDict):
    """Hold what a check gets: the form as it came, and the description."""

    form: dict[str, Any]
    message: str


class Finding(TypedDict):
    """Hold what a check gives: its verdict, the rules that hold, and the amount that it counts."""

    verdict: Verdict
    codes: list[str]
    amount: NotRequired[float]


class Decided(TypedDict):
    """Hold the decision: what was decided and why, and why there is no order."""

    verdict: Verdict
    codes: list[str]
    refused: NotRequired[str]


def rules() -> str:
    """Read the company's rules for purchases, each with its code and its verdict."""
    return (resources.files(__package__) / "policy.md").read_text("utf-8")


def is_consistent(given: Finding) -> Any:
    """Say whether a verdict is the strictest of its rules, however the check was made."""
    if unknown := [code for code in given["codes"] if code not in CODES]:
        return unmet(f"no rule has the code {unknown[0]!r}")
    strictest = min((ORDER.index(CODES[code]) for code in given["codes"]), default=2)
    far = given["verdict"] == "reject" and "over-budget" in given["codes"]  # it may be either
    if far or given["verdict"] == ORDER[strictest]:
        return True
    return unmet(f"{given['verdict']!r} does not follow from {', '.join(given['codes']) or 'none'}")


def missing(form: Mapping[str, Any]) -> list[str]:
    """Name the fields that are missing, or are no number above zero."""
    return [name for name in FIELDS if not _is_given(name, form.get(name))]


def _is_given(name: str, value: Any) -> bool:
    if name in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return isinstance(value, str) and bool(value.strip())


def needed(state: Mapping[str, Any]) -> list[str]:
    """Choose the checks that a request needs; refuse a form that is not the intake's."""
    form = SEAL(state)["form"]
    if missing(form):
        return ["policy"]
    if form["vendor"] == STORE:
        return ["policy", "finance"]
    return ["policy", "vendor", "finance"]


def finding(codes: Iterable[str], amount: float | None = None) -> Finding:
    """Give the strictest verdict of the rules that hold."""
    known = sorted(codes)
    verdicts = {CODES[code] for code in known}
    verdict = next(verdict for verdict in ORDER if verdict in {*verdicts, "approve"})
    given: Finding = {"verdict": verdict, "codes": [code.removeprefix("far-") for code in known]}
    if amount is not None:
        given["amount"] = float(amount)
    return given


def policy(company: Company, request: Request) -> Finding:
    """Check a request against the spend rules."""
    form = request["form"]
    if missing(form):
        return finding(["missing-field"])
    codes = {"instruction-in-text"} if INSTRUCTION.search(request["message"]) else set()
    rule, kind = company.spend_rule(form["category"]), company.category_of(form["item"])
    if rule is None or kind not in (None, form["category"]):
        codes.add("wrong-category")
    if rule is not None:
        codes |= _by_rule(rule, form["amount"])
        if form["amount"] <= rule["auto_limit"] and _is_split(company, form, rule["auto_limit"]):
            codes.add("split-order")
    month = company.recent_orders(form["department"], form["vendor"], 30)
    if any((o["item"], o["quantity"]) == (form["item"], form["quantity"]) for o in month):
        codes.add("duplicate")
    return finding(codes, form["amount"])


def _by_rule(rule: Mapping[str, Any], amount: float) -> set[str]:
    codes = {"forbidden-category"} if rule["forbidden"] else set()
    if amount > rule["hard_limit"]:
        return codes | {"over-hard-limit"}
    return codes | {"over-auto-limit"} if amount > rule["auto_limit"] else codes


def _is_split(company: Company, form: Mapping[str, Any], limit: float) -> bool:
    recent = company.recent_orders(form["department"], form["vendor"], 14)
    amounts = [o["amount"] for o in recent if o["category"] == form["category"]]
    small = [amount for amount in amounts if amount <= limit]
    return bool(small) and sum(small) + form["amount"] > limit


def vendor(company: Company, request: Request) -> Finding:
    """Check a request's vendor, contract and price."""
    form = request["form"]
    known = company.vendor(form["vendor"])
    if known is None or known["status"] == "blocked":
        return finding(["unknown-vendor" if known is None else "blocked-vendor"])
    codes = {"pending-vendor"} if known["status"] == "pending" else set()
    if form["category"] not in known["categories"].split():
        codes.add("vendor-category")
    contract = company.contract(form["vendor"], form["category"])
    if contract is not None and contract["valid"]:
        if contract["ceiling"] - contract["used"] < form["amount"]:
            codes.add("over-ceiling")
    elif form["amount"] > NEEDS_CONTRACT:
        codes.add("expired-contract" if contract and contract["expired"] else "no-contract")
    price = company.price(form["vendor"], form["item"])
    return finding(codes, None if price is None else price * form["quantity"])


def finance(company: Company, request: Request) -> Finding:
    """Check a request against its department's budget."""
    form = request["form"]
    budget = company.budget(form["department"])
    if budget is None:
        return finding(["unknown-department"], form["amount"])
    codes = {"frozen-budget"} if budget["frozen"] else set()
    lacking = form["amount"] - (budget["amount"] - budget["spent"] - budget["reserved"])
    if lacking > 0:
        codes.add("over-budget" if lacking <= budget["amount"] / 10 else "far-over-budget")
    return finding(codes, form["amount"])


def decide(request: Mapping[str, Any], tools: Any) -> dict[str, Any]:
    """Place the order, which a review makes wait for a manager; or refuse it with the reasons."""
    decided, order = settled(request), wanted(request)
    if order is None:
        return {**decided, "refused": ", ".join(decided["codes"])}
    tools.place_order(**order)
    return decided


def settled(request: Mapping[str, Any], _: Any = None) -> dict[str, Any]:
    """Give the verdict that the checks come to, and all their rules that hold."""
    codes = sorted({code for found in request["findings"].values() for code in found["codes"]})
    return {"verdict": request["merged"]["verdict"], "codes": codes}


def wanted(request: Mapping[str, Any], _: Any = None) -> dict[str, Any] | None:
    """Give the order that the checks come to; None where they reject it."""
    decided = settled(request)
    if decided["verdict"] == "reject":
        return None
    review = ", ".join(decided["codes"]) if decided["verdict"] == "review" else ""
    return {**request["form"], "amount": float(request["merged"]["amount"]), "review": review}


def findings(state: Mapping[str, Any]) -> dict[str, Any]:
    """Give the decision what it needs: the form, the merged values, and each check's finding.

    Raises:
        ContractBroken: the merged values are not what the checks have found.
    """
    found, merged = state["results"], state["merged"]
    strictest = min((check["verdict"] for check in found.values()), key=ORDER.index)
    # A buyer settles a price, and between amounts that were checked.
    amounts = [check["amount"] for check in found.values() if "amount" in check]
    if merged["verdict"] != strictest or merged.get("amount") not in (amounts or [None]):
        raise ContractBroken(f"no check has come to {dict(merged)}", side="needs")
    return {**SEAL(state), "findings": found}


def place_order(company: Company) -> Effect:
    """Give the placing of an order as an effect that can be taken back."""

    def place_order(  # noqa: PLR0913 - the fields of an order
        department: str,
        vendor: str,
        category: str,
        item: str,
        quantity: int,
        amount: float,
        review: str,
        idempotency_key: str,
    ) -> int:
        """Place an order, and reserve its amount."""
        order: dict[str, Any] = {"department": department, "vendor": vendor, "category": category}
        order |= {"item": item, "quantity": quantity, "amount": amount}
        return company.order(idempotency_key, order)

    return effect(
        place_order,
        key="{department}:{vendor}:{item}:{quantity}:{amount}",
        undo=company.cancel,
    )


def in_review(action: Action) -> str | None:
    """Say why an order needs a manager; None where it needs none."""
    review = action.arguments["review"]
    return f"the checks ask for a review: {review}" if review else None


@dataclass(frozen=True, kw_only=True)
class Checks:
    """Make the workers, each with its contract, deterministic or driven by a chat model."""

    company: Company
    model: BaseChatModel | None = None

    def check(self, agent: Any, goal: str, *tools: Any) -> Worker:
        """Give one check; a model gets rules and look-ups, a function looks by itself."""
        driven = self.model is not None
        contract = Contract(
            goal=goal,
            needs=Request,
            gives=Finding,
            tools=(rules, *tools) if driven else (),
            # By rules, the same look-ups give the same finding; a model may find more.
            success=(is_consistent, *(() if driven else (as_recorded(self._again(agent)),))),
            budget=Budget(steps=12 if driven else None),
        )
        checks = self.model or partial(agent, self.company)
        return Worker(agent=checks, contract=contract, read=SEAL)

    def _again(self, agent: Any) -> Any:
        return lambda request, _: agent(self.company, request)

    @property
    def workers(self) -> dict[str, Worker]:
        """Give the three checks."""
        c = self.company
        looks = (c.spend_rule, c.category_of, c.recent_orders)
        return {
            "policy": self.check(policy, "Check the request against the spend rules", *looks),
            "vendor": self.check(
                vendor,
                "Check the request's vendor, contract and price",
                c.vendor,
                c.contract,
                c.price,
            ),
            "finance": self.check(finance, "Check the request against the budget", c.budget),
        }

    @property
    def decision(self) -> Worker:
        """Give the worker that places the order or refuses it; it follows rules alone."""
        needs = ("form", "merged", "findings")
        order = place_order(self.company)
        contract = Contract(
            goal="Order or refuse",
            needs=needs,
            gives=Decided,
            tools=(order,),
            success=(as_recorded(settled), performed(order, wanted), self._is_booked),
        )
        return Worker(agent=decide, contract=contract, read=findings)

    def _is_booked(self, request: Any, result: Any, actions: tuple[Action, ...]) -> Any:
        """Check that an order whose number was given stands in the books under that number."""
        numbers = [order["id"] for order in self.company.placed()]
        given = [action.result for action in actions if action.status == "done"]
        strange = [number for number in given if number not in numbers]
        return not strange or unmet(f"there is no order {strange[0]!r}")

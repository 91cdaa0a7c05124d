"""Define a specialist's input and output, and the criteria that its answer meets."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Required

from typing_extensions import TypedDict

from quintet.state import Action, Unmet, belongs_to, grounded_in, unmet

from . import policy, reading

_FEWEST_WORDS = 4
_CLAIM = re.compile(
    r"\b(?:I|we)(?:'ve| have)(?: just| now)? "
    r"(?:made|issued|paid|refunded|credited|opened|sent|resent|changed|processed|arranged)\b"
    r"|\b(?:has|have) (?:just |now )?been (?:refunded|issued|credited|resent|changed|processed)\b"
    r"|\bnow goes to\b|\bis (?:being )?sent again\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\b(?:I|we)(?:'ve| have) asked (?:for|them|a|our)\b|\blead has to decide\b", re.IGNORECASE
)
_MEASURE = re.compile(
    r"\b(\d+(?:\.\d+)?(?: to \d+)?) (working day|day|month|GHz)s?\b", re.IGNORECASE
)
_DATED = re.compile(r"£(\d+\.\d{2})(?: by [a-z ]+)? on (\d{1,2} [A-Z][a-z]+ \d{4})")
_SUMS = ("total", "paid", "refunded", "refundable", "duplicate", "delay_credit")


class Cited(TypedDict):
    """A policy passage."""

    id: str
    title: str
    text: str


class DeskRequest(TypedDict):
    """One request of a customer, what is known about it, and the passage that fits its words."""

    message: str
    facts: dict[str, Any]
    passage: Cited | None


class Resolution(TypedDict, total=False):
    """A specialist's decision.

    Attributes:
        reply: what the customer reads.
        cites: the id of the policy passage that it rests on.
        order_id: the order that it is about, if one.
        refused: why policy refuses the request; empty when it does not.
        escalate: why a person must take over; empty when nobody has to.
        sender: the customer that it is for.
    """

    reply: Required[str]
    cites: Required[str]
    order_id: int | None
    refused: str
    escalate: str
    sender: str


def cites_policy(request: DeskRequest, result: Resolution) -> bool | Unmet:
    """Check that the resolution rests on a passage that exists."""
    known = [one.id for one in policy.passages()]
    if result["cites"] in known:
        return True
    return unmet(
        f"there is no policy passage {result['cites']!r}; the passages are {', '.join(known)}"
    )


def grounded(request: DeskRequest, result: Resolution) -> bool | Unmet:
    """Check that orders and sums in the reply stand in the record or the policy.

    A sum that only the customer named is no ground.
    """
    facts, reply = request["facts"], result["reply"]
    orders = {*facts["mentioned"], *facts["fitting"], facts["order_id"]}
    strange = [f"order {one}" for one in reading.order_numbers(reply) if one not in orders]
    texts = [request["passage"] or {}, policy.passage(result["cites"]) or {}]
    sums = {one for text in texts for one in reading.amounts(text.get("text", ""))}
    sums |= {facts["items_amount"], *(one for order in facts["orders"] for one in _sums(order))}
    strange += [f"the sum {one:.2f}" for one in reading.amounts(reply) if one not in sums]
    named = result.get("order_id")
    if named is not None and named not in (*facts["found"], *facts["fitting"]):
        strange.append(f"order_id {named}")
    return not strange or unmet(f"not in the facts or the passage: {', '.join(strange)}")


def policy_texts(request: DeskRequest, result: Resolution) -> list[str]:
    """Return the policy's passages."""
    return [one.text for one in policy.passages()]


def guarantees(request: DeskRequest, result: Resolution) -> Iterator[str]:
    """Yield the last day of the guarantee of each item delivered."""
    for order in request["facts"]["orders"]:
        for line in order["lines"] if order["delivered"] else ():
            begun = date.fromisoformat(order["delivered"])
            years, month = divmod(begun.month - 1 + line["warranty_months"], 12)
            last = monthrange(begun.year + years, month + 1)[1]
            yield date(begun.year + years, month + 1, min(begun.day, last)).isoformat()


stated = grounded_in("facts", policy_texts, guarantees, of=("reply", "refused", "order_id"))
"""Every number and date that the customer is told stands in the record or the policy."""


def measures(value: Any) -> Iterator[str]:
    """Yield each number with its unit: the record's two pieces are no ground for `2 days`."""
    for match in _MEASURE.finditer(str(value)):
        yield f"{match[1]} {match[2]}".lower()


def spans(request: DeskRequest, result: Resolution) -> Iterator[str]:
    """Yield how late the orders are, how long ago they came, and the guarantee of their items."""
    for order in request["facts"]["orders"]:
        yield f"{order['days_late']} days, {order['days_since_delivery']} days"
        yield from (f"{line['warranty_months']} months" for line in order["lines"])


measured = grounded_in(policy_texts, spans, of=("reply", "refused"), claims=measures)
"""Every number that the customer is told with a unit stands with it in the record or the policy."""


def dated_sums(value: Any) -> Iterator[str]:
    """Yield each sum with its day: another payment's date is no ground for this one's."""
    for match in _DATED.finditer(str(value)):
        yield f"{float(match[1]):.2f} on {match[2]}"


def payment_days(request: DeskRequest, result: Resolution) -> Iterator[str]:
    """Yield each payment's sum and day."""
    for order in request["facts"]["orders"]:
        for one in order["payments"]:
            day = date.fromisoformat(one["created"][:10])
            yield f"£{one['amount']:.2f} on {day.day} {day:%B %Y}"


on_its_day = grounded_in(payment_days, of=("reply", "refused"), claims=dated_sums)
"""Every sum that the customer is told with a day was paid, or paid back, on that day."""

theirs = belongs_to("sender", whose=lambda request: request["facts"]["sender"], needed=False)
"""The resolution is for the customer who wrote; a chat model need not say for whom it is."""


def answers_customer(result: Resolution) -> bool | Unmet:
    """Check that the customer reads a whole sentence, and is not both refused and passed on."""
    if len(result["reply"].split()) < _FEWEST_WORDS:
        return unmet(f"the reply {result['reply']!r} tells the customer nothing")
    if result.get("refused") and result.get("escalate"):
        return unmet("it is refused and escalated at once; it can be only one of the two")
    return True


def as_done(request: DeskRequest, result: Resolution, actions: tuple[Action, ...]) -> bool | Unmet:
    """Check that an action backs each claim in the reply that a write was done or asked for."""
    for claims, status in ((_CLAIM, "done"), (_ASKED, "proposed")):
        claim = claims.search(result["reply"])
        if claim is not None and not any(action.status == status for action in actions):
            return unmet(f"the reply says {claim[0]!r}, but no action was {status}")
    return True


def needs_person(result: Resolution) -> str:
    """Say why a person must take over; empty when nobody has to."""
    return result.get("escalate", "")


def _sums(order: Mapping[str, Any]) -> Iterator[float]:
    """Yield every sum on an order's record, and the price of some or all pieces of a line."""
    yield from (order[name] for name in _SUMS)
    yield from (one["amount"] for one in order["payments"])
    for line in order["lines"]:
        yield from (round(line["price"] * n, 2) for n in range(1, line["quantity"] + 1))


def to_sender(request: DeskRequest, result: Resolution) -> Resolution:
    """Say in a resolution for whom it is."""
    return {**result, "sender": request["facts"]["sender"]}

"""Record what a specialist decides, before anything is done, and carry it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from .contracts import Resolution
from .shop import ShopRefused

Json = dict[str, Any]
Tools = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write to the shop: `what` names it for the customer, `done` is the reply after it ran."""

    name: str
    arguments: Json
    what: str
    done: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A decision: an answer, a refusal, a handover to a person, or a write that is wanted.

    `ask` is a question to the customer; a person takes over where it cannot be asked.
    """

    reply: str
    cites: str
    order_id: int | None = None
    refused: str = ""
    escalate: str = ""
    ask: str = ""
    write: Write | None = None

    def resolution(self) -> Resolution:
        """Return the decision in the form that the desk's contract asks for."""
        made: Resolution = {
            "reply": self.reply,
            "cites": self.cites,
            "order_id": self.order_id,
            "refused": self.refused,
            "escalate": self.escalate,
        }
        return {**made, "ask": self.ask} if self.ask else made  # type: ignore[typeddict-unknown-key]


def answer(reply: str, cites: str, order: Json | None = None) -> Verdict:
    """Tell the customer; nothing is to be done."""
    return Verdict(reply=reply, cites=cites, order_id=order["id"] if order else None)


def refuse(reply: str, cites: str, why: str, order: Json | None = None) -> Verdict:
    """Say no, as policy does, without asking anybody."""
    return replace(answer(reply, cites, order), refused=why)


def escalate(
    why: str, cites: str = "cannot-do", order: Json | None = None, *, tell: str = ""
) -> Verdict:
    """Hand the request to a person; `tell` is what the customer is told besides that."""
    reply = f"{tell} I am passing your message to a colleague, who will get back to you.".strip()
    return replace(answer(reply, cites, order), escalate=why)


def ask(question: str, why: str, cites: str = "cannot-do", order: Json | None = None) -> Verdict:
    """Ask the customer for what is missing; `why` is what a person is told who must do without."""
    return replace(escalate(why, cites, order, tell=question), ask=question)


def act(write: Write, cites: str, order: Json) -> Verdict:
    """Ask for one write to the shop."""
    return replace(answer("", cites, order), write=write)


def settle(verdict: Verdict, tools: Tools) -> Resolution:
    """Carry out what was decided; the reply tells what has really become of it."""
    write = verdict.write
    if write is None:
        return verdict.resolution()
    try:
        result = tools[write.name](**write.arguments)
    except ShopRefused as error:
        reply = f"I am sorry, our system does not allow {write.what}. Nothing has been changed."
        return replace(verdict, reply=reply, refused=str(error), write=None).resolution()
    proposed = isinstance(result, Mapping) and result.get("status") == "proposed"
    reply = (
        f"A support lead has to decide about {write.what}, and I have asked for that. "
        "It is done only if they approve it, and you will hear from us either way."
        if proposed
        else write.done
    )
    return replace(verdict, reply=reply, write=None).resolution()


def only_answer(verdict: Verdict) -> Resolution:
    """Resolve without any write: a decision that needs one goes to a person."""
    if verdict.write is None:
        return verdict.resolution()
    why = f"{verdict.write.what} is wanted, and nobody at the desk can do it at present"
    held = escalate(why, verdict.cites)
    return replace(held, order_id=verdict.order_id).resolution()


def pounds(amount: float) -> str:
    return f"£{amount:.2f}"


def day(written: str | date) -> str:
    one = date.fromisoformat(written) if isinstance(written, str) else written
    return f"{one.day} {one:%B %Y}"


def days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))

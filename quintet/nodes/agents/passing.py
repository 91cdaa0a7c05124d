"""Pass a request on from a worker: to another worker, or as a question to the customer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from quintet.errors import ContractBroken, DesignError, HandoffLoop, PersonNeeded
from quintet.nodes.agents.chat import Handoff, Question
from quintet.nodes.agents.toolbox import Transfer
from quintet.nodes.core.handed import Handed, Receiver, beside
from quintet.nodes.core.node import one_line
from quintet.nodes.core.step import SentStep
from quintet.nodes.core.task import Task
from quintet.nodes.core.trail import Trail
from quintet.state.contract import Contract
from quintet.state.decision import Decision
from quintet.state.questions import OVER, open_questions
from quintet.state.record import plain
from quintet.state.run import run_of

HANDOFFS = 8
"""Handoffs of one run where the contract's budget sets no limit."""

ABOUT_LENGTH = 2000
"""The most characters that are kept of the messages that a question is about."""

Handoffs = tuple[str, ...] | Mapping[str, Contract | Receiver | None]


def receivers_of(handoffs: Handoffs) -> dict[str, Receiver | None]:
    """Give the node of each handoff, with what it needs as far as that is known.

    Raises:
        DesignError: a single name, or something in place of a contract.
    """
    if isinstance(handoffs, str):
        raise DesignError(
            f"Worker(handoffs={handoffs!r}): give a tuple of names, ({handoffs!r},), or a mapping "
            "of names to the receivers' contracts"
        )
    if not isinstance(handoffs, Mapping):
        return dict.fromkeys(handoffs)
    receivers: dict[str, Receiver | None] = {}
    for name, needs in handoffs.items():
        if needs is not None and not isinstance(needs, Contract | Receiver):
            raise DesignError(f"Worker(handoffs={{{name!r}: {needs!r:.60}}}): give its Contract")
        receivers[name] = Receiver(contract=needs) if isinstance(needs, Contract) else needs
    return receivers


@dataclass(kw_only=True)
class Passing:
    """Pass one worker's request on, as its contract and its handoffs allow.

    Args:
        receivers: the nodes that it may hand over to.
        contract: the worker's contract.
        state: the state that the worker was given.
        task: the worker's task.
        step: the plan's step that it was sent.
        slot: the name of its piece of work.
        handed: what was handed to it.
    """

    receivers: Mapping[str, Receiver | None]
    contract: Contract
    state: Mapping[str, Any]
    task: Task
    step: SentStep
    slot: str
    handed: Handed
    theirs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """Give the handoffs as a chat model is offered them."""
        transfers = []
        for to, receiver in self.receivers.items():
            if receiver is None:
                transfers.append(Transfer(to=to))
                continue
            fields: tuple[str, ...] = ()
            with suppress(ContractBroken):  # its own function misses something, and says so then
                passed = self._passed(to, "", {})
                fields = receiver.missing(passed.context(receiver.read, self.state, self.step))
            needs = receiver.contract.needs if fields else ()
            transfers.append(Transfer(to=to, needs=needs, fields=fields))
        return tuple(transfers)

    def check(self, handoff: Handoff) -> Handed:
        """Refuse a handoff that is not allowed or lacks something; give what it hands over.

        Raises:
            ContractBroken: it says why.
        """
        node = self.task.node
        if handoff.to not in self.receivers:
            raise ContractBroken(
                f"{node} may not hand off to {handoff.to!r}; it may to "
                f"{', '.join(self.receivers) or 'nobody'}: name it in Worker(handoffs=...)"
            )
        receiver = self.receivers[handoff.to]
        handed = self._passed(handoff.to, handoff.reason, handoff.payload)
        if receiver is not None:
            state = {**self.state, **self.theirs}
            context = handed.context(receiver.read, state, self.step)
            receiver.check(node, handoff.to, handed, context)
        elif handoff.payload:
            raise ContractBroken(
                f"{node} hands {', '.join(handoff.payload)} to {handoff.to}, and nobody knows what "
                f"that needs: give Worker(handoffs={{{handoff.to!r}: its contract}})"
            )
        return handed

    def _passed(self, to: str, reason: str, payload: Mapping[str, Any]) -> Handed:
        return Handed(
            payload=plain(dict(payload)),
            by=self.task.node,
            reason=one_line(reason, 300),
            asked=self.handed.asked,
        )

    def hand_over(self, handoff: Handoff) -> dict[str, Any]:
        """Give the state update of a handoff.

        Raises:
            ContractBroken: it is not allowed, or its receiver would lack something.
            HandoffLoop: control goes in a circle, or was passed on too often.
        """
        handed = self.check(handoff)
        node, to = self.task.node, handoff.to
        trail = Trail.of(self.slot, self.state).passed(node, to, handed, self.state)
        if circle := trail.circle:
            raise HandoffLoop(f"control went in a circle, with nothing new: {circle}")
        limit = self.contract.budget.handoffs
        so_far = (self.state.get("spent") or {}).get("handoffs", 0)
        if so_far >= (HANDOFFS if limit is None else limit):
            raise HandoffLoop(f"control was passed on {so_far} times: {trail}")
        decision = Decision(
            kind="handoff",
            node=node,
            choice=to,
            reason=handoff.reason or "the agent handed off",
            by="model",
            candidates=tuple(self.receivers),
            seen=", ".join(handed.payload),
        )
        return {
            "decisions": [plain(decision)],
            "spent": {"handoffs": 1},
            "kept": {**trail.update(), **handed.update(beside(self.slot, to))},
        }

    def ask(self, question: Question, message: str) -> dict[str, Any]:
        """Give the state update of a question to the customer.

        Raises:
            ContractBroken: the contract lets it ask nothing.
            DesignError: nothing in the state keeps who has asked.
            PersonNeeded: it has asked as often as it may.
        """
        node, limit = self.task.node, self.contract.questions
        if not limit:
            raise ContractBroken(
                f"{node} may not ask the customer {question.text!r:.80}: its contract says "
                "questions=0; give Contract(questions=...)"
            )
        if "questions" not in self.state:
            raise DesignError(
                f"{node} asks the customer, and nothing in the state would keep that it waits: "
                "let the state inherit ConversationState"
            )
        if self.handed.times >= limit:
            raise PersonNeeded(
                f"contract {self.contract.goal!r}: the customer was asked {limit} times in a row, "
                f"the limit, and {node} would ask again: {one_line(question.text)}"
            )
        about = self.handed.asked.get("about", "")
        # An intake may have joined the message to those before it.
        about = message if message.startswith(about) else f"{about}\n{message}"
        entry: dict[str, Any] = {
            "text": one_line(question.text, 500),
            "about": about[-ABOUT_LENGTH:],
            "times": self.handed.times + 1,
            "run": run_of(self.state),
        }
        if self.handed.payload:
            entry["payload"] = self.handed.payload
        if self.step:
            entry["step"] = self._step_again()
        decision = Decision(
            kind="question",
            node=node,
            choice="asked",
            reason=entry["text"],
            by="model",
            seen=one_line(message),
        )
        asked = {**question.within, self.slot: plain(entry)}
        return {"questions": asked, "decisions": [plain(decision)]}

    def _step_again(self) -> dict[str, Any]:
        """Give the step as the customer's answer takes it up, when its plan is gone."""
        context = self.step.context(self.state)
        names = (*self.step.record.get("after", ()), *self.step.record.get("inputs", {}))
        inputs = {name: context[name] for name in names if name in context and name != "message"}
        return {"id": self.step.id, "goal": context.get("goal", ""), "inputs": inputs}

    def over(self) -> dict[str, Any]:
        """Give the update of `questions` by which those are over that it was visited for."""
        known = open_questions(self.state)
        return {name: OVER for name in (self.slot, *self.within) if name in known}

    @property
    def within(self) -> dict[str, Any]:
        """Give the open questions of workers within this one, where it is a graph."""
        inside = f"{self.task.path}/"
        return {at: q for at, q in open_questions(self.state).items() if at.startswith(inside)}

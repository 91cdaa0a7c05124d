"""Read how an action stands in the journal: free to be done, done, or begun with an unknown end."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import uuid4

from langgraph.errors import GraphBubbleUp

from quintet.errors import EffectUnknown, RunSuperseded, ThreadHeld
from quintet.nodes.core.call import Call, Logic
from quintet.state.action import Action
from quintet.state.clock import now
from quintet.state.hold import HeldElsewhere
from quintet.state.journal.entry import Entry
from quintet.state.journal.found import Place
from quintet.state.record import digest

How = Literal["free", "done", "unknown"]

_HOW: Mapping[str, How] = {
    "claimed": "unknown",
    "unknown": "unknown",
    "done": "done",
    "dry": "done",
    "released": "free",
    "undone": "free",
}
"""How an action stands, by the kind of its stream's last entry."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An action's stream in the journal.

    Args:
        place: the journal, and the thread in it.
        subject: the stream.
        entries: its entries so far.
    """

    place: Place
    subject: str
    entries: tuple[Entry, ...] = ()

    @property
    def how(self) -> How:
        """Say how the action stands."""
        return _HOW[self.entries[-1].kind] if self.entries else "free"

    @property
    def claim(self) -> Entry | None:
        """Give the last claim on it."""
        return next((e for e in reversed(self.entries) if e.kind == "claimed"), None)

    @property
    def owner(self) -> str:
        """Give the task that claimed it last; empty where none has."""
        return "" if self.claim is None else str(self.claim.value["owner"])

    @property
    def run(self) -> str:
        """Give the run that claimed it last."""
        return "" if self.claim is None else str(self.claim.value.get("run", ""))

    def holds(self, action: Action) -> bool:
        """Say whether the last claim is on this very proposal: approved, made at that moment."""
        # A fork has the proposals of its source, which are done in one of them only.
        if self.claim is None or action.approval is None or self.by not in ("", self.place.thread):
            return False
        claimed = self.claim.value.get("action") or {}
        return (claimed.get("at"), self.run) == (action.at, action.run)

    @property
    def digest(self) -> str:
        """Give the digest of the action that was claimed last."""
        return "" if self.claim is None else str(self.claim.value["digest"])

    @property
    def result(self) -> Any:
        """Give what the last entry holds as a result, or as the reason for an unknown end."""
        return self.entries[-1].value.get("result") if self.entries else None

    def answers_in(self, task: str) -> tuple[Entry, ...]:
        """Give the answers of people that a task has got about it."""
        return tuple(e for e in self.entries if task and e.value.get("task") == task)

    def questions_over(self, task: str) -> int:
        """Count the questions of a task about it that are over, by whomever.

        Forks that share their claims may both ask. Once one has been answered, the other's answer
        says nothing any more, and must not be taken for the answer to that task's next question.
        """
        over, asking = len(self.answers_in(task)), False
        for entry in self.entries if task else ():
            if entry.value.get("asks") == task:
                asking = True
            elif asking and entry.kind != "unknown":
                # The task itself went on past its question where it could tell meanwhile.
                over += task not in (entry.value.get("task"), entry.value.get("told_to"))
                asking = False
        return over

    def asks(self, task: str) -> bool:
        """Say whether a task has asked a person how it ended, since it was claimed last."""
        after = -1 if self.claim is None else self.claim.position
        return any(e.position > after and e.value.get("asks") == task for e in self.entries)

    @property
    def by(self) -> str:
        """Name the thread that claimed it last: of forks that share their claims, which one."""
        return "" if self.claim is None else str(self.claim.value.get("thread", ""))

    @property
    def undone(self) -> int:
        """Count how often it was done and taken back."""
        return sum(entry.kind == "undone" for entry in self.entries)

    def until(self, moment: float) -> Standing:
        """Give it as it stood at a moment."""
        return replace(self, entries=tuple(e for e in self.entries if e.at <= moment))

    def append(self, kind: str, **value: Any) -> Logic[Standing]:
        """Append an entry after those that were read, and give the stream with it.

        Raises:
            EffectUnknown: another runner has appended one meanwhile.
        """
        standing = yield from self.append_first(kind, **value)
        if standing is None:
            raise EffectUnknown(
                f"{self.subject}: another runner has taken it over, so nothing is recorded by this "
                "one; look(app, thread=...) shows how it went on"
            )
        return standing

    def append_first(self, kind: str, *, mark: str = "", **value: Any) -> Logic[Standing | None]:
        """Append an entry as `append` does; give None where another was first."""
        position = len(self.entries)
        place, about = self.place, {"position": position, "mark": mark}
        first: bool = yield Call(
            place.journal.append,
            (place.scope, self.subject, kind, value),
            options=about,
            blocks=True,
        )
        if not first:
            return None
        entry = Entry(
            thread=place.scope,
            subject=self.subject,
            position=position,
            kind=kind,
            value=value,
            at=now(),
        )
        return replace(self, entries=(*self.entries, entry))


def standing_of(place: Place, subject: str) -> Logic[Standing]:
    """Read an action's stream."""
    entries: tuple[Entry, ...] = yield Call(place.journal.read, (place.scope, subject), blocks=True)
    return Standing(place=place, subject=subject, entries=entries)


def asked_by(task: str, place: Place) -> Logic[tuple[Standing, ...]]:
    """Read the streams of all effects that a task has asked a person about."""
    entries: tuple[Entry, ...] = yield Call(
        place.journal.entries, (place.scope, "effect "), blocks=True
    )
    subjects = dict.fromkeys(e.subject for e in entries if task and e.value.get("asks") == task)
    return tuple(
        Standing(place=place, subject=name, entries=tuple(e for e in entries if e.subject == name))
        for name in subjects
    )


def subject_of(action: Action) -> str:
    """Name an action's stream: by its effect and key."""
    return f"effect {action.name}:{action.key}"


def key_for_receiver(thread: str, action: Action, undone: int = 0) -> str:
    """Give the key by which the receiver of an effect can tell a second request for it.

    It is the same for every attempt at one action of a thread, and another once that was undone.
    """
    return digest([thread, action.name, action.key, undone]) + digest([action.key, thread])


@contextmanager
def alone(standing: Standing, *, doubled: bool = False) -> Iterator[None]:
    """Hold an action while it is under way; the hold ends with the process at the latest.

    Args:
        standing: the action's stream.
        doubled: whether another runner is at the very same task in this process.

    Raises:
        EffectUnknown: somebody else in this process is at it now; it says who.
        SecondRunner: another process is, or another runner of this one.
    """
    name = f"\x01{standing.place.scope}\x01{standing.subject}"
    held = ExitStack()
    try:
        held.enter_context(standing.place.journal.holds.hold(name))
    except ThreadHeld as problem:
        if doubled or isinstance(problem, HeldElsewhere):
            where = "by another call of this process" if doubled else "in another process"
            raise SecondRunner(
                f"{standing.subject} is under way {where}, which runs this thread too: this run "
                "stops here and saves nothing; resume(app, thread=...) when the other has ended"
            ) from problem
        claim = standing.claim
        who = "another task" if claim is None else f"{claim.value.get('runner')}"
        raise EffectUnknown(
            f"{standing.subject} is under way by {who}: it is not begun a second time"
        ) from problem
    with held:
        yield


class SecondRunner(RunSuperseded, GraphBubbleUp):
    """Raised to stop a run whose thread another runner has at the same moment.

    It bubbles up like an interrupt: nothing of a failure is recorded, and no remedy is taken, which
    would end the run while the other one still works on it.
    """


RUNNER = f"process {os.getpid()} on {socket.gethostname()} ({uuid4().hex[:6]})"
"""This process, as a claim names it to people."""

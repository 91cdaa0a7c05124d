"""Write answers to a question into the journal, where the first that decides it counts.

The state shows an approval, and whoever can write the state can write one. An action is therefore
run by what stands here, and only the gate that asked writes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from unicodedata import category, normalize

from quintet.nodes.core.attempt import current
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.task import Task
from quintet.state.action import Action, Approval
from quintet.state.journal.entry import Entry, Journal
from quintet.state.journal.found import find_place
from quintet.state.record import digest, plain, read


@dataclass(frozen=True, kw_only=True)
class Votes:
    """The answers to one question.

    Args:
        journal: where they stand.
        thread: the thread there.
        question: what tells the question from all others.
        quorum: how many must say yes; one no decides.
        entries: the answers so far, the first first.
    """

    journal: Journal
    thread: str
    question: str
    quorum: int = 1
    entries: tuple[Entry, ...] = ()

    @property
    def subject(self) -> str:
        """Name the stream."""
        return f"verdict {self.question}"

    def read(self) -> Logic[Votes]:
        """Read the answers."""
        entries: tuple[Entry, ...] = yield Call(
            self.journal.read, (self.thread, self.subject), blocks=True
        )
        return replace(self, entries=entries)

    def add(self, approval: Approval, *, answer: str, action: Action) -> Logic[Votes | None]:
        """Write one more answer; give None where another came first.

        Args:
            approval: the answer, as it is kept.
            answer: the digest of the answer as it was given.
            action: the action as the answer leaves it.
        """
        value = {
            "approval": plain(approval),
            "answer": answer,
            "name": action.name,
            "key": action.key,
            "arguments": dict(action.arguments),
            "run": action.run,
        }
        first: bool = yield Call(
            self.journal.append,
            (self.thread, self.subject, "answered", value),
            options={"position": len(self.entries)},
            blocks=True,
        )
        return (yield from self.read()) if first else None

    def asked(self) -> Logic[Entry | None]:
        """Give the note that the question was asked, or None."""
        entries: tuple[Entry, ...] = yield Call(self.journal.read, self._asked, blocks=True)
        return entries[0] if entries else None

    def note_asked(self, why: str = "") -> Logic[Entry]:
        """Note that the question is asked, unless it was before; give the first note of it."""
        yield Call(
            self.journal.append,
            (*self._asked, "asked", {"why": why}),
            options={"position": 0},
            blocks=True,
        )
        entries: tuple[Entry, ...] = yield Call(self.journal.read, self._asked, blocks=True)
        return entries[0]

    @property
    def _asked(self) -> tuple[str, str]:
        return self.thread, f"asked {self.question}"

    @property
    def verdict(self) -> Entry | None:
        """Give the answer that decides the question, or None while it is open."""
        for entry in self.entries:
            if entry.value["approval"]["answer"] not in ("approve", "edit"):
                return entry
        # All who say yes must say it to the same action: an edit begins the count anew.
        for entry in self.entries:
            if len(self._agreeing(entry)) >= self.quorum:
                return self._agreeing(entry)[self.quorum - 1]
        return None

    def _agreeing(self, entry: Entry) -> list[Entry]:
        said = entry.value["approval"]["digest"]
        return [e for e in self.entries if e.value["approval"]["digest"] == said]

    def heard(self, name: str) -> bool:
        """Say whether somebody has answered, whether or not the name is spelled in the same way."""
        return _folded(name) in map(_folded, self.names)

    @property
    def names(self) -> list[str]:
        """Give who has answered."""
        return [str(entry.value["approval"]["by"]) for entry in self.entries]

    @property
    def shown(self) -> list[dict[str, Any]]:
        """Give the answers for those who are still asked."""
        return [
            {
                "by": entry.value["approval"]["by"],
                "answer": entry.value["approval"]["answer"],
                "note": entry.value["approval"]["note"],
                "arguments": entry.value["arguments"],
            }
            for entry in self.entries
        ]

    def has(self, answer: str) -> bool:
        """Say whether an answer was written before, such as before a crash."""
        return any(entry.value["answer"] == answer for entry in self.entries)


_UNSEEN = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, range(0xFE00, 0xFE10)))
)
"""Signs that show nothing, beside those of the Unicode category `Cf`."""


def _folded(name: str) -> str:
    """Give a name without case, outer spaces, unseen signs and ways of writing the same letters."""
    seen = "".join(sign for sign in name if category(sign) != "Cf" and sign not in _UNSEEN)
    return " ".join(normalize("NFKC", normalize("NFKC", seen).casefold()).split())


def votes_on(task: Task, question: str, quorum: int = 1) -> Votes:
    """Give the answers to a question of the run that a node is part of, not read yet."""
    around = current.get()
    place = (
        find_place(task.thread, task.superstep, task.superstep) if around is None else around.place
    )
    # A run that only this process knows has another place in each superstep.
    thread = place.thread if place.shared else task.thread
    return Votes(journal=place.journal, thread=thread, question=question, quorum=quorum)


def question_of(gate: str, action: Action) -> str:
    """Name the question that a gate asks about a proposal: one name for each time it is made."""
    return digest([gate, action.run, action.name, action.key, action.digest, action.at])


def approval_in(entry: Entry) -> Approval:
    """Read the answer of an entry."""
    approval: Mapping[str, Any] = entry.value["approval"]
    return read(Approval, approval)

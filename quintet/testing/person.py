"""Script a person who answers questions of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, Generic, TypeAlias, TypeVar

from quintet.testing.script import Script

Packet: TypeAlias = Mapping[str, Any]
AnswerT = TypeVar("AnswerT")


class ScriptedPerson(Generic[AnswerT]):
    """Answer each interrupt's packet with the next answer, or with that of a function.

    Args:
        answers: an iterable of answers in order, or a function of the packet. An answer is
            anything that the run accepts.

    Raises:
        DesignError: a single answer, or something that is neither iterable nor callable.
    """

    def __init__(self, answers: Iterable[AnswerT] | Callable[[Packet], AnswerT]) -> None:
        self._script: Script[Packet, AnswerT] = Script(answers, turn="question", line="answer")

    @property
    def asked(self) -> list[Packet]:
        """Return the packets that this person was asked about, as they were then."""
        return list(self._script.asked)

    def __call__(self, packet: Packet) -> AnswerT:
        """Answer one packet.

        Raises:
            ScriptExhausted: no answer is left.
        """
        gate = packet.get("gate")
        # A copy, since the run may change the packet later.
        return self._script.take(deepcopy(packet), packet, f"gate {gate!r}" if gate else None)

    def __repr__(self) -> str:
        return f"ScriptedPerson({self._script})"

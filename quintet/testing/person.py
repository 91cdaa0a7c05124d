"""A person who answers approvals by a declared policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, Generic, TypeAlias, TypeVar

from quintet.testing.script import Script

Packet: TypeAlias = Mapping[str, Any]
AnswerT = TypeVar("AnswerT")


class ScriptedPerson(Generic[AnswerT]):
    """Answer each packet with the next answer, or with what a function makes of it.

    Args:
        answers: an iterable of answers in order, or a function of the packet. An answer is
            whatever the run takes.

    Raises:
        DesignError: a single answer, or something that is neither iterable nor callable.
    """

    def __init__(self, answers: Iterable[AnswerT] | Callable[[Packet], AnswerT]) -> None:
        self._script: Script[Packet, AnswerT] = Script(answers, turn="question", line="answer")

    @property
    def asked(self) -> list[Packet]:
        """The packets that were put to this person, as they were then."""
        return list(self._script.asked)

    def __call__(self, packet: Packet) -> AnswerT:
        """Answer one packet.

        Raises:
            ScriptExhausted: no answer is left.
        """
        gate = packet.get("gate")
        return self._script.take(deepcopy(packet), packet, f"gate {gate!r}" if gate else None)

    def __repr__(self) -> str:
        return f"ScriptedPerson({self._script})"

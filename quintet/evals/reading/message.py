"""Hold the messages of a conversation and the calls within them, whichever form they came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]

HANDOFFS = ("transfer_to_", "transfer_back_to_")


@dataclass(frozen=True, kw_only=True)
class RequestedCall:
    """A tool call within a message; `broken` where its arguments could not be parsed."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    broken: bool = False

    @property
    def handoff(self) -> str:
        """Name the agent that this call hands control to; empty for an ordinary tool call."""
        for prefix in HANDOFFS:
            if self.name.startswith(prefix):
                return self.name.removeprefix(prefix)
        return ""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of a conversation, or one answer of a tool within it.

    Args:
        role: `system`, `user`, `assistant` or `tool`.
        text: its text; content of other kinds is left out.
        name: of the agent or tool that speaks, where it is given.
        tool_calls: the tool calls that it holds.
        call_ids: the ids of the calls that a tool's answer belongs to; empty where it names none.
        failed: whether a tool's answer reports an error.
        spent: `model_calls`, `input_tokens`, `output_tokens`, `tokens` and `money`, where given.
        echo: whether it tells again of a handoff, which a call may have made already.
        whole: whether it says something, and was not cut off.
    """

    role: Role
    text: str = ""
    name: str = ""
    tool_calls: tuple[RequestedCall, ...] = ()
    call_ids: tuple[str, ...] = ()
    failed: bool = False
    spent: Mapping[str, float] = field(default_factory=dict)
    echo: bool = False
    whole: bool = True

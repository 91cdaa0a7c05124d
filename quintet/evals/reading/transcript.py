"""Parse messages of LangChain's and OpenAI's forms; read calls, handoffs and usage from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_core.messages import BaseMessage

from quintet.errors import DesignError
from quintet.evals.trajectory import CallStatus, ToolCall

Role = Literal["system", "user", "assistant", "tool"]

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "tool": "tool",
    "function": "tool",
}
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
    """A message of a conversation, whichever form it came in.

    Args:
        role: `system`, `user`, `assistant` or `tool`.
        text: its text; content of other kinds is left out.
        name: of the agent or tool that speaks, where it is given.
        tool_calls: the tool calls that it holds.
        call_ids: the ids of the calls that a tool's message answers.
        failed: whether a tool's message reports an error.
        spent: `model_calls`, `input_tokens`, `output_tokens`, `tokens` and `money`, where given.
    """

    role: Role
    text: str = ""
    name: str = ""
    tool_calls: tuple[RequestedCall, ...] = ()
    call_ids: tuple[str, ...] = ()
    failed: bool = False
    spent: Mapping[str, float] = field(default_factory=dict)


def parse_message(message: Any) -> Message:
    """Parse a LangChain message, or a dict in LangChain's or OpenAI's form.

    Raises:
        DesignError: it is no message, or its parts are of the wrong kind.
    """
    fields = _message_fields(message)
    role = _ROLES.get(str(fields.get("role") or fields.get("type") or ""))
    if role is None:
        raise DesignError(
            f"{message!r:.60} is no message: give a dict with role system, user, assistant or "
            "tool, or a LangChain message"
        )
    text = _text(fields.get("content"))
    reported = fields.get("status") == "error" or fields.get("error") is True
    return Message(
        role=role,
        text=text,
        name=_string(fields.get("name")),
        tool_calls=_tool_calls(fields) if role == "assistant" else (),
        call_ids=_answered(fields) if role == "tool" else (),
        # OpenAI's form has no status: LangGraph's ToolNode begins such a text with "Error".
        failed=role == "tool" and (reported or text.lstrip().startswith("Error")),
        spent=usage(fields) if role == "assistant" else {},
    )


def calls_of(
    messages: Sequence[Message], *, unanswered: CallStatus = "unknown"
) -> tuple[ToolCall, ...]:
    """List the tool calls in order, without handoffs that succeeded; retries are marked.

    Args:
        messages: the conversation.
        unanswered: the status of a call that no tool's message answers.
    """
    answers = _answers_by_call(messages)
    calls: list[ToolCall] = []
    for place, message in enumerate(messages):
        for tool_call in message.tool_calls:
            answer = answers.get((place, tool_call.id))
            if tool_call.handoff and not _failed(answer):
                continue
            status = "ok" if answer is not None else unanswered
            if tool_call.broken or _failed(answer):
                status = "failed"
            calls.append(
                ToolCall(
                    name=tool_call.name,
                    arguments=tool_call.arguments,
                    status=status,
                    node=message.name,
                )
            )
    return with_retries(calls)


def with_retries(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    """Mark each call as a retry that repeats the tool's call before it, which failed."""
    latest: dict[str, ToolCall] = {}
    marked = []
    for call in calls:
        before = latest.get(call.name)
        failed = before is not None and before.status == "failed"
        retry = failed and before is not None and before.arguments == call.arguments
        latest[call.name] = call
        marked.append(replace(call, retry=retry))
    return tuple(marked)


def handoffs_of(messages: Sequence[Message]) -> tuple[str, ...]:
    """List the agents that received control by a handoff that did not fail, in order."""
    return tuple(agent for _, receivers in _turns(messages) for agent in receivers)


def agents_of(messages: Sequence[Message]) -> tuple[str, ...]:
    """List the agents in order: those that speak, and those that receive control.

    A handoff to the agent that already has control is kept, so that it can be seen.
    """
    path: list[str] = []
    for speaker, receivers in _turns(messages):
        if speaker and path[-1:] != [speaker]:
            path.append(speaker)
        path += receivers
    return tuple(path)


def _turns(messages: Sequence[Message]) -> Iterator[tuple[str, list[str]]]:
    """Give the speaker of each agent's message, and the agents that it handed control to."""
    answers = _answers_by_call(messages)
    for place, message in enumerate(messages):
        if message.role == "assistant":
            receivers = [
                tool_call.handoff
                for tool_call in message.tool_calls
                if tool_call.handoff and not _failed(answers.get((place, tool_call.id)))
            ]
            yield message.name, receivers


def spent_of(messages: Iterable[Message]) -> dict[str, float]:
    """Add up the usage that the messages report."""
    total: dict[str, float] = {}
    for message in messages:
        for name, amount in message.spent.items():
            total[name] = total.get(name, 0) + amount
    return total


def answer_of(messages: Sequence[Message]) -> str | None:
    """Return the text of the last agent's message that has any; None where there is none."""
    texts = (item.text for item in reversed(messages) if item.role == "assistant")
    return next((text for text in texts if text.strip()), None)


def usage(record: Mapping[str, Any]) -> dict[str, float]:
    """Read the tokens and the money that a message or a record reports; empty where none."""
    metadata = record.get("response_metadata")
    nested = metadata.get("token_usage") if isinstance(metadata, Mapping) else None
    reported = record.get("usage_metadata") or record.get("usage") or nested
    counts = reported if isinstance(reported, Mapping) else {}
    input_tokens = _amount(counts, "input_tokens", "prompt_tokens")
    output_tokens = _amount(counts, "output_tokens", "completion_tokens")
    total = _amount(counts, "total_tokens")
    if total is None and (input_tokens is not None or output_tokens is not None):
        total = (input_tokens or 0) + (output_tokens or 0)
    amounts = {
        "model_calls": 1.0 if total is not None else None,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "tokens": total,
        "money": _amount(record, "cost"),
    }
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _message_fields(message: Any) -> Mapping[str, Any]:
    if isinstance(message, BaseMessage):
        names = ("type", "content", "name", "tool_calls", "invalid_tool_calls", "tool_call_id")
        more = ("status", "usage_metadata", "response_metadata")
        return {name: getattr(message, name, None) for name in (*names, *more)}
    if not isinstance(message, Mapping):
        raise DesignError(f"{message!r:.60} is no message: give a dict with role and content")
    # The form of LangChain's messages_to_dict: {"type": ..., "data": {...}}.
    inner = message.get("data")
    if isinstance(inner, Mapping) and "role" not in message:
        return {**inner, "type": message.get("type")}
    return message


def _answered(fields: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the calls that a tool's message answers: one, or a list of several."""
    several = fields.get("tool_call_ids")
    if isinstance(several, list | tuple):
        return tuple(_string(item) for item in several)
    return (_string(fields.get("tool_call_id") or fields.get("id")),)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = (item.get("text") if isinstance(item, Mapping) else item for item in blocks)
    return "".join(text for text in texts if isinstance(text, str))


def _tool_calls(fields: Mapping[str, Any]) -> tuple[RequestedCall, ...]:
    listed = fields.get("tool_calls") or []
    broken = fields.get("invalid_tool_calls") or []
    function_call = fields.get("function_call")
    if not isinstance(listed, list) or not isinstance(broken, list):
        raise DesignError(f"tool_calls {listed or broken!r:.60} is no list of calls; give a list")
    items = [*listed, *([function_call] if function_call else [])]
    return (
        *(_tool_call(item) for item in items),
        *(_tool_call(item, broken=True) for item in broken),
    )


def _tool_call(item: Any, *, broken: bool = False) -> RequestedCall:
    function = item.get("function") if isinstance(item, Mapping) else None
    inner = function if isinstance(function, Mapping) else item
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        raise DesignError(f"tool call {item!r:.60} has no name; give name and arguments")
    raw = inner.get("args") if "args" in inner else inner.get("arguments")
    arguments = read_arguments(raw)
    return RequestedCall(
        id=_string(item.get("id")),
        name=inner["name"],
        arguments=arguments if arguments is not None else {"input": raw},
        broken=broken or arguments is None,
    )


def read_arguments(raw: Any) -> dict[str, Any] | None:
    """Read a call's arguments, also from a JSON text; None where they are no JSON object."""
    if raw is None or raw == "":
        return {}
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError):
            return None
    if not isinstance(raw, Mapping):
        return None
    return {str(name): value for name, value in raw.items()}


def _answers_by_call(messages: Sequence[Message]) -> dict[tuple[int, str], Message]:
    """Map the place and the id of each call to the tool's message that answers it.

    Ids may come again in a later turn: an answer belongs to the latest call before it.
    """
    places: dict[str, int] = {}
    answers: dict[tuple[int, str], Message] = {}
    for place, message in enumerate(messages):
        places.update({call.id: place for call in message.tool_calls})
        for call_id in message.call_ids:
            if call_id in places:
                answers[places[call_id], call_id] = message
    return answers


def _failed(answer: Message | None) -> bool:
    return answer is not None and answer.failed


def _string(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _amount(record: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        value = record.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
            return value
    return None

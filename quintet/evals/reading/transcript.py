"""Messages of a conversation with agents, in whichever dialect, and the calls that they hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_core.messages import BaseMessage

from quintet.errors import DesignError
from quintet.evals.trajectory import Call, CallStatus

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
class Asked:
    """A tool call as a message holds it; `broken` where its arguments could not be read."""

    id: str
    name: str
    arguments: Mapping[str, Any]
    broken: bool = False

    @property
    def handoff(self) -> str:
        """The agent that control is passed to by it; empty where it is an ordinary tool call."""
        for prefix in HANDOFFS:
            if self.name.startswith(prefix):
                return self.name.removeprefix(prefix)
        return ""


@dataclass(frozen=True, kw_only=True)
class Said:
    """One message.

    Args:
        role: `system`, `user`, `assistant` or `tool`.
        text: its text; that of other content is left out.
        name: of the agent or tool that speaks, where it is given.
        asked: the tool calls that it holds.
        answers: the id of the call that a tool's message answers.
        failed: whether a tool's message reports an error.
        spent: `model_calls`, `input_tokens`, `output_tokens`, `tokens` and `money`, where given.
    """

    role: Role
    text: str = ""
    name: str = ""
    asked: tuple[Asked, ...] = ()
    answers: str = ""
    failed: bool = False
    spent: Mapping[str, float] = field(default_factory=dict)


def said(message: Any) -> Said:
    """A message of LangChain, or a dict in its form or in OpenAI's.

    Raises:
        DesignError: it is no message, or its parts are of the wrong kind.
    """
    given = _fields(message)
    role = _ROLES.get(str(given.get("role") or given.get("type") or ""))
    if role is None:
        raise DesignError(
            f"{message!r:.60} is no message: give a dict with role system, user, assistant or "
            "tool, or a LangChain message"
        )
    text = _text(given.get("content"))
    reported = given.get("status") == "error" or given.get("error") is True
    return Said(
        role=role,
        text=text,
        name=_word(given.get("name")),
        asked=_asked(given) if role == "assistant" else (),
        answers=_word(given.get("tool_call_id") or given.get("id")) if role == "tool" else "",
        failed=role == "tool" and (reported or text.lstrip().startswith("Error")),
        spent=usage(given) if role == "assistant" else {},
    )


def calls_of(messages: Sequence[Said], *, unanswered: CallStatus = "unknown") -> tuple[Call, ...]:
    """The tool calls in order, without handoffs; one that repeats a failed one is its retry.

    Args:
        messages: the conversation.
        unanswered: the status of a call that no tool's message answers.
    """
    answers = _answers(messages)
    made: list[Call] = []
    for place, message in enumerate(messages):
        for asked in message.asked:
            answer = answers.get((place, asked.id))
            if asked.handoff and not (answer and answer.failed):
                continue
            status = "ok" if answer is not None else unanswered
            if asked.broken or (answer is not None and answer.failed):
                status = "failed"
            call = Call(
                name=asked.name, arguments=asked.arguments, status=status, node=message.name
            )
            last = next((item for item in reversed(made) if item.name == call.name), None)
            again = last is not None and last.status == "failed"
            same = again and last is not None and last.arguments == call.arguments
            made.append(replace(call, retry=same))
    return tuple(made)


def handoffs_of(messages: Sequence[Said]) -> tuple[str, ...]:
    """The agents that control was passed to by a handoff tool that did not fail, in order."""
    answers = _answers(messages)
    return tuple(
        asked.handoff
        for place, message in enumerate(messages)
        for asked in message.asked
        if asked.handoff and not _failed(answers.get((place, asked.id)))
    )


def agents_of(messages: Sequence[Said]) -> tuple[str, ...]:
    """The agents in order: who speaks, and to whom control is passed.

    A handoff to the agent that has control already is kept, so that it can be seen.
    """
    answers = _answers(messages)
    path: list[str] = []
    for place, message in enumerate(messages):
        if message.role != "assistant":
            continue
        if message.name and path[-1:] != [message.name]:
            path.append(message.name)
        path += [
            asked.handoff
            for asked in message.asked
            if asked.handoff and not _failed(answers.get((place, asked.id)))
        ]
    return tuple(path)


def spent_of(messages: Iterable[Said]) -> dict[str, float]:
    """What the messages say was spent, added up."""
    total: dict[str, float] = {}
    for message in messages:
        for name, amount in message.spent.items():
            total[name] = total.get(name, 0) + amount
    return total


def answer_of(messages: Sequence[Said]) -> str | None:
    """The text of the last message of an agent that has any; None where there is none."""
    texts = (item.text for item in reversed(messages) if item.role == "assistant")
    return next((text for text in texts if text.strip()), None)


def usage(given: Mapping[str, Any]) -> dict[str, float]:
    """The tokens and the money that a message or a record names; empty where it names none."""
    about = given.get("response_metadata")
    nested = about.get("token_usage") if isinstance(about, Mapping) else None
    found = next(
        (each for each in (given.get("usage_metadata"), given.get("usage"), nested) if each), None
    )
    known = found if isinstance(found, Mapping) else {}
    came = _amount(known, "input_tokens", "prompt_tokens")
    went = _amount(known, "output_tokens", "completion_tokens")
    total = _amount(known, "total_tokens")
    if total is None and (came is not None or went is not None):
        total = (came or 0) + (went or 0)
    named = {
        "model_calls": 1.0 if total is not None else None,
        "input_tokens": came,
        "output_tokens": went,
        "tokens": total,
        "money": _amount(given, "cost"),
    }
    return {name: amount for name, amount in named.items() if amount is not None}


def _fields(message: Any) -> Mapping[str, Any]:
    if isinstance(message, BaseMessage):
        names = ("type", "content", "name", "tool_calls", "invalid_tool_calls", "tool_call_id")
        more = ("status", "usage_metadata", "response_metadata")
        return {name: getattr(message, name, None) for name in (*names, *more)}
    if not isinstance(message, Mapping):
        raise DesignError(f"{message!r:.60} is no message: give a dict with role and content")
    inner = message.get("data")
    if isinstance(inner, Mapping) and "role" not in message:
        return {**inner, "type": message.get("type")}
    return message


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    texts = (item.get("text") if isinstance(item, Mapping) else item for item in blocks)
    return "".join(text for text in texts if isinstance(text, str))


def _asked(given: Mapping[str, Any]) -> tuple[Asked, ...]:
    listed = given.get("tool_calls") or []
    broken = given.get("invalid_tool_calls") or []
    single = given.get("function_call")
    if not isinstance(listed, list) or not isinstance(broken, list):
        raise DesignError(f"tool_calls {listed or broken!r:.60} is no list of calls; give a list")
    items = [*listed, *([single] if single else [])]
    return (*(_one(item) for item in items), *(_one(item, broken=True) for item in broken))


def _one(item: Any, *, broken: bool = False) -> Asked:
    function = item.get("function") if isinstance(item, Mapping) else None
    inner = function if isinstance(function, Mapping) else item
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str):
        raise DesignError(f"tool call {item!r:.60} has no name; give name and arguments")
    raw = inner.get("args") if "args" in inner else inner.get("arguments")
    arguments = read_arguments(raw)
    return Asked(
        id=_word(item.get("id")),
        name=inner["name"],
        arguments=arguments if arguments is not None else {"input": raw},
        broken=broken or arguments is None,
    )


def read_arguments(raw: Any) -> dict[str, Any] | None:
    """A call's arguments, also from a JSON text; None where they are no JSON object."""
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


def _answers(messages: Sequence[Said]) -> dict[tuple[int, str], Said]:
    """Tools' messages by the place and the id of the call that each answers.

    Ids may come again in a later turn: an answer belongs to the latest call before it.
    """
    asked: dict[str, int] = {}
    found: dict[tuple[int, str], Said] = {}
    for place, message in enumerate(messages):
        asked.update({call.id: place for call in message.asked})
        if message.role == "tool" and message.answers in asked:
            found[asked[message.answers], message.answers] = message
    return found


def _failed(answer: Said | None) -> bool:
    return answer is not None and answer.failed


def _word(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _amount(given: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        value = given.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
            return value
    return None

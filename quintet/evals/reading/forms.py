"""Parse a message of any known form.

The forms are LangChain's, OpenAI's (also the items of its Responses), Anthropic's, Bedrock's,
Gemini's, OpenTelemetry's and AutoGen's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from quintet.errors import DesignError
from quintet.evals.reading.blocks import (
    Content,
    call_of,
    is_failed,
    read_content,
    text_of,
)
from quintet.evals.reading.message import Message, RequestedCall, Role
from quintet.evals.reading.usage import usage

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "AIMessageChunk": "assistant",
    "tool": "tool",
    "function": "tool",
}
_KEYS = ("tool_calls", "invalid_tool_calls", "function_call", "tool_call_chunks", "tool_responses")
"""Keys of an agent's message that hold calls, or tell of them again."""
_ENDS = ("finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason")
_CUT = frozenset(
    (
        *("length", "max_tokens", "max_output_tokens", "model_length", "incomplete", "error"),
        *("model_context_window_exceeded", "pause_turn", "malformed_function_call"),
        *("content_filter", "content_filtered", "guardrail_intervened", "safety", "recitation"),
        *("blocklist", "prohibited_content", "spii"),
    )
)
"""Reasons for which a model's message ends before it is whole."""
_MAY_CALL = re.compile(r"tool|function|(^|_)calls?$|^actions?$", re.IGNORECASE)
_ID_LISTS = ("tool_call_ids", "call_ids", "tool_use_ids")
_IDS = ("tool_call_id", "tool_use_id", "call_id", "id")
_NAMES = ("name", "tool_name", "function")
_AUTOGEN_CALLS = ("ToolCallRequestEvent", "ToolCallMessage")
_AUTOGEN_ANSWERS = ("ToolCallExecutionEvent", "ToolCallResultMessage")
_AUTOGEN_TEXTS = ("TextMessage", "MultiModalMessage", "StopMessage", "ToolCallSummaryMessage")
_AUTOGEN_USERS = ("user", "user_proxy", "UserProxy")
_FORMS = (
    "give a dict with role system, user, assistant or tool, a LangChain message, or one of "
    "Anthropic, Bedrock, Gemini, OpenAI's Responses or AutoGen"
)


def parse_talk(messages: Iterable[Any], *, strict: bool = True) -> tuple[Message, ...]:
    """Parse the messages of a conversation.

    Args:
        messages: in any known form, also mixed.
        strict: whether content of no known kind is refused; otherwise it is passed over.

    Raises:
        DesignError: a message of no known form; it is named by its number.
    """
    talk: list[Message] = []
    for number, message in enumerate(messages, start=1):
        try:
            parsed = parse_message(message, strict=strict)
        except DesignError as problem:
            raise DesignError(f"message {number}: {problem}") from problem
        talk += [part for part in parsed if not _repeats(part, talk)]
    return tuple(talk)


def parse_message(message: Any, *, strict: bool = True) -> tuple[Message, ...]:
    """Parse one message, which may hold several: what the user says, and the answers of tools.

    Raises:
        DesignError: it is no message, or its parts are of the wrong kind.
    """
    fields = _message_fields(message)
    kind = fields.get("type")
    if "role" not in fields and isinstance(kind, str):
        if "source" in fields and kind[:1].isupper():
            return tuple(_autogen(kind, fields, strict))
        if kind not in _ROLES:
            return _item(message, fields, strict)
    role = _ROLES.get(str(fields.get("role") or kind or ""))
    if role is None:
        raise DesignError(f"{message!r:.60} is no message: {_FORMS}")
    if role == "tool":
        return tuple(_answers(fields, strict))
    if strict and role == "assistant":
        _check_keys(fields)
    content = read_content(_content(fields), strict=strict)
    text = "".join(content.texts) or _string(_own(fields, "refusal"))
    said = Message(
        role=role,
        text=text,
        name=_string(fields.get("name")),
        tool_calls=_tool_calls(fields, content) if role == "assistant" else (),
        spent=usage(fields) if role == "assistant" else {},
        whole=bool(text.strip() or content.shown or _own(fields, "audio")) and not is_cut(fields),
    )
    if role == "assistant":
        if not content.answers:
            return (said,)
        # A tool that the provider runs has ended before the message's text is written.
        told = [replace(said, tool_calls=(), spent={})] if said.text else []
        return (replace(said, text=""), *content.answers, *told)
    # A user's message may hold nothing but the answers of tools.
    return (*content.answers, *([said] if said.text or not content.answers else []))


def is_cut(fields: Mapping[str, Any]) -> bool:
    """Say whether a model's message, or a record of its response, says that it was cut off."""
    metadata = fields.get("response_metadata")
    for place in (fields, metadata if isinstance(metadata, Mapping) else {}):
        reasons = [place[name] for name in (*_ENDS, "status") if isinstance(place.get(name), str)]
        if any(reason.casefold().replace("-", "_") in _CUT for reason in reasons):
            return True
    return False


def _own(fields: Mapping[str, Any], name: str) -> Any:
    """Return a field of OpenAI's, which LangChain keeps aside."""
    aside = fields.get("additional_kwargs")
    return fields.get(name) or (aside.get(name) if isinstance(aside, Mapping) else None)


def _message_fields(message: Any) -> Mapping[str, Any]:
    if isinstance(message, BaseMessage):
        return _langchain_fields(message)
    if not isinstance(message, Mapping):
        raise DesignError(f"{message!r:.60} is no message: {_FORMS}")
    # The form of LangChain's messages_to_dict: {"type": ..., "data": {...}}.
    inner = message.get("data")
    if isinstance(inner, Mapping) and "role" not in message:
        return {**inner, "type": message.get("type")}
    # The form of LangChain's dumpd: {"lc": 1, "id": [..., "AIMessage"], "kwargs": {...}}.
    inner, path = message.get("kwargs"), message.get("id")
    if "lc" in message and isinstance(inner, Mapping) and isinstance(path, list) and path:
        kind = str(path[-1]).removesuffix("Chunk").removesuffix("Message").lower()
        return {**inner, "type": kind}
    return message


def _langchain_fields(message: BaseMessage) -> Mapping[str, Any]:
    names = ("type", "content", "name", "tool_calls", "invalid_tool_calls", "tool_call_id")
    more = ("status", "usage_metadata", "response_metadata", "additional_kwargs")
    fields = {name: getattr(message, name, None) for name in (*names, *more)}
    if isinstance(message, AIMessage) and isinstance(message.content, list):
        # LangChain reads each provider's blocks, also the calls of tools that a provider runs.
        fields["content"] = message.content_blocks
    return fields


def _check_keys(fields: Mapping[str, Any]) -> None:
    """Refuse a message whose calls may stand under a name that is not read.

    Raises:
        DesignError: it has such a name.
    """
    for name, value in fields.items():
        held = value and isinstance(value, Mapping | list) and name not in _KEYS
        if held and _MAY_CALL.search(str(name)):
            raise DesignError(
                f"{name}={value!r:.60} may hold calls, and is not read; give them as tool_calls "
                "(make=...), or leave it out"
            )


def _content(fields: Mapping[str, Any]) -> Any:
    content = fields.get("content", fields.get("parts"))
    return content.get("parts") if isinstance(content, Mapping) and "parts" in content else content


def _tool_calls(fields: Mapping[str, Any], content: Content) -> tuple[RequestedCall, ...]:
    listed = fields.get("tool_calls") or []
    broken = fields.get("invalid_tool_calls") or []
    function_call = fields.get("function_call")
    aside = fields.get("additional_kwargs")
    if not listed and not broken and not function_call and isinstance(aside, Mapping):
        # LangChain kept them here before it had a place for calls.
        listed, function_call = aside.get("tool_calls") or [], aside.get("function_call")
    if not isinstance(listed, list | tuple) or not isinstance(broken, list | tuple):
        raise DesignError(f"tool_calls {listed or broken!r:.60} is no list of calls; give a list")
    items = [*listed, *([function_call] if function_call else [])]
    calls = [
        *(call_of(item) for item in items),
        *(call_of(item, broken=True) for item in broken),
    ]
    # A LangChain message holds a call twice: in its list of calls and among its blocks.
    known = {(call.id, call.name) for call in calls}
    return (*calls, *(call for call in content.calls if (call.id, call.name) not in known))


def _answers(fields: Mapping[str, Any], strict: bool) -> Iterator[Message]:
    several = fields.get("tool_responses")
    if isinstance(several, list) and several:  # AutoGen 0.2 puts several answers in one message
        for item in several:
            if isinstance(item, Mapping):
                yield from _answers({**item, "role": "tool"}, strict)
        return
    content = _content(fields)
    within = read_content(content, strict=False).answers if isinstance(content, list) else []
    if within:
        yield from within
        return
    yield Message(
        role="tool",
        text=text_of(content),
        name=next((fields[key] for key in _NAMES if isinstance(fields.get(key), str)), ""),
        call_ids=_call_ids(fields),
        failed=is_failed(fields, content),
    )


def _call_ids(fields: Mapping[str, Any]) -> tuple[str, ...]:
    for name in _ID_LISTS:
        if isinstance(ids := fields.get(name), list | tuple):
            return tuple(_string(item) for item in ids)
    one = next((fields[name] for name in _IDS if fields.get(name) not in (None, "")), None)
    return () if one is None else (_string(one),)


def _item(message: Any, fields: Mapping[str, Any], strict: bool) -> tuple[Message, ...]:
    """Parse an item of OpenAI's Responses that is no message: a call, an answer, a thought."""
    try:
        content = read_content([fields], strict=True)
    except DesignError as problem:
        if strict:
            raise DesignError(f"{message!r:.60} is no message: {_FORMS}") from problem
        content = Content()
    if not content.calls and not content.texts:
        return tuple(content.answers)
    said = Message(role="assistant", text="".join(content.texts), tool_calls=tuple(content.calls))
    return (said, *content.answers)


def _autogen(kind: str, fields: Mapping[str, Any], strict: bool) -> Iterator[Message]:
    """Parse a message or an event of AutoGen's agentchat."""
    source, content = _string(fields.get("source")), fields.get("content")
    if kind in _AUTOGEN_CALLS:
        calls = tuple(call_of(item) for item in content or ())
        yield Message(role="assistant", name=source, tool_calls=calls, spent=usage(fields))
    elif kind in _AUTOGEN_ANSWERS:
        for item in content or ():
            yield from _answers({**item, "role": "tool"}, strict)
    elif kind == "HandoffMessage":
        target = _string(fields.get("target"))
        call = RequestedCall(id=f"handoff to {target}", name=f"transfer_to_{target}", arguments={})
        yield Message(role="assistant", name=source, tool_calls=(call,), echo=True)
    elif kind in _AUTOGEN_TEXTS or kind.startswith("StructuredMessage"):
        structured = isinstance(content, Mapping)
        text = (
            text_of(content) if structured else "".join(read_content(content, strict=False).texts)
        )
        role: Role = "user" if source in _AUTOGEN_USERS else "assistant"
        spent = usage(fields)
        name = source if role != "user" else ""
        yield Message(role=role, text=text, name=name, spent=spent, whole=bool(content))
    elif strict and not kind.endswith(("Event", "Message")):
        raise DesignError(f"{kind!r} is no message of AutoGen: {fields!r:.60}; {_FORMS}")


def _repeats(message: Message, talk: list[Message]) -> bool:
    """Say whether a message tells again of a handoff that the last calls made."""
    if not message.echo:
        return False
    last = next((item for item in reversed(talk) if item.tool_calls), None)
    made = [call.handoff for call in last.tool_calls] if last else []
    return any(call.handoff in made for call in message.tool_calls)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)

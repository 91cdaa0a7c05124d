"""Make chat messages of scripted replies, as a provider would."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall
from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from pydantic import BaseModel
from pydantic_core import to_json

from quintet.errors import DesignError
from quintet.testing.call import forced_tool

Reply: TypeAlias = (
    str
    | BaseModel
    | Mapping[str, Any]
    | Sequence[Mapping[str, Any] | BaseModel]
    | BaseException
    | type[BaseException]
)

_KINDS = "give a str, an AIMessage, a dict, a pydantic model, a list of tool calls or an exception"
_CALL_KEYS = {"name", "args", "id", "type"}
_WORD = re.compile(r"\S+\s*|\s+")


def check_reply(reply: Reply, number: int) -> None:
    """Refuse a value that can never be a model's reply.

    Raises:
        DesignError: it names the reply's number in the script and the mistake.
    """
    if isinstance(reply, list | tuple):
        for item in reply:
            if not (_is_call(item) or _is_data_model(item)):
                raise DesignError(
                    f"reply {number}: {item!r:.80} is not a tool call; give {{'name', 'args'}}"
                )
    elif isinstance(reply, type):
        _check_fault(reply, number)
    elif isinstance(reply, StopIteration | StopAsyncIteration):
        # In a generator or coroutine, as of an async model, Python makes it a RuntimeError.
        raise DesignError(f"reply {number}: Python does not let a model raise {reply!r}")
    elif not (
        isinstance(reply, str | AIMessage | Mapping | BaseException) or _is_data_model(reply)
    ):
        raise DesignError(
            f"reply {number}, {reply!r:.80}, is of type {type(reply).__name__}: {_KINDS}"
        )


def raise_fault(reply: Reply) -> None:
    """Raise the reply if it is an exception, with a clean traceback."""
    if isinstance(reply, BaseException):
        raise reply.with_traceback(None)
    if isinstance(reply, type):
        raise reply


def as_message(reply: Reply, options: Mapping[str, Any]) -> AIMessage:
    """Make the message for a reply, given the bound tools and schema; an `AIMessage` is copied.

    Raises:
        DesignError: a dict that is no tool call, where no schema is bound.
        ValidationError: text that does not fit a pydantic class given as `response_format`.
    """
    if isinstance(reply, str):
        message = AIMessage(content=reply)
    elif isinstance(reply, AIMessage):
        message = reply.model_copy()
    elif isinstance(reply, list | tuple):
        message = AIMessage(content="", tool_calls=[_tool_call(item) for item in reply])
    else:
        message = _from_data(reply, options)
    wanted = options.get("response_format")
    if isinstance(wanted, type) and message.text and not message.tool_calls:
        # The openai client parses here, so a misfit is the call's own error, as it is there.
        parsed = wanted.model_validate_json(message.text)  # type: ignore[attr-defined]
        message.additional_kwargs = {**message.additional_kwargs, "parsed": parsed}
    return message


def as_chunks(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    """Stream the message word by word; tool calls and metadata come with the last chunk."""
    content = message.content
    pieces: list[Any] = _WORD.findall(content) if isinstance(content, str) else [content]
    for piece in pieces[:-1]:
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece, id=message.id))
    last = AIMessageChunk(
        content=pieces[-1] if pieces else "",
        id=message.id,
        name=message.name,
        tool_call_chunks=_call_chunks(message),
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        chunk_position="last",
    )
    yield ChatGenerationChunk(message=last)


def _from_data(reply: Any, options: Mapping[str, Any]) -> AIMessage:
    wanted, forced = options.get("response_format"), forced_tool(options)
    free = wanted is None and forced is None
    # Under a schema, data shaped like a call is a call only where it names a bound tool.
    if _is_call(reply) or isinstance(reply, BaseModel):
        call = _tool_call(reply)
        if free or call["name"] in _bound_names(options):
            return AIMessage(content="", tool_calls=[call])
    if wanted is not None:
        return AIMessage(content=to_json(_data(reply)).decode())
    if forced is not None:
        call = _tool_call({"name": forced, "args": _data(reply)})
        return AIMessage(content="", tool_calls=[call])
    raise DesignError(
        f"the reply {reply!r:.80} is neither a tool call, {{'name', 'args'}}, nor asked for "
        "by with_structured_output: name the tool, or bind the schema"
    )


def _tool_call(item: Any) -> ToolCall:
    if isinstance(item, BaseModel):
        kind = type(item)
        item = {"name": kind.model_config.get("title") or kind.__name__, "args": _data(item)}
    # Not counted up from one: another model in the same thread would repeat the number.
    call_id = item.get("id") or f"call_{uuid4().hex[:16]}"
    return ToolCall(name=item["name"], args=dict(item["args"]), id=call_id, type="tool_call")


def _call_chunks(message: AIMessage) -> list[ToolCallChunk]:
    calls = [
        (call["name"], to_json(call["args"]).decode(), call["id"]) for call in message.tool_calls
    ]
    calls += [(bad["name"], bad["args"], bad["id"]) for bad in message.invalid_tool_calls]  # type: ignore[misc]
    return [
        tool_call_chunk(name=name, args=args, id=call_id, index=index)
        for index, (name, args, call_id) in enumerate(calls)
    ]


def _data(reply: Mapping[str, Any] | BaseModel) -> dict[str, Any]:
    if isinstance(reply, BaseModel):
        # `round_trip` leaves out computed fields, which no model would send.
        return reply.model_dump(mode="json", by_alias=True, round_trip=True)
    return dict(reply)


def _bound_names(options: Mapping[str, Any]) -> set[Any]:
    return {tool.get("function", tool).get("name") for tool in options.get("tools", ())}


def _is_call(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and item.keys() <= _CALL_KEYS
        and isinstance(item.get("name"), str)
        and isinstance(item.get("args"), Mapping)
    )


def _is_data_model(item: Any) -> bool:
    return isinstance(item, BaseModel) and not isinstance(item, BaseMessage)


def _check_fault(kind: type[Any], number: int) -> None:
    if not issubclass(kind, BaseException):
        raise DesignError(f"reply {number} is the class {kind.__name__}: {_KINDS}")
    if issubclass(kind, StopIteration | StopAsyncIteration):
        raise DesignError(f"reply {number}: Python does not let a model raise {kind.__name__}")
    try:
        kind()
    except TypeError as problem:
        raise DesignError(
            f"reply {number}: {kind.__name__} needs arguments ({problem}): give an instance"
        ) from problem

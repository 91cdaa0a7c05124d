"""Read the content of a message: texts, calls and answers in the blocks of any provider.

Blocks are told by their `type` (Anthropic, OpenAI's Responses, LangChain, OpenTelemetry) or by
their only key (Bedrock's Converse, Gemini).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.message import Message, RequestedCall

_TEXTS = ("text", "input_text", "output_text", "refusal", "summary_text", "text_plain")
_SHOWN = frozenset(
    (
        *("image", "image_url", "input_image", "image_file", "audio", "input_audio", "video"),
        *("output_audio", "file", "input_file", "document", "media", "blob", "uri", "json", "data"),
        *("inlineData", "inline_data", "fileData", "file_data", "s3Location"),
    )
)
"""Types and keys of blocks that show something else than a text."""
_ASIDES = _SHOWN | frozenset(
    (
        *("thinking", "redacted_thinking", "reasoning", "reasoning_content", "search_result"),
        *("container_upload", "item_reference", "compaction", "internal", "fallback"),
        *("mcp_list_tools", "mcp_approval_request", "mcp_approval_response", "guard_content"),
        *("cachePoint", "cache_point", "guardContent", "reasoningContent"),
        *("thought", "searchResult"),
        *("executableCode", "executable_code", "codeExecutionResult", "code_execution_result"),
    )
)
"""Types and keys of blocks that hold neither a text of the conversation, a call nor an answer."""
_KEYED_CALLS = ("toolUse", "functionCall", "function_call", "toolCall")
_KEYED_ANSWERS = ("toolResult", "functionResponse", "function_response", "toolResponse")
_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use", "function")
_ANSWERS = ("tool_call_response", "server_tool_call_response")
_FREE = ("custom_tool_call",)
"""Calls whose input is a free text and no JSON object."""
_ANSWERED_BY_OTHERS = (
    *("function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call"),
    *("apply_patch_call", "tool_call", "server_tool_call", "invalid_tool_call"),
)
_CALL_IDS = ("call_id", "tool_use_id", "toolUseId", "tool_call_id", "toolCallId", "id")
_INPUTS = ("input", "args", "arguments", "action")
_OUTPUTS = ("content", "output", "response", "result")
_NO_ARGUMENTS = frozenset(
    ("id", "type", "status", "name", "call_id", "output", "outputs", "results", "error", "result")
)
_NOTHING = ("", "0", "none", "null", "nil", "no", "false")
_ERROR = re.compile(
    r"([\w.]*(error|exception))\s*[:!]\s*(?P<what>.*\S)"
    r"|error\W*$"
    r"|error\s+([-\u2013\u2014]\s|\(|\[|\d{3}\b|occurred|while\b|when\b|from\b)"
    r"|error\s+(invok|execut|call|runn|fetch|gett|read|writ|load|process|pars|open|connect|creat"
    r"|updat|delet|find|search|retriev|send|access|perform|validat|decod|mak|sav|query)ing\b"
    r"|traceback \(most recent call last\)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Content:
    """Hold the content of a message: its texts, its calls, and the answers of tools.

    `shown` has the blocks that show something else, such as an image.
    """

    texts: list[str] = field(default_factory=list)
    calls: list[RequestedCall] = field(default_factory=list)
    answers: list[Message] = field(default_factory=list)
    shown: list[Any] = field(default_factory=list)


def read_content(content: Any, *, strict: bool = True) -> Content:
    """Read a message's content.

    Args:
        content: a text, or blocks.
        strict: whether a block of no known kind is refused; otherwise it is passed over.

    Raises:
        DesignError: a block of no known kind.
    """
    read = Content()
    for block in content if isinstance(content, list | tuple) else [content]:
        _read_block(block, read, strict)
    return read


def text_of(value: Any) -> str:
    """Return the text of a tool's answer; what is neither a text nor blocks as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, Mapping) and "type" in value and isinstance(value.get("value"), str):
        return str(value["value"])
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        texts = [_block_text(item) for item in value]
        return "".join(text for text in texts if text)
    return json.dumps(value, ensure_ascii=False, default=str)


def reads_as_error(text: str) -> bool:
    """Say whether a tool's answer reports an error by its text alone.

    It does where it begins with "Error:" or an exception's name and a colon, as ToolNode and others
    write it, or where it is a JSON object whose `error` holds something, whose `status` is error or
    whose `success` is false.
    """
    bare = text.lstrip()
    if bare.startswith("{"):
        try:
            record = json.loads(bare)
        except (ValueError, RecursionError):
            return False
        return isinstance(record, Mapping) and reports_error(record)
    found = _ERROR.match(bare)
    return found is not None and not _is_nothing(found["what"] or "an error")


def reports_error(record: Mapping[str, Any]) -> bool:
    """Say whether a record reports an error by a field of its own."""
    error, status = record.get("error"), record.get("status")
    told = not _is_nothing(error) if isinstance(error, str) else isinstance(error, Mapping | list)
    by_status = isinstance(status, str) and status.casefold() == "error"
    refused = error is True or record.get("success") is False
    return _is_flagged(record) or refused or (told and bool(error)) or by_status


def is_failed(record: Mapping[str, Any], output: Any) -> bool:
    """Say whether a tool's answer reports an error: by a field, in a block, or by its text."""
    failed = str(record.get("status")).casefold() == "failed" or reports_error(record)
    return failed or _holds_error(output) or reads_as_error(text_of(output))


def _is_flagged(record: Mapping[str, Any]) -> bool:
    return record.get("is_error") is True or record.get("isError") is True


def _is_nothing(text: str) -> bool:
    return text.strip(" .!\n").casefold() in _NOTHING


def call_of(item: Any, *, broken: bool = False, free: bool = False) -> RequestedCall:
    """Read a call, in whichever form.

    Raises:
        DesignError: it has no name.
    """
    function = item.get("function") if isinstance(item, Mapping) else None
    inner = function if isinstance(function, Mapping) else item
    name = function if isinstance(function, str) else _name_of(inner)
    if not name:
        raise DesignError(f"tool call {item!r:.60} has no name; give name and arguments")
    raw = next((inner[key] for key in _INPUTS if inner.get(key) is not None), None)
    arguments = read_arguments(raw)
    return RequestedCall(
        id=_first_text(item, _CALL_IDS),
        name=name,
        arguments=arguments if arguments is not None else {"input": raw},
        broken=broken or bool(item.get("parse_error")) or (arguments is None and not free),
    )


def read_arguments(raw: Any) -> dict[str, Any] | None:
    """Read a call's arguments, also from a JSON text; None where they are no JSON object.

    Some encode them twice. An empty text and `null` are no arguments.
    """
    while isinstance(raw, str) and raw.strip():
        try:
            raw = json.loads(raw)
        except (ValueError, RecursionError):
            return None
    if raw is None or isinstance(raw, str):
        return {}
    if not isinstance(raw, Mapping):
        return None
    return {str(name): value for name, value in raw.items()}


def _read_block(block: Any, read: Content, strict: bool) -> None:
    if isinstance(block, str):
        read.texts.append(block)
    elif isinstance(block, Mapping):
        given = {key: value for key, value in block.items() if value is not None}
        kind, reader = _reader_of(given)
        if reader is not None:
            reader(kind, given, read, strict)
        elif _is_of(_SHOWN, kind, given):
            read.shown.append(block)
        elif strict and given and not _is_of(_ASIDES, kind, given):
            raise DesignError(
                f"content block {kind or next(iter(given))!r} is not known: {block!r:.80}; "
                "convert it to a text, a call or an answer (make=...), or leave it out"
            )
    elif strict and block is not None:
        raise DesignError(f"content {block!r:.60} is neither a text nor blocks; give one of them")


Reader = Callable[[str, Mapping[str, Any], Content, bool], None]


def _reader_of(block: Mapping[str, Any]) -> tuple[str, Reader | None]:
    """Return the kind of a block, and the function that reads it."""
    kind = block.get("type")
    if not isinstance(kind, str):
        return _keyed_reader(block)
    kind = kind.replace("-", "_")  # some write `tool-call`
    if kind in _TEXTS:
        return kind, _read_text
    if kind == "non_standard":
        return kind, _read_wrapped
    if kind in _ASIDES:
        return kind, None
    if kind in _CALLS or kind.endswith("_call"):
        return kind, _read_call
    if kind in _ANSWERS or kind.endswith(("tool_result", "_call_output")):
        return kind, _read_answer
    return kind, None


def _keyed_reader(block: Mapping[str, Any]) -> tuple[str, Reader | None]:
    for keys, reader in ((_KEYED_CALLS, _read_call), (_KEYED_ANSWERS, _read_answer)):
        if key := next((key for key in keys if isinstance(block.get(key), Mapping)), ""):
            return key, reader
    if isinstance(block.get("citationsContent"), Mapping):
        return "citationsContent", _read_cited
    return ("text", _read_text) if isinstance(block.get("text"), str) else ("", None)


def _is_of(kinds: Collection[str], kind: str, block: Mapping[str, Any]) -> bool:
    return kind in kinds if kind else any(key in kinds for key in block)


def _read_text(kind: str, block: Mapping[str, Any], read: Content, _: bool) -> None:
    text = next((block[key] for key in ("text", "content", kind) if key in block), "")
    # Gemini marks its thoughts, which nobody is told, by a flag.
    if isinstance(text, str) and block.get("thought") is not True:
        read.texts.append(text)


def _read_wrapped(_: str, block: Mapping[str, Any], read: Content, strict: bool) -> None:
    _read_block(block.get("value"), read, strict)


def _read_cited(kind: str, block: Mapping[str, Any], read: Content, strict: bool) -> None:
    for item in block[kind].get("content") or ():
        _read_block(item, read, strict)


def _read_call(kind: str, block: Mapping[str, Any], read: Content, _: bool) -> None:
    inner = block[kind] if kind in _KEYED_CALLS and kind in block else block
    if kind in _ANSWERED_BY_OTHERS or not kind.endswith("_call"):
        read.calls.append(call_of(inner, broken=kind == "invalid_tool_call", free=kind in _FREE))
        return
    # A tool that the provider runs: its call carries its own end.
    name = _name_of(inner) or kind.removesuffix("_call")
    rest = {key: value for key, value in inner.items() if key not in _NO_ARGUMENTS}
    has_input = any(key in inner for key in _INPUTS)
    call = call_of({**inner, "name": name} if has_input else {"name": name, "args": rest})
    place = _first_text(inner, ("id", "call_id")) or f"{kind} {len(read.calls)}"
    read.calls.append(
        RequestedCall(id=place, name=name, arguments=call.arguments, broken=call.broken)
    )
    if inner.get("status", "completed") != "in_progress":
        failed = inner.get("status") in ("failed", "incomplete") or reports_error(inner)
        read.answers.append(Message(role="tool", name=name, call_ids=(place,), failed=failed))


def _read_answer(kind: str, block: Mapping[str, Any], read: Content, _: bool) -> None:
    inner = block[kind] if kind in _KEYED_ANSWERS and kind in block else block
    output = next((inner[key] for key in _OUTPUTS if key in inner), None)
    of = _first_text(inner, _CALL_IDS)
    read.answers.append(
        Message(
            role="tool",
            text=text_of(output),
            name=_name_of(inner),
            call_ids=(of,) if of else (),
            failed=is_failed(inner, output),
        )
    )


def _holds_error(output: Any) -> bool:
    """Say whether an output has a block that is an error, or is marked as one."""
    several: Iterable[Any] = output if isinstance(output, list) else [output]
    blocks = [block for block in several if isinstance(block, Mapping)]
    kinds = (str(block.get("type", "")) for block in blocks)
    named = any(kind.endswith("_error") or kind.startswith("error-") for kind in kinds)
    return named or any(map(_is_flagged, blocks))


def _block_text(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    text = next((item[key] for key in ("text", "content") if isinstance(item.get(key), str)), None)
    if text is not None:
        return str(text)
    kind = item.get("type")
    if kind is None or kind == "json":
        held = item.get("json", item)
        return json.dumps(held, ensure_ascii=False, default=str)
    return ""


def _name_of(inner: Any) -> str:
    if not isinstance(inner, Mapping):
        return ""
    extras = inner.get("extras")
    # LangChain names every remote tool `remote_mcp`, and keeps its own name aside.
    own = extras.get("tool_name") if isinstance(extras, Mapping) else None
    return _first_text({"own": own, **inner}, ("own", "name", "tool_name", "toolName"))


def _first_text(record: Mapping[str, Any], names: Iterable[str]) -> str:
    values = (record.get(name) for name in names)
    return next((str(value) for value in values if value not in (None, "")), "")

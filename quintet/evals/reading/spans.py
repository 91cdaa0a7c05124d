"""Read spans of OpenTelemetry's GenAI and of OpenInference's conventions as conversations.

Read are the exports as JSON of an OTLP file, of the Python SDK's console exporter, and of Phoenix.
A trace is one conversation: its model calls give the messages, its tool spans the calls and how
they ended, its agent spans the agents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.forms import parse_talk
from quintet.evals.reading.lines import Line
from quintet.evals.reading.message import RequestedCall
from quintet.evals.reading.usage import amount, summed_usage

_OTLP = ("resourceSpans", "resource_spans")
_MODEL = ("chat", "text_completion", "generate_content", "LLM")
_TOOL = ("execute_tool", "TOOL")
_AGENT = ("invoke_agent", "create_agent", "AGENT")
_INPUTS = ("gen_ai.input.messages", "llm.input_messages")
_OUTPUTS = ("gen_ai.output.messages", "llm.output_messages")
_TOOL_NAME = ("gen_ai.tool.name", "tool.name")
_TOOL_ID = ("gen_ai.tool.call.id", "tool_call.id", "tool.id")
_TOOL_ARGUMENTS = (
    *("gen_ai.tool.call.arguments", "tool_call.function.arguments", "tool.parameters"),
    "input.value",
)
_TOOL_RESULT = ("gen_ai.tool.call.result", "output.value")
_AGENT_NAME = ("gen_ai.agent.name", "agent.name", "graph.node.id")
_USED = {
    "input_tokens": ("gen_ai.usage.input_tokens", "llm.token_count.prompt"),
    "output_tokens": ("gen_ai.usage.output_tokens", "llm.token_count.completion"),
    "tokens": ("llm.token_count.total",),
    "money": ("llm.cost.total",),
}


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span of a trace.

    Args:
        trace: the trace's id.
        id: its own.
        parent: its parent's; empty for the root.
        name: its name.
        kind: of its operation, such as `chat`, `execute_tool`, `LLM`.
        start: when it began, in seconds.
        end: when it ended.
        failed: whether it ended by an error.
        attributes: by their full name; lists and objects as they are.
        place: its place in the file.
    """

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    start: float
    end: float
    failed: bool
    attributes: Mapping[str, Any] = field(repr=False)
    place: str = ""

    def get(self, *names: str) -> Any:
        """Return the first of these attributes that is there; JSON texts are parsed."""
        value = next((self.attributes[name] for name in names if name in self.attributes), None)
        if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value


def is_span(record: Any) -> bool:
    """Say whether a record is a span."""
    if not isinstance(record, Mapping) or "messages" in record:
        return False
    ids = ("traceId", "trace_id", "context.trace_id", "context")
    return any(name in record for name in ids) and _has_attributes(record)


def spans_in(record: Any) -> list[Any] | None:
    """Return the spans of an OTLP export, with the form of its lists; None for anything else."""
    if not isinstance(record, Mapping):
        return None
    name = next((name for name in _OTLP if isinstance(record.get(name), list)), None)
    if name is None:
        return None
    resources = _within(record, name)
    scopes = [scope for one in resources for scope in _within(one, "scopeSpans", "scope_spans")]
    return [span for scope in scopes for span in _within(scope, "spans")]


def _within(record: Any, *names: str) -> list[Any]:
    """Return a record's list under one of these names; empty for anything else."""
    lists = (record.get(name) for name in names) if isinstance(record, Mapping) else ()
    return next((value for value in lists if isinstance(value, list)), [])


def traces_of(lines: list[Line], *, id: str | None) -> Iterator[Line | tuple[str, DesignError]]:
    """Give each trace as a conversation, with the place of its first span, or its mistake.

    Args:
        lines: records that are spans, or exports of several.
        id: the attribute that names the case; by default the first message of the user does.
    """
    traces: dict[str, list[Span]] = {}
    for line in lines:
        several = spans_in(line.record)
        for record in [line.record] if several is None else several:
            try:
                span = _span(record, line.place)
                traces.setdefault(span.trace, []).append(span)
            except (DesignError, AttributeError, KeyError, TypeError, ValueError) as problem:
                yield line.place, DesignError(f"span {record!r:.60} cannot be read: {problem}")
    for spans in traces.values():
        spans.sort(key=lambda span: (span.start, span.end))
        try:
            yield Line(place=spans[0].place, record=_conversation(spans, id))
        except DesignError as problem:
            yield spans[0].place, problem


def _has_attributes(record: Mapping[str, Any]) -> bool:
    return "attributes" in record or any(str(name).startswith("attributes.") for name in record)


def _span(record: Mapping[str, Any], place: str) -> Span:
    context: Mapping[str, Any] = record.get("context") or {}

    def one(*names: str) -> Any:
        found = (record[name] for name in names if record.get(name) not in (None, ""))
        return next(found, None)

    attributes = _attributes(record)
    status = record.get("status")
    codes = status if isinstance(status, Mapping) else {"code": one("status_code") or status}
    code = str(codes.get("code", codes.get("status_code", "")))
    kind = attributes.get("gen_ai.operation.name") or attributes.get("openinference.span.kind")
    trace = one("traceId", "trace_id", "context.trace_id") or context.get("trace_id")
    if not trace:
        raise DesignError("it has no trace id")
    return Span(
        trace=str(trace),
        id=str(one("spanId", "span_id", "context.span_id") or context.get("span_id") or ""),
        parent=str(one("parentSpanId", "parent_span_id", "parent_id") or ""),
        name=str(one("name") or ""),
        kind=str(kind or one("span_kind") or ""),
        start=_time(one("startTimeUnixNano", "start_time_unix_nano", "start_time")),
        end=_time(one("endTimeUnixNano", "end_time_unix_nano", "end_time")),
        failed=code in ("2", "ERROR", "STATUS_CODE_ERROR") or bool(attributes.get("error.type")),
        attributes=attributes,
        place=place,
    )


def _time(value: Any) -> float:
    """Return a point of time in seconds: of nanoseconds, of seconds, or of a text in ISO 8601."""
    if isinstance(value, str) and not value.isdigit():
        return datetime.fromisoformat(value).timestamp()
    number = float(value or 0)
    return number / 1e9 if number > 1e14 else number / 1e3 if number > 1e11 else number


def _attributes(record: Mapping[str, Any]) -> dict[str, Any]:
    given = record.get("attributes") or {}
    prefix = "attributes."
    flat = {k.removeprefix(prefix): v for k, v in record.items() if k.startswith(prefix)}
    if isinstance(given, list):  # of OTLP
        flat |= {item["key"]: _value(item.get("value")) for item in given}
    else:
        flat |= given
    return _joined(_flattened(flat))


def _value(value: Any) -> Any:
    """Read a value of OTLP's JSON form."""
    if not isinstance(value, Mapping):
        return value
    kind = next(iter(value), "")
    inner: Any = value.get(kind)
    if kind == "arrayValue":
        return [_value(item) for item in inner.get("values") or ()]
    if kind == "kvlistValue":
        return {item["key"]: _value(item.get("value")) for item in inner.get("values") or ()}
    return int(inner) if kind == "intValue" else inner


def _flattened(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give nested attributes their full names; Phoenix nests them."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if value is None:
            continue
        full = f"{prefix}{name}"
        if isinstance(value, Mapping) and not full.startswith(("gen_ai.", "tool.parameters")):
            flat |= _flattened(value, f"{full}.")
        else:
            flat[full] = value
    return flat


def _joined(flat: dict[str, Any]) -> dict[str, Any]:
    """Join OpenInference's numbered attributes, such as `llm.input_messages.0.message.role`."""
    for name in ("llm.input_messages", "llm.output_messages"):
        items: dict[str, Any] = {}
        for key in [key for key in flat if key.startswith(f"{name}.")]:
            _put(items, key.removeprefix(f"{name}.").split("."), flat[key])
        if items:
            flat[name] = _as_lists(items)
    return flat


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _as_lists(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [_as_lists(tree[key]) for key in sorted(tree, key=int)]
    return {key: _as_lists(value) for key, value in tree.items()}


def _conversation(spans: list[Span], id: str | None) -> dict[str, Any]:
    """Convert the spans of a trace, in the order of their beginning."""
    by_id = {span.id: span for span in spans}
    talk = _Talk()
    for span in spans:
        agent = _agent_of(span, by_id)
        if span.kind in _MODEL:
            talk.add_model_call(span, agent)
        elif span.kind in _TOOL:
            talk.add_tool(span, agent)
        elif span.kind in _AGENT and agent:
            talk.add_agent(agent)
    if not talk.messages:
        kinds = ", ".join(sorted({span.kind or span.name for span in spans})[:6])
        raise DesignError(
            f"trace {spans[0].trace} has no messages and no tools: its {len(spans)} spans are "
            f"{kinds}; record their content, or leave the trace out"
        )
    roots = [span for span in spans if span.parent not in by_id]
    named = next((span.attributes[id] for span in spans if id and id in span.attributes), None)
    if id and named is None:
        raise DesignError(f"trace {spans[0].trace} has no attribute {id!r}, which fields= gives")
    return {
        "id": named,
        "messages": talk.messages,
        "status": "error" if any(span.failed for span in roots) else "",
        "seconds": max(max(span.end for span in spans) - roots[0].start, 0.0) or None,
        "spent": summed_usage(_used(span) for span in spans if span.kind in _MODEL),
    }


def _agent_of(span: Span, by_id: Mapping[str, Span]) -> str:
    """Name the agent of a span: its own, or that of the nearest span around it."""
    seen: set[str] = set()
    at: Span | None = span
    while at is not None and at.id not in seen:
        seen.add(at.id)
        if name := at.get(*_AGENT_NAME):
            return str(name)
        if at.kind in _AGENT:
            return at.name.removeprefix("invoke_agent ")
        at = by_id.get(at.parent)
    return ""


def _used(span: Span) -> dict[str, float]:
    numbers = {name: amount(span.attributes, *names) for name, names in _USED.items()}
    known = {name: number for name, number in numbers.items() if number is not None}
    if "tokens" not in known and {"input_tokens", "output_tokens"} & set(known):
        known["tokens"] = known.get("input_tokens", 0) + known.get("output_tokens", 0)
    return {"model_calls": 1.0, **known}


@dataclass(kw_only=True)
class _Talk:
    """Put a conversation together from spans, each of which tells its history again."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    open: list[dict[str, Any]] = field(default_factory=list)

    def add_model_call(self, span: Span, agent: str) -> None:
        """Add the messages that a model call got and are new, and those that it returned."""
        told: dict[str, int] = {}
        for message in self._messages(span, _INPUTS):
            mark = _mark(message)
            told[mark] = told.get(mark, 0) + 1
            if told[mark] > self.known.get(mark, 0):
                self._add(message, mark, "")
        for message in self._messages(span, _OUTPUTS):
            self._add(message, _mark(message), agent)

    def add_tool(self, span: Span, agent: str) -> None:
        """Add a tool's end to the call that asked for it, or the call as well."""
        name = str(span.get(*_TOOL_NAME) or span.name.removeprefix("execute_tool "))
        own, result = str(span.get(*_TOOL_ID) or ""), span.get(*_TOOL_RESULT)
        known = {call["id"] for call in self.open if call["id"]}
        fits = [c for c in self.open if (c["id"] == own if own in known else c["name"] == name)]
        call = fits[0] if fits else {"id": own or f"span {span.id}", "name": name}
        if fits:
            self.open.remove(call)
        else:
            arguments = span.get(*_TOOL_ARGUMENTS)
            made = {"id": call["id"], "name": name, "arguments": arguments}
            self.messages.append({"role": "assistant", "name": agent, "tool_calls": [made]})
        if call["id"]:
            self.answered.add(call["id"])
        answer = {"role": "tool", "name": name, "tool_call_id": call["id"], "content": result}
        self.messages.append({**answer, "status": "error" if span.failed else ""})

    def add_agent(self, agent: str) -> None:
        """Add that an agent was called."""
        self.messages.append({"role": "assistant", "name": agent, "content": ""})

    def _add(self, message: dict[str, Any], mark: str, agent: str) -> None:
        self.known[mark] = self.known.get(mark, 0) + 1
        [*parsed] = parse_talk([message])
        answers = [name for part in parsed for name in part.call_ids]
        if answers and set(answers) <= self.answered:
            return  # the tool's own span has told so
        asked = [call for part in parsed for call in part.tool_calls]
        self.answered |= set(answers)
        self.open = [call for call in self.open if call["id"] not in answers]
        self.open += [{"id": call.id, "name": call.name} for call in asked]
        own = agent if message.get("role") in ("assistant", "model") else ""
        self.messages.append({**message, "name": message.get("name") or own})

    def _messages(self, span: Span, names: tuple[str, ...]) -> list[dict[str, Any]]:
        listed = span.get(*names)
        if listed is None:
            return []
        if not isinstance(listed, list):
            raise DesignError(f"span {span.name!r}: {names[0]} {listed!r:.60} is no list")
        return [_message(item) for item in listed]


def _message(item: Any) -> dict[str, Any]:
    """Return a message of OpenTelemetry's form as it is, one of OpenInference's in OpenAI's."""
    if not isinstance(item, Mapping):
        raise DesignError(f"{item!r:.60} is no message")
    inner = item.get("message", item)
    contents = [part.get("message_content", part) for part in inner.get("contents") or ()]
    calls = [call.get("tool_call", call) for call in inner.get("tool_calls") or ()]
    name = inner.get("function_call_name")
    alone = [{"name": name, "arguments": inner.get("function_call_arguments_json")}] if name else []
    made = {**inner, "tool_calls": [*calls, *alone]}
    return made if "content" in inner or not contents else {**made, "content": contents}


def _mark(message: Mapping[str, Any]) -> str:
    """Make a text by which a message is known again in another span."""
    parts = [
        (part.role, part.text.strip(), part.call_ids, *map(_mark_of_call, part.tool_calls))
        for part in parse_talk([message])
    ]
    return repr(parts)


def _mark_of_call(call: RequestedCall) -> tuple[str, str, str]:
    return call.id, call.name, json.dumps(call.arguments, sort_keys=True, default=str)

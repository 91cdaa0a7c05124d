"""Find the conversations in what others recorded: requests with responses, logs, spans.

Each is given as an object with `messages`, and with `id`, `status`, `seconds` and `usage` where the
record has them; `cut` says whether the record tells that the last message was cut off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.forms import is_cut
from quintet.evals.reading.lines import Line
from quintet.evals.reading.spans import is_span, spans_in, traces_of
from quintet.evals.reading.usage import amount, summed_usage, usage

_LISTS = ("messages", "contents", "chat_history", "conversation", "input")
_ITEMS = ("_call", "_call_output", "reasoning", "human", "ai", "system", "tool")
"""Ends of the type of an item of OpenAI's Responses, or of a message as LangChain writes it."""
_SECONDS = ("seconds", "duration", "total_time", "duration_seconds", "latency_seconds")
_MILLISECONDS = ("duration_ms", "latency_ms", "latencyMs")
_CLOCKS = (("start_time", "end_time"), ("started_at", "ended_at"), ("started_at", "completed_at"))
_PAYLOADS = ("response", "chat.completion", "message")
"""The kinds of a provider's response, whose `id` and `status` are the provider's own."""
_RESPONSE_STATUS = {"failed": "error", "cancelled": "unfinished", "incomplete": "unfinished"}


def conversations_of(
    lines: Iterable[Line], *, fields: Mapping[str, str]
) -> Iterator[Line | tuple[str, DesignError]]:
    """Give the conversations of a file's records, each with its place, or with its mistake.

    Spans may stand on several lines: those of one trace are one conversation, given at the end.

    Args:
        lines: the records.
        fields: the names of a conversation's parts, where they are others; of spans the attributes.
    """
    spans: list[Line] = []
    for line in lines:
        try:
            if is_span(line.record) or spans_in(line.record) is not None:
                spans.append(line)
                continue
            for record in _conversations(_renamed(line.record, fields)):
                yield Line(place=line.place, record=record)
        except (DesignError, RecursionError) as problem:
            yield line.place, DesignError(str(problem))
    yield from traces_of(spans, id=fields.get("id"))


def is_conversation(record: Any, *, fields: Mapping[str, str]) -> bool:
    """Say whether a document is one conversation, or one log or export, and no list of them."""
    if isinstance(record, list | tuple):
        return bool(record) and all(map(_is_message, record))
    if not isinstance(record, Mapping):
        return False
    if is_span(record) or spans_in(record) is not None or fields.get("messages") in record:
        return True
    if isinstance(record.get("samples"), list) and isinstance(record.get("eval"), Mapping):
        return True
    try:
        return _messages(record) is not None
    except DesignError:
        return False


def seconds_of(record: Mapping[str, Any]) -> float | None:
    """Return how long a recorded run took, where its record says so.

    Raises:
        DesignError: `seconds` is given and is no length of time.
    """
    given = record.get("seconds")
    if given is not None and not _is_length(given):
        raise DesignError(f"seconds={given!r:.60}: give a number of seconds, or leave it out")
    for names, unit in ((_SECONDS, 1.0), (_MILLISECONDS, 1000.0)):
        if (length := amount(record, *names)) is not None and _is_length(length):
            return length / unit
    metrics = record.get("metrics")  # of Bedrock's Converse
    if isinstance(metrics, Mapping) and _is_length(metrics.get("latencyMs")):
        return float(metrics["latencyMs"]) / 1000
    return next((took for pair in _CLOCKS if (took := _between(record, *pair)) is not None), None)


def _renamed(record: Any, fields: Mapping[str, str]) -> Any:
    """Give a record's parts the names that a conversation's have."""
    if not fields or not isinstance(record, Mapping):
        return record
    if missing := [name for name in ("id", "messages") if fields.get(name, name) not in record]:
        wanted = [fields[name] for name in missing if name in fields]
        if wanted:
            has = ", ".join(map(str, list(record)[:12]))
            raise DesignError(f"no {wanted[0]!r}, which fields= gives; the record has {has}")
    hidden = {name for name in fields if name not in fields.values()}
    kept = {name: value for name, value in record.items() if name not in hidden}
    return {**kept, **{name: record[key] for name, key in fields.items() if key in record}}


def _conversations(record: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(record, list | tuple):
        yield {"messages": record}
    elif not isinstance(record, Mapping):
        raise DesignError(
            f"{record!r:.60} is no conversation; give a list of messages, or an object with id and "
            "messages"
        )
    elif isinstance(record.get("samples"), list) and isinstance(record.get("eval"), Mapping):
        for sample in record["samples"]:
            yield _sample(sample)
    elif "epoch" in record and "messages" in record:
        yield _sample(record)
    else:
        yield _pair(record)


def _sample(sample: Any) -> Mapping[str, Any]:
    """Convert a sample of an inspect log."""
    if not isinstance(sample, Mapping) or not isinstance(sample.get("messages"), list):
        raise DesignError(f"sample {sample!r:.60} of an inspect log has no messages")
    limit, failed = sample.get("limit"), sample.get("error")
    by_model = sample.get("model_usage")
    spent = [usage({"usage": one}) for one in by_model.values()] if by_model else []
    error = failed.get("message") if isinstance(failed, Mapping) else failed
    kind = limit.get("type") if isinstance(limit, Mapping) else limit
    return {
        "id": sample.get("id"),
        "messages": sample["messages"],
        "status": "error" if failed else "exhausted" if limit else "",
        "reason": str(error or (f"the limit of {kind} was met" if limit else "")),
        "seconds": amount(sample, "total_time", "working_time"),
        "spent": summed_usage(spent),
        "cut": _is_cut(sample),
    }


def _pair(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Convert a record of a request, of its response, or of both."""
    messages = _messages(record)
    if messages is None:
        has = ", ".join(map(str, list(record)[:12])) or "nothing"
        raise DesignError(
            f"no messages in a record that has {has}: give a list of messages under messages, name "
            "its key with fields={'messages': ...}, or convert the record with make=..."
        )
    kind = str(record.get("object") or record.get("type") or "")
    own = kind in _PAYLOADS or "candidates" in record
    status = _RESPONSE_STATUS.get(str(record.get("status")), "") if own else record.get("status")
    kept = {name: value for name, value in record.items() if not (own and name in ("id", "error"))}
    inner = record.get("response")
    spent = usage(record) or (usage(inner) if isinstance(inner, Mapping) else {})
    took = seconds_of(record)
    made = {"messages": messages, "status": status, "seconds": took, "spent": spent}
    return {**kept, **made, "cut": _is_cut(record)}


def _is_cut(record: Mapping[str, Any]) -> bool:
    """Say whether a record, its response or the first choice in it was cut off."""
    inner = [record[name] for name in ("response", "output") if name in record]
    parts = [part for part in (record, *inner) if isinstance(part, Mapping)]
    lists = [part.get(name) for part in parts for name in ("choices", "candidates")]
    choices = [several[0] for several in lists if isinstance(several, list) and several]
    return any(is_cut(part) for part in (*parts, *choices) if isinstance(part, Mapping))


def _messages(record: Mapping[str, Any]) -> list[Any] | None:
    """Join what a record says was asked and what it says was answered; None where it has neither.

    Raises:
        DesignError: its messages are of the wrong kind.
    """
    request, response = record.get("request"), record.get("response")
    asked = _requested(request) if isinstance(request, Mapping) else _requested(record)
    got = _responded(response) if isinstance(response, Mapping) else _responded(record)
    if asked is None and got is None:
        return None
    if asked and got and asked[-len(got) :] == got:
        return asked
    return [*(asked or ()), *(got or ())]


def _requested(record: Mapping[str, Any]) -> list[Any] | None:
    for name in _LISTS:
        value = record.get(name)
        if name == "input" and isinstance(value, str) and _responded(record) is not None:
            return [{"role": "user", "content": value}]
        if name == "input" and not isinstance(value, list):
            continue  # a field that others use for anything
        if value is None:
            continue
        if not isinstance(value, list | tuple) or not value:
            raise DesignError(f"{name}={value!r:.60}: give a list of messages")
        return list(value)
    return None


def _responded(record: Mapping[str, Any]) -> list[Any] | None:
    output, content = record.get("output"), record.get("content")
    if record.get("type") == "message" and "role" in record and isinstance(content, list):
        return [record]  # of Anthropic
    for name, part in (("choices", "message"), ("candidates", "content")):
        if isinstance(several := record.get(name), list) and several:
            first = several[0].get(part) if isinstance(several[0], Mapping) else None
            if not isinstance(first, Mapping):
                raise DesignError(f"{name}={several!r:.60}: the first has no {part}")
            return [first]
    if isinstance(output, list) and all(isinstance(item, Mapping) for item in output):
        return list(output)  # of OpenAI's Responses
    inner = output.get("message") if isinstance(output, Mapping) else None
    return [inner] if isinstance(inner, Mapping) else None  # of Bedrock's Converse


def _is_message(item: Any) -> bool:
    if not isinstance(item, Mapping) or any(name in item for name in _LISTS[:-1]):
        return False
    kind = str(item.get("type") or "")
    return "role" in item or "source" in item or "data" in item or kind.endswith(_ITEMS)


def _is_length(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _between(record: Mapping[str, Any], start: str, end: str) -> float | None:
    try:
        times = [datetime.fromisoformat(record[name]) for name in (start, end)]
        took = (times[1] - times[0]).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None
    return took if took >= 0 else None

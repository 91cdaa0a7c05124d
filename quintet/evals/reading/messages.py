"""Read conversations with agents of any framework as recorded runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.items import names_in, things_in, unknown
from quintet.evals.reading.blocks import reports_error
from quintet.evals.reading.conversations import conversations_of, is_conversation, seconds_of
from quintet.evals.reading.forms import parse_talk
from quintet.evals.reading.harvest import plain_or_repr
from quintet.evals.reading.lines import Line, Mistakes, records_of
from quintet.evals.reading.message import Message
from quintet.evals.reading.recorded import Recorded, recorded_by_case
from quintet.evals.reading.transcript import (
    Failed,
    agents_of,
    answer_of,
    calls_of,
    handoffs_of,
    judged,
    spent_of,
)
from quintet.evals.reading.usage import usage
from quintet.evals.trajectory import Trajectory
from quintet.nodes.core.node import one_line
from quintet.state.outcome import STATUSES
from quintet.state.record import digest

PEOPLE = ("person", "human", "human_agent", "human_agents")
IDS = ("id", "case", "task_id")
"""Keys under which a record may name its case; `task_id` is that of tau2."""
PARTS = ("id", "messages", "status", "reason", "usage", "state", "seconds")
"""The parts of a conversation's record."""
_STATUSES = (*STATUSES, "waiting", "unfinished", "error")
_QUESTION_MARKS = ("?", "\uff1f", "\u061f", "\u037e")

Make = Callable[[Any], Any]


def recorded_messages(
    given: str | Path | Iterable[Any],
    *,
    people: Iterable[str] = PEOPLE,
    fields: Mapping[str, str] | None = None,
    make: Make | None = None,
    failed: Failed | None = None,
) -> Recorded:
    """Read conversations as recorded runs, from a file or from an iterable.

    A conversation is a list of messages, or an object with `messages` and the case's id under `id`,
    `case` or `task_id`. One without an id gets the id of a `Case` with the text of its first user
    message. An object may also have `status`, `reason`, `usage`, `state` and `seconds` (or another
    usual name of its duration), and `error`: a run that holds one, and no status, ended in it. Its
    other keys are ignored. A file holds one a line, a list of them, or an object with such a list
    under any key.

    Messages may be OpenAI's (chat completions or Responses), LangChain's, Anthropic's, Bedrock's,
    Gemini's or AutoGen's, also as a request with its response. Read are also the logs of inspect,
    and spans of OpenTelemetry's GenAI and of OpenInference's conventions; a trace is one run.
    Content of another kind is refused by name.

    A call of a tool `transfer_to_<agent>` is a handoff: the first one is the route, and all are in
    the path. A call is failed where its answer says so: by a status or a flag of its own, by a text
    that begins like "Error: ...", or by a JSON object with an `error` or the `status` error; the
    same call made again is a retry. So is a call without an answer whose arguments cannot be read.
    Where a list holds no answers, its calls count as made. A conversation is `done` that ends with
    an agent's message, or with the user's after it that asks nothing, unless it has another status
    or the message is empty or cut off (`finish_reason: length`).

    Args:
        given: the file's path, or the conversations.
        people: agents that are persons.
        fields: the records' names for the parts of a conversation, as in
            `{"id": "task", "messages": "talk"}`; of spans the attribute that names the case.
        make: a function of one record that returns it as a conversation, or None to leave it out.
        failed: a function of a call and the text of its answer that says whether the call failed:
            True, False, or None for the rule above.

    Returns:
        The runs by case id; several of one id are its repeats.

    Raises:
        DesignError: the file's mistakes, all in one, each with its line (of a list: its item).
    """
    names = _checked_fields(fields)
    persons = names_in(people, "recorded_messages(people=...)")
    from_file = isinstance(given, str | Path)
    mistakes = Mistakes(source=str(given) if from_file else "recorded_messages")
    if isinstance(given, str | Path):
        lines = records_of(given, mistakes, is_record=partial(is_conversation, fields=names))
    else:
        lines = _items(given)
    if make is not None:
        lines = _made(lines, make, mistakes)
    runs: list[tuple[str, Trajectory]] = []
    for found in conversations_of(lines, fields=names):
        if isinstance(found, tuple):
            mistakes.add(found[0], str(found[1]))
            continue
        try:
            runs.append(_recorded(found.record, persons, failed))
        except (DesignError, RecursionError) as problem:
            mistakes.add(found.place, str(problem))
    mistakes.check()
    return recorded_by_case(runs)


def read_messages(
    messages: Iterable[Any],
    *,
    status: str = "",
    people: Iterable[str] = PEOPLE,
    failed: Failed | None = None,
) -> Trajectory:
    """Read one conversation as a trajectory.

    Args:
        messages: in any form that `recorded_messages` reads.
        status: the run's status, as in `Trajectory`; by default it is inferred from the messages.
        people: agents that are persons.
        failed: a function that says whether a call failed, as in `recorded_messages`.

    Raises:
        DesignError: a message in no known form; it is named by its number. Or no list of messages,
            or `people` that is no collection of names.
    """
    talk = judged(parse_talk(things_in(messages, "read_messages(...)", "messages")), failed)
    persons = names_in(people, "read_messages(people=...)")
    path, handoffs = agents_of(talk), handoffs_of(talk)
    # A recording that leaves out all tool messages says nothing against its calls.
    answered = any(item.role == "tool" for item in talk)
    calls = calls_of(talk, unanswered="unknown" if answered else "ok")
    escalated = status == "escalated" or any(name in persons for name in path)
    return Trajectory(
        status=status or _status(talk, path, persons),
        route=next(iter(handoffs), ""),
        best=next((name for name in handoffs if name not in persons), ""),
        escalated=escalated,
        path=path,
        calls=calls,
        answer=answer_of(talk),
        spent=spent_of(talk),
    )


def _status(talk: tuple[Message, ...], path: tuple[str, ...], people: tuple[str, ...]) -> str:
    if path[-1:] and path[-1] in people:
        return "escalated"
    spoken = [item for item in talk if item.role != "system"]
    # A user who thanks and leaves has been answered; one who asks has not.
    while spoken and spoken[-1].role == "user" and not _asks(spoken[-1].text):
        spoken.pop()
    last = spoken[-1] if spoken else None
    if last is None or last.role != "assistant":
        return "unfinished"
    return "done" if last.whole and not last.tool_calls else "unfinished"


def _asks(text: str) -> bool:
    return any(mark in text for mark in _QUESTION_MARKS)


def _checked_fields(fields: Mapping[str, str] | None) -> dict[str, str]:
    if not isinstance(fields, Mapping | None):
        raise DesignError(
            f"recorded_messages(fields={fields!r:.60}): give a mapping of {', '.join(PARTS)} to "
            "the records' names"
        )
    for name, key in (fields or {}).items():
        if name not in PARTS:
            raise DesignError(
                f"recorded_messages(fields={{{name!r}: ...}}): {unknown(name, PARTS)}"
            )
        if not isinstance(key, str):
            raise DesignError(f"recorded_messages(fields={{{name!r}: {key!r}}}): give a name")
    return dict(fields or {})


def _items(conversations: Iterable[Any]) -> Iterator[Line]:
    if isinstance(conversations, Mapping | bytes) or not isinstance(conversations, Iterable):
        raise DesignError(
            f"recorded_messages({conversations!r:.60}): give a path, or a list of conversations"
        )
    for number, record in enumerate(conversations, start=1):
        yield Line(place=f"item {number}", record=record)


def _made(lines: Iterable[Line], make: Make, mistakes: Mistakes) -> Iterator[Line]:
    for line in lines:
        try:
            record = make(line.record)
        except Exception as problem:  # noqa: BLE001 - a user's function may raise anything
            mistakes.add(line.place, f"make raised {type(problem).__name__}: {problem}")
            continue
        if record is not None:
            yield replace(line, record=record)


def _recorded(
    fields: Mapping[str, Any], people: tuple[str, ...], failed: Failed | None
) -> tuple[str, Trajectory]:
    messages = fields["messages"]
    if not messages:
        raise DesignError(
            f"messages={messages!r:.60}: give a list of messages, or an object with id and messages"
        )
    status, reason = fields.get("status") or "", fields.get("reason") or ""
    if status and status not in _STATUSES:
        raise DesignError(f"status={status!r:.60}: give one of {', '.join(_STATUSES)}")
    if not isinstance(reason, str):
        raise DesignError(f"reason={reason!r:.60}: give a text")
    error = fields.get("error")
    if not status and reports_error({"error": error}):
        status, reason = "error", reason or one_line(error, 200)
    trajectory = read_messages(messages, status=status, people=people, failed=failed)
    if fields.get("cut") is True and not status and trajectory.status == "done":
        trajectory = replace(trajectory, status="unfinished")
    # A record's usage is the run's total, which counts as one call: the messages know the calls.
    total = {name: amount for name, amount in usage(fields).items() if name != "model_calls"}
    spent = {**(fields.get("spent") or {}), **trajectory.spent, **total}
    state = plain_or_repr(fields["state"]) if isinstance(fields.get("state"), Mapping) else {}
    seconds = seconds_of(fields) or 0.0
    whole = replace(trajectory, reason=reason, spent=spent, state=state, seconds=seconds)
    return _id(fields, messages), whole


def _id(fields: Mapping[str, Any], messages: Iterable[Any]) -> str:
    for name in IDS:
        value = fields.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
        if value not in (None, ""):
            raise DesignError(f"{name}={value!r:.60}: give a text")
    first = next((item for item in parse_talk(messages) if item.role == "user"), None)
    if first is None:
        raise DesignError("no id, and no message of a user to make one from; give an id")
    return digest(first.text)[:12]

"""Read conversations with agents of any framework as recorded runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.harvest import plain_or_repr
from quintet.evals.reading.lines import Line, Mistakes, json_lines
from quintet.evals.reading.recorded import Recorded, recorded_by_case
from quintet.evals.reading.transcript import (
    Message,
    agents_of,
    answer_of,
    calls_of,
    handoffs_of,
    parse_message,
    spent_of,
    usage,
)
from quintet.evals.trajectory import Trajectory
from quintet.state.outcome import STATUSES
from quintet.state.record import digest

PEOPLE = ("person", "human", "human_agent", "human_agents")
IDS = ("id", "case", "task_id")
"""Keys under which a record may name its case; `task_id` is that of tau2."""
_STATUSES = (*STATUSES, "waiting", "unfinished", "error")


def recorded_messages(
    given: str | Path | Iterable[Any], *, people: Iterable[str] = PEOPLE
) -> Recorded:
    """Read conversations as recorded runs, from a file of JSON lines or from an iterable.

    A conversation is a list of messages in OpenAI's or LangChain's form, or an object with
    `messages` and the case's id under `id`, `case` or `task_id`. A list without an id gets the id
    of a `Case` with the text of its first user message. An object may also have `status`, `reason`,
    `usage` and `state`; its other keys are ignored.

    A call of a tool `transfer_to_<agent>` is a handoff: the first one is the route, and all are in
    the path. A tool's message with status `error`, or whose text begins with "Error", makes its
    call a failed one; the same call made again is a retry. Where a list holds no tool's messages,
    its calls count as made. A conversation that ends with an agent's message is `done`, also where
    the user's last word follows that asks nothing, unless it has another status.

    Args:
        given: the file's path, or the conversations.
        people: agents that are persons.

    Returns:
        The runs by case id; several of one id are its repeats.

    Raises:
        DesignError: the file's mistakes, all in one, each with its line (of a list: its item).
    """
    persons = tuple(people)
    from_file = isinstance(given, str | Path)
    mistakes = Mistakes(source=str(given) if from_file else "recorded_messages")
    lines = json_lines(given, mistakes) if isinstance(given, str | Path) else _items(given)
    runs: list[tuple[str, Trajectory]] = []
    for line in lines:
        try:
            runs.append(_recorded(line.record, persons))
        except (DesignError, RecursionError) as problem:
            mistakes.add(line.place, str(problem))
    mistakes.check()
    return recorded_by_case(runs)


def read_messages(
    messages: Iterable[Any], *, status: str = "", people: Iterable[str] = PEOPLE
) -> Trajectory:
    """Read one conversation as a trajectory.

    Args:
        messages: in OpenAI's or LangChain's form.
        status: the run's status, as in `Trajectory`; by default it is inferred from the messages.
        people: agents that are persons.

    Raises:
        DesignError: a message in no known form; it is named by its number.
    """
    talk = tuple(_parse_all(messages))
    persons, path, handoffs = tuple(people), agents_of(talk), handoffs_of(talk)
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
    # A user who thanks and goes leaves nothing open, once the agent has answered; a question does.
    if len(spoken) > 1 and spoken[-1].role == "user" and "?" not in spoken[-1].text:
        spoken.pop()
    last = spoken[-1] if spoken else None
    ended = last is not None and last.role == "assistant" and not last.tool_calls
    return "done" if ended else "unfinished"


def _items(conversations: Iterable[Any]) -> Iterator[Line]:
    if isinstance(conversations, Mapping) or not isinstance(conversations, Iterable):
        raise DesignError(
            f"recorded_messages({conversations!r:.60}): give a path, or a list of conversations"
        )
    for number, record in enumerate(conversations, start=1):
        yield Line(place=f"item {number}", record=record)


def _parse_all(messages: Iterable[Any]) -> Iterator[Message]:
    for number, message in enumerate(messages, start=1):
        try:
            yield parse_message(message)
        except DesignError as problem:
            raise DesignError(f"message {number}: {problem}") from problem


def _recorded(record: Any, people: tuple[str, ...]) -> tuple[str, Trajectory]:
    fields = record if isinstance(record, Mapping) else {"messages": record}
    messages = fields.get("messages")
    if not isinstance(messages, list | tuple) or not messages:
        raise DesignError(
            f"messages={messages!r:.60}: give a list of messages, or an object with id and messages"
        )
    status, reason = fields.get("status") or "", fields.get("reason") or ""
    if status and status not in _STATUSES:
        raise DesignError(f"status={status!r:.60}: give one of {', '.join(_STATUSES)}")
    if not isinstance(reason, str):
        raise DesignError(f"reason={reason!r:.60}: give a text")
    trajectory = read_messages(messages, status=status, people=people)
    # A record's usage is the run's total, which counts as one call: the messages know the calls.
    total = {name: amount for name, amount in usage(fields).items() if name != "model_calls"}
    spent = {**trajectory.spent, **total}
    state = plain_or_repr(fields["state"]) if isinstance(fields.get("state"), Mapping) else {}
    return _id(fields, messages), replace(trajectory, reason=reason, spent=spent, state=state)


def _id(fields: Mapping[str, Any], messages: Iterable[Any]) -> str:
    for name in IDS:
        value = fields.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
        if value not in (None, ""):
            raise DesignError(f"{name}={value!r:.60}: give a text")
    first = next((item for item in _parse_all(messages) if item.role == "user"), None)
    if first is None:
        raise DesignError("no id, and no message of a user to make one from; give an id")
    return digest(first.text)[:12]

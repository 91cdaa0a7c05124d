"""Message lists as recorded runs: what agents of any framework said, called and handed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from quintet.errors import DesignError
from quintet.evals.reading.harvest import loose
from quintet.evals.reading.lines import Line, Mistakes, json_lines
from quintet.evals.reading.recorded import Recorded
from quintet.evals.reading.transcript import (
    Said,
    agents_of,
    answer_of,
    calls_of,
    handoffs_of,
    said,
    spent_of,
    usage,
)
from quintet.evals.trajectory import Trajectory
from quintet.state.outcome import STATUSES
from quintet.state.record import digest

PEOPLE = ("person", "human", "human_agent", "human_agents")
IDS = ("id", "case", "task_id")
"""Where a record names its case; `task_id` is tau2's name for it."""
_STATUSES = (*STATUSES, "waiting", "unfinished", "error")


def recorded_messages(
    given: str | Path | Iterable[Any], *, people: Iterable[str] = PEOPLE
) -> Recorded:
    """Conversations as recorded runs, from a file of JSON lines or from a list of them.

    Each is a list of messages, in OpenAI's form or in LangChain's, or an object with `messages`
    and an `id` (or `case`, or `task_id`), which is the case's; of a bare list the id is made from
    its first message of a user, as that of a `Case` with that text is. An object may name `status`,
    `reason` and `usage` besides; what else it holds is passed over.

    A tool `transfer_to_<agent>` is a handoff: the first one is the route, and all are in the path.
    A tool's message with status `error`, or whose text begins with "Error", makes its call a failed
    one; the same call once more is a retry. Where a list holds no tool's messages, its calls count
    as made. A conversation whose last word is an agent's is `done`, unless it says otherwise.

    Args:
        given: the file's path, or the conversations.
        people: agents that are persons.

    Returns:
        The runs by case id; several of one id are its repeats.

    Raises:
        DesignError: the file's mistakes, all in one, each with its line (of a list: its item).
    """
    whom = tuple(people)
    from_file = isinstance(given, str | Path)
    mistakes = Mistakes(source=str(given) if from_file else "recorded_messages")
    lines = json_lines(given, mistakes) if isinstance(given, str | Path) else _items(given)
    found: dict[str, list[Trajectory]] = {}
    for line in lines:
        try:
            name, trajectory = _recorded(line.record, whom)
        except (DesignError, RecursionError) as problem:
            mistakes.add(line.place, str(problem))
        else:
            found.setdefault(name, []).append(trajectory)
    mistakes.check()
    return Recorded(trajectories={name: tuple(each) for name, each in found.items()})


def read_messages(
    messages: Iterable[Any], *, status: str = "", people: Iterable[str] = PEOPLE
) -> Trajectory:
    """One conversation as a trajectory.

    Raises:
        DesignError: a message of no known form; it is named by its number.
    """
    talk = tuple(_numbered(messages))
    whom, path, handed = tuple(people), agents_of(talk), handoffs_of(talk)
    answered = any(item.role == "tool" for item in talk)
    calls = calls_of(talk, unanswered="unknown" if answered else "ok")
    escalated = status == "escalated" or any(name in whom for name in path)
    return Trajectory(
        status=status or _status(talk, path, whom),
        route=next(iter(handed), ""),
        best=next((name for name in handed if name not in whom), ""),
        escalated=escalated,
        path=path,
        calls=calls,
        answer=answer_of(talk),
        spent=spent_of(talk),
    )


def _status(talk: tuple[Said, ...], path: tuple[str, ...], people: tuple[str, ...]) -> str:
    if path[-1:] and path[-1] in people:
        return "escalated"
    last = talk[-1] if talk else None
    ended = last is not None and last.role == "assistant" and not last.asked
    return "done" if ended else "unfinished"


def _items(given: Iterable[Any]) -> Iterator[Line]:
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise DesignError(
            f"recorded_messages({given!r:.60}): give a path, or a list of conversations"
        )
    for number, record in enumerate(given, start=1):
        yield Line(place=f"item {number}", record=record)


def _numbered(messages: Iterable[Any]) -> Iterator[Said]:
    for number, message in enumerate(messages, start=1):
        try:
            yield said(message)
        except DesignError as problem:
            raise DesignError(f"message {number}: {problem}") from problem


def _recorded(record: Any, people: tuple[str, ...]) -> tuple[str, Trajectory]:
    about = record if isinstance(record, Mapping) else {"messages": record}
    messages = about.get("messages")
    if not isinstance(messages, list | tuple) or not messages:
        raise DesignError(
            f"messages={messages!r:.60}: give a list of messages, or an object with id and messages"
        )
    status, reason = about.get("status") or "", about.get("reason") or ""
    if status and status not in _STATUSES:
        raise DesignError(f"status={status!r:.60}: give one of {', '.join(_STATUSES)}")
    if not isinstance(reason, str):
        raise DesignError(f"reason={reason!r:.60}: give a text")
    read = read_messages(messages, status=status, people=people)
    spent = {**read.spent, **{k: v for k, v in usage(about).items() if k != "model_calls"}}
    state = about.get("state")
    kept = loose(state) if isinstance(state, Mapping) else {}
    return _id(about, messages), replace(read, reason=reason, spent=spent, state=kept)


def _id(about: Mapping[str, Any], messages: Iterable[Any]) -> str:
    for name in IDS:
        value = about.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
        if value not in (None, ""):
            raise DesignError(f"{name}={value!r:.60}: give a text")
    first = next((item for item in _numbered(messages) if item.role == "user"), None)
    if first is None:
        raise DesignError("no id, and no message of a user to make one from; give an id")
    return digest(first.text)[:12]

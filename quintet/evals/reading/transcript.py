"""Read calls, handoffs and usage from the messages of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from quintet.errors import DesignError
from quintet.evals.reading.message import Message, RequestedCall
from quintet.evals.reading.usage import summed_usage
from quintet.evals.trajectory import CallStatus, ToolCall

Failed = Callable[[ToolCall, str], bool | None]
"""A function of a call and the text of its answer: True where the call failed, False where it did
not, None where the usual rule is to say."""

_Place = tuple[int, int]
"""The place of a call: of its message in the conversation, and of the call in its message."""


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
        for number, requested in enumerate(message.tool_calls):
            answer = answers.get((place, number))
            if requested.handoff and not _failed(answer):
                continue
            # A tool that answered has read its arguments, whatever they look like here.
            status = "failed" if requested.broken else unanswered
            if answer is not None:
                status = "failed" if answer.failed else "ok"
            calls.append(_call(requested, message.name, status))
    return with_retries(calls)


def judged(messages: Sequence[Message], failed: Failed | None) -> tuple[Message, ...]:
    """Let a function of the user's say which answers report a failed call.

    Raises:
        DesignError: it raised, or returned neither True, False nor None.
    """
    if failed is None:
        return tuple(messages)
    talk = [part for message in messages for part in _by_call(message)]
    by_answer: dict[int, bool] = {}
    for (place, number), answer in _answers_by_call(talk).items():
        requested = talk[place].tool_calls[number]
        call = _call(requested, talk[place].name, "failed" if answer.failed else "ok")
        verdict = _ask(failed, call, answer.text)
        if verdict is not None:
            by_answer[id(answer)] = verdict
    return tuple(
        replace(message, failed=by_answer.get(id(message), message.failed)) for message in talk
    )


def _by_call(message: Message) -> list[Message]:
    """Take apart an answer to several calls: one may have failed, and the others not."""
    if len(message.call_ids) < 2:
        return [message]
    # What it has spent stands once.
    first, *others = (replace(message, call_ids=(name,)) for name in message.call_ids)
    return [first, *(replace(other, spent={}) for other in others)]


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


def spent_of(messages: Iterable[Message]) -> dict[str, float]:
    """Add up the usage that the messages report."""
    return summed_usage(message.spent for message in messages)


def answer_of(messages: Sequence[Message]) -> str | None:
    """Return the text of the last agent's message that has any; None where there is none."""
    texts = (item.text for item in reversed(messages) if item.role == "assistant")
    return next((text for text in texts if text.strip()), None)


def _turns(messages: Sequence[Message]) -> Iterator[tuple[str, list[str]]]:
    """Give the speaker of each agent's message, and the agents that it handed control to."""
    answers = _answers_by_call(messages)
    for place, message in enumerate(messages):
        if message.role == "assistant":
            receivers = [
                call.handoff
                for number, call in enumerate(message.tool_calls)
                if call.handoff and not _failed(answers.get((place, number)))
            ]
            yield message.name, receivers


def _answers_by_call(messages: Sequence[Message]) -> dict[_Place, Message]:
    """Map the place of each call to the tool's message that answers it.

    Ids may come again in a later turn: an answer belongs to the latest call before it. Of several
    calls with one id in a turn it belongs to the first open one, of its tool if there is one. An
    answer that names no known id belongs to the first open call of its tool, or else of all.
    """
    by_id: dict[str, list[_Place]] = {}
    opened: dict[_Place, RequestedCall] = {}
    answers: dict[_Place, Message] = {}
    for place, message in enumerate(messages):
        for number, call in enumerate(message.tool_calls):
            opened[place, number] = call
            if call.id:
                twins = [at for at in by_id.get(call.id, ()) if at[0] == place]
                by_id[call.id] = [*twins, (place, number)]
        if message.role == "tool":
            named = [by_id[name] for name in message.call_ids if name in by_id]
            for places in named or [_first_open(message, opened)]:
                fitting = {at: opened[at] for at in places if at in opened}
                # An answer that comes again replaces the last one.
                for found in _of_its_tool(message, fitting)[:1] or places[-1:]:
                    answers[found] = message
                    opened.pop(found, None)
    return answers


def _first_open(answer: Message, opened: dict[_Place, RequestedCall]) -> list[_Place]:
    # An answer to an id that no call has belongs to none of those that have ids.
    fitting = {at: call for at, call in opened.items() if not (answer.call_ids and call.id)}
    if answer.name and any(call.name for call in fitting.values()):
        fitting = {at: call for at, call in fitting.items() if call.name == answer.name}
    return list(fitting)[:1]


def _of_its_tool(answer: Message, calls: dict[_Place, RequestedCall]) -> list[_Place]:
    """List the calls of the tool that answers; all where none is."""
    return [at for at, call in calls.items() if call.name == answer.name] or list(calls)


def _call(requested: RequestedCall, node: str, status: CallStatus) -> ToolCall:
    return ToolCall(name=requested.name, arguments=requested.arguments, status=status, node=node)


def _ask(failed: Failed, call: ToolCall, text: str) -> bool | None:
    try:
        verdict = failed(call, text)
    except Exception as problem:
        raise DesignError(
            f"failed= raised {type(problem).__name__} on the call {call.name!r}: {problem}"
        ) from problem
    if verdict is not None and not isinstance(verdict, bool):
        raise DesignError(
            f"failed= returned {verdict!r:.60} on the call {call.name!r}; return True, False or "
            "None"
        )
    return verdict


def _failed(answer: Message | None) -> bool:
    return answer is not None and answer.failed

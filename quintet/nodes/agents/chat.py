"""Run a chat model as an agent: call the contract's tools until it answers or hands off."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_to_dict,
)
from langchain_core.runnables import RunnableConfig
from langgraph.errors import is_invalid_resume
from langgraph.types import Command

from quintet.errors import ContractBroken, QuintetError, ToolRefused
from quintet.nodes.agents.meter import counted
from quintet.nodes.agents.toolbox import (
    WRAPPED,
    ById,
    Toolbox,
    Transfer,
    bind_tools,
    toolbox_of,
)
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.node import one_line
from quintet.nodes.core.pool import take_step
from quintet.nodes.core.reckon import in_time
from quintet.state.contract import Contract
from quintet.state.record import plain
from quintet.state.way import Way

log = logging.getLogger("quintet")

TURNS = 25
"""Model calls of one handoff where the contract's budget sets no limit."""

CUT_OFF = ("length", "max_tokens", "content_filter")
"""Reasons that providers give when a message is incomplete."""

NOT_RUN = "error: not taken, since other calls came with it; see their results, then call it alone"
"""The reply to an answer or handoff that came together with other calls."""


@dataclass(frozen=True, kw_only=True)
class Handoff(Way):
    """An agent's return value that passes control to another node, in place of a result.

    Args:
        to: the node that takes over; the worker must allow it.
        reason: why, in one sentence.
        payload: further context for it, by the keys of its contract.
    """

    to: str
    reason: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Question(Way):
    """An agent's return value that asks the customer, in place of a result.

    The run ends as `asked`, and the thread's next message goes to the worker that has asked. Its
    contract says how many times in a row it may ask.

    Args:
        text: the question, as the customer reads it.
        within: the questions of a nested graph's workers, where the agent is a graph.
    """

    text: str
    within: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise ContractBroken(
                f"Question(text={self.text!r:.60}): say what the customer is asked"
            )


@dataclass(kw_only=True)
class Conversation:
    """Keep the messages to and from a chat model, across pauses.

    Attributes:
        transfers: the handoffs that the model may make.
        check: refuses a handoff whose receiver would lack something.
        open: the open questions of workers within the agent, where it is a graph.
        messages: all messages so far; empty at first.
    """

    transfers: tuple[Transfer, ...] = ()
    check: Callable[[Handoff], Any] | None = None
    open: Mapping[str, Any] = field(default_factory=dict)
    messages: list[BaseMessage] = field(default_factory=list)

    @property
    def handoffs(self) -> tuple[str, ...]:
        """Name the nodes that control may be passed to."""
        return tuple(transfer.to for transfer in self.transfers)

    def as_data(self) -> list[dict[str, Any]]:
        """Return the messages as plain data."""
        return messages_to_dict(self.messages)

    def refused(self, answer: Any) -> str:
        """Say why a model's handoff is refused; empty where it is not, or is no handoff."""
        try:
            if isinstance(answer, Handoff) and self.check is not None:
                self.check(answer)
        except ContractBroken as problem:
            return f"error: {problem}"
        return ""

    @property
    def open_calls(self) -> list[Any]:
        """Return the calls of the model's last message that have no answer yet."""
        # Calls are answered in order, so each message after the model's answers one more.
        for answered, message in enumerate(reversed(self.messages)):
            if isinstance(message, AIMessage):
                return [*message.tool_calls, *message.invalid_tool_calls][answered:]
        return []


def as_json(value: Any) -> str:
    """Write a value as compact JSON, for a model to read."""
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))


def as_text(request: Any) -> str:
    """Write a request for a model to read: a message alone as it is, all else as JSON."""
    alone = isinstance(request, dict) and list(request) == ["message"]
    if alone and isinstance(message := request["message"], str) and message.strip():
        return message
    return as_json(request)


def first_messages(contract: Contract, request: Any) -> list[BaseMessage]:
    """Return the messages that a chat model's work begins with: the goal, then the request.

    Earlier turns that the contract names as `messages` come between them, as what they are.
    """
    data = plain(request)
    turns = data.get("messages") if isinstance(data, dict) else None
    if not isinstance(turns, list) or not all(map(_is_turn, turns)):
        return [SystemMessage(contract.goal), HumanMessage(as_text(data))]
    rest = {key: value for key, value in data.items() if key != "messages"}
    earlier = [_KINDS[turn["role"]](turn["content"]) for turn in turns]
    return [SystemMessage(contract.goal), *earlier, HumanMessage(as_text(rest))]


_KINDS: Mapping[str, type[BaseMessage]] = {"user": HumanMessage, "assistant": AIMessage}


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and turn.get("role") in _KINDS and "content" in turn


def tool_loop(
    model: Any,
    contract: Contract,
    request: Any,
    attempt: Attempt,
    config: RunnableConfig,
    conversation: Conversation,
) -> Logic[Any]:
    """Let a chat model call the contract's tools until it answers; go on from the conversation.

    Raises:
        ContractBroken: the answer is empty or cut off, or there is none.
        BudgetExhausted: a limit is reached before the model answers.
    """
    toolbox = toolbox_of(contract, conversation.transfers)
    bound = bind_tools(ById(model), toolbox) if toolbox.specs else model
    messages = conversation.messages
    if not messages:
        messages += first_messages(contract, request)
    for _ in range(TURNS):
        # Before the model, since a resumed conversation may stand in the middle of its calls.
        handoff = yield from _run_calls(toolbox, attempt, config, conversation)
        if handoff is not None:
            return handoff
        # Counted here and not by the meter: callbacks cost a third of a model call's overhead.
        take_step(attempt)
        yield from attempt.written()
        reply: AIMessage = yield from in_time(attempt, Call(bound, (list(messages),)))
        attempt.used(reply)
        yield from attempt.written()
        if not reply.tool_calls and not reply.invalid_tool_calls:
            return answer_of(reply, contract)
        check_complete(reply, contract)
        if not toolbox.ends(reply):
            messages.append(reply)
            continue
        answer = _result(toolbox, reply.tool_calls[0])
        if not (why := conversation.refused(answer)):
            return answer
        messages += [reply, ToolMessage(why, tool_call_id=reply.tool_calls[0]["id"] or "")]
    raise ContractBroken(f"contract {contract.goal!r}: no answer after {TURNS} model calls")


def _run_calls(
    toolbox: Toolbox, attempt: Attempt, config: RunnableConfig, conversation: Conversation
) -> Logic[Handoff | None]:
    """Run the open calls one by one; the conversation keeps each answer at once."""
    calls = conversation.open_calls
    ends = [call["name"] for call in calls if toolbox.is_end(call)]
    if len(ends) > 1:
        attempt.refused.append(f"it called {' and '.join(map(repr, ends))} in one message")
    for call in calls:
        answer: Any = NOT_RUN
        if call["type"] == "invalid_tool_call":
            answer = f"error: the arguments are not JSON: {one_line(call['args'])}"
        elif not toolbox.is_end(call):
            answer = yield from _run_tool(toolbox, call, attempt, config, conversation.handoffs)
        if isinstance(answer, Handoff):
            return answer
        if isinstance(answer, str):
            answer = ToolMessage(answer, tool_call_id=call["id"] or "")
        conversation.messages.append(answer)
    return None


def _result(toolbox: Toolbox, call: Any) -> Any:
    """Return the answer or the handoff that a call makes."""
    arguments = call["args"]
    if call["name"] in toolbox.handoffs:
        transfer = toolbox.handoffs[call["name"]]
        payload = {name: arguments[name] for name in transfer.fields if name in arguments}
        return Handoff(to=transfer.to, reason=str(arguments.get("reason", "")), payload=payload)
    if call["name"] == toolbox.question:
        return Question(text=str(arguments.get("text", "")))
    # Where the field is missing, the contract refuses the arguments and says why.
    return arguments[WRAPPED] if toolbox.wrapped and WRAPPED in arguments else arguments


def answer_of(reply: BaseMessage, contract: Contract) -> Any:
    """Return an agent's last message as its answer; read JSON if the contract gives a type.

    Raises:
        ContractBroken: the message is empty or cut off, or calls tools that nobody runs.
    """
    check_complete(reply, contract)
    if isinstance(reply, AIMessage) and (calls := [*reply.tool_calls, *reply.invalid_tool_calls]):
        raise ContractBroken(
            f"contract {contract.goal!r}: the model's last message calls {calls[0]['name']!r}, and "
            "nobody runs it; give the model alone as the agent, or create_agent(...)"
        )
    text = str(reply.text)
    if not text.strip():
        refusal = reply.additional_kwargs.get("refusal")
        why = f"it refused: {one_line(refusal)}" if refusal else "its last message is empty"
        raise ContractBroken(f"contract {contract.goal!r}: the model gave no answer; {why}")
    if contract.gives in (None, str):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        # The contract checks the type next, and says what is wrong.
        return text


def check_complete(reply: BaseMessage, contract: Contract) -> None:
    """Refuse a message that the provider marks as cut off.

    Raises:
        ContractBroken: it is cut off.
    """
    metadata = reply.response_metadata
    reason = metadata.get("finish_reason") or metadata.get("stop_reason")
    if reason in CUT_OFF:
        raise ContractBroken(
            f"contract {contract.goal!r}: the model's message was cut off ({reason}): "
            f"{one_line(reply.text, 80)!r}"
        )


def _run_tool(
    toolbox: Toolbox, call: Any, attempt: Attempt, config: RunnableConfig, handoffs: tuple[str, ...]
) -> Logic[ToolMessage | str | Handoff]:
    """Run one tool call. A refused tool or bad arguments go back to the model as text."""
    name = call["name"]
    try:
        attempt.allow(name)
        # With its id and type, a tool returns a message and not the bare result.
        tool_call = {"type": "tool_call", "name": name, "args": call["args"], "id": call["id"]}
        with counted(config):
            message = yield from in_time(attempt, Call(toolbox.tools[name], (tool_call,), config))
    except ToolRefused as refusal:
        return f"error: {refusal}"
    except QuintetError:
        raise
    except (ValueError, TypeError, LookupError) as problem:
        # A person's bad answer is a ValueError too, but LangGraph's and not the model's to mend.
        if is_invalid_resume(problem):
            raise
        log.warning("the tool %s raised, and its model is told so", name, exc_info=problem)
        return f"error: {problem}"
    if isinstance(message, Command):
        return _handoff_of(name, message, handoffs)
    if not isinstance(message.content, str):
        return json.dumps(message.content)
    message.artifact = message.name = None  # neither is for the model, nor for storage
    return message  # type: ignore[no-any-return]


def _handoff_of(tool: str, command: Command[Any], handoffs: tuple[str, ...]) -> Handoff:
    if isinstance(command.goto, str) and command.goto in handoffs:
        return Handoff(to=command.goto, reason=f"the tool {tool!r} passed it on")
    raise ContractBroken(
        f"the tool {tool!r} returned {command!r:.80}; a chat model's tool may pass control on to "
        f"one of Worker(handoffs=...), here {', '.join(handoffs) or 'nobody'}"
    )

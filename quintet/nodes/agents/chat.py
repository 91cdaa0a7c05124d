"""Run a chat model as an agent: call the contract's tools until it answers or hands off."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from langchain_core.tools import BaseTool, InjectedToolCallId, StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json_schema import dereference_refs
from langgraph.errors import is_invalid_resume
from langgraph.types import Command
from pydantic.json_schema import GenerateJsonSchema

from quintet.errors import ContractBroken, DesignError, QuintetError, ToolRefused
from quintet.nodes.agents.injected import injected
from quintet.nodes.agents.tools import as_tool
from quintet.nodes.core.attempt import Attempt, in_time
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.node import one_line
from quintet.state.contract import Contract, tool_name
from quintet.state.record import adapter, plain

TURNS = 25
"""Model calls of one handoff where the contract's budget sets no limit."""

CUT_OFF = ("length", "max_tokens", "content_filter")
"""Reasons that providers give when a message is incomplete."""

NOT_RUN = "error: not taken, since other calls came with it; see their results, then call it alone"
"""The reply to an answer or handoff that came together with other calls."""


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """An agent's return value that passes control to another node, in place of a result.

    Args:
        to: the node that takes over; the worker must allow it.
        reason: why, in one sentence.
    """

    to: str
    reason: str


@dataclass(kw_only=True)
class Conversation:
    """The messages to and from a chat model, which outlive a pause.

    Attributes:
        handoffs: the nodes that the model may pass control to.
        messages: all messages so far; empty at first.
    """

    handoffs: tuple[str, ...] = ()
    messages: list[BaseMessage] = field(default_factory=list)

    def as_data(self) -> list[dict[str, Any]]:
        """Return the messages as plain data."""
        return messages_to_dict(self.messages)

    @classmethod
    def from_data(cls, messages: Any, handoffs: tuple[str, ...]) -> Conversation:
        """Read a conversation from plain data."""
        return cls(handoffs=handoffs, messages=messages_from_dict(messages or []))

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


def first_messages(contract: Contract, request: Any) -> list[BaseMessage]:
    """Return the messages that a chat model's work begins with: the goal, then the request."""
    return [SystemMessage(contract.goal), HumanMessage(as_json(request))]


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
    toolbox = _toolbox(tuple(map(ById, contract.tools)), contract.gives, conversation.handoffs)
    bound = _bind(ById(model), ById(toolbox)) if toolbox.specs else model
    messages = conversation.messages
    if not messages:
        messages += first_messages(contract, request)
    for _ in range(TURNS):
        # Before the model, since a resumed conversation may stand in the middle of its calls.
        handoff = yield from _run_calls(toolbox, attempt, config, conversation)
        if handoff is not None:
            return handoff
        # Counted here and not by the meter: callbacks cost a third of a model call's overhead.
        attempt.check()
        attempt.spend(steps=1)
        reply: AIMessage = yield from in_time(attempt, Call(bound, (list(messages),)))
        attempt.used(reply)
        if not reply.tool_calls and not reply.invalid_tool_calls:
            return answer_of(reply, contract)
        check_complete(reply, contract)
        if toolbox.ends(reply):
            return toolbox.end(reply.tool_calls[0])
        messages.append(reply)
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


def with_tools(model: Any, specs: Sequence[dict[str, Any]]) -> Any:
    """Bind tools to a chat model, also within its retries, bindings and fallbacks."""
    if isinstance(model, RunnableBindingBase):
        return model.model_copy(update={"bound": with_tools(model.bound, specs)})
    if isinstance(model, RunnableWithFallbacks):
        others = [with_tools(other, specs) for other in model.fallbacks]
        return model.model_copy(
            update={"runnable": with_tools(model.runnable, specs), "fallbacks": others}
        )
    return model.bind_tools(list(specs))


def answer_of(reply: BaseMessage, contract: Contract) -> Any:
    """Return an agent's last message as its answer; read JSON if the contract gives a type.

    Raises:
        ContractBroken: the message is empty or cut off.
    """
    check_complete(reply, contract)
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


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """Hold what a model may call: the contract's tools, one to answer, one for each handoff.

    Args:
        tools: the contract's tools by name.
        answer: the name of the tool to answer with; empty where the model answers by text.
        wrapped: whether the answer is the field `WRAPPED` of that tool's arguments.
        handoffs: the node that each handoff tool leads to, by the tool's name.
        specs: all of them in the form that providers take.
    """

    tools: Mapping[str, BaseTool]
    answer: str
    wrapped: bool
    handoffs: Mapping[str, str]
    specs: tuple[dict[str, Any], ...]

    def is_end(self, call: Any) -> bool:
        """Say whether a call answers or hands off."""
        return call["name"] == self.answer or call["name"] in self.handoffs

    def ends(self, reply: AIMessage) -> bool:
        """Say whether a message has one call only, which answers or hands off."""
        return (
            not reply.invalid_tool_calls
            and len(reply.tool_calls) == 1
            and self.is_end(reply.tool_calls[0])
        )

    def end(self, call: Any) -> Any:
        """Return the answer or the handoff that a call makes."""
        arguments = call["args"]
        if call["name"] in self.handoffs:
            target = self.handoffs[call["name"]]
            return Handoff(to=target, reason=str(arguments.get("reason", "")))
        # Where the field is missing, the contract refuses the arguments and says why.
        return arguments[WRAPPED] if self.wrapped and WRAPPED in arguments else arguments


WRAPPED = "answer"


class ById:
    """Make an object a cache key by its identity; LangChain's tools and models have no hash.

    The key holds the object, so that no other gets its id while the key is in use.
    """

    def __init__(self, item: Any) -> None:
        self.item = item

    def __hash__(self) -> int:
        return id(self.item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and other.item is self.item


@lru_cache(maxsize=512)
def _toolbox(contract_tools: tuple[ById, ...], gives: Any, handoffs: tuple[str, ...]) -> Toolbox:
    tools = {tool_name(key.item): as_tool(key.item) for key in contract_tools}
    specs = [convert_to_openai_tool(tool) for tool in tools.values()]
    answer, wrapped = "", False
    if gives not in (None, str):
        spec, wrapped = _answer_spec(gives)
        answer = spec["function"]["name"]
        specs.append(spec)
    targets = _transfers(handoffs)
    specs += [convert_to_openai_tool(_transfer(name, to)) for name, to in targets.items()]
    if odd := [name for name in tools if not _NAME.fullmatch(name)]:
        raise DesignError(
            f"the tool {odd[0]!r} has a name that providers refuse; use letters, digits, _ and - "
            "only, 64 at most"
        )
    if clash := sorted({answer, *targets} & set(tools)):
        raise DesignError(
            f"the tool {clash[0]!r} has the name of a chat model's own way to answer or hand off; "
            "rename the tool"
        )
    return Toolbox(
        tools=tools, answer=answer, wrapped=wrapped, handoffs=targets, specs=tuple(specs)
    )


class _UntitledSchema(GenerateJsonSchema):
    """Generate a schema without the titles that repeat each field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _answer_spec(gives: Any) -> tuple[dict[str, Any], bool]:
    """Return the tool that a model answers with, and whether it wraps the answer in an object."""
    # Pydantic makes the schema, and checks the answer too: LangChain's own conversion knows neither
    # `Required[...]` nor the keys that a TypedDict may leave out.
    schema = dereference_refs(adapter(gives).json_schema(schema_generator=_UntitledSchema))
    for keyword in ("$defs", "title", "description"):
        schema.pop(keyword, None)
    # The arguments of a tool are an object, whatever the answer is.
    wrapped = schema.get("type") != "object"
    if wrapped:
        schema = {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED]}
    name = gives.__name__ if isinstance(gives, type) and not wrapped else "answer"
    function = {"name": name, "description": "Give the final answer.", "parameters": schema}
    return {"type": "function", "function": function}, wrapped


@lru_cache(maxsize=64)
def _bind(model: ById, toolbox: ById) -> Any:
    """Bind a model's tools once, since its class converts them all to its provider's form."""
    return with_tools(model.item, toolbox.item.specs)


_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""Names of tools that providers accept."""


def _transfers(handoffs: tuple[str, ...]) -> dict[str, str]:
    """Map a tool name that providers accept to each handoff: `transfer_to_order_desk`."""
    targets: dict[str, str] = {}
    for target in handoffs:
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"transfer_to_{target}")[:64]
        if name in targets:
            raise DesignError(
                f"the handoffs to {targets[name]!r} and {target!r} would both be the tool "
                f"{name!r}; rename one of the nodes"
            )
        targets[name] = target
    return targets


def _transfer(name: str, target: str) -> StructuredTool:
    def transfer(reason: str) -> str:
        return reason

    return StructuredTool.from_function(
        transfer, name=name, description=f"Pass this request on to {target}."
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
        message = yield from in_time(attempt, Call(toolbox.tools[name], (tool_call,), config))
    except ToolRefused as refusal:
        return f"error: {refusal}"
    except QuintetError:
        raise
    except (ValueError, TypeError, LookupError) as problem:
        # A person's bad answer is a ValueError too, but LangGraph's and not the model's to mend.
        if is_invalid_resume(problem):
            raise
        return f"error: {problem}"
    if isinstance(message, Command):
        return _handoff_of(name, message, handoffs)
    if not isinstance(message.content, str):
        return json.dumps(message.content)
    message.artifact = message.name = None  # neither is for the model or for the stored messages
    return message  # type: ignore[no-any-return]


def _handoff_of(tool: str, command: Command[Any], handoffs: tuple[str, ...]) -> Handoff:
    if isinstance(command.goto, str) and command.goto in handoffs:
        return Handoff(to=command.goto, reason=f"the tool {tool!r} passed it on")
    raise ContractBroken(
        f"the tool {tool!r} returned {command!r:.80}; a chat model's tool may pass control on to "
        f"one of Worker(handoffs=...), here {', '.join(handoffs) or 'nobody'}"
    )


def check_tools(contract: Contract, handoffs: tuple[str, ...]) -> None:
    """Refuse tools that a chat model's tool loop cannot run.

    Raises:
        DesignError: a tool needs an agent graph, or its name is refused or taken.
    """
    for item in contract.tools:
        for name, kind in injected(item).items():
            if kind != InjectedToolCallId.__name__:
                raise DesignError(
                    f"contract {contract.goal!r}: the tool {tool_name(item)!r} wants {name!r} "
                    f"({kind}), which LangChain gives inside an agent graph only; give the worker "
                    "create_agent(...)"
                )
    # Made here for its checks of the names; the cache keeps it for the first run.
    _toolbox(tuple(map(ById, contract.tools)), contract.gives, handoffs)

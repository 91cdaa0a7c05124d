"""A chat model as an agent: the contract's tools in a loop, until it answers or hands off."""

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
"""What providers say when a message is not whole."""

EARLY = "error: not taken, since other calls came with it; see their results, then call it alone"


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """What an agent returns to pass control on, in place of a result.

    Args:
        to: the node that takes over; the worker must allow it.
        reason: why.
    """

    to: str
    reason: str


@dataclass(kw_only=True)
class Conversation:
    """What a chat model has been told and has said; it outlives a pause.

    Attributes:
        handoffs: the nodes that the model may pass control to.
        messages: the conversation so far; empty at first.
    """

    handoffs: tuple[str, ...] = ()
    messages: list[BaseMessage] = field(default_factory=list)

    def kept(self) -> list[dict[str, Any]]:
        """Give the messages as plain data."""
        return messages_to_dict(self.messages)

    @classmethod
    def back(cls, kept: Any, handoffs: tuple[str, ...]) -> Conversation:
        """Read a conversation from plain data."""
        return cls(handoffs=handoffs, messages=messages_from_dict(kept or []))

    @property
    def open_calls(self) -> list[Any]:
        """Give the calls of the last message that have no answer yet.

        They are answered in order.
        """
        for answers, message in enumerate(reversed(self.messages)):
            if isinstance(message, AIMessage):
                return [*message.tool_calls, *message.invalid_tool_calls][answers:]
        return []


def converse(
    model: Any,
    contract: Contract,
    request: Any,
    attempt: Attempt,
    config: RunnableConfig,
    conversation: Conversation,
) -> Logic[Any]:
    """Let a chat model work with the contract's tools, from where the conversation stands.

    Raises:
        ContractBroken: its answer is empty or cut off, or it gives none.
        BudgetExhausted: a limit is reached before it answers.
    """
    kit = _kit(tuple(map(Same, contract.tools)), contract.gives, conversation.handoffs)
    bound = _bound(Same(model), Same(kit)) if kit.specs else model
    messages = conversation.messages
    if not messages:
        messages += [
            SystemMessage(contract.goal),
            HumanMessage(json.dumps(plain(request), ensure_ascii=False, separators=(",", ":"))),
        ]
    for _ in range(TURNS):
        if (calls := conversation.open_calls) and (
            moved := (yield from _answer_all(kit, calls, attempt, config, conversation))
        ):
            return moved
        # Counted here and not by the meter: callbacks cost a third of a model call's overhead.
        attempt.check()
        attempt.spend(steps=1)
        said: AIMessage = yield from in_time(attempt, Call(bound, (list(messages),)))
        attempt.used(said)
        if not said.tool_calls and not said.invalid_tool_calls:
            return last_word(said, contract)
        whole(said, contract)
        if kit.ends(said):
            return kit.end(said.tool_calls[0])
        messages.append(said)
    raise ContractBroken(f"contract {contract.goal!r}: no answer after {TURNS} model calls")


def _answer_all(
    kit: Kit, calls: list[Any], attempt: Attempt, config: RunnableConfig, conversation: Conversation
) -> Logic[Handoff | None]:
    """Run the calls of a message one by one; what has been answered stays answered."""
    ends = [call["name"] for call in calls if kit.is_end(call)]
    if len(ends) > 1:
        attempt.refused.append(f"it called {' and '.join(map(repr, ends))} in one message")
    for call in calls:
        said: Any = EARLY
        if call["type"] == "invalid_tool_call":
            said = f"error: the arguments are not JSON: {one_line(call['args'])}"
        elif not kit.is_end(call):
            said = yield from _use(kit, call, attempt, config, conversation.handoffs)
        if isinstance(said, Handoff):
            return said
        if isinstance(said, str):
            said = ToolMessage(said, tool_call_id=call["id"] or "")
        conversation.messages.append(said)
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


def last_word(said: BaseMessage, contract: Contract) -> Any:
    """An agent's last message as its answer; JSON is read where the contract gives a type.

    Raises:
        ContractBroken: the message is empty or cut off.
    """
    whole(said, contract)
    text = str(said.text)
    if not text.strip():
        refusal = said.additional_kwargs.get("refusal")
        why = f"it refused: {one_line(refusal)}" if refusal else "its last message is empty"
        raise ContractBroken(f"contract {contract.goal!r}: the model gave no answer; {why}")
    if contract.gives in (None, str):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def whole(said: BaseMessage, contract: Contract) -> None:
    """Refuse a message that the provider says is not whole."""
    about = said.response_metadata
    reason = about.get("finish_reason") or about.get("stop_reason")
    if reason in CUT_OFF:
        raise ContractBroken(
            f"contract {contract.goal!r}: the model's message was cut off ({reason}): "
            f"{one_line(said.text, 80)!r}"
        )


@dataclass(frozen=True, kw_only=True)
class Kit:
    """What a model may call: the contract's tools, one to answer with, one for each handoff."""

    tools: Mapping[str, BaseTool]
    answer: str
    wrapped: bool
    handoffs: Mapping[str, str]
    specs: tuple[dict[str, Any], ...]

    def is_end(self, call: Any) -> bool:
        """Whether a call answers or hands off."""
        return call["name"] == self.answer or call["name"] in self.handoffs

    def ends(self, said: AIMessage) -> bool:
        """Say whether a message does nothing but answer, or hand off to one."""
        return (
            not said.invalid_tool_calls
            and len(said.tool_calls) == 1
            and self.is_end(said.tool_calls[0])
        )

    def end(self, call: Any) -> Any:
        """The answer or the handoff of a call."""
        arguments = call["args"]
        if call["name"] in self.handoffs:
            target = self.handoffs[call["name"]]
            return Handoff(to=target, reason=str(arguments.get("reason", "")))
        # Without the field that was asked for, it is for the contract to say what is wrong.
        return arguments[WRAPPED] if self.wrapped and WRAPPED in arguments else arguments


WRAPPED = "answer"


class Same:
    """A thing as a key by its identity; LangChain's tools and models have no hash."""

    def __init__(self, item: Any) -> None:
        self.item = item

    def __hash__(self) -> int:
        return id(self.item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.item is self.item


@lru_cache(maxsize=512)
def _kit(contract_tools: tuple[Same, ...], gives: Any, handoffs: tuple[str, ...]) -> Kit:
    tools = {tool_name(each.item): as_tool(each.item) for each in contract_tools}
    specs = [convert_to_openai_tool(item) for item in tools.values()]
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
    return Kit(tools=tools, answer=answer, wrapped=wrapped, handoffs=targets, specs=tuple(specs))


class _Untitled(GenerateJsonSchema):
    """Without the titles that repeat each field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _answer_spec(gives: Any) -> tuple[dict[str, Any], bool]:
    """The tool that a model answers with, and whether the answer is wrapped into an object.

    Made by pydantic, which also checks the answer: LangChain's own conversion knows neither
    `Required[...]` nor what a TypedDict may leave out.
    """
    schema = dereference_refs(adapter(gives).json_schema(schema_generator=_Untitled))
    for own in ("$defs", "title", "description"):
        schema.pop(own, None)
    wrapped = schema.get("type") != "object"
    if wrapped:
        schema = {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED]}
    name = gives.__name__ if isinstance(gives, type) and not wrapped else "answer"
    function = {"name": name, "description": "Give the final answer.", "parameters": schema}
    return {"type": "function", "function": function}, wrapped


@lru_cache(maxsize=64)
def _bound(model: Same, kit: Same) -> Any:
    """Give a model with its tools bound, once: providers' classes turn them into their own form."""
    return with_tools(model.item, kit.item.specs)


_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""The names of tools that the providers take."""


def _transfers(handoffs: tuple[str, ...]) -> dict[str, str]:
    """Give each handoff a tool's name that providers take: `order desk` is `order_desk`."""
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


def _use(
    kit: Kit, call: Any, attempt: Attempt, config: RunnableConfig, handoffs: tuple[str, ...]
) -> Logic[ToolMessage | str | Handoff]:
    """Run one tool call. A refused tool or bad arguments go back to the model as text."""
    try:
        attempt.allow(call["name"])
        whole = {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call["id"]}
        message = yield from in_time(attempt, Call(kit.tools[call["name"]], (whole,), config))
    except ToolRefused as refusal:
        return f"error: {refusal}"
    except QuintetError:
        raise
    except (ValueError, TypeError, LookupError) as problem:
        if is_invalid_resume(problem):
            raise
        return f"error: {problem}"
    if isinstance(message, Command):
        return _handoff_of(call["name"], message, handoffs)
    if not isinstance(message.content, str):
        return json.dumps(message.content)
    message.artifact = message.name = None  # neither is for the model, nor for what is kept
    return message  # type: ignore[no-any-return]


def _handoff_of(tool: str, command: Command[Any], handoffs: tuple[str, ...]) -> Handoff:
    if isinstance(command.goto, str) and command.goto in handoffs:
        return Handoff(to=command.goto, reason=f"the tool {tool!r} passed it on")
    raise ContractBroken(
        f"the tool {tool!r} returned {command!r:.80}; a chat model's tool may pass control on to "
        f"one of Worker(handoffs=...), here {', '.join(handoffs) or 'nobody'}"
    )


def check_tools(contract: Contract, handoffs: tuple[str, ...]) -> None:
    """Refuse tools that a chat model cannot be given here.

    Raises:
        DesignError: it names the tool and the remedy.
    """
    for item in contract.tools:
        for name, kind in injected(item).items():
            if kind != InjectedToolCallId.__name__:
                raise DesignError(
                    f"contract {contract.goal!r}: the tool {tool_name(item)!r} wants {name!r} "
                    f"({kind}), which LangChain gives inside an agent graph only; give the worker "
                    "create_agent(...)"
                )
    _kit(tuple(map(Same, contract.tools)), contract.gives, handoffs)

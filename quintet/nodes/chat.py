"""A chat model as an agent: the contract's tools in a loop, until it answers or hands off."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json_schema import dereference_refs
from pydantic.json_schema import GenerateJsonSchema

from quintet.nodes.dispatch import Dispatch
from quintet.nodes.effect import Effect
from quintet.nodes.node import Call, Steps, brief
from quintet.state.contract import Contract, tool_name
from quintet.state.errors import ContractBroken, DesignError, QuintetError, ToolRefused
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


def converse(
    model: BaseChatModel,
    contract: Contract,
    request: Any,
    dispatch: Dispatch,
    config: RunnableConfig,
    handoffs: tuple[str, ...],
) -> Steps[Any]:
    """Let a chat model work with the contract's tools.

    Raises:
        ContractBroken: its answer is empty or cut off, or it gives none.
        BudgetExhausted: a limit is reached before it answers.
    """
    kit = _kit(tuple(map(Same, contract.tools)), contract.gives, handoffs)
    bound = model.bind_tools(list(kit.specs)) if kit.specs else model
    messages: list[BaseMessage] = [
        SystemMessage(contract.goal),
        HumanMessage(json.dumps(plain(request), ensure_ascii=False, separators=(",", ":"))),
    ]
    for _ in range(TURNS):
        # Counted here and not by the meter: callbacks cost a third of a model call's overhead.
        dispatch.check()
        dispatch.spend(steps=1)
        said: AIMessage = yield Call(bound, (messages,))
        dispatch.used(said)
        if not said.tool_calls and not said.invalid_tool_calls:
            return last_word(said, contract)
        whole(said, contract)
        if kit.ends(said):
            return kit.end(said.tool_calls[0])
        messages.append(said)
        for call in said.tool_calls:
            content = EARLY if kit.is_end(call) else (yield from _use(kit, call, dispatch, config))
            messages.append(ToolMessage(content, tool_call_id=call["id"] or ""))
        for broken in said.invalid_tool_calls:
            content = f"error: the arguments are not JSON: {brief(broken['args'])}"
            messages.append(ToolMessage(content, tool_call_id=broken["id"] or ""))
    raise ContractBroken(f"contract {contract.goal!r}: no answer after {TURNS} model calls")


def last_word(said: BaseMessage, contract: Contract) -> Any:
    """An agent's last message as its answer; JSON is read where the contract gives a type.

    Raises:
        ContractBroken: the message is empty or cut off.
    """
    whole(said, contract)
    text = str(said.text)
    if not text.strip():
        refusal = said.additional_kwargs.get("refusal")
        why = f"it refused: {brief(refusal)}" if refusal else "its last message is empty"
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
            f"{brief(said.text, 80)!r}"
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
        """Whether a message does nothing but answer or hand off."""
        return not said.invalid_tool_calls and all(self.is_end(call) for call in said.tool_calls)

    def end(self, call: Any) -> Any:
        """The answer or the handoff of a call."""
        arguments = call["args"]
        if call["name"] in self.handoffs:
            target = self.handoffs[call["name"]]
            return Handoff(to=target, reason=str(arguments.get("reason", "")))
        return arguments.get(WRAPPED) if self.wrapped else arguments


WRAPPED = "answer"


class Same:
    """A tool as a key by its identity; LangChain's tools have no hash."""

    def __init__(self, item: Any) -> None:
        self.item = item

    def __hash__(self) -> int:
        return id(self.item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.item is self.item


@lru_cache(maxsize=512)
def _kit(contract_tools: tuple[Same, ...], gives: Any, handoffs: tuple[str, ...]) -> Kit:
    tools = {tool_name(each.item): _as_tool(each.item) for each in contract_tools}
    specs = [convert_to_openai_tool(item) for item in tools.values()]
    answer, wrapped = "", False
    if gives not in (None, str):
        spec, wrapped = _answer_spec(gives)
        answer = spec["function"]["name"]
        specs.append(spec)
    specs += [convert_to_openai_tool(_transfer(target)) for target in handoffs]
    targets = {f"transfer_to_{target}": target for target in handoffs}
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


def _as_tool(item: Any) -> BaseTool:
    if isinstance(item, Effect):
        return item.as_tool()
    made: BaseTool = item if isinstance(item, BaseTool) else tool(item)
    return made


def _transfer(target: str) -> StructuredTool:
    def transfer(reason: str) -> str:
        return reason

    return StructuredTool.from_function(
        transfer, name=f"transfer_to_{target}", description=f"Pass this request on to {target}."
    )


def _use(kit: Kit, call: Any, dispatch: Dispatch, config: RunnableConfig) -> Steps[str]:
    """Run one tool call. A refused tool or bad arguments go back to the model as text."""
    try:
        dispatch.allow(call["name"])
        result = yield Call(kit.tools[call["name"]], (call["args"],), config)
    except ToolRefused as refusal:
        return f"error: {refusal}"
    except QuintetError:
        raise
    except (ValueError, TypeError, LookupError) as problem:
        return f"error: {problem}"
    return result if isinstance(result, str) else json.dumps(plain(result), ensure_ascii=False)

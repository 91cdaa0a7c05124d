"""Any agent under one call: functions, runnables, agent graphs and chat models."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, tool
from langchain_core.utils.function_calling import convert_to_openai_tool

from quintet.nodes.dispatch import Dispatch
from quintet.nodes.effect import Effect
from quintet.nodes.node import Call, Steps
from quintet.state.contract import Contract, tool_name
from quintet.state.errors import ContractBroken, QuintetError, ToolRefused
from quintet.state.record import plain

TURNS = 25
"""Model calls of one handoff where the contract's budget sets no limit."""


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """What an agent returns to pass control on, in place of a result.

    Args:
        to: the node that takes over; the worker must allow it.
        reason: why.
    """

    to: str
    reason: str


def consult(
    agent: Any,
    contract: Contract,
    request: Any,
    dispatch: Dispatch,
    config: RunnableConfig,
    handoffs: tuple[str, ...] = (),
) -> Steps[Any]:
    """Give an agent of any kind its request, and take what it returns."""
    if isinstance(agent, BaseChatModel):
        return (yield from _loop(agent, contract, request, dispatch, config, handoffs))
    dispatch.check()
    if isinstance(agent, Runnable):
        spoken = speaks(agent)
        given = {"messages": [HumanMessage(brief_of(contract, request))]} if spoken else request
        result = yield Call(agent, (given,), config)
        return _last_word(result, contract) if spoken else result
    dispatch.spend(steps=1)
    given = (request, guarded(contract, dispatch)) if _wants_tools(agent) else (request,)
    return (yield Call(agent, given, blocks=True))


def speaks(agent: Runnable[Any, Any]) -> bool:
    """Whether an agent graph takes messages, as `create_agent` graphs do."""
    return "messages" in (getattr(agent, "channels", None) or ())


def brief_of(contract: Contract, request: Any) -> str:
    """The contract and its context in words, for an agent that reads messages."""
    context = json.dumps(plain(request), ensure_ascii=False, separators=(",", ":"))
    return f"{contract.goal}\n{context}"


def guarded(contract: Contract, dispatch: Dispatch) -> Tools:
    """The contract's tools for a function agent."""
    return Tools(contract.tools, dispatch)


class Tools(Mapping[str, Any]):
    """The tools that a function agent may call, by name or as attributes; any other is refused."""

    def __init__(self, tools: Sequence[Any], dispatch: Dispatch) -> None:
        self._tools = {tool_name(item): item for item in tools}
        self._dispatch = dispatch

    def __getitem__(self, name: str) -> Any:
        self._dispatch.allow(name)
        found = self._tools[name]
        return _called(found) if isinstance(found, BaseTool) else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self[name]

    def __iter__(self) -> Any:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)


def _called(found: BaseTool) -> Any:
    def call(**arguments: Any) -> Any:
        return found.invoke(arguments)

    return call


def _wants_tools(agent: Any) -> bool:
    try:
        parameters = inspect.signature(agent).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = [
        p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return sum(p.default is p.empty for p in positional) > 1


def _last_word(result: Any, contract: Contract) -> Any:
    """What an agent graph answers: its structured response, else its last message."""
    if result.get("structured_response") is not None:
        return result["structured_response"]
    return _parsed(str(result["messages"][-1].text), contract)


def _parsed(text: str, contract: Contract) -> Any:
    """A text answer; JSON is read where the contract gives a type."""
    if contract.gives in (None, str):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


@lru_cache(maxsize=512)
def _as_tool(item: Any) -> BaseTool:
    if isinstance(item, Effect):
        return item.as_tool()
    if isinstance(item, BaseTool):
        return item
    return tool(item)


@lru_cache(maxsize=512)
def _specs(contract_tools: tuple[Any, ...], gives: Any, handoffs: tuple[str, ...]) -> Any:
    """A model's tools: the contract's, one to answer with, one for each handoff."""
    tools = {tool_name(item): _as_tool(item) for item in contract_tools}
    specs = [convert_to_openai_tool(item) for item in tools.values()]
    answer = ""
    if gives not in (None, str):
        spec = convert_to_openai_tool(gives)
        spec["function"]["description"] = "Give the final answer."
        answer = spec["function"]["name"]
        specs.append(spec)
    for target in handoffs:
        specs.append(convert_to_openai_tool(_transfer(target)))
    return tools, specs, answer


def _transfer(target: str) -> StructuredTool:
    def transfer(reason: str) -> str:
        return reason

    return StructuredTool.from_function(
        transfer, name=f"transfer_to_{target}", description=f"Pass this request on to {target}."
    )


def _loop(
    model: BaseChatModel,
    contract: Contract,
    request: Any,
    dispatch: Dispatch,
    config: RunnableConfig,
    handoffs: tuple[str, ...],
) -> Steps[Any]:
    """A chat model with the contract's tools, until it answers, hands off or runs out."""
    tools, specs, answer = _specs(contract.tools, contract.gives, handoffs)
    bound = model.bind_tools(specs) if specs else model
    messages: list[BaseMessage] = [
        SystemMessage(contract.goal),
        HumanMessage(json.dumps(plain(request), ensure_ascii=False, separators=(",", ":"))),
    ]
    for _ in range(TURNS):
        # Counted here and not by the meter: callbacks cost a third of a model call's overhead.
        dispatch.check()
        dispatch.spend(steps=1)
        said: AIMessage = yield Call(bound, (messages,))
        dispatch.spend(tokens=said.usage_metadata["total_tokens"] if said.usage_metadata else 0)
        if not said.tool_calls:
            return _parsed(str(said.text), contract)
        messages.append(said)
        for call in said.tool_calls:
            if call["name"] == answer:
                return call["args"]
            if call["name"].removeprefix("transfer_to_") in handoffs:
                target = call["name"].removeprefix("transfer_to_")
                return Handoff(to=target, reason=str(call["args"].get("reason", "")))
        for call in said.tool_calls:
            content = yield from _use(tools, call, dispatch, config)
            messages.append(ToolMessage(content, tool_call_id=call["id"] or ""))
    raise ContractBroken(f"contract {contract.goal!r}: no answer after {TURNS} model calls")


def _use(
    tools: Mapping[str, BaseTool], call: Any, dispatch: Dispatch, config: RunnableConfig
) -> Steps[str]:
    """Run one tool call. A refused tool or bad arguments go back to the model as text."""
    try:
        dispatch.allow(call["name"])
        result = yield Call(tools[call["name"]], (call["args"],), config)
    except ToolRefused as refusal:
        return f"error: {refusal}"
    except QuintetError:
        raise
    except (ValueError, TypeError, LookupError) as problem:
        return f"error: {problem}"
    return result if isinstance(result, str) else json.dumps(plain(result), ensure_ascii=False)

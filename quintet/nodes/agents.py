"""Any agent under one call: functions, runnables, agent graphs and chat models."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tools import BaseTool

from quintet.nodes.chat import converse, last_word
from quintet.nodes.dispatch import Dispatch
from quintet.nodes.meter import heard
from quintet.nodes.node import Call, Steps
from quintet.state.contract import Contract, tool_name
from quintet.state.errors import PersonNeeded
from quintet.state.record import plain


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
        return (yield from converse(agent, contract, request, dispatch, config, handoffs))
    dispatch.check()
    if isinstance(agent, Runnable):
        spoken = speaks(agent)
        given = {"messages": [HumanMessage(brief_of(contract, request))]} if spoken else request
        result = yield Call(agent, (given,), config)
        _check_outcome(agent, contract, result)
        return _last_word(result, contract) if spoken else result
    dispatch.spend(steps=1)
    given = (request, guarded(contract, dispatch)) if _wants_tools(agent) else (request,)
    with heard(config):
        return (yield Call(agent, given, blocks=True))


def _check_outcome(agent: Any, contract: Contract, result: Any) -> None:
    """Refuse the state of a graph of ours that says itself that it is not done."""
    ended = result.get("outcome") if "outcome" in (getattr(agent, "channels", None) or ()) else None
    if ended and ended["status"] != "done":
        raise PersonNeeded(
            f"contract {contract.goal!r}: the agent's own run ended {ended['status']}: "
            f"{ended['reason']}"
        )


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
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in positional) > 1


def _last_word(result: Any, contract: Contract) -> Any:
    """What an agent graph answers: its structured response, else its last message."""
    if result.get("structured_response") is not None:
        return result["structured_response"]
    return last_word(result["messages"][-1], contract)

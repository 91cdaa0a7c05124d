"""Any agent under one call: functions, runnables, agent graphs and chat models."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import BaseOutputParser
from langchain_core.runnables import (
    Runnable,
    RunnableBranch,
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnableSequence,
)
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from langgraph.config import get_config
from langgraph.graph import StateGraph
from langgraph.runtime import Runtime, get_runtime
from langgraph.types import Command

from quintet.errors import ContractBroken, DesignError, PersonNeeded
from quintet.nodes.agents.chat import Conversation, Handoff, converse, last_word
from quintet.nodes.agents.meter import Stopped, heard
from quintet.nodes.agents.toolbox import Tools
from quintet.nodes.core.attempt import Attempt, in_time
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.node import values
from quintet.nodes.effect import Effect
from quintet.state.action import Action
from quintet.state.channels import Ending
from quintet.state.contract import Contract
from quintet.state.record import plain, read
from quintet.state.verdict import is_async, name_of


def consult(
    agent: Any,
    contract: Contract,
    request: Any,
    attempt: Attempt,
    config: RunnableConfig,
    conversation: Conversation,
) -> Logic[Any]:
    """Give an agent of any kind its request, and take what it returns.

    Raises:
        BudgetExhausted: a limit is reached before it answers.
        ContractBroken: it answers in no way that a contract knows.
    """
    try:
        answer = yield from _consult(agent, contract, request, attempt, config, conversation)
    except Stopped as stop:
        raise stop.reason from stop
    attempt.check_open("an agent's answer")
    _refuse_unawaited(contract, attempt)
    return _moved(answer, contract, conversation.handoffs)


def _consult(
    agent: Any,
    contract: Contract,
    request: Any,
    attempt: Attempt,
    config: RunnableConfig,
    conversation: Conversation,
) -> Logic[Any]:
    if is_model(agent):
        return (yield from converse(agent, contract, request, attempt, config, conversation))
    attempt.check()
    if isinstance(agent, Runnable):
        inner = innermost(agent)
        given = _given(inner, contract, request)
        result = yield from in_time(attempt, Call(agent, (given,), config))
        for action in _done_within(result):
            if (action.name, action.key) not in attempt.actions:
                attempt.record(action)
        if isinstance(result, Mapping):
            _check_outcome(inner, contract, result)
        spoken = speaks(inner) and isinstance(result, Mapping) and "messages" in result
        return _last_word(result, contract) if spoken else _text_of(result, contract)
    attempt.spend(steps=1)
    parameters = _parameters(agent)
    given = (request,)
    if parameters.tools == "":
        given = (request, Tools(contract.tools, attempt, awaits=is_async(agent)))
    with heard(config):
        options = parameters.options(contract, attempt, awaits=is_async(agent))
        call = Call(agent, given, blocks=True, options=options)
        return (yield from in_time(attempt, call))


def _refuse_unawaited(contract: Contract, attempt: Attempt) -> None:
    idle = [
        name
        for (name, _), call in attempt.unawaited.items()
        if inspect.getcoroutinestate(call) == inspect.CORO_CREATED
    ]
    if idle:
        raise ContractBroken(
            f"contract {contract.goal!r}: the agent called {idle[0]!r} and did not await it, so "
            f"that nothing was done; write `await tools[{idle[0]!r}](...)`"
        )


def _moved(answer: Any, contract: Contract, handoffs: tuple[str, ...]) -> Any:
    """Take a `Command` as a handoff where it is one that the worker allows."""
    if not isinstance(answer, Command):
        return answer
    if isinstance(answer.goto, str) and answer.goto in handoffs and not answer.update:
        return Handoff(to=answer.goto, reason="the agent returned a Command")
    raise ContractBroken(
        f"contract {contract.goal!r}: the agent returned {answer!r:.80}; a worker's agent gives a "
        "result, or Handoff(to=...) to one of Worker(handoffs=...), here "
        f"{', '.join(handoffs) or 'nobody'}"
    )


def _done_within(result: Any) -> Iterator[Action]:
    """Find the effects that an agent graph did or proposed, on the messages of their tools.

    What its attempt knows is lost when it pauses and goes on in another process; the messages are
    in the graph's own checkpoints.
    """
    messages = result.get("messages") if isinstance(result, Mapping) else None
    for message in messages or ():
        kept = getattr(message, "artifact", None) if isinstance(message, ToolMessage) else None
        if isinstance(kept, Mapping) and "quintet_action" in kept:
            yield read(Action, kept["quintet_action"])


def _check_outcome(agent: Any, contract: Contract, result: Mapping[str, Any]) -> None:
    """Refuse the state of a graph of ours that says itself that it is not done."""
    channel = (getattr(agent, "channels", None) or {}).get("outcome")
    ended = result.get("outcome") if isinstance(channel, Ending) else None
    if ended and ended["status"] != "done":
        raise PersonNeeded(
            f"contract {contract.goal!r}: the agent's own run ended {ended['status']}: "
            f"{ended['reason']}"
        )


def innermost(agent: Any) -> Any:
    """Give the runnable that takes an agent's input, without retries, bindings and what follows."""
    while True:
        if isinstance(agent, RunnableBindingBase):
            agent = agent.bound
        elif isinstance(agent, RunnableSequence):
            agent = agent.first
        elif isinstance(agent, RunnableWithFallbacks):
            agent = agent.runnable
        else:
            return agent


def is_model(agent: Any) -> bool:
    """Say whether an agent is a chat model, bound or with retries and fallbacks or not."""
    while isinstance(agent, RunnableBindingBase | RunnableWithFallbacks):
        agent = agent.bound if isinstance(agent, RunnableBindingBase) else agent.runnable
    return isinstance(agent, BaseChatModel)


def speaks(agent: Any) -> bool:
    """Say whether an agent graph takes messages, as `create_agent` graphs do."""
    return "messages" in (getattr(agent, "channels", None) or ())


def _given(inner: Any, contract: Contract, request: Any) -> Any:
    """Put a request into the form that a runnable takes."""
    if isinstance(inner, BaseChatModel):
        return [
            SystemMessage(contract.goal),
            HumanMessage(json.dumps(plain(request), ensure_ascii=False, separators=(",", ":"))),
        ]
    if not speaks(inner):
        return request
    # A graph may have keys of its own beside the messages.
    own = {
        key: value
        for key, value in values(request).items()
        if key in inner.channels and key != "messages"
    }
    return {**own, "messages": [HumanMessage(brief_of(contract, request))]}


def brief_of(contract: Contract, request: Any) -> str:
    """Put the contract and its context into words, for an agent that reads messages."""
    context = json.dumps(plain(request), ensure_ascii=False, separators=(",", ":"))
    return f"{contract.goal}\n{context}"


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What a function agent asks for besides its request.

    Attributes:
        tools: the parameter that takes the tools; empty where it is the second, None for none.
        given: by parameter, what LangGraph would give: `config`, `runtime`, `store`, `writer`.
    """

    tools: str | None = None
    given: tuple[tuple[str, str], ...] = ()

    def options(self, contract: Contract, attempt: Attempt, *, awaits: bool) -> dict[str, Any]:
        """Give the keyword arguments of a call."""
        options = {name: _FROM_LANGGRAPH[what]() for name, what in self.given}
        if self.tools:
            options[self.tools] = Tools(contract.tools, attempt, awaits=awaits)
        return options


def _config() -> RunnableConfig:
    try:
        return get_config()
    except RuntimeError:  # outside a graph
        return {}


_FROM_LANGGRAPH: dict[str, Callable[[], Any]] = {
    "config": _config,
    "runtime": get_runtime,
    "store": lambda: get_runtime().store,
    "writer": lambda: get_runtime().stream_writer,
}


@lru_cache(maxsize=1024)
def _read_parameters(agent: Callable[..., Any]) -> Parameters:
    try:
        parameters = list(inspect.signature(agent).parameters.values())
    except (TypeError, ValueError):  # a builtin
        return Parameters()
    try:
        hints = get_type_hints(agent if inspect.isroutine(agent) else type(agent).__call__)
    except (NameError, TypeError, AttributeError):
        hints = {}
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if not several and (not rest or rest[0].kind not in positional):
        raise DesignError(f"agent {name_of(agent)!r} takes no request; give it an argument for one")
    tools: str | None = None
    given = []
    for place, parameter in enumerate(rest[1:]):
        what = _wanted(parameter, hints.get(parameter.name))
        if what is not None:
            given.append((parameter.name, what))
        elif parameter.name == "tools" or (parameter.default is parameter.empty and tools is None):
            second = place == 0 and parameter.kind in positional
            tools = "" if second else parameter.name
        elif parameter.default is parameter.empty:
            raise DesignError(
                f"agent {name_of(agent)!r} wants {parameter.name!r}, and nobody gives it; an agent "
                "takes its request, then tools, config, runtime, store or writer as it likes"
            )
    return Parameters(tools=tools, given=tuple(given))


def _wanted(parameter: inspect.Parameter, hint: Any) -> str | None:
    """Say which of LangGraph's own things a parameter asks for, by its type or its name."""
    if hint is RunnableConfig or parameter.name == "config":
        return "config"
    if hint is Runtime or getattr(hint, "__origin__", None) is Runtime:
        return "runtime"
    return parameter.name if parameter.name in ("runtime", "store", "writer") else None


def _parameters(agent: Any) -> Parameters:
    try:
        return _read_parameters(agent)
    except TypeError:  # it has no hash
        return _read_parameters.__wrapped__(agent)


def check_agent(agent: Any, contract: Contract) -> None:
    """Refuse what cannot be a worker's agent, or would go past the contract.

    Raises:
        DesignError: it names the agent, the fault and the remedy.
    """
    if isinstance(agent, str):
        raise DesignError(
            f"Worker(agent={agent!r}): a name is no agent; give chat_model({agent!r}), a function, "
            "a runnable or a compiled graph"
        )
    if isinstance(agent, StateGraph):
        raise DesignError(
            "Worker(agent=StateGraph): compile the graph first, agent=graph.compile()"
        )
    if isinstance(agent, Runnable):
        _refuse_raw_functions(agent, contract)
        if contract.tools and not is_model(agent) and _ends_in_model(agent):
            raise DesignError(
                f"contract {contract.goal!r}: the agent ends in a chat model that nobody gives the "
                "contract's tools, and nobody would run what it calls; give the model alone, or "
                "create_agent(...)"
            )
    elif callable(agent):
        _parameters(agent)
    else:
        raise DesignError(
            f"Worker(agent={agent!r:.60}): give a function of the request, a runnable, a compiled "
            "graph or a chat model"
        )


def _refuse_raw_functions(agent: Any, contract: Contract) -> None:
    """Refuse an agent graph that holds another tool under the name of one of the effects."""
    effects = {tool.name: tool for tool in contract.tools if isinstance(tool, Effect)}
    for part in _parts(agent, set()) if effects else ():
        for name, tool in (getattr(part, "tools_by_name", None) or {}).items():
            if name in effects and not _is_effect(tool, effects[name]):
                raise DesignError(
                    f"contract {contract.goal!r}: the agent's own tool {name!r} is not the effect "
                    f"{name!r}, and would run past its gate and its record; give the agent "
                    f"{name}.as_tool()"
                )


def _parts(agent: Any, seen: set[int]) -> Iterator[Any]:
    """Give a runnable and all that it is made of, as far as its parts say so."""
    if id(agent) in seen:
        return
    seen.add(id(agent))
    yield agent
    nodes = getattr(getattr(agent, "builder", None), "nodes", None) or {}
    inner = [spec.runnable for spec in nodes.values()]
    match agent:
        case RunnableBindingBase():
            inner = [agent.bound]
        case RunnableSequence():
            inner = list(agent.steps)
        case RunnableWithFallbacks():
            inner = list(agent.runnables)
        case RunnableParallel():
            inner = list(agent.steps__.values())
        case RunnableBranch():
            inner = [agent.default, *(branch for _, branch in agent.branches)]
        case RunnableLambda():
            inner = list(agent.deps)
    for part in inner:
        yield from _parts(part, seen)


def _ends_in_model(agent: Any) -> bool:
    """Say whether a sequence's last word is a chat model's, parsed or not."""
    while isinstance(agent, RunnableBindingBase):
        agent = agent.bound
    if not isinstance(agent, RunnableSequence):
        return False
    steps = [step for step in agent.steps if not isinstance(step, BaseOutputParser)]
    return bool(steps) and (is_model(steps[-1]) or _ends_in_model(steps[-1]))


def _is_effect(tool: Any, effect: Effect) -> bool:
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    call = getattr(function, "__self__", function)  # the coroutine is a method
    return getattr(call, "effect", None) == effect


def _text_of(result: Any, contract: Contract) -> Any:
    """Give a message as its text; any other result as it is."""
    return last_word(result, contract) if isinstance(result, BaseMessage) else result


def _last_word(result: Any, contract: Contract) -> Any:
    """Give an agent graph's answer: its structured response, else its last message."""
    if result.get("structured_response") is not None:
        return result["structured_response"]
    return last_word(result["messages"][-1], contract)

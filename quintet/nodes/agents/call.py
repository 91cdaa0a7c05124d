"""Call an agent of any kind: a function, a runnable, an agent graph or a chat model."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
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
from langgraph.graph import StateGraph
from langgraph.types import Command

from quintet.errors import ContractBroken, DesignError
from quintet.nodes.agents.chat import (
    Conversation,
    Handoff,
    answer_of,
    as_json,
    first_messages,
    tool_loop,
)
from quintet.nodes.agents.graph import (
    actions_in,
    actions_of,
    answer_of_run,
    check_outcome,
    converses,
    graph_answer,
    input_runnable,
    question_of,
    takes_messages,
)
from quintet.nodes.agents.meter import CutOff, counted, with_callbacks
from quintet.nodes.agents.tools_argument import Tools
from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.call import Call, Logic
from quintet.nodes.core.injected import Injected, filled_in, injected_kind
from quintet.nodes.core.node import values
from quintet.nodes.core.once import record
from quintet.nodes.core.pool import take_step
from quintet.nodes.core.reckon import in_time
from quintet.nodes.effect import Effect
from quintet.state.contract import Contract
from quintet.state.verdict import is_async, name_of


def call_agent(
    agent: Any,
    contract: Contract,
    request: Any,
    attempt: Attempt,
    config: RunnableConfig,
    conversation: Conversation,
) -> Logic[Any]:
    """Give an agent of any kind its request; return its result, or a `Handoff`.

    Raises:
        BudgetExhausted: a limit is reached before it answers.
        ContractBroken: it returns a value that no worker takes, or left a call unawaited.
    """
    try:
        if is_model(agent):
            answer = yield from tool_loop(agent, contract, request, attempt, config, conversation)
        elif isinstance(agent, Runnable):
            answer = yield from _call_runnable(
                agent, contract, request, attempt, config, conversation.open
            )
        else:
            answer = yield from _call_function(agent, contract, request, attempt, config)
    except CutOff as stop:
        raise stop.reason from stop
    attempt.check_open("an agent's answer")
    _refuse_unawaited(contract, attempt)
    if attempt.asking is not None:  # a tool's question to a person, which the agent has caught
        raise attempt.asking
    if isinstance(answer, BaseMessage):
        return answer_of(answer, contract)
    return _without_command(answer, contract, conversation.handoffs)


def _call_function(
    agent: Any, contract: Contract, request: Any, attempt: Attempt, config: RunnableConfig
) -> Logic[Any]:
    """Call a function agent, with the tools and the values of LangGraph that it asks for."""
    take_step(attempt)
    yield from attempt.written()
    tools = Tools(contract.tools, attempt, awaits=is_async(agent))
    with with_callbacks(config), counted(config):
        args, options = _parameters(agent).arguments(request, tools)
        call = Call(agent, args, blocks=True, options=options)
        result = yield from in_time(attempt, call)
    check_outcome(agent, contract, result)
    return result


def _call_runnable(
    agent: Any,
    contract: Contract,
    request: Any,
    attempt: Attempt,
    config: RunnableConfig,
    open: Mapping[str, Any],
) -> Logic[Any]:
    """Call a runnable or an agent graph; record the effects that only its messages tell of."""
    attempt.check()
    inner = input_runnable(agent)
    given = _input(inner, contract, request)
    if converses(inner) and open:
        given = {**values(given), "questions": dict(open)}
    with counted(config, _most_calls(agent, attempt)):
        result = yield from in_time(attempt, Call(agent, (given,), config))
    for action in (*actions_in(result), *actions_of(inner, result)):
        if (action.name, action.key) not in attempt.actions:
            record(action, attempt)
    if isinstance(result, Mapping):
        if (question := question_of(inner, contract, result)) is not None:
            return question
        check_outcome(inner, contract, result)
        if takes_messages(inner) and "messages" in result:
            return graph_answer(given, result, contract)
        return answer_of_run(inner, contract, result)
    return result


CALLS = 250
"""The most model calls of an agent graph that nobody limits: LangChain's own end is 10,000."""


def _most_calls(agent: Any, attempt: Attempt) -> int | None:
    """Give the bound of an agent's loop where no budget has one; None for what is no such loop."""
    if any(limit.budget.steps is not None for limit in attempt.limits()):
        return None
    return CALLS if any(map(takes_messages, _parts(agent, set()))) else None


def _refuse_unawaited(contract: Contract, attempt: Attempt) -> None:
    """Refuse an answer while a coroutine of an effect or tool has never been started.

    So is one while an effect was about to happen, or was refused where nobody may have looked.
    """
    unawaited = [
        name
        for (name, _), call in attempt.unawaited.items()
        if inspect.getcoroutinestate(call) == inspect.CORO_CREATED
    ]
    if unawaited:
        raise ContractBroken(
            f"contract {contract.goal!r}: the agent called {unawaited[0]!r} and did not await it, "
            f"so that nothing was done; write `await tools[{unawaited[0]!r}](...)`"
        )
    # What has happened, or may have, is on record and told as such.
    if early := [name for name, key in attempt.at_work if (name, key) not in attempt.actions]:
        raise ContractBroken(
            f"contract {contract.goal!r}: the agent answered before {early[0]!r}, which it had "
            "called, was done; wait for it: await its task, or join its thread"
        )
    if attempt.astray is not None:  # whoever started the thread may never have looked
        raise attempt.astray


def _without_command(answer: Any, contract: Contract, handoffs: tuple[str, ...]) -> Any:
    """Turn a `Command` into the handoff that it makes; refuse any other `Command`."""
    if not isinstance(answer, Command):
        return answer
    if isinstance(answer.goto, str) and answer.goto in handoffs and not answer.update:
        return Handoff(to=answer.goto, reason="the agent returned a Command")
    raise ContractBroken(
        f"contract {contract.goal!r}: the agent returned {answer!r:.80}; a worker's agent gives a "
        "result, or Handoff(to=...) to one of Worker(handoffs=...), here "
        f"{', '.join(handoffs) or 'nobody'}"
    )


def is_model(agent: Any) -> bool:
    """Say whether an agent is a chat model, bound or with retries and fallbacks or not."""
    while isinstance(agent, RunnableBindingBase | RunnableWithFallbacks):
        agent = agent.bound if isinstance(agent, RunnableBindingBase) else agent.runnable
    return isinstance(agent, BaseChatModel)


def _input(inner: Any, contract: Contract, request: Any) -> Any:
    """Put a request into the form that a runnable takes."""
    if isinstance(inner, BaseChatModel):
        return first_messages(contract, request)
    if not takes_messages(inner):
        return request
    # A graph may have keys of its own beside the messages.
    own = {
        key: value
        for key, value in values(request).items()
        if key in inner.channels and key != "messages"
    }
    return {**own, "messages": [HumanMessage(f"{contract.goal}\n{as_json(request)}")]}


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Tell the parameters of a function agent besides its request.

    Attributes:
        tools: the parameter that takes the tools; empty where it is the second positional one, None
            where there is none.
        injected: each parameter that LangGraph would fill in, with the kind of its value: `config`,
            `runtime`, `store` or `writer`.
        hidden: whether it takes `*args` or `**kwargs`, so that it does not say what it takes.
    """

    tools: str | None = None
    injected: Injected = ()
    hidden: bool = False

    def arguments(self, request: Any, tools: Tools) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and the keyword arguments of a call."""
        options = filled_in(self.injected)
        if self.tools:
            options[self.tools] = tools
        return (request, tools) if self.tools == "" else (request,), options


@lru_cache(maxsize=1024)
def _read_parameters(agent: Callable[..., Any]) -> Parameters:
    # Cached, as evaluating type hints is slow next to the rest of a function agent's call.
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
    injected = []
    for position, parameter in enumerate(rest[1:]):
        kind = injected_kind(parameter, hints.get(parameter.name))
        if kind is not None:
            injected.append((parameter.name, kind))
        # The first required parameter takes the tools, whatever its name.
        elif parameter.name == "tools" or (parameter.default is parameter.empty and tools is None):
            second = position == 0 and parameter.kind in positional
            tools = "" if second else parameter.name
        elif parameter.default is parameter.empty:
            raise DesignError(
                f"agent {name_of(agent)!r} wants {parameter.name!r}, and nobody gives it; an agent "
                "takes its request, then tools, config, runtime, store or writer as it likes"
            )
    hidden = len(rest) < len(parameters)
    return Parameters(tools=tools, injected=tuple(injected), hidden=hidden)


def _parameters(agent: Any) -> Parameters:
    try:
        return _read_parameters(agent)
    except TypeError:  # it has no hash
        return _read_parameters.__wrapped__(agent)


def check_agent(agent: Any, contract: Contract) -> None:
    """Refuse an object that cannot be a worker's agent, or that would get around the contract.

    Raises:
        DesignError: it names the agent, the mistake and the remedy.
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
        known = _parameters(agent)
        if contract.tools and known.hidden and known.tools is None:
            raise DesignError(
                f"contract {contract.goal!r} has tools, and the agent {name_of(agent)!r} takes "
                "*args or **kwargs, which do not say whether it wants them; name the parameter "
                "`tools`, and let a decorator use functools.wraps"
            )
    else:
        raise DesignError(
            f"Worker(agent={agent!r:.60}): give a function of the request, a runnable, a compiled "
            "graph or a chat model"
        )


def _refuse_raw_functions(agent: Any, contract: Contract) -> None:
    """Refuse an agent graph that has another tool under the name of one of the effects."""
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
    """Yield a runnable and every part of it that LangChain makes public, each once."""
    # Runnables may contain each other, and many have no hash: hence `seen`, by identity.
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
    """Say whether a sequence ends in a chat model, with or without output parsers after it."""
    while isinstance(agent, RunnableBindingBase):
        agent = agent.bound
    if not isinstance(agent, RunnableSequence):
        return False
    steps = [step for step in agent.steps if not isinstance(step, BaseOutputParser)]
    return bool(steps) and (is_model(steps[-1]) or _ends_in_model(steps[-1]))


def _is_effect(tool: Any, effect: Effect) -> bool:
    """Say whether a LangChain tool was made of the effect by `as_tool`."""
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    call = getattr(function, "__self__", function)  # the coroutine is a method
    return getattr(call, "effect", None) == effect

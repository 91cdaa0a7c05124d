"""What an agent's models and tools report: tokens, calls, and tools that it may not call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSequence
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.config import get_config

from quintet.errors import QuintetError
from quintet.nodes.core.attempt import Attempt, current
from quintet.nodes.core.call import Call, Logic


class Stopped(BaseException):
    """A budget or a contract stops an agent from within one of its calls.

    Not an Exception: no retry, fallback or `except Exception` inside the agent takes it for one of
    the agent's own, and LangChain does not log it as an error in a callback.
    """

    def __init__(self, reason: QuintetError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Meter(BaseCallbackHandler):
    """Counts an attempt's model calls and tokens, and refuses tools outside its contract.

    It works on any LangChain agent, since the calls of nested runnables come by here before they
    are made. What is raised here, `Stopped`, stops the agent.
    """

    raise_error = True
    run_inline = True
    ignore_chain = True
    ignore_retriever = True
    ignore_custom_event = True

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **kwargs: Any
    ) -> None:
        """Count the call, unless the budget has no room for it."""
        self._count()

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], **kwargs: Any) -> None:
        """Count the call, unless the budget has no room for it."""
        self._count()

    def _count(self) -> None:
        if self._is_nested:
            return
        with stopping():
            self.attempt.check()
            self.attempt.spend(steps=1)

    @property
    def _is_nested(self) -> bool:
        """Say whether the call is of an attempt within this one, which reports it here itself."""
        inner = current.get()
        around = () if inner is None or inner.outer is None else inner.outer.layers()
        return any(each is self.attempt for each in around)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Add the tokens that the provider reports."""
        if self._is_nested:
            return
        for generations in response.generations:
            for generation in generations:
                if isinstance(generation, ChatGeneration):
                    self.attempt.used(generation.message)

    def on_tool_start(
        self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Refuse a tool that the contract does not list."""
        if self._is_nested:
            return
        with stopping():
            self.attempt.allow(str((serialized or {}).get("name", kwargs.get("name", "?"))))


@contextmanager
def stopping() -> Iterator[None]:
    """Turn a refusal into what stops an agent whatever it catches."""
    try:
        yield
    except QuintetError as reason:
        raise Stopped(reason) from reason


def structured(chain: Runnable[Any, Any], messages: list[BaseMessage]) -> Logic[Any]:
    """Ask a model by its structured output, and count the call where a node is counting.

    Of LangChain's chain of a model and its parsers, the model is called by itself where it comes
    first, so that its own message says what it has used: callbacks all along the chain would cost
    more than everything else here.

    Raises:
        BudgetExhausted: a limit is reached.
    """
    attempt = current.get()
    if attempt is None:
        return (yield Call(chain, (messages,)))
    model, *parsers = chain.steps if isinstance(chain, RunnableSequence) else (chain,)
    if not isinstance(getattr(model, "bound", model), BaseChatModel):
        return (yield Call(chain, (messages,), metered(attempt)))
    attempt.check()
    attempt.spend(steps=1)
    said = yield Call(model, (messages,))
    if isinstance(said, BaseMessage):
        attempt.used(said)
    for parser in parsers:
        said = yield Call(parser, (said,))
    return said


def metered(attempt: Attempt) -> RunnableConfig:
    """Put a meter beside the running node's callbacks; LangChain adds the rest."""
    try:
        around = get_config().get("callbacks")
    except RuntimeError:
        around = None
    if isinstance(around, BaseCallbackManager):
        around = around.copy()
        around.add_handler(Meter(attempt))
        return {"callbacks": around}
    return {"callbacks": [*(around or ()), Meter(attempt)]}


@contextmanager
def heard(config: RunnableConfig) -> Iterator[None]:
    """Let a meter hear the models and tools that a function agent calls by itself."""
    around = var_child_runnable_config.get()
    token = var_child_runnable_config.set({**(around or {}), **config})
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)

"""Count the calls and tokens of an agent's models, and refuse tools that it may not call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable, RunnableConfig, RunnableSequence
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.tracers.context import register_configure_hook

from quintet.errors import BudgetExhausted, QuintetError
from quintet.nodes.core.attempt import Attempt, current
from quintet.nodes.core.call import Call, Logic, call_any, has_logic
from quintet.nodes.core.injected import running_config
from quintet.nodes.core.pool import take_step


class CutOff(BaseException):
    """Raised when a budget or a contract stops an agent from within one of its calls.

    It is no `Exception`: no retry, fallback or `except Exception` inside the agent catches it, and
    LangChain does not log it as an error in a callback.
    """

    def __init__(self, reason: QuintetError) -> None:
        super().__init__(str(reason))
        self.reason = reason


class Meter(BaseCallbackHandler):
    """Count an attempt's model calls and tokens, and refuse tools outside its contract.

    It works on any LangChain agent, since LangChain tells its callbacks of every nested call before
    that is made. `CutOff`, which it raises, ends the agent.
    """

    # LangChain otherwise only logs a handler's errors, and in async runs puts it into a thread.
    raise_error = True
    run_inline = True
    ignore_chain = True
    ignore_retriever = True
    ignore_custom_event = True

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self.calls = 0
        self.most: int | None = None

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
        with as_stopped():
            self._refuse_endless()
            take_step(self.attempt)
            # LangChain awaits no handler here: where spending is limited, the loop waits for it.
            self.attempt.write()

    def _refuse_endless(self) -> None:
        self.calls += 1
        if self.most is not None and self.calls > self.most:
            raise BudgetExhausted(
                f"{self.attempt.task.node}: no answer after {self.most} model calls; if its work "
                "needs more, say how many: Contract(budget=Budget(steps=...))"
            )

    @property
    def _is_nested(self) -> bool:
        """Say whether an attempt within this one makes the call, and reports it to this one."""
        inner = current.get()
        around = () if inner is None or inner.outer is None else inner.outer.layers()
        return any(attempt is self.attempt for attempt in around)

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Add the tokens that the provider reports."""
        if self._is_nested:
            return
        with as_stopped():
            for generations in response.generations:
                for generation in generations:
                    # A model of plain text has no message.
                    self.attempt.used(getattr(generation, "message", None))
        self.attempt.write()

    def on_tool_start(
        self, serialized: dict[str, Any], input_str: str, *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Refuse a tool that the contract does not list."""
        if self._is_nested:
            return
        with as_stopped():
            self.attempt.allow(str((serialized or {}).get("name", kwargs.get("name", "?"))))


@contextmanager
def as_stopped() -> Iterator[None]:
    """Raise an error of ours as `CutOff`, which no agent catches."""
    try:
        yield
    except QuintetError as reason:
        raise CutOff(reason) from reason


def call_structured(chain: Runnable[Any, Any], messages: list[BaseMessage]) -> Logic[Any]:
    """Call a model made by `with_structured_output`, and count the call if an attempt is open.

    Raises:
        BudgetExhausted: a limit is reached.
    """
    attempt = current.get()
    if attempt is None:
        return (yield Call(chain, (messages,)))
    # Model and parsers are called one by one, so that the model's message tells the tokens used:
    # callbacks along the whole chain would cost more than everything else here.
    model, *parsers = chain.steps if isinstance(chain, RunnableSequence) else (chain,)
    if not isinstance(getattr(model, "bound", model), BaseChatModel):
        return (yield Call(chain, (messages,), metered(attempt)))
    take_step(attempt)
    yield from attempt.written()
    output = yield Call(model, (messages,))
    if isinstance(output, BaseMessage):
        attempt.used(output)
        yield from attempt.written()
    for parser in parsers:
        output = yield Call(parser, (output,))
    return output


def call_counted(thing: Any, *args: Any) -> Logic[Any]:
    """Call a user-supplied object as `call_any` does, and count the models that it calls itself.

    One of ours counts them by itself. Tools are free here: whoever decides has no contract.

    Raises:
        BudgetExhausted: a limit is reached.
        DesignError: a model does not tell what is limited.
    """
    attempt = current.get()
    if attempt is None or has_logic(thing):
        return (yield from call_any(thing, *args))
    try:
        with counted({"callbacks": [_ModelMeter(attempt)]}):
            return (yield from call_any(thing, *args))
    except CutOff as stop:
        raise stop.reason from stop


class _ModelMeter(Meter):
    """Count an attempt's model calls alone."""

    ignore_agent = True


def metered(attempt: Attempt) -> RunnableConfig:
    """Return a config with the running node's callbacks and a meter; LangChain adds the rest."""
    around = running_config().get("callbacks")
    # A copy: a handler added to the node's own manager would outlive the attempt.
    if isinstance(around, BaseCallbackManager):
        around = around.copy()
        around.add_handler(Meter(attempt))
        return {"callbacks": around}
    return {"callbacks": [*(around or ()), Meter(attempt)]}


@contextmanager
def with_callbacks(config: RunnableConfig) -> Iterator[None]:
    """Make the config's callbacks hold for models and tools that a function agent calls itself."""
    # Models and tools called within a plain function take their callbacks from this variable, which
    # LangGraph has set to the config of the node.
    around = var_child_runnable_config.get()
    token = var_child_runnable_config.set({**(around or {}), **config})
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


_counting: ContextVar[BaseCallbackHandler | None] = ContextVar("quintet_meter", default=None)
register_configure_hook(_counting, inheritable=True)


@contextmanager
def counted(config: RunnableConfig, most: int | None = None) -> Iterator[None]:
    """Let the config's meter hear of calls, too, that an agent gives callbacks of its own.

    These take the place of those around it. LangChain adds the handler in the variable to any call.
    More model calls than `most` are refused.
    """
    callbacks = config.get("callbacks") or ()
    handlers = callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks
    meter = next((each for each in reversed(handlers) if isinstance(each, Meter)), None)
    if meter is not None:
        meter.most = most
    token = _counting.set(meter)
    try:
        yield
    finally:
        _counting.reset(token)

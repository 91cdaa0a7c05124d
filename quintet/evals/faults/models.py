"""Wrap a chat model so that faults may strike at its calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import ConfigDict

from quintet.evals.faults.strike import around
from quintet.evals.faults.wrapped import BreakableRunnable
from quintet.nodes.core.call import apump, pump


class BreakableModel(BaseChatModel):
    """Call a chat model unless a fault strikes, also where it is bound to tools or to a schema.

    Args:
        inner: the real model.
        spot: the spot in front of it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: Any
    spot: Any

    @property
    def _llm_type(self) -> str:
        return str(getattr(self.inner, "_llm_type", "chat"))

    @property
    def model_name(self) -> str:
        """Return the real model's name, for records."""
        return getattr(self.inner, "model_name", "") or type(self.inner).__name__

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Bind tools to the real model, and put the spot in front of the result."""
        return BreakableRunnable(self.inner.bind_tools(tools, **kwargs), self.spot)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[Any, Any]:
        """Hold the real model to a schema, and put the spot in front of the result."""
        return BreakableRunnable(self.inner.with_structured_output(schema, **kwargs), self.spot)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = kwargs if stop is None else {**kwargs, "stop": stop}
        moves = around(self.spot, (messages,))
        return _result(pump(moves, lambda arguments: self.inner.invoke(*arguments, **options)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = kwargs if stop is None else {**kwargs, "stop": stop}
        moves = around(self.spot, (messages,))
        ainvoke = self.inner.ainvoke
        return _result(await apump(moves, lambda arguments: ainvoke(*arguments, **options)))


def _result(reply: Any) -> ChatResult:
    # A fault may answer anything; a chat model can only give a message.
    message = reply if isinstance(reply, AIMessage) else AIMessage(str(reply or ""))
    return ChatResult(generations=[ChatGeneration(message=message)])

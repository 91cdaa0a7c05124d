"""A chat model at which faults may strike."""

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
    """A chat model with a spot in front of it, bound to tools or to a schema or neither.

    Args:
        inner: the real one.
        spot: where it stands.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: Any
    spot: Any

    @property
    def _llm_type(self) -> str:
        return str(getattr(self.inner, "_llm_type", "chat"))

    @property
    def model_name(self) -> str:
        """The real model's name, for records."""
        return getattr(self.inner, "model_name", "") or type(self.inner).__name__

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """The real model with its tools, behind the spot."""
        return BreakableRunnable(self.inner.bind_tools(tools, **kwargs), self.spot)

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Runnable[Any, Any]:
        """The real model with its schema, behind the spot."""
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
        return _result(pump(moves, lambda given: self.inner.invoke(*given, **options)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        options = kwargs if stop is None else {**kwargs, "stop": stop}
        moves = around(self.spot, (messages,))
        return _result(await apump(moves, lambda given: self.inner.ainvoke(*given, **options)))


def _result(said: Any) -> ChatResult:
    message = said if isinstance(said, AIMessage) else AIMessage(str(said or ""))
    return ChatResult(generations=[ChatGeneration(message=message)])

"""Record a run's nodes, tool calls, model calls and tokens from LangChain's callbacks."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult

from quintet.evals.reading.message import HANDOFFS
from quintet.evals.reading.transcript import with_retries
from quintet.evals.trajectory import CallStatus, ToolCall


class Observer(BaseCallbackHandler):
    """Record one run, as a callback handler in the run's configuration.

    Attributes:
        path: the graph's own nodes in the order in which they began; not those of nested graphs.
        spent: `model_calls`, `input_tokens`, `output_tokens` and `tokens`, as the models report.
    """

    run_inline = True  # else LangChain calls it in threads under async, out of order

    def __init__(self) -> None:
        self.path: list[str] = []
        self.spent: dict[str, float] = {}
        self._open_calls: dict[UUID, int] = {}
        self._calls: list[dict[str, Any]] = []
        # Parallel branches and sync tools call back from threads of their own.
        self._lock = threading.Lock()

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """List the tool calls in the order in which they began; retries are marked."""
        return with_retries(ToolCall(**call) for call in self._calls)

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, metadata: Any = None, **others: Any
    ) -> None:
        """Keep a node's name, if it is one of the outermost graph."""
        metadata = metadata or {}
        node, name = metadata.get("langgraph_node"), others.get("name")
        # Chains within a node carry its name in their metadata: only the node itself has it as
        # name, too. The checkpoint namespace has a "|" for each level of nesting.
        nested = "|" in str(metadata.get("langgraph_checkpoint_ns", ""))
        if node and node == name and not nested and not str(node).startswith("__"):
            self.path.append(str(node))

    def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
        """Count a model call."""
        self._add(model_calls=1)

    def on_llm_start(self, serialized: Any, prompts: Any, **_: Any) -> None:
        """Count a call of a text completion model."""
        self._add(model_calls=1)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        """Add the tokens that the model reports."""
        for generation in (item for row in response.generations for item in row):
            usage = getattr(getattr(generation, "message", None), "usage_metadata", None)
            if usage:
                self._add(
                    input_tokens=usage.get("input_tokens", 0),
                    output_tokens=usage.get("output_tokens", 0),
                    tokens=usage.get("total_tokens", 0),
                )

    def on_tool_start(
        self, serialized: Any, input_str: str, *, run_id: UUID, **others: Any
    ) -> None:
        """Keep a tool call with its arguments; a handoff tool is left out."""
        name = (serialized or {}).get("name") or others.get("name") or "tool"
        if name.startswith(HANDOFFS):
            return
        node = (others.get("metadata") or {}).get("langgraph_node", "")
        inputs = others.get("inputs")
        arguments = dict(inputs) if isinstance(inputs, Mapping) else _parse_arguments(input_str)
        call = {"name": name, "arguments": arguments, "status": "unknown", "node": str(node)}
        with self._lock:
            self._open_calls[run_id] = len(self._calls)
            self._calls.append(call)

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        """Settle a call that has returned; a message with status `error` is a failure."""
        self._settle(run_id, "failed" if getattr(output, "status", "") == "error" else "ok")

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """Settle a call that has raised."""
        # Our gates and contracts refuse a tool with errors of this kind.
        refused = isinstance(error, PermissionError)
        self._settle(run_id, "refused" if refused else "failed")

    def _settle(self, run_id: UUID, status: CallStatus) -> None:
        with self._lock:
            place = self._open_calls.pop(run_id, None)
            if place is not None:
                self._calls[place]["status"] = status

    def _add(self, **amounts: float) -> None:
        with self._lock:
            for name, amount in amounts.items():
                self.spent[name] = self.spent.get(name, 0) + amount


def _parse_arguments(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError:
        return {"input": text}
    return arguments if isinstance(arguments, dict) else {"input": arguments}

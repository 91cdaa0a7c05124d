"""What LangChain's callbacks tell of a run: nodes, tool calls, model calls and tokens."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult

from quintet.evals.reading.transcript import HANDOFFS
from quintet.evals.trajectory import Call, CallStatus


class Observer(BaseCallbackHandler):
    """Counts what one run does; it is passed in the run's configuration.

    Attributes:
        path: the graph's own nodes in the order in which they began; not those of graphs within.
        spent: `model_calls`, `input_tokens`, `output_tokens` and `tokens`, as the models report.
    """

    run_inline = True  # under async too: order matters, and nothing here waits

    def __init__(self) -> None:
        self.path: list[str] = []
        self.spent: dict[str, float] = {}
        self._begun: dict[UUID, int] = {}
        self._calls: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The tool calls in order; one that repeats a failed one is marked as its retry."""
        made: list[Call] = []
        for call in self._calls:
            last = next((item for item in reversed(made) if item.name == call["name"]), None)
            again = last is not None and last.status == "failed"
            same = again and last is not None and last.arguments == call["arguments"]
            made.append(Call(**call, retry=same))
        return tuple(made)

    def on_chain_start(
        self, serialized: Any, inputs: Any, *, metadata: Any = None, **others: Any
    ) -> None:
        """Keep a node's name, if it is one of the outermost graph."""
        about = metadata or {}
        node, name = about.get("langgraph_node"), others.get("name")
        within = str(about.get("langgraph_checkpoint_ns", "")).count("|")
        if node and node == name and not within and not str(node).startswith("__"):
            self.path.append(str(node))

    def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
        """Count a model call."""
        self._add(model_calls=1)

    def on_llm_start(self, serialized: Any, prompts: Any, **_: Any) -> None:
        """Count a call of a model that is not a chat model."""
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
        """Keep a tool call with its arguments; a handoff by a tool is no call."""
        name = (serialized or {}).get("name") or others.get("name") or "tool"
        if name.startswith(HANDOFFS):
            return
        node = (others.get("metadata") or {}).get("langgraph_node", "")
        given = others.get("inputs")
        with self._lock:
            self._begun[run_id] = len(self._calls)
            self._calls.append(
                {
                    "name": name,
                    "arguments": dict(given) if isinstance(given, Mapping) else _read(input_str),
                    "status": "unknown",
                    "node": str(node),
                }
            )

    def on_tool_end(self, output: Any, *, run_id: UUID, **_: Any) -> None:
        """The tool has returned; a message of status `error` is a failure."""
        self._settle(run_id, "failed" if getattr(output, "status", "") == "error" else "ok")

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """The tool has raised."""
        refused = isinstance(error, PermissionError)
        self._settle(run_id, "refused" if refused else "failed")

    def _settle(self, run_id: UUID, status: CallStatus) -> None:
        with self._lock:
            place = self._begun.pop(run_id, None)
            if place is not None:
                self._calls[place]["status"] = status

    def _add(self, **amounts: float) -> None:
        with self._lock:
            for name, amount in amounts.items():
                self.spent[name] = self.spent.get(name, 0) + amount


def _read(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError:
        return {"input": text}
    return given if isinstance(given, dict) else {"input": given}

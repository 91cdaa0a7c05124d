"""Record the calls to a scripted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.utils.function_calling import convert_to_json_schema
from langgraph.config import get_config


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCall:
    """One call to a model.

    Attributes:
        messages: the messages, in order.
        options: the options bound or passed with them, as a provider would get them.
        node: the LangGraph node that called; `outer/inner` inside a subgraph; None outside.
    """

    messages: tuple[BaseMessage, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    node: str | None = None

    @property
    def tools(self) -> tuple[dict[str, Any], ...]:
        """Return the bound tools, each as the function description that a provider gets."""
        return tuple(tool.get("function", tool) for tool in self.options.get("tools", ()))

    @property
    def tool_names(self) -> tuple[str, ...]:
        """Name the bound tools."""
        return tuple(str(tool.get("name", tool.get("type"))) for tool in self.tools)

    @property
    def schema(self) -> dict[str, Any] | None:
        """Return the JSON schema that the reply must fit; None where it is free."""
        wanted = self.options.get("response_format")
        if isinstance(wanted, type):
            return convert_to_json_schema(wanted)
        if wanted is not None:  # without a schema under `json_mode`: any object
            schema: dict[str, Any] = wanted.get("json_schema", {}).get("schema", {"type": "object"})
            return schema
        # Under `function_calling` the schema is the parameters of the one tool that must be called.
        forced = forced_tool(self.options)
        return next((tool["parameters"] for tool in self.tools if tool.get("name") == forced), None)

    @property
    def characters(self) -> int:
        """Count the characters of the messages' text, without tool calls and tool descriptions."""
        return count_characters(self.messages)


def count_characters(messages: Sequence[BaseMessage]) -> int:
    """Count the characters of the messages' text."""
    # `text` joins content blocks, and is slow for the usual plain content.
    return sum(
        len(message.content) if isinstance(message.content, str) else len(message.text)
        for message in messages
    )


def forced_tool(options: Mapping[str, Any]) -> str | None:
    """Name the function that a reply must call, if `tool_choice` names one."""
    choice = options.get("tool_choice")
    return choice.get("function", {}).get("name") if isinstance(choice, Mapping) else None


def calling_node() -> str | None:
    """Return the path of the LangGraph node that this code runs in, or None."""
    try:
        metadata = get_config().get("metadata", {})
    except RuntimeError:  # outside of a graph
        return None
    # The namespace is `outer:<task id>|inner:<task id>`; a part without an id is a counter, for a
    # subgraph that one node runs again.
    namespace = str(metadata.get("langgraph_checkpoint_ns") or "")
    path = [part.partition(":")[0] for part in namespace.split("|") if ":" in part]
    return "/".join(path) or metadata.get("langgraph_node")

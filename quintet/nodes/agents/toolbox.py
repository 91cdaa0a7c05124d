"""Collect the tools that a chat model may call, in the form that its provider takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.fallbacks import RunnableWithFallbacks
from langchain_core.tools import BaseTool, InjectedToolCallId
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.json_schema import dereference_refs
from pydantic.json_schema import GenerateJsonSchema

from quintet.errors import DesignError
from quintet.nodes.agents.injected import injected
from quintet.nodes.agents.tools import as_tool
from quintet.state.contract import Contract, tool_name
from quintet.state.record import adapter

WRAPPED = "answer"
"""The field that holds an answer which is no JSON object."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
"""Names of tools that providers accept."""

_REASON = {"properties": {"reason": {"type": "string"}}, "required": ["reason"], "type": "object"}
"""The arguments of a handoff."""


@dataclass(frozen=True, kw_only=True, eq=False)  # a key of `bind_tools` by its identity
class Toolbox:
    """Hold what a model may call: the contract's tools, one to answer, one for each handoff.

    Args:
        tools: the contract's tools by name.
        answer: the name of the tool to answer with; empty where the model answers by text.
        wrapped: whether the answer is the field `WRAPPED` of that tool's arguments.
        handoffs: the node that each handoff tool leads to, by the tool's name.
        specs: all of them in the form that providers take.
    """

    tools: Mapping[str, BaseTool]
    answer: str
    wrapped: bool
    handoffs: Mapping[str, str]
    specs: tuple[dict[str, Any], ...]

    def is_end(self, call: Any) -> bool:
        """Say whether a call answers or hands off."""
        return call["name"] == self.answer or call["name"] in self.handoffs

    def ends(self, reply: AIMessage) -> bool:
        """Say whether a message has one call only, which answers or hands off."""
        return (
            not reply.invalid_tool_calls
            and len(reply.tool_calls) == 1
            and self.is_end(reply.tool_calls[0])
        )


class ById:
    """Make an object a cache key by its identity; LangChain's tools and models have no hash.

    The key holds the object, so that no other gets its id while the key is in use.
    """

    def __init__(self, item: Any) -> None:
        self.item = item

    def __hash__(self) -> int:
        return id(self.item)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and other.item is self.item


def toolbox_of(contract: Contract, handoffs: tuple[str, ...]) -> Toolbox:
    """Return the toolbox for a contract; the same one for the same tools, type and handoffs.

    Raises:
        DesignError: a tool's name is refused by providers, or taken.
    """
    return _toolbox(tuple(map(ById, contract.tools)), contract.gives, handoffs)


@lru_cache(maxsize=512)
def _toolbox(contract_tools: tuple[ById, ...], gives: Any, handoffs: tuple[str, ...]) -> Toolbox:
    tools = {tool_name(key.item): as_tool(key.item) for key in contract_tools}
    specs = [convert_to_openai_tool(tool) for tool in tools.values()]
    answer, wrapped = "", False
    if gives not in (None, str):
        spec, wrapped = _answer_spec(gives)
        answer = spec["function"]["name"]
        specs.append(spec)
    targets = _transfers(handoffs)
    specs += [
        _spec(name, f"Pass this request on to {to}.", _REASON) for name, to in targets.items()
    ]
    if odd := [name for name in tools if not _NAME.fullmatch(name)]:
        raise DesignError(
            f"the tool {odd[0]!r} has a name that providers refuse; use letters, digits, _ and - "
            "only, 64 at most"
        )
    if clash := sorted({answer, *targets} & set(tools)):
        raise DesignError(
            f"the tool {clash[0]!r} has the name of a chat model's own way to answer or hand off; "
            "rename the tool"
        )
    return Toolbox(
        tools=tools, answer=answer, wrapped=wrapped, handoffs=targets, specs=tuple(specs)
    )


class _UntitledSchema(GenerateJsonSchema):
    """Generate a schema without the titles that repeat each field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _answer_spec(gives: Any) -> tuple[dict[str, Any], bool]:
    """Return the tool that a model answers with, and whether it wraps the answer in an object."""
    # Pydantic makes the schema, and checks the answer too: LangChain's own conversion knows neither
    # `Required[...]` nor the keys that a TypedDict may leave out.
    schema = dereference_refs(adapter(gives).json_schema(schema_generator=_UntitledSchema))
    for keyword in ("$defs", "title", "description"):
        schema.pop(keyword, None)
    # The arguments of a tool are an object, whatever the answer is.
    wrapped = schema.get("type") != "object"
    if wrapped:
        schema = {"type": "object", "properties": {WRAPPED: schema}, "required": [WRAPPED]}
    name = gives.__name__ if isinstance(gives, type) and not wrapped else "answer"
    return _spec(name, "Give the final answer.", schema), wrapped


def _with_tools(model: Any, specs: Sequence[dict[str, Any]]) -> Any:
    """Bind tools to a chat model, also within its retries, bindings and fallbacks."""
    if isinstance(model, RunnableBindingBase):
        return model.model_copy(update={"bound": _with_tools(model.bound, specs)})
    if isinstance(model, RunnableWithFallbacks):
        others = [_with_tools(other, specs) for other in model.fallbacks]
        return model.model_copy(
            update={"runnable": _with_tools(model.runnable, specs), "fallbacks": others}
        )
    return model.bind_tools(list(specs))


@lru_cache(maxsize=64)
def bind_tools(model: ById, toolbox: Toolbox) -> Any:
    """Bind a model's tools once, since its class converts them all to its provider's form."""
    return _with_tools(model.item, toolbox.specs)


def _transfers(handoffs: tuple[str, ...]) -> dict[str, str]:
    """Map a tool name that providers accept to each handoff: `transfer_to_order_desk`."""
    targets: dict[str, str] = {}
    for target in handoffs:
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"transfer_to_{target}")[:64]
        if name in targets:
            raise DesignError(
                f"the handoffs to {targets[name]!r} and {target!r} would both be the tool "
                f"{name!r}; rename one of the nodes"
            )
        targets[name] = target
    return targets


def _spec(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def check_tools(contract: Contract, handoffs: tuple[str, ...]) -> None:
    """Refuse tools that a chat model's tool loop cannot run.

    Raises:
        DesignError: a tool needs an agent graph, or its name is refused or taken.
    """
    for item in contract.tools:
        for name, kind in injected(item).items():
            if kind != InjectedToolCallId.__name__:
                raise DesignError(
                    f"contract {contract.goal!r}: the tool {tool_name(item)!r} wants {name!r} "
                    f"({kind}), which LangChain gives inside an agent graph only; give the worker "
                    "create_agent(...)"
                )
    # Made here to have the names checked; the cache keeps it for the first run.
    toolbox_of(contract, handoffs)

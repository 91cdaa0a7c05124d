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

ASK = "ask_customer"
_TEXT = {"properties": {"text": {"type": "string"}}, "required": ["text"], "type": "object"}
"""The tool that asks the customer, and its arguments."""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Offer a handoff to a chat model.

    Args:
        to: the node that takes over.
        needs: the type, or the keys, of what its contract needs.
        fields: the keys that the model is to fill in, since the state lacks them.
    """

    to: str
    needs: Any = ()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)  # a key of `bind_tools` by its identity
class Toolbox:
    """Hold what a model may call: the contract's tools, and those to answer, hand off and ask.

    Args:
        tools: the contract's tools by name.
        answer: the name of the tool to answer with; empty where the model answers by text.
        wrapped: whether the answer is the field `WRAPPED` of that tool's arguments.
        handoffs: the handoff that each handoff tool makes, by the tool's name.
        question: the name of the tool that asks the customer; empty where it may not.
        specs: all of them in the form that providers take.
    """

    tools: Mapping[str, BaseTool]
    answer: str
    wrapped: bool
    handoffs: Mapping[str, Transfer]
    question: str
    specs: tuple[dict[str, Any], ...]

    def is_end(self, call: Any) -> bool:
        """Say whether a call answers, asks the customer or hands off."""
        return call["name"] in (self.answer, self.question) or call["name"] in self.handoffs

    def ends(self, reply: AIMessage) -> bool:
        """Say whether a message has one call only, which ends the work."""
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


def toolbox_of(contract: Contract, transfers: tuple[Transfer, ...]) -> Toolbox:
    """Return the toolbox for a contract; the same one for the same tools, type and handoffs.

    Raises:
        DesignError: a tool's name is refused by providers, or taken.
    """
    tools = tuple(map(ById, contract.tools))
    return _toolbox(tools, contract.gives, transfers, bool(contract.questions))


@lru_cache(maxsize=512)
def _toolbox(
    contract_tools: tuple[ById, ...], gives: Any, transfers: tuple[Transfer, ...], asks: bool
) -> Toolbox:
    tools = {tool_name(key.item): as_tool(key.item) for key in contract_tools}
    specs = [convert_to_openai_tool(tool) for tool in tools.values()]
    answer, wrapped = "", False
    if gives not in (None, str):
        spec, wrapped = _answer_spec(gives)
        answer = spec["function"]["name"]
        specs.append(spec)
    targets = _transfers(transfers)
    specs += [
        _spec(name, f"Pass this request on to {transfer.to}.", _arguments(transfer))
        for name, transfer in targets.items()
    ]
    question = ASK if asks else ""
    if asks:
        specs.append(_spec(ASK, "Ask the customer what is missing; they answer later.", _TEXT))
    if odd := [name for name in tools if not _NAME.fullmatch(name)]:
        raise DesignError(
            f"the tool {odd[0]!r} has a name that providers refuse; use letters, digits, _ and - "
            "only, 64 at most"
        )
    if clash := sorted({answer, question, *targets} & set(tools)):
        raise DesignError(
            f"the tool {clash[0]!r} has the name of a chat model's own way to answer or hand off; "
            "rename the tool"
        )
    return Toolbox(
        tools=tools,
        answer=answer,
        wrapped=wrapped,
        handoffs=targets,
        question=question,
        specs=tuple(specs),
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


def _transfers(transfers: tuple[Transfer, ...]) -> dict[str, Transfer]:
    """Map a tool name that providers accept to each handoff: `transfer_to_order_desk`."""
    targets: dict[str, Transfer] = {}
    for transfer in transfers:
        name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"transfer_to_{transfer.to}")[:64]
        if name in targets:
            raise DesignError(
                f"the handoffs to {targets[name].to!r} and {transfer.to!r} would both be the tool "
                f"{name!r}; rename one of the nodes"
            )
        targets[name] = transfer
    return targets


def _arguments(transfer: Transfer) -> Mapping[str, Any]:
    """Return the arguments of a handoff: the reason, and what its receiver needs besides."""
    if not transfer.fields:
        return _REASON
    known: dict[str, Any] = {}
    required = set(transfer.fields)
    if not isinstance(transfer.needs, tuple):
        whole = adapter(transfer.needs).json_schema(schema_generator=_UntitledSchema)
        schema = dereference_refs(whole)
        known, required = schema["properties"], required & set(schema.get("required", ()))
    fields = {name: _untitled(known.get(name, {})) for name in transfer.fields}
    return {
        "type": "object",
        "properties": {**_REASON["properties"], **fields},  # type: ignore[dict-item]
        "required": list(dict.fromkeys(["reason", *sorted(required)])),
    }


def _untitled(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field's schema without the titles of the types in it, as LangChain's tools do."""
    kept = {key: value for key, value in schema.items() if key != "title"}
    for key in ("properties", "$defs"):
        if key in kept:
            kept[key] = {name: _untitled(inner) for name, inner in kept[key].items()}
    if isinstance(kept.get("items"), Mapping):
        kept["items"] = _untitled(kept["items"])
    return kept


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
    toolbox_of(contract, tuple(Transfer(to=to) for to in handoffs))

"""Ask for structured output and read it as `ChatOpenAI` does."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal, TypeGuard

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_function
from pydantic import BaseModel

from quintet.errors import DesignError

Schema = dict[str, Any] | type
Method = Literal["function_calling", "json_mode", "json_schema"]
JSON = JsonOutputParser()


def as_response_format(schema: Schema, strict: bool | None = None) -> Schema:
    """Make the `response_format` that asks a provider for this schema."""
    if _is_model(schema):  # the openai client takes the class, and checks the reply with it
        return schema
    if isinstance(schema, dict) and schema.get("type") == "json_schema" and "json_schema" in schema:
        return schema
    if isinstance(schema, dict) and {"name", "schema"} <= schema.keys():
        return {"type": "json_schema", "json_schema": schema}
    function = dict(convert_to_openai_function(schema, strict=bool(strict)))
    function["schema"] = function.pop("parameters")
    return {"type": "json_schema", "json_schema": function}


def output_parser(schema: Schema | None, method: Method) -> Runnable[Any, Any]:
    """Return the parser that turns the model's message into the schema's instance or dict.

    Raises:
        DesignError: an unknown method, or no schema where the method needs one.
    """
    if method not in ("function_calling", "json_mode", "json_schema"):
        raise DesignError(
            f"method={method!r}: give 'json_schema', 'function_calling' or 'json_mode'"
        )
    if method == "json_mode":
        return PydanticOutputParser(pydantic_object=schema) if _is_model(schema) else JSON
    if schema is None:
        raise DesignError(f"method={method!r} needs a schema; only 'json_mode' goes without")
    if method == "json_schema":
        return RunnableLambda(_parsed, _aparsed) if _is_model(schema) else JSON
    if _is_model(schema):
        return PydanticToolsParser(tools=[schema], first_tool_only=True)
    name = convert_to_openai_function(schema)["name"]
    return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def with_raw(
    model: Runnable[LanguageModelInput, AIMessage], parser: Runnable[Any, Any]
) -> Runnable[LanguageModelInput, Any]:
    """Return the message, the parsed output and the parser's error, for `include_raw`."""
    parse = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    unparsed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parse.with_fallbacks([unparsed], exception_key="parsing_error")


def _parsed(message: AIMessage) -> Any:
    parsed = message.additional_kwargs.get("parsed")
    if parsed is None and not message.tool_calls:
        raise ValueError(f"the reply holds no structured output: {message.content!r:.80}")
    return parsed


async def _aparsed(message: AIMessage) -> Any:
    return _parsed(message)


def _is_model(schema: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(schema, type) and issubclass(schema, BaseModel)

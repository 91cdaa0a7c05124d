"""Script a chat model: no network, no key, no delay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict, Field, PrivateAttr
from pydantic_core import to_json

from quintet.errors import DesignError
from quintet.state import clock
from quintet.testing.call import ModelCall, calling_node, count_characters
from quintet.testing.reply import Reply, as_chunks, as_message, check_reply, raise_fault
from quintet.testing.script import Script
from quintet.testing.structured import Method, Schema, as_response_format, output_parser, with_raw


class ScriptedModel(BaseChatModel):
    """Reply from a script as a chat model in tests and demos, and record the calls.

    A reply is a str, an `AIMessage`, an exception (an instance or a class: it is raised), or
    data: a dict, a pydantic model or a list of tool calls. A dict `{"name", "args"}` is a tool
    call, and so is a pydantic model, under its class name. Under `with_structured_output` (or
    another bound schema) data is the output, unless it names a bound tool. A list is always
    tool calls. Models made by binding tools or a schema go on in the same script.

    Args:
        script: an iterable of replies, taken in order, or a function of the messages.
        latency: seconds that each call takes.
        usage: whether to fill `usage_metadata`, counting four characters as a token.
        fields: the fields of every LangChain chat model, such as `name` and `callbacks`.

    Raises:
        DesignError: the script, or a reply in its list, is nothing that a model can say.
    """

    model_config = ConfigDict(extra="forbid")

    latency: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    usage: bool = False
    _script: Script[ModelCall, Reply] = PrivateAttr()

    def __init__(
        self,
        script: Iterable[Reply] | Callable[[list[BaseMessage]], Reply],
        *,
        latency: float = 0.0,
        usage: bool = False,
        **fields: Any,
    ) -> None:
        super().__init__(**{"latency": latency, "usage": usage, **fields})
        self._script = Script(script, turn="call", line="reply", check=check_reply)

    @property
    def calls(self) -> list[ModelCall]:
        """Return the calls that the model received, failed ones too."""
        return list(self._script.asked)

    @property
    def characters(self) -> int:
        """Count the characters of all message text received, without tool calls and schemas."""
        return sum(call.characters for call in self.calls)

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        response_format: Schema | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools as `ChatOpenAI` does; each call records their descriptions."""
        bound = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        if tool_choice:
            kwargs["tool_choice"] = _choice(tool_choice, bound)
        if response_format:
            kwargs["response_format"] = as_response_format(response_format, strict)
        return self.bind(tools=bound, **kwargs)

    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Hold replies to a schema as `ChatOpenAI` does; wrong replies raise the same errors.

        A reply that does not fit a pydantic class raises `ValidationError`, under `json_mode`
        `OutputParserException`; so does text that is no JSON where JSON was asked for. With
        `include_raw` the parser's error is returned, but one of the call itself is raised, such
        as a misfit under `json_schema`. A reply without the call that `function_calling` asks for
        is None.

        Raises:
            DesignError: an unknown method, no schema, or `strict` under `json_mode`.
        """
        parser = output_parser(schema, method)
        model: Runnable[LanguageModelInput, AIMessage]
        if method == "json_mode" or schema is None:
            if strict is not None:
                raise DesignError("strict is for a schema; method='json_mode' sends none")
            model = self.bind(response_format={"type": "json_object"}, **kwargs)
        elif method == "function_calling":
            name = convert_to_openai_tool(schema)["function"]["name"]
            options = {"tool_choice": name, "parallel_tool_calls": False, **kwargs}
            model = self.bind_tools([schema], strict=strict, **options)
        else:
            wanted = as_response_format(schema, strict)
            bound = [convert_to_openai_tool(tool, strict=strict) for tool in tools or ()]
            options = {"tools": bound, **kwargs} if bound else kwargs
            model = self.bind(response_format=wanted, **options)
        return with_raw(model, parser) if include_raw else model | parser

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(
            ls_provider="quintet", ls_model_name="scripted", ls_model_type="chat"
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self._answer(messages, kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = await self._aanswer(messages, kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        yield from as_chunks(self._answer(messages, kwargs))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: Any = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in as_chunks(await self._aanswer(messages, kwargs)):
            yield chunk

    # The reply is taken before the latency, so that calls at once get replies in the order in which
    # they began, and an exception is raised after it, as a provider's would be.
    def _answer(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        reply = self._take(messages, options)
        if self.latency:
            clock.sleep(self.latency)
        return self._message(reply, messages, options)

    async def _aanswer(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        reply = self._take(messages, options)
        if self.latency:
            await clock.asleep(self.latency)
        return self._message(reply, messages, options)

    def _take(self, messages: list[BaseMessage], options: dict[str, Any]) -> Reply:
        node = calling_node()
        call = ModelCall(messages=tuple(messages), options=options, node=node)
        return self._script.take(call, messages, node and f"node {node!r}")

    def _message(
        self, reply: Reply, messages: list[BaseMessage], options: dict[str, Any]
    ) -> AIMessage:
        raise_fault(reply)
        message = as_message(reply, options)
        if self.usage and message.usage_metadata is None:
            message.usage_metadata = _usage(messages, message)
        return message

    def __repr__(self) -> str:
        return f"ScriptedModel({self._script})"

    __str__ = __repr__


def _choice(choice: Any, bound: Sequence[dict[str, Any]]) -> Any:
    """Write a tool choice as a provider takes it; `any` and True as `required`."""
    if choice is True or choice == "any":
        return "required"
    if any(tool.get("function", tool).get("name") == choice for tool in bound):
        return {"type": "function", "function": {"name": choice}}
    return choice


def _usage(messages: Sequence[BaseMessage], reply: AIMessage) -> UsageMetadata:
    calls = sum(len(call["name"]) + len(to_json(call["args"])) for call in reply.tool_calls)
    received = _tokens(count_characters(messages))
    output = _tokens(len(reply.text) + calls)
    return UsageMetadata(
        input_tokens=received, output_tokens=output, total_tokens=received + output
    )


def _tokens(characters: int) -> int:
    return -(-characters // 4)  # rounded up

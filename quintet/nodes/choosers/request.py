"""Read the text of a request, in each form in which a message comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from quintet.errors import DesignError


def text_in(request: Any) -> str:
    """Return the text of a request: of a message, of its content blocks, or of a value as it is.

    A request that is None has no text, and no text of blocks that hold none, such as an image.

    Raises:
        DesignError: bytes, which are no text.
    """
    if request is None or isinstance(request, str):
        return request or ""
    if isinstance(request, BaseMessage):
        return str(request.text)
    if isinstance(request, bytes | bytearray):
        raise DesignError(
            f"a request of {request!r:.60} is bytes; decode it, or give Router(read=...)"
        )
    if isinstance(request, list) and all(map(_is_block, request)):
        said = (part if isinstance(part, str) else part.get("text", "") for part in request)
        return "\n".join(text for text in said if isinstance(text, str) and text)
    return str(request)


def _is_block(part: Any) -> bool:
    return isinstance(part, str) or (isinstance(part, Mapping) and "type" in part)


def text_of_message(message: Any) -> str:
    """Return the text of one of the messages of a state, in any form that LangChain takes.

    Raises:
        DesignError: it is no message.
    """
    if isinstance(message, BaseMessage | str):
        return text_in(message)
    if isinstance(message, Mapping) and "content" in message:
        return text_in(message["content"])
    if isinstance(message, tuple) and len(message) == 2:
        return text_in(message[1])
    raise DesignError(
        f"{message!r:.60} in the state's messages is no message; give one of LangChain's, a dict "
        'with "role" and "content", or a (role, text) pair'
    )

"""Test what LangChain's client raises for each fault of a service, and its failure class."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, ValidationError

from quintet.nodes import classify
from tests.aimock import Aimock, Reply, call, chaos, status, text
from tests.http import faulty as odd
from tests.http.desks import chat
from tests.http.faulty import Act, Faulty


class Pick(BaseModel):
    """One pick."""

    to: str


MODES = ("plain", "structured", "plain async", "structured async")

STATUSES = {
    400: (ModelInvalidRequestError, "permanent"),
    401: (ModelAuthenticationError, "denied"),
    402: (None, "denied"),
    403: (ModelPermissionDeniedError, "denied"),
    404: (ModelNotFoundError, "permanent"),
    408: (None, "timeout"),
    409: (None, "transient"),
    413: (None, "permanent"),
    422: (None, "permanent"),
    429: (ModelRateLimitError, "rate_limit"),
    500: (ModelAPIError, "transient"),
    502: (ModelAPIError, "transient"),
    503: (ModelAPIError, "transient"),
    504: (ModelAPIError, "timeout"),
    529: (ModelAPIError, "transient"),
}
"""By HTTP status: LangChain's neutral class, where it gives one, and ours."""


async def raised(model: ChatOpenAI, mode: str) -> BaseException | None:
    """Return the exception of one call, or None where the call is answered."""
    asked: Any = model if mode.startswith("plain") else model.with_structured_output(Pick)
    try:
        if mode.endswith("async"):
            await asked.ainvoke("where to?")
        else:
            asked.invoke("where to?")
    except Exception as problem:  # noqa: BLE001 - which one it is, is the question
        return problem
    return None


@pytest.mark.parametrize("mode", MODES)
async def test_a_status_has_its_class(aimock: Aimock, mode: str) -> None:
    found = {}
    for number, (neutral, _) in STATUSES.items():
        aimock.reset()
        aimock.always({}, status(number))
        problem = await raised(chat(aimock.base_url), mode)
        assert problem is not None
        assert neutral is None or isinstance(problem, neutral)
        found[number] = classify(problem)
    assert found == {number: kind for number, (_, kind) in STATUSES.items()}


BREAKS: dict[str, tuple[Reply, float, type[BaseException], str]] = {
    "a disconnect": (chaos(disconnectRate=1), 20.0, ModelConnectionError, "transient"),
    "a malformed body": (chaos(malformedRate=1), 20.0, json.JSONDecodeError, "invalid"),
    "an answer too late": (chaos(latencyMs=3000), 0.25, ModelTimeoutError, "timeout"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BREAKS)
async def test_a_break_has_its_class(aimock: Aimock, mode: str, name: str) -> None:
    reply, patience, error, kind = BREAKS[name]
    aimock.always({}, reply)
    problem = await raised(chat(aimock.base_url, timeout=patience), mode)
    assert isinstance(problem, error)
    assert classify(problem) == kind


UNSTRUCTURED: dict[str, tuple[Reply, type[BaseException]]] = {
    "text in place of JSON": (text("to billing, I would say"), ValidationError),
    "another shape": (text({"from": "billing"}), ValidationError),
    "cut off": (text('{"to": "bil', finishReason="length"), Exception),
    "stopped by a filter": (text("{", finishReason="content_filter"), Exception),
}


@pytest.mark.parametrize("mode", ["structured", "structured async"])
@pytest.mark.parametrize("name", UNSTRUCTURED)
async def test_structured_output_that_is_none_is_invalid(
    aimock: Aimock, mode: str, name: str
) -> None:
    reply, error = UNSTRUCTURED[name]
    aimock.always({}, reply)
    problem = await raised(chat(aimock.base_url), mode)
    assert isinstance(problem, error)
    assert classify(problem) == "invalid"


async def test_structured_output_may_be_none_at_all_without_an_error(aimock: Aimock) -> None:
    aimock.always({}, call("search", {}))
    said = await chat(aimock.base_url).with_structured_output(Pick).ainvoke("where to?")
    assert said is None, "LangChain leaves it to the caller to see that this is no answer"


ODD: dict[str, tuple[Act, dict[str, str]]] = {
    "half a body": (odd.cut, dict.fromkeys(MODES, "transient")),
    "a reset": (odd.reset, dict.fromkeys(MODES, "transient")),
    "an empty body": (odd.body(""), dict.fromkeys(MODES, "invalid")),
    "a proxy's error page": (
        odd.body("<html>bad gateway</html>", 502, "text/html"),
        dict.fromkeys(MODES, "transient"),
    ),
    "a proxy's page as the answer": (
        odd.body("<html>please log in</html>", 200, "text/html"),
        {
            "plain": "unknown",
            "plain async": "unknown",
            "structured": "invalid",
            "structured async": "invalid",
        },
    ),
    "a refusal": (
        odd.said(None, refusal="I cannot help with that."),
        {"structured": "invalid", "structured async": "invalid"},
    ),
}
"""The error that each way of asking raises; a way that is not named is answered without one."""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ODD)
async def test_what_a_service_does_oddly_has_its_class(
    faulty: Faulty, mode: str, name: str
) -> None:
    act, kinds = ODD[name]
    faulty.play(act)
    problem = await raised(chat(faulty.base_url), mode)
    assert (classify(problem) if problem else None) == kinds.get(mode)


@pytest.mark.parametrize("mode", MODES)
async def test_a_service_that_is_not_there_is_transient(mode: str) -> None:
    problem = await raised(chat("http://127.0.0.1:9/v1"), mode)
    assert isinstance(problem, ModelConnectionError)
    assert classify(problem) == "transient"

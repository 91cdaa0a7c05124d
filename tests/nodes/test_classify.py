from __future__ import annotations

import errno
import json
from typing import Any

import pytest
from langchain_core import exceptions as lc
from langchain_core.exceptions import OutputParserException
from langgraph.errors import NodeTimeoutError
from pydantic import TypeAdapter, ValidationError

from quintet import errors
from quintet.nodes import classify
from quintet.state.failure import FAILURE_CLASSES, Failure, StepFailed


class Status(Exception):
    def __init__(self, status: int) -> None:
        self.status_code = status


class Response(Exception):
    def __init__(self, status: int) -> None:
        self.response = Status(status)


def invalid() -> ValidationError:
    try:
        TypeAdapter(int).validate_python("x")
    except ValidationError as problem:
        return problem
    raise AssertionError


def provider(name: str) -> BaseException:
    kind = getattr(lc, name)
    problem: BaseException = kind.__new__(kind)
    return problem


def named(value: Any) -> str:
    side = getattr(value, "side", "")
    return f"{type(value).__name__} {side}" if isinstance(value, BaseException) else ""


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (provider("ModelRateLimitError"), "rate_limit"),
        (provider("ModelTimeoutError"), "timeout"),
        (provider("ModelConnectionError"), "transient"),
        (provider("ModelAPIError"), "transient"),
        (provider("ModelAuthenticationError"), "denied"),
        (provider("ModelPermissionDeniedError"), "denied"),
        (provider("ModelInvalidRequestError"), "permanent"),
        (provider("ModelNotFoundError"), "permanent"),
        (provider("ContextOverflowError"), "permanent"),
        (NodeTimeoutError.__new__(NodeTimeoutError), "timeout"),
        (OutputParserException("x"), "invalid"),
        (json.JSONDecodeError("x", "y", 0), "invalid"),
        (invalid(), "invalid"),
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "transient"),
        (PermissionError(), "denied"),
        (KeyError("x"), "permanent"),
        (TypeError("x"), "permanent"),
        (ValueError("x"), "unknown"),
        (RuntimeError("x"), "unknown"),
    ],
    ids=named,
)
def test_an_error_has_its_class(problem: BaseException, kind: str) -> None:
    assert classify(problem) == kind


@pytest.mark.parametrize("wrap", [Status, Response])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "permanent"),
        (401, "denied"),
        (403, "denied"),
        (404, "permanent"),
        (408, "timeout"),
        (409, "transient"),
        (418, "unknown"),
        (422, "permanent"),
        (429, "rate_limit"),
        (500, "transient"),
        (503, "transient"),
        (504, "timeout"),
    ],
)
def test_an_http_error_is_known_by_its_status(wrap: Any, status: int, kind: str) -> None:
    assert classify(wrap(status)) == kind


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (errors.ContractBroken("x", side="needs"), "contract"),
        (errors.ContractBroken("x", side="gives"), "invalid"),
        (errors.ContractBroken("x", side="escalate"), "contract"),
        (errors.ToolRefused("x"), "denied"),
        (errors.ActionRefused("x"), "denied"),
        (errors.ApprovalMissing("x"), "denied"),
        (errors.EffectRepeated("x"), "denied"),
        (errors.EffectUnknown("x"), "denied"),
        (errors.BudgetExhausted("x"), "permanent"),
        (errors.HandoffLoop("x"), "permanent"),
        (errors.DesignError("x"), "permanent"),
        (errors.UnknownRoute("x"), "permanent"),
        (errors.MissingExtra("x"), "permanent"),
    ],
    ids=named,
)
def test_our_own_errors_have_their_class(problem: BaseException, kind: str) -> None:
    assert classify(problem) == kind


@pytest.mark.parametrize("kind", FAILURE_CLASSES)
def test_a_failed_step_keeps_the_class_it_has(kind: Any) -> None:
    assert classify(StepFailed(Failure(node="a", kind=kind, error="E", message="m"))) == kind


@pytest.mark.parametrize("package", ["httpx", "openai"])
def test_the_clients_transport_errors_are_transient_or_timeouts(package: str) -> None:
    client = pytest.importorskip(package, reason=f"{package} is not installed")
    httpx = pytest.importorskip("httpx", reason="httpx is not installed")
    request = httpx.Request("GET", "http://127.0.0.1/")
    if package == "httpx":
        assert classify(client.ConnectError("x", request=request)) == "transient"
        assert classify(client.RemoteProtocolError("x", request=request)) == "transient"
        assert classify(client.ReadTimeout("x", request=request)) == "timeout"
        return
    assert classify(client.APIConnectionError(request=request)) == "transient"
    assert classify(client.APITimeoutError(request=request)) == "timeout"


def test_what_is_busy_now_and_a_closed_websocket_may_pass() -> None:
    assert classify(BlockingIOError(errno.EAGAIN, "x")) == "transient"
    assert classify(InterruptedError(errno.EINTR, "x")) == "transient"
    websockets = pytest.importorskip("websockets.exceptions", reason="it is not installed")
    assert classify(websockets.ConnectionClosedError(None, None)) == "transient"


class Computed(Exception):
    """An error whose attributes are computed, and cannot be."""

    @property
    def code(self) -> int:
        raise RuntimeError("no answer yet")

    response = status = code


def test_an_attribute_that_raises_hides_no_failure() -> None:
    assert classify(Computed("x")) == "unknown"


class Coded(Exception):
    def __init__(self, code: Any) -> None:
        self.code = code


@pytest.mark.parametrize(
    ("code", "kind"),
    [(503, "transient"), (429, "rate_limit"), (404, "permanent"), (1, "unknown"), ("x", "unknown")],
)
def test_a_code_that_is_an_http_status_says_whether_it_may_pass(code: Any, kind: str) -> None:
    assert classify(Coded(code)) == kind


@pytest.mark.parametrize(("name", "kind"), [("UNAVAILABLE", "transient"), ("NOT_FOUND", "unknown")])
def test_a_remote_call_that_is_unavailable_may_pass(name: str, kind: str) -> None:
    grpc = pytest.importorskip("grpc", reason="it is not installed")

    class Remote(grpc.RpcError):  # type: ignore[misc, name-defined]
        def code(self) -> Any:
            return grpc.StatusCode[name]

    assert classify(Remote()) == kind

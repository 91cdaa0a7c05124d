"""Run a model service on loopback that breaks in the ways that aimock cannot.

A proxy's page in place of an answer, half a body, a body that never comes, a connection that is
reset, one that was closed while idle, a refusal, arguments that are not JSON.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Act = Callable[["Handler"], None]


@dataclass(kw_only=True)
class Faulty:
    """Serve at an address: play one act for each request, the last one for all further ones."""

    address: str
    acts: list[Act] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        """Return the `base_url` for `ChatOpenAI`."""
        return f"{self.address}/v1"

    def play(self, *acts: Act) -> None:
        """Play these acts from now on."""
        self.acts[:], self.sent[:] = acts, []
        self.hung_up.clear()

    def next(self, body: dict[str, Any]) -> Act:
        """Return the act for a request."""
        self.sent.append(body)
        return self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]


class Handler(BaseHTTPRequestHandler):
    """Serve one connection; HTTP/1.1 keeps it open after a whole answer."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    faulty: Faulty

    def do_POST(self) -> None:
        """Read the request whole, then play the next act."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.faulty.next(json.loads(body))(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr."""

    def begin(self, code: int, length: int, kind: str = "application/json") -> None:
        """Send the head of an answer."""
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def body(content: str, code: int = 200, kind: str = "application/json") -> Act:
    """Return an act that sends this content whole, whatever it is."""

    def act(handler: Handler) -> None:
        handler.begin(code, len(content.encode()), kind)
        handler.wfile.write(content.encode())

    return act


def said(content: str | None, **message: Any) -> Act:
    """Return an act that sends a sound answer of the model."""
    return body(json.dumps(completion({"role": "assistant", "content": content, **message})))


def completion(message: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the body of a sound answer."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "test",
        "choices": [{"index": 0, "message": dict(message), "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
        **more,
    }


def cut(handler: Handler) -> None:
    """Promise a whole answer, send the first half, and close."""
    content = json.dumps(completion({"role": "assistant", "content": "half of this is missing"}))
    handler.begin(200, len(content))
    handler.wfile.write(content[: len(content) // 2].encode())
    handler.close_connection = True


def reset(handler: Handler) -> None:
    """Break the connection off without a word."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def stall(handler: Handler) -> None:
    """Send the head of an answer, and then nothing."""
    handler.begin(200, 100)
    handler.wfile.flush()
    handler.faulty.ending.wait(20)
    handler.close_connection = True


def closing(then: Act) -> Act:
    """Play an act, and close the connection without saying so, as idle ones are closed."""

    def act(handler: Handler) -> None:
        then(handler)
        handler.close_connection = True

    return act


class Server(ThreadingHTTPServer):
    """Tell when it has closed a connection."""

    daemon_threads = True
    playing: Faulty

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        super().shutdown_request(request)
        self.playing.hung_up.set()


@contextmanager
def faulty_server() -> Iterator[Faulty]:
    """Run the server on a free port until the block ends."""
    server = Server(("127.0.0.1", 0), Handler)
    playing = server.playing = Faulty(address=f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Playing", (Handler,), {"faulty": playing})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield playing
    finally:
        playing.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()

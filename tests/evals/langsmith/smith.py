"""Run a LangSmith service on loopback: keep what it is sent, check that it fits together.

It knows the requests that an upload makes and no others, wants the key on every one of them, and
refuses what names a dataset, an example, an experiment or a run wrongly. It can be told to fail.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import zstandard

KEY = "lsv2_pt_only_for_tests"
TENANT = "00000000-0000-4000-8000-000000000001"
WHEN = "2026-01-01T00:00:00+00:00"
INFO = {
    "version": "0.13.5",
    "instance_flags": dict.fromkeys(
        ("dataset_examples_multipart_enabled", "zstd_compression_enabled"), True
    ),
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "scale_up_qsize_trigger": 1000,
        "scale_up_nthreads_limit": 16,
        "scale_down_nempty_trigger": 4,
        "size_limit": 100,
        "size_limit_bytes": 20_000_000,
    },
}

Act = Callable[["Handler"], None]


class Refused(Exception):
    """Raised when a request does not fit."""


@dataclass(kw_only=True)
class Smith:
    """Keep all that the running service is sent."""

    address: str
    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    examples: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    feedback: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    faults: dict[str, list[Act]] = field(default_factory=dict)
    ending: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def fail(self, call: str, *acts: Act) -> None:
        """Play these acts at the next such requests, the last one for ever."""
        self.faults[call] = list(acts)

    def next_fault(self, call: str) -> Act | None:
        """Return the act for a request, as in `POST /feedback`; `*` is any request."""
        acts = self.faults.get(call) or self.faults.get("*") or []
        return acts.pop(0) if len(acts) > 1 else acts[0] if acts else None

    def answer(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        """Return the answer of the service to a request."""
        call = method, path.strip("/").split("/")
        match call:
            case ("GET", ["info"]):
                return INFO
            case ("POST", ["runs", "multipart"]):
                return self._ingested(body)
            case ("POST", ["feedback"]):
                return self._judged(body)
            case (_, ["sessions", *_]):
                return self._sessions(call, body)
        return self._datasets(call, query, body)

    def _sessions(self, call: Any, body: Any) -> Any:
        match call:
            case ("GET", ["sessions"]):
                return list(self.sessions.values())[:1] or [
                    {"id": str(uuid4()), "reference_dataset_id": None, "tenant_id": TENANT}
                ]
            case ("POST", ["sessions"]):
                self._known(self.datasets, body["reference_dataset_id"])
                if any(each["name"] == body["name"] for each in self.sessions.values()):
                    raise Refused("two experiments of one name")
                return self._kept(self.sessions, {**body, "tenant_id": TENANT})
            case ("PATCH", ["sessions", session]):
                self._known(self.sessions, session)["extra"] = body["extra"]
                return self.sessions[session]
        raise Refused(f"no such request: {call}")

    def _datasets(self, call: Any, query: dict[str, Any], body: Any) -> Any:
        match call:
            case ("GET", ["datasets"]):
                return [each for each in self.datasets.values() if each["name"] == query["name"]]
            case ("POST", ["datasets"]):
                return self._kept(self.datasets, {"created_at": WHEN, **body})
            case ("GET", ["examples"]):
                found = [e for e in self.examples.values() if e["dataset_id"] == query["dataset"]]
                begin = int(query.get("offset", 0))
                return found[begin : begin + int(query["limit"])]
            case ("POST", ["v1", "platform", "datasets", dataset, "examples"]):
                return self._created(self._known(self.datasets, dataset)["id"], body)
            case ("PATCH", ["v1", "platform", "datasets", _, "examples"]):
                return self._updated(body)
        raise Refused(f"no such request: {call}")

    def roots(self) -> list[dict[str, Any]]:
        """Return the runs that have no parent."""
        return [run for run in self.runs.values() if not run.get("parent_run_id")]

    def _created(self, dataset: str, parts: dict[str, Any]) -> Any:
        ids = [name for name in parts if "." not in name]
        for key in ids:
            if str(UUID(key)) in self.examples:
                raise Refused(f"example {key} is there already")
            about = {"id": key, "dataset_id": dataset, "created_at": WHEN, "modified_at": WHEN}
            self.examples[key] = about
        return self._updated(parts)

    def _updated(self, parts: dict[str, Any]) -> Any:
        ids = [name for name in parts if "." not in name]
        for key in ids:
            if "dataset_split" in parts[key]["metadata"]:
                raise Refused("splits are the service's own")
            self._known(self.examples, key).update(
                inputs=parts[f"{key}.inputs"],
                outputs=parts.get(f"{key}.outputs"),
                metadata={**parts[key]["metadata"], "dataset_split": parts[key]["split"]},
            )
        return {"count": len(ids), "example_ids": ids}

    def _ingested(self, parts: dict[str, Any]) -> Any:
        for name, value in parts.items():
            verb, key, *rest = name.split(".", 2)
            if verb not in ("post", "patch"):
                raise Refused(f"no part of a trace: {name}")
            run = self.runs.setdefault(str(UUID(key)), {"verbs": []})
            if rest:
                run[rest[0]] = value
            else:
                run["verbs"].append(verb)
                run.update({k: v for k, v in value.items() if v is not None})
            if example := run.get("reference_example_id"):
                self._known(self.examples, example)
        return {}

    def _judged(self, body: dict[str, Any]) -> Any:
        self._known(self.sessions, body["session_id"])
        if body.get("run_id"):
            UUID(body["run_id"])
            if not body.get("start_time"):
                raise Refused("no start_time")
        if not isinstance(body.get("score"), int | float | None):
            raise Refused(f"score {body.get('score')!r}")
        self.feedback.append(body)
        return body

    def _kept(self, where: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        made = {"id": str(uuid4()), **body}
        where[str(UUID(made["id"]))] = made
        return made

    def _known(self, where: dict[str, Any], key: str) -> dict[str, Any]:
        if key not in where:
            raise Refused(f"{key!r} is not known")
        return where[key]


class Handler(BaseHTTPRequestHandler):
    """Serve one connection."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    smith: Smith

    def handle_one(self) -> None:
        """Answer, or fail as told."""
        where = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = f"{self.command} {where.path}"
        with self.smith.lock:
            self.smith.calls.append(call)
            fault = self.smith.next_fault(call)
        if fault is not None:
            return fault(self)
        query = {key: values[0] for key, values in parse_qs(where.query).items()}
        with self.smith.lock:
            try:
                if self.headers.get("x-api-key") != KEY:
                    raise Refused("no key")
                self.send(200, self.smith.answer(self.command, where.path, query, self._read(raw)))
            except Exception as problem:  # noqa: BLE001 - the tests look at it
                self.smith.refused.append(f"{call}: {problem!r}")
                self.send(422, {"detail": str(problem)})

    def do_GET(self) -> None:
        """Ask."""
        self.handle_one()

    def do_POST(self) -> None:
        """Make."""
        self.handle_one()

    def do_PATCH(self) -> None:
        """Change."""
        self.handle_one()

    def _read(self, raw: bytes) -> Any:
        kind = self.headers.get("Content-Type", "")
        if self.headers.get("Content-Encoding") == "zstd":
            with zstandard.ZstdDecompressor().stream_reader(raw) as reader:
                raw = reader.read()
        if not kind.startswith("multipart/"):
            return json.loads(raw or b"null")
        message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
        parts = message.get_payload()
        return {
            part.get_param("name", header="Content-Disposition"): json.loads(
                part.get_payload(decode=True)
            )
            for part in parts
        }

    def send(self, code: int, body: Any, **headers: str) -> None:
        """Send a whole answer."""
        self.raw(code, json.dumps(body).encode(), **headers)

    def raw(self, code: int, content: bytes, length: int | None = None, **headers: str) -> None:
        """Send an answer of these bytes."""
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr."""


def status(code: int, **headers: str) -> Act:
    """Return an act that answers this status, with no data."""
    return lambda handler: handler.send(code, {"detail": f"status {code}"}, **headers)


def garbage(handler: Handler) -> None:
    """Answer with a page where JSON should be."""
    handler.raw(200, b"<html>Sign in</html>")


def cut(handler: Handler) -> None:
    """Promise more than is sent, and close."""
    handler.raw(200, b'{"id": ', length=400)
    handler.close_connection = True


def hang(handler: Handler) -> None:
    """Say nothing at all."""
    handler.smith.ending.wait(15)
    handler.close_connection = True


@contextmanager
def smith_server() -> Iterator[Smith]:
    """Run the service on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    smith = Smith(address=f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass = type("Kept", (Handler,), {"smith": smith})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield smith
    finally:
        smith.ending.set()
        server.shutdown()
        thread.join()
        server.server_close()

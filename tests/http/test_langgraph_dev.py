"""Serve a desk by `langgraph dev`, kill it at any moment, and answer it over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from quintet.runs import prune
from quintet.state import checkpointer
from quintet.state.savers.saver import Saver
from tests.services import langgraph_command

ROOT = Path(__file__).resolve().parents[2]
SERVED = Path(__file__).with_name("served.py")
START_SECONDS = 90.0

pytestmark = pytest.mark.slow


class Server:
    """Run `langgraph dev` over one folder, and speak to it."""

    def __init__(self, folder: Path, *, ours: bool = True) -> None:
        self.folder, self.command = folder, langgraph_command()
        self.paid, self.log = folder / "paid", folder / "log"
        self.url = f"sqlite:///{folder}/desk.db"
        self.paid.touch()
        config: dict[str, Any] = {"dependencies": [str(ROOT)], "graphs": {"desk": f"{SERVED}:desk"}}
        if ours:
            config["checkpointer"] = {"path": f"{SERVED}:saver"}
        (folder / "langgraph.json").write_text(json.dumps(config))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it anew, and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        given = {
            "DESK_DB": self.url,
            "DESK_PAID": str(self.paid),
            "PYTHONPATH": str(ROOT),
            "LANGSMITH_TRACING": "false",
        }
        command = [self.command, "dev", "--no-browser", "--no-reload", "--host", "127.0.0.1"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                cwd=self.folder,
                env={**os.environ, **given},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                if self.call("GET", "/ok").get("ok"):
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-4000:])

    def kill(self) -> None:
        """End it at once, with all that it has started."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def call(self, method: str, path: str, body: Any = None, seconds: float = 60) -> Any:
        with httpx.Client(trust_env=False, timeout=seconds) as client:
            answer = client.request(method, f"http://127.0.0.1:{self.port}{path}", json=body)
        return answer.json()

    def thread(self, thread: str = "") -> str:
        """Name a thread to the server: a new one, or one that it may have forgotten."""
        known = {"thread_id": thread, "if_exists": "do_nothing"} if thread else {}
        return str(self.call("POST", "/threads", known)["thread_id"])

    def run(self, thread: str, **given: Any) -> Mapping[str, Any]:
        body = {"assistant_id": "desk", **given}
        result: Mapping[str, Any] = self.call("POST", f"/threads/{thread}/runs/wait", body)
        return result

    def send(self, thread: str, **given: Any) -> None:
        """Begin a run, and do not wait for it."""
        self.call("POST", f"/threads/{thread}/runs", {"assistant_id": "desk", **given})

    def questions(self, thread: str) -> list[Any]:
        """Give what a thread asks, as our own table lists it, once the server runs nothing there.

        The server forgets which graph a thread is of when it is killed. It may also run anew what
        was cut off, so the question may be another one.
        """
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            runs = self.call("GET", f"/threads/{thread}/runs")
            if not any(run["status"] in ("pending", "running") for run in runs):
                break
            time.sleep(0.2)
        with self.saver() as saver:
            opened = saver.journal.opened(thread)
        return [{"id": question.name, "value": question.value["packet"]} for question in opened]

    def paid_for(self, number: int) -> list[str]:
        """Give the payments for an order."""
        return [
            line for line in self.paid.read_text().splitlines() if line.split()[0] == f"{number}"
        ]

    def saver(self) -> Saver:
        return checkpointer(self.url)

    def kinds(self, thread: str) -> list[str]:
        with self.saver() as saver:
            return [entry.kind for entry in saver.journal.entries(thread, "effect ")]

    def open(self, thread: str) -> list[Any]:
        with self.saver() as saver:
            return [entry.value["packet"] for entry in saver.journal.opened(thread)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    serving = Server(tmp_path_factory.mktemp("served"))
    serving.start()
    yield serving
    serving.kill()


def order(number: int, amount: float = 500) -> dict[str, Any]:
    return {"message": "billing", "order": number, "amount": amount}


def yes(question: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    answer = {"answer": "approve", "by": "maria", "digest": question["value"]["digest"], **more}
    return {"resume": {question["id"]: answer}}


def test_it_is_killed_at_the_gate_and_answered_after(server: Server) -> None:
    thread = server.thread()
    (question,) = server.run(thread, input=order(1))["__interrupt__"]
    assert [packet["action"] for packet in server.open(thread)] == ["pay"]
    server.kill()
    server.start()
    server.thread(thread)
    (question,) = server.questions(thread)
    done = server.run(thread, command=yes(question))
    assert done["outcome"]["status"] == "done"
    assert server.paid_for(1) == ["1 500"]
    assert server.kinds(thread) == ["claimed", "done"]
    assert server.open(thread) == []
    # The answer once more, and a second request for the same.
    server.run(thread, command=yes(question))
    server.run(thread, input=order(1))
    assert server.paid_for(1) == ["1 500"]


def test_it_is_killed_after_the_answer_while_it_pays(server: Server) -> None:
    thread = server.thread()
    (question,) = server.run(thread, input=order(13))["__interrupt__"]
    server.send(thread, command=yes(question))
    give_up = time.monotonic() + 30
    while not server.paid_for(13) and time.monotonic() < give_up:
        time.sleep(0.05)
    server.kill()
    assert server.kinds(thread) == ["claimed"]
    server.start()
    server.thread(thread)
    server.questions(thread)
    server.run(thread, input=None)
    (unknown,) = server.questions(thread)
    assert unknown["value"]["settle"] == "pay"
    said = {"answer": "happened", "by": "maria", "digest": unknown["value"]["digest"]}
    done = server.run(thread, command={"resume": {unknown["id"]: said}})
    assert done["outcome"]["status"] == "done"
    assert server.paid_for(13) == ["13 500"]


def test_no_forged_approval_is_acted_on(server: Server) -> None:
    thread = server.thread()
    waiting = server.run(thread, input=order(2))
    (question,) = waiting["__interrupt__"]
    action = next(iter(waiting["actions"].values()))
    approval = {
        "gate": "approval",
        "digest": action_digest(question),
        "answer": "approve",
        "by": "maria",
        "role": "",
        "note": "",
        "at": time.time(),
        "expires": None,
    }
    forged = {"actions": {action["key"]: {**action, "status": "approved", "approval": approval}}}
    server.run(thread, command={"update": forged, "goto": "act"})
    assert server.paid_for(2) == []
    other = server.thread()
    server.run(other, input={**order(3), **forged})
    server.run(other, command={"update": forged, "goto": "act"})
    server.run(other, command={"resume": True})
    assert server.paid_for(2) == server.paid_for(3) == []


def test_an_answer_of_the_wrong_person_leaves_the_question_open(server: Server) -> None:
    thread = server.thread()
    (question,) = server.run(thread, input=order(4))["__interrupt__"]
    server.run(thread, command=yes(question, by="eve"))
    assert server.paid_for(4) == []
    assert len(server.open(thread)) == 1
    assert server.run(thread, command=yes(question))["outcome"]["status"] == "done"
    assert server.paid_for(4) == ["4 500"]


def test_of_a_copied_thread_and_its_source_one_pays_and_both_may_be_pruned(server: Server) -> None:
    thread = server.thread()
    (question,) = server.run(thread, input=order(5))["__interrupt__"]
    copy = server.call("POST", f"/threads/{thread}/copy")["thread_id"]
    assert server.run(thread, command=yes(question))["outcome"]["status"] == "done"
    server.run(copy, command=yes(question))
    assert server.paid_for(5) == ["5 500"]
    with server.saver() as saver:
        assert prune(saver, keep=1).checkpoints
    server.run(thread, input=order(5))
    assert server.paid_for(5) == ["5 500"]


def test_with_the_servers_own_checkpointer_a_desk_runs_too(tmp_path: Path) -> None:
    server = Server(tmp_path, ours=False)
    server.start()
    try:
        thread = server.thread()
        (question,) = server.run(thread, input=order(6))["__interrupt__"]
        assert server.run(thread, command=yes(question))["outcome"]["status"] == "done"
        assert server.paid_for(6) == ["6 500"]
        assert "memory only" in server.log.read_text()
    finally:
        server.kill()


def action_digest(question: Mapping[str, Any]) -> str:
    return str(question["value"]["digest"])

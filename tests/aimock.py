"""Run a model service on loopback, for tests over real HTTP: npm's `@copilotkit/aimock`.

The package is installed once, into `.cache/aimock` of the clone, by the lock file below: npm
refuses any other content. Without node and npm the tests are skipped; with
QUINTET_REQUIRE_SERVICES=1 they fail.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

PACKAGE = "@copilotkit/aimock"
VERSION = "1.43.0"
INTEGRITY = (
    "sha512-"
    "V8D8cjSMtAR4rHaD2ulp3DR/ZguXQjDNOqwKDNvjb/OJL/KR1I0SDf5xpRCd+TYKjhmf9fM8Xpg3QBKPmV9Kmw=="
)
NEEDED_NODE = (20, 15)
CACHE = Path(__file__).resolve().parent.parent / ".cache" / "aimock"
WANTED = {"private": True, "dependencies": {PACKAGE: VERSION}}
LOCKED: dict[str, Any] = {
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"dependencies": {PACKAGE: VERSION}},
        f"node_modules/{PACKAGE}": {"version": VERSION, "integrity": INTEGRITY},
    },
}

# The server ends when its standard input does, so it cannot outlive these tests however they end.
SERVER = f"""
import {{ LLMock }} from "{PACKAGE}";
process.on("SIGINT", () => {{}});
process.stdin.on("end", () => process.exit(0)).resume();
console.log(await new LLMock({{ port: 0, strict: true, logLevel: "warn" }}).start());
"""

Reply = dict[str, Any]
"""A fixture without its `match`."""


class NotInstalled(Exception):
    """Tell why there is no aimock here."""


@dataclass(frozen=True, kw_only=True)
class Aimock:
    """Answer requests by the test's script, as a running server."""

    address: str
    _opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})),
        repr=False,
    )

    @property
    def base_url(self) -> str:
        """Return the `base_url` for `ChatOpenAI`."""
        return f"{self.address}/v1"

    def on(self, match: Mapping[str, Any], *replies: Reply) -> None:
        """Answer the requests that match with these replies, in order; a further one has none."""
        fixtures = [
            {"match": {**match, "sequenceIndex": number}, **reply}
            for number, reply in enumerate(replies)
        ]
        self._ask("POST", "fixtures", {"fixtures": fixtures})

    def always(self, match: Mapping[str, Any], reply: Reply) -> None:
        """Answer every request that matches with this reply."""
        self._ask("POST", "fixtures", {"fixtures": [{"match": dict(match), **reply}]})

    def journal(self) -> list[dict[str, Any]]:
        """Return requests and responses in order, without those that the client gave up."""
        entries: list[dict[str, Any]] = self._ask("GET", "journal")
        return entries

    def sent(self) -> list[dict[str, Any]]:
        """Return the bodies of the requests, in order."""
        return [entry["body"] for entry in self.journal()]

    def statuses(self) -> list[int]:
        """Return the status of each response, in order."""
        return [entry["response"]["status"] for entry in self.journal()]

    def unscripted(self) -> list[str]:
        """Return the last message of each request for which the script had no reply."""
        return [
            str(entry["body"]["messages"][-1])
            for entry in self.journal()
            if entry["response"]["fixture"] is None
        ]

    def reset(self) -> None:
        """Forget the script and the journal."""
        self._ask("POST", "reset")

    def _ask(self, method: str, what: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}/__aimock/{what}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self._opener.open(request, timeout=20) as response:
            return json.load(response)


def text(content: Any, **more: Any) -> Reply:
    """Let the model say this; data is said as JSON, which is what structured output reads."""
    said = content if isinstance(content, str) else json.dumps(content)
    return {"response": {"content": said, **more}}


def call(name: str, arguments: Mapping[str, Any], **more: Any) -> Reply:
    """Let the model call one tool."""
    return calls((name, arguments), **more)


def calls(*given: tuple[str, Mapping[str, Any]], **more: Any) -> Reply:
    """Let the model call tools, all in one message."""
    made = [
        {"id": f"call_{number}_{name}", "name": name, "arguments": dict(arguments)}
        for number, (name, arguments) in enumerate(given)
    ]
    return {"response": {"toolCalls": made, **more}}


def status(number: int, **error: Any) -> Reply:
    """Refuse with this HTTP status; `type` and `code` may be given."""
    said = {"message": f"scripted {number}", "type": "server_error", **error}
    return {"response": {"error": said, "status": number}}


def chaos(**rates: float) -> Reply:
    """Break the service: `disconnectRate=1`, `malformedRate=1`, or `latencyMs=...` first."""
    return {"response": {"content": "late"}, "chaos": rates}


@contextmanager
def served(folder: Path) -> Iterator[Aimock]:
    """Run the server that is installed in a folder, on a free port, until the block ends."""
    process = subprocess.Popen(
        ["node", "--input-type=module", "--eval", SERVER],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Aimock(address=_address(process))
    finally:
        try:
            process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    """Return the address that the server says when it is ready."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 30)
    said = process.stdout.readline().strip() if ready else ""
    if not said.startswith("http://"):
        process.kill()
        _, errors = process.communicate()
        raise NotInstalled(f"aimock did not start: {errors.strip()[-500:] or 'no word in 30 s'}")
    return said


def installed(cache: Path) -> Path:
    """Return the folder with the package; the first who asks installs it, others wait for it.

    Raises:
        NotInstalled: no node, one that is too old, no npm, or an installation that failed.
    """
    _check_node()
    folder = cache / VERSION
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            for left in cache.glob("unfinished-*"):
                shutil.rmtree(left, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix="unfinished-", dir=cache) as unfinished:
                made = Path(unfinished) / "made"
                _install(made)
                made.rename(folder)
    return folder


def _check_node() -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NotInstalled(f"{program} is not on PATH")
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2] if part.isdigit())
    if version < NEEDED_NODE:
        raise NotInstalled(f"node is {said.strip() or 'broken'}; {PACKAGE} needs 20.15 or newer")


def _install(folder: Path) -> None:
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps(WANTED))
    (folder / "package-lock.json").write_text(json.dumps(LOCKED))
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            [*command, "--prefer-offline"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"npm did not install {PACKAGE} {VERSION} within 180 s") from None
    if done.returncode:
        raise NotInstalled(f"npm could not install {PACKAGE}: {done.stderr.strip()[-500:]}")


@pytest.fixture(scope="session")
def aimock_server() -> Iterator[Aimock]:
    """Give the server of this session."""
    try:
        with served(installed(CACHE)) as server:
            yield server
    except NotInstalled as problem:
        missing(str(problem))


@pytest.fixture
def aimock(aimock_server: Aimock) -> Iterator[Aimock]:
    """Give the server with an empty script; in the end, each request must have had a reply."""
    aimock_server.reset()
    yield aimock_server
    assert aimock_server.unscripted() == []


def missing(reason: str) -> NoReturn:
    """Skip the test; with QUINTET_REQUIRE_SERVICES=1 fail it."""
    if os.environ.get("QUINTET_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)

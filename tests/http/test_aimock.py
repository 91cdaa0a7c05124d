"""Test the tests' server: installed once, checked, ready when it says so, never left running."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests import aimock as service
from tests.aimock import (
    CACHE,
    LOCKED,
    PACKAGE,
    VERSION,
    Aimock,
    NotInstalled,
    installed,
    missing,
    served,
    text,
)
from tests.http.desks import chat


def answers(address: str) -> bool:
    host, port = address.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_two_who_install_at_once_get_one_installation(
    aimock_server: Aimock, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(installed, [tmp_path, tmp_path]))
    assert found == [tmp_path / VERSION] * 2
    assert (found[0] / "node_modules" / PACKAGE).is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [VERSION, "lock"]


def test_an_installation_that_was_killed_is_cleared_away(
    aimock_server: Aimock, tmp_path: Path
) -> None:
    (tmp_path / "unfinished-1" / "node_modules").mkdir(parents=True)
    assert installed(tmp_path) == tmp_path / VERSION
    assert not (tmp_path / "unfinished-1").exists()


def test_other_content_than_the_pinned_is_not_installed(
    aimock_server: Aimock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = {"version": VERSION, "integrity": f"sha512-{'A' * 86}=="}
    packages = {**LOCKED["packages"], f"node_modules/{PACKAGE}": forged}
    monkeypatch.setattr(service, "LOCKED", {**LOCKED, "packages": packages})
    with pytest.raises(NotInstalled, match="EINTEGRITY"):
        installed(tmp_path)
    assert not (tmp_path / VERSION).exists()


def test_without_node_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalled, match="node is not on PATH"):
        installed(tmp_path)


def test_a_node_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.19.1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalled, match=r"node is v18\.19\.1; .* needs 20\.15"):
        installed(tmp_path)


def test_what_is_missing_skips_and_where_services_are_required_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("QUINTET_REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no node"):
        missing("no node")
    monkeypatch.setenv("QUINTET_REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="no node"):
        missing("no node")


def test_it_has_ended_when_its_block_has(aimock_server: Aimock) -> None:
    addresses = []
    with suppress(KeyboardInterrupt), served(CACHE / VERSION) as server:
        addresses.append(server.address)
        assert answers(server.address)
        raise KeyboardInterrupt
    assert [answers(address) for address in addresses] == [False]


def test_it_ends_when_the_tests_are_killed(aimock_server: Aimock) -> None:
    code = (
        "import time\n"
        "from tests.aimock import CACHE, VERSION, served\n"
        "with served(CACHE / VERSION) as server:\n"
        "    print(server.address, flush=True)\n"
        "    time.sleep(60)\n"
    )
    root = Path(service.__file__).resolve().parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        address = tests.stdout.readline().strip()
        assert answers(address)
        tests.send_signal(signal.SIGKILL)
    for _ in range(100):
        if not answers(address):
            return
        time.sleep(0.05)
    pytest.fail("the server outlived the tests that started it by five seconds")


def test_a_server_that_cannot_start_says_why(aimock_server: Aimock, tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match="ERR_MODULE_NOT_FOUND"), served(tmp_path):
        pytest.fail("there is nothing to serve")


def test_a_script_that_the_server_cannot_read_is_refused(aimock: Aimock) -> None:
    with pytest.raises(HTTPError, match="400"):
        aimock.on({}, {"response": {"content": ""}})


def test_a_request_that_the_script_does_not_know_is_named(aimock_server: Aimock) -> None:
    aimock_server.reset()
    aimock_server.on({"userMessage": "known"}, text("yes"))
    chat(aimock_server.base_url).invoke("known")
    assert aimock_server.unscripted() == []
    with pytest.raises(Exception, match="503"):
        chat(aimock_server.base_url).invoke("unknown")
    assert "unknown" in aimock_server.unscripted()[0]

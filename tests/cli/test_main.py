"""Test the command line as a process: help, exit codes, and which database is meant."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from quintet import __version__
from quintet.cli.main import cli
from quintet.cli.options import DATABASE
from quintet.state import CheckpointerError, checkpointer

HEAVY = "import sys; from quintet.cli import main\ntry: main()\nfinally: sys.stderr.write(str("
HEAVY += "sorted({name.partition('.')[0] for name in sys.modules})))"


def test_help_lists_the_commands_and_imports_no_graph_library(environment, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, "--help"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    _, _, commands = done.stdout.partition("Commands:")
    assert [line.split()[0] for line in commands.splitlines() if line] == [
        "check",
        "demo",
        "eval",
        "runs",
    ]
    assert "'quintet'" in done.stderr
    for name in ("langgraph", "langchain_core", "langchain_openai", "numpy", "pydantic", "sklearn"):
        assert f"'{name}'" not in done.stderr


def test_the_help_keeps_each_example_on_its_own_line():
    lines = CliRunner().invoke(cli, ["--help"]).stdout.splitlines()
    assert sum(line.strip().startswith("quintet ") for line in lines) == 9
    assert not any("\\b" in line for line in lines)


def test_version_prints_the_version(command):
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"quintet, version {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [("dmeo",), ("runs", "show"), ("runs", "list", "--limit", "many"), ("check",), ("demo", "-x")],
)
def test_wrong_usage_ends_with_2_on_stderr(command, arguments):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: quintet" in done.stderr


def test_an_unforeseen_error_ends_with_3_and_the_way_to_its_traceback(command, tmp_path):
    (tmp_path / "broken.py").write_text("graph = 1 / 0\n")
    done = command("check", "broken:graph")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("quintet: ZeroDivisionError: ")
    assert "QUINTET_TRACEBACK" in done.stderr
    assert "Traceback (" not in done.stderr
    assert "Traceback (" in command("check", "broken:graph", QUINTET_TRACEBACK="1").stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_an_interrupted_command_ends_with_130(environment, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import sys, time\nsys.stderr.write('here\\n')\nsys.stderr.flush()\ntime.sleep(50)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "quintet", "check", "slow:graph"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr.readline() == "here\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err.strip()) == (130, "", "interrupted")


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("runs", "list"), ("runs", "list", "--json"), ("runs", "show", "desk/1")],
)
def test_a_broken_pipe_ends_well_and_without_a_word(environment, database, tmp_path, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "quintet", *arguments],
            cwd=tmp_path,
            env=environment | {"QUINTET_DB": database},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_db_goes_before_the_variable_and_the_variable_before_the_default(
    database, tmp_path, monkeypatch
):
    def total(*arguments, named=None):
        runner = CliRunner(env={"QUINTET_DB": named})
        done = runner.invoke(cli, ["runs", "list", "--json", *arguments], catch_exceptions=False)
        return json.loads(done.stdout)["total"]

    monkeypatch.chdir(tmp_path)
    checkpointer(DATABASE).close()
    assert total() == 0
    assert total(named="") == 0
    assert total(named=database) == 3
    assert total("--db", DATABASE, named=database) == 0


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://shop", "no scheme 'mysql'"),
        ("kept.db", "'sqlite:///kept.db'"),
        ("sqlite:///file.txt", "not a SQLite database"),
        ("sqlite:///file.txt?timeuot=3", "did you mean 'timeout'"),
    ],
)
def test_a_wrong_database_is_told_how_to_write_it(tmp_path, monkeypatch, url, told):
    (tmp_path / "file.txt").write_text("no database, only a text that is long enough to be read")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointerError, match=re.escape(told)):
        CliRunner().invoke(cli, ["runs", "list", "--db", url], catch_exceptions=False)


def test_a_wrong_database_ends_with_2_and_one_line(command):
    done = command("runs", "list", QUINTET_DB="mysql://shop")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("quintet: CheckpointerError: ")

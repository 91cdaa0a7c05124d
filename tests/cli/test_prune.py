import json
import shutil

import pytest
from click.testing import CliRunner

from quintet.cli.main import cli
from quintet.state import checkpointer


@pytest.fixture
def own(database, tmp_path):
    """Give a copy of the kept runs."""
    shutil.copy(database.removeprefix("sqlite:///"), tmp_path / "own.db")
    return f"sqlite:///{tmp_path}/own.db"


def pruned(database, *arguments):
    done = CliRunner().invoke(cli, ["runs", "prune", "--db", database, "--json", *arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def stored(database):
    with checkpointer(database) as saver:
        return sum(1 for _ in saver.list(None))


def test_a_dry_run_says_what_the_real_one_does(own):
    before = stored(own)
    planned = pruned(own, "--keep", "1", "--dry-run")
    assert planned.pop("dry_run")
    assert stored(own) == before
    done = pruned(own, "--keep", "1")
    assert not done.pop("dry_run")
    assert done == planned
    assert stored(own) == before - done["checkpoints"] == 3


def test_it_is_told_in_words(own):
    with checkpointer(own) as saver, saver.holds.hold("desk/1"):
        done = CliRunner().invoke(cli, ["runs", "prune", "--db", own, "--keep", "1"])
    assert "checkpoints deleted; 0 threads gone as a whole" in done.stdout
    assert "passed over desk/1" in done.stdout


def test_an_age_leaves_what_is_younger(own):
    assert pruned(own, "--older-than", "30d", "--thread", "desk/1")["checkpoints"] == 0


@pytest.mark.parametrize("arguments", [(), ("--older-than", "soon"), ("--keep", "0")])
def test_wrong_use_deletes_nothing(own, arguments):
    before = stored(own)
    done = CliRunner().invoke(cli, ["runs", "prune", "--db", own, *arguments])
    assert done.exit_code != 0
    assert stored(own) == before


def test_the_help_says_what_stays():
    text = CliRunner().invoke(cli, ["runs", "prune", "--help"]).output
    assert "--older-than" in text
    assert "the journal stays" in text

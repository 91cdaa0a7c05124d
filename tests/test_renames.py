"""`renames.json`: by it, a program in the old names becomes one in the new."""

from __future__ import annotations

import json
import re
from pathlib import Path

RULES: list[tuple[str, str]] = json.loads((Path(__file__).parent / "renames.json").read_text())

OLD = """
from quintet.evals.stats import wilson
from quintet.evals import stats
from quintet.nodes.agents import consult
from quintet.nodes.chat import is_model_of
from quintet.nodes.learned.text import words
from quintet.state.errors import DesignError
from quintet.evals.journal import Journal
from quintet.nodes import Router
"""

NEW = """
from quintet.stats import wilson
from quintet import stats
from quintet.nodes.agents.call import consult
from quintet.nodes.agents.chat import is_model_of
from quintet.nodes.choosers.learned.text import words
from quintet.errors import DesignError
from quintet.evals.running.journal import Journal
from quintet.nodes import Router
"""


def renamed(text: str) -> str:
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return text


def test_an_old_program_becomes_a_new_one():
    assert renamed(OLD) == NEW


def test_a_new_program_stays_as_it_is():
    assert renamed(NEW) == NEW

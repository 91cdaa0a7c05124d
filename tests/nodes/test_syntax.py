"""Test that source is parsed also while other threads parse theirs."""

from __future__ import annotations

import ast
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from quintet.nodes import work
from quintet.nodes.core.syntax import parsed


class Interrupted:
    """Parse; raise a `SystemError` the first times."""

    def __init__(self, times: int):
        self.left = times

    def __call__(self) -> ast.Module:
        self.left -= 1
        if self.left >= 0:
            raise SystemError("AST constructor recursion depth mismatch (before=57, after=52)")
        return ast.parse("pass")


def test_a_wrong_count_of_the_depth_is_parsed_again():
    assert ast.unparse(parsed(Interrupted(3))) == "pass"


def test_what_stays_wrong_is_raised():
    with pytest.raises(SystemError, match="recursion depth"):
        parsed(Interrupted(1_000))


def test_wrong_source_is_refused_at_once():
    with pytest.raises(SyntaxError):
        parsed(lambda: ast.parse("def"))


def test_four_threads_parse_while_the_garbage_collector_lets_others_in():
    def let_in(phase: str, info: dict[str, int]) -> None:
        time.sleep(0)

    source = Path(work.__file__).read_text()
    gc.callbacks.append(let_in)
    try:
        with ThreadPoolExecutor(4) as pool:
            trees = list(pool.map(lambda _: parsed(lambda: ast.parse(source)), range(60)))
    finally:
        gc.callbacks.remove(let_in)
    assert {len(tree.body) for tree in trees} == {len(ast.parse(source).body)}

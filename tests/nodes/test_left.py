"""Test what the attempts in a nested graph leave to the tasks around them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from quintet.nodes.core.attempt import Attempt
from quintet.nodes.core.left import leave_to, left_behind, left_within
from quintet.nodes.core.once import record
from quintet.nodes.core.task import Task
from quintet.state import Action


def attempt(number: int, key: str = "k") -> Attempt:
    done = Action(name=f"effect{number}", arguments={}, key=key, status="done")
    left = Attempt(task=Task(f"w{number}"), spent={"steps": 1})
    record(done, left)
    return left


def test_branches_that_leave_at_once_lose_nothing():
    task, count = str(uuid4()), 400
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda number: leave_to((task,), attempt(number)), range(count)))
    finally:
        sys.setswitchinterval(before)
    left = left_behind(task, {})
    assert left["spent"] == {"steps": count}
    assert {item["name"] for item in left["actions"].values()} == {
        f"effect{number}" for number in range(count)
    }


def test_what_was_left_is_given_once():
    task = str(uuid4())
    leave_to((task,), attempt(1))
    assert left_within(task)["spent"] == {"steps": 1}
    assert left_within(task) == {}
    assert left_behind(task, {"spent": {"steps": 2}}) == {"spent": {"steps": 2}}

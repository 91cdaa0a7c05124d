"""Test the examples' eval suites: what their labels say, and that their gates pass offline."""

from __future__ import annotations

import os
import socket
from collections import Counter

import pytest

from examples.retail import evals as retail
from examples.retail.data import load
from examples.support import evals as support
from quintet.evals import evaluate
from quintet.evals.running.finder import open_suite


@pytest.fixture
def no_network(monkeypatch):
    """Refuse every look-up of an address and every connection, loopback too."""

    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the evaluation wanted the network: {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def retail_data(shared_data, monkeypatch):
    monkeypatch.setitem(os.environ, "QUINTET_DATA", str(shared_data))


def test_every_message_is_a_case_with_its_labels():
    cases = support.cases()
    assert len(cases) == 183
    assert all(case.expects[-1] == "state" for case in cases)
    assert Counter(case.escalate for case in cases)[True] == 25
    planned = [case for case in cases if case.plan is not None]
    assert all(case.route == ("plan",) and len(case.plan) == 2 for case in planned)
    assert len(planned) == 13


@pytest.mark.slow
def test_the_support_desk_passes_its_gates_offline(no_network):
    with open_suite("examples/support") as suite:
        report = evaluate(suite, jobs=2)
    assert report.passed, str(report)
    assert len(report.rows) == 183
    assert report["silent_failure_rate"].value == 0
    assert report["forbidden_actions"].value == 0


def test_a_desk_without_its_gate_is_caught_by_the_shops_own_books(no_network):
    # The suite does not believe what the desk says of itself.
    with open_suite("examples/support") as suite:
        case = next(case for case in suite.cases if case.state == {"written": []})
        row = evaluate(suite.target, [case]).rows[0]
        assert row.wrong == ()
        paid = {"name": "issue_refund", "order_id": 1, "amount": 5.0}
        wrong = [type(case)(id=case.id, input=case.input, state={"written": [paid]})]
        assert "state written is []" in evaluate(suite.target, wrong).rows[0].wrong[0]


@pytest.mark.slow
def test_the_retail_desk_passes_its_gates_offline(retail_data, no_network):
    with open_suite("examples/retail") as suite:
        report = evaluate(suite)
    assert report.passed, str(report)
    assert len(report.rows) == 114


def test_a_transfer_is_an_escalation_and_a_write_needs_a_yes(retail_data):
    cases = retail.cases(load())
    assert sum(case.escalate for case in cases) == 4
    assert sum(case.approval for case in cases) == 103

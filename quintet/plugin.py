"""Give pytest fixtures that make a suite's gates, or a graph's crash points, a test.

Pytest finds this plugin itself once Quintet is installed; it imports nothing until it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def quintet_gates(record_property: Callable[[str, object], None]) -> Callable[..., Any]:
    """Return a function that evaluates a suite and fails the test where a gate is missed.

    The function takes a `Suite`, a function that makes one, or its name as for `quintet eval`; and
    the options of `quintet.evals.evaluate`, with `sample=N` for a sample of N cases. It returns the
    report. Each figure becomes a property of the test in JUnit XML.

        def test_the_support_desk(quintet_gates):
            report = quintet_gates("examples/support", jobs=4)
            assert report["routing_accuracy"].low > 0.9
    """

    def evaluated(suite: Any, *, sample: int | None = None, **options: Any) -> Any:
        # Imported late: pytest loads the plugin in every project where Quintet is installed.
        from quintet.evals.evaluate import evaluate
        from quintet.evals.running.finder import open_suite

        with open_suite(suite) as whole:
            chosen = whole if sample is None else whole.sampled(sample)
            report = evaluate(chosen, **options)
        for name, figure in report.figures.items():
            record_property(name, str(figure))
        if not report.passed:
            pytest.fail(f"{report}", pytrace=False)
        return report

    return evaluated


@pytest.fixture
def crashpoints(record_property: Callable[[str, object], None]) -> Callable[..., Any]:
    """Return a function that crashes a graph at every point, and fails the test unless it recovers.

    The function takes what `quintet.testing.crashpoints` takes, and returns its report. Each figure
    becomes a property of the test in JUnit XML.

        def test_no_crash_loses_or_doubles_a_refund(crashpoints):
            crashpoints(build_desk, {"message": "refund 1042"}, person=maria)
    """

    def crashed(graph: Any, given: Any, **options: Any) -> Any:
        # Imported late, as above.
        from quintet.testing.crash.crashpoints import crashpoints

        report = crashpoints(graph, given, **options)
        for name, figure in report.as_dict().items():
            record_property(name, figure)
        if not report.ok:
            pytest.fail(f"{report}", pytrace=False)
        return report

    return crashed

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quintet.state import DesignError
from quintet.stats import cases_for_drop, cases_for_gate, wilson
from quintet.stats.power import smallest_drop
from quintet.stats.proportion import exact

MADE = {"wilson": wilson, "exact": exact}


@pytest.mark.parametrize(
    ("drop", "discordant", "cases"), [(0.01, 0.03, 2353), (0.02, 0.06, 1175), (0.05, 0.10, 312)]
)
def test_a_paired_drop_needs_the_published_number_of_cases(drop, discordant, cases):
    assert cases_for_drop(drop, discordant=discordant) == cases
    assert cases_for_drop(-drop, discordant=discordant) == cases
    assert smallest_drop(cases, discordant=discordant) == pytest.approx(drop, rel=1e-3)


@pytest.mark.parametrize(("at_least", "cases"), [(0.95, 59), (0.99, 299)])
def test_no_failure_in_so_many_cases_proves_a_rate(at_least, cases):
    assert cases_for_gate(1, at_least=at_least, method="exact") == cases
    assert exact(cases, cases, sided="lower").low >= at_least
    assert exact(cases - 1, cases - 1, sided="lower").low < at_least


@pytest.mark.parametrize("method", ["wilson", "exact"])
@pytest.mark.parametrize(("rate", "gate"), [(0.97, 0.9), (0.99, 0.95), (0.8, 0.6), (1, 0.9)])
def test_a_gate_passes_as_often_as_was_asked(method, rate, gate):
    def chance(n):
        passing = [
            hits for hits in range(n + 1) if MADE[method](hits, n, sided="lower").low >= gate
        ]
        return sum(stats.binom.pmf(passing, n, rate))

    n = cases_for_gate(rate, at_least=gate, method=method)
    assert chance(n) >= 0.8
    assert chance(n - 1) < 0.8
    assert all(chance(n + more) >= 0.8 for more in range(1, 40, 3))


@settings(deadline=None)
@given(st.floats(0.001, 0.3), st.floats(0, 0.5), st.floats(0.5, 0.98))
def test_more_power_and_more_noise_need_more_cases(drop, noise, power):
    fewest = cases_for_drop(drop, discordant=drop, power=power)
    assert cases_for_drop(drop, discordant=drop + noise, power=power) >= fewest
    assert cases_for_drop(drop, discordant=drop, power=power + 0.01) >= fewest


@settings(deadline=None)
@given(st.floats(5, 5000), st.floats(0, 1))
def test_the_smallest_drop_is_the_number_of_cases_turned_round(n, discordant):
    drop = smallest_drop(n, discordant=discordant)
    if drop < 1:
        assert cases_for_drop(drop, discordant=max(discordant, drop)) == pytest.approx(n, abs=1.01)
    assert smallest_drop(4 * n, discordant=discordant) <= drop


def test_what_no_number_of_cases_answers_is_refused():
    for wrong in (
        lambda: cases_for_drop(0, discordant=0.1),
        lambda: cases_for_drop(0.2, discordant=0.1),
        lambda: cases_for_gate(0.95, at_least=0.95),
        lambda: cases_for_gate(0.9500001, at_least=0.95),
        lambda: cases_for_gate(0.99, at_least=0.95, power=1),
        lambda: smallest_drop(0, discordant=0.1),
        lambda: smallest_drop(10, discordant=2),
    ):
        with pytest.raises(DesignError, match="="):
            wrong()

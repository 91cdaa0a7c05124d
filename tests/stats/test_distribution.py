from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quintet.stats.distribution import (
    at_least_hits,
    beta_below,
    beta_quantile,
    student_deviate,
)

shapes = st.floats(0.3, 5000)


@settings(deadline=None)
@given(st.floats(0, 1), shapes, shapes)
def test_the_beta_distribution_is_that_of_scipy(x, a, b):
    assert beta_below(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-7, abs=1e-9)


@settings(deadline=None)
@given(st.floats(0.001, 0.999), st.floats(1, 2000), st.floats(1, 2000))
def test_its_quantile_is_its_inverse(share, a, b):
    assert beta_quantile(share, a, b) == pytest.approx(stats.beta.ppf(share, a, b), rel=1e-7)


@settings(deadline=None)
@given(st.integers(0, 3000), st.integers(0, 3000), st.floats(0.001, 0.999))
def test_the_binomial_tail_is_that_of_scipy(hits, n, rate):
    assert at_least_hits(hits, n, rate) == pytest.approx(
        stats.binom.sf(hits - 1, n, rate), rel=1e-6, abs=1e-9
    )


@settings(deadline=None)
@given(st.floats(0.0005, 0.3), st.floats(1, 3000))
def test_the_students_quantile_is_that_of_scipy(share, freedom):
    assert student_deviate(share, freedom) == pytest.approx(stats.t.isf(share, freedom), rel=1e-6)

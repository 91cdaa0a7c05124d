from __future__ import annotations

from math import inf, log
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from quintet.state import DesignError
from quintet.stats import mcnemar, paired
from quintet.stats.mcnemar import flipped
from quintet.stats.paired import tango

numbers = st.integers(-40, 40).map(lambda value: value / 4)
pairs = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=12)
verdicts = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
tables = st.integers(1, 200).flatmap(
    lambda n: st.integers(0, n).flatmap(
        lambda a: st.tuples(st.just(a), st.integers(0, n - a), st.just(n))
    )
)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_binomial_test_of_the_cases_that_differ(a_only, b_only):
    theirs = stats.binomtest(a_only, a_only + b_only, 0.5).pvalue if a_only + b_only else 1.0
    assert mcnemar(a_only, b_only) == pytest.approx(theirs, rel=1e-6)
    assert mcnemar(a_only, b_only) == mcnemar(b_only, a_only)


@given(st.lists(numbers, min_size=2, max_size=9))
@settings(deadline=None, max_examples=30)
def test_few_signs_are_flipped_in_every_way(differences):
    theirs = stats.permutation_test(
        (differences, [0] * len(differences)),
        lambda a, b: sum(a) - sum(b),
        permutation_type="samples",
        n_resamples=inf,
    )
    assert flipped(differences) == pytest.approx(theirs.pvalue, abs=1e-9)


def test_many_signs_are_drawn_and_agree_with_the_t_test():
    random = Random(1)
    differences = [random.gauss(0.15, 1) for _ in range(200)]
    assert flipped(differences) == flipped(differences)
    assert flipped(differences) != flipped(differences, seed=1)
    theirs = stats.ttest_1samp(differences, 0).pvalue
    assert flipped(differences, rounds=20_000) == pytest.approx(theirs, abs=0.01)


@settings(deadline=None)
@given(st.integers(0, 60))
def test_equal_differences_are_mcnemars(a_only):
    differences = [1.0] * a_only + [-1.0] * 20 + [0.0] * 50
    assert flipped(differences) == pytest.approx(mcnemar(a_only, 20), abs=0.03)


def constrained_score(difference: float, a_only: int, b_only: int, n: int) -> float:
    """Compute Tango's score by its definition: the likelihood maximised numerically."""

    def unlikely(share: float) -> float:
        cells = (share + difference, share, 1 - 2 * share - difference)
        counts = (a_only, b_only, n - a_only - b_only)
        return -sum(count * log(cell) for count, cell in zip(counts, cells, strict=True) if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    best = optimize.minimize_scalar(
        unlikely, bounds=(low + 1e-12, high - 1e-12), method="bounded", options={"xatol": 1e-13}
    ).x
    return (a_only - b_only - n * difference) / (n * (2 * best + difference - difference**2)) ** 0.5


@pytest.mark.parametrize("table", [(9, 3, 50), (1, 5, 20), (12, 4, 100), (30, 30, 80), (2, 1, 400)])
def test_tangos_ends_are_where_the_score_test_stops_refusing(table):
    interval = tango(*table)
    assert constrained_score(interval.low, *table) == pytest.approx(1.95996, abs=2e-3)
    assert constrained_score(interval.high, *table) == pytest.approx(-1.95996, abs=2e-3)


@settings(deadline=None)
@given(tables)
def test_tango_holds_the_difference_and_mirrors(table):
    a_only, b_only, n = table
    one, other = tango(a_only, b_only, n), tango(b_only, a_only, n)
    assert -1 <= one.low <= (a_only - b_only) / n <= one.high <= 1
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)
    assert one.width > 0
    assert tango(2 * a_only, 2 * b_only, 2 * n).width < one.width
    wider = tango(a_only, b_only, n, confidence=0.99)
    assert wider.low <= one.low <= one.high <= wider.high


def test_no_case_that_differs_is_no_proof_of_equality():
    assert tango(0, 0, 100).high == pytest.approx(0.037, abs=0.001)
    found = paired([True] * 100, [True] * 100)
    assert found.interval == tango(0, 0, 100)
    assert (found.verdict, found.p, found.cases_needed) == ("cannot tell", 1, None)


@settings(deadline=None)
@given(verdicts, st.randoms())
def test_right_and_wrong_are_compared_in_any_order(rows, random):
    a, b = zip(*rows, strict=True)
    found = paired(a, b)
    assert found.difference == pytest.approx((sum(a) - sum(b)) / len(a))
    assert (found.a_only, found.b_only) == (
        sum(x and not y for x, y in rows),
        sum(y and not x for x, y in rows),
    )
    assert found.p == mcnemar(found.a_only, found.b_only)
    assert found.interval == tango(found.a_only, found.b_only, len(rows))
    random.shuffle(rows)
    assert paired(*zip(*rows, strict=True)) == found


@given(pairs)
@settings(deadline=None, max_examples=30)
def test_numbers_turned_round_are_turned_round(rows):
    a, b = zip(*rows, strict=True)
    one, other = paired(a, b), paired(b, a)
    assert one.difference == -other.difference
    assert one.p == other.p
    assert one.difference in one.interval
    if one.difference:
        assert (one.interval.low, one.interval.high) == (-other.interval.high, -other.interval.low)
    turned = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    assert one.cases_needed == other.cases_needed
    assert paired(a, b, better="lower").verdict == turned[one.verdict]


def test_a_clear_gain_is_better_and_a_clear_loss_worse():
    a, b = [True] * 180 + [False] * 20, [True] * 150 + [False] * 50
    assert paired(a, b).verdict == "better"
    assert paired(b, a).verdict == "worse"
    assert paired(a, b).cases_needed is None
    assert str(paired(a, b)).startswith("better: +0.15 [+0.1")


def test_a_doubtful_gain_says_how_many_cases_would_tell():
    # 2 of 100 points with 6 % of cases differing: the published 1175.
    a = [True] * 4 + [False] * 2 + [True] * 94
    b = [False] * 4 + [True] * 2 + [True] * 94
    found = paired(a, b)
    assert (found.verdict, found.cases_needed) == ("cannot tell", 1175)
    assert "cannot tell, needs about 1175 cases: +0.02 [" in str(found)
    assert found.smallest > abs(found.difference)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_five_cases_can_prove_nothing(n):
    for a, b in (([True] * n, [False] * n), ([1.5] * n, [0.5] * n)):
        found = paired(a, b)
        assert found.verdict == "cannot tell"
        assert found.cases_needed == 6


def test_of_one_case_with_a_number_nothing_is_known():
    found = paired([1.5], [0.2])
    assert (found.interval.low, found.interval.high) == (-inf, inf)
    assert found.smallest == inf


def test_repeats_of_a_case_are_not_new_cases():
    random = Random(2)
    cases = [(random.random() < 0.85, random.random() < 0.75) for _ in range(80)]
    once = paired(*zip(*cases, strict=True))
    rows = [(x, y, case) for case, (x, y) in enumerate(cases) for _ in range(5)]
    a, b, clusters = zip(*rows, strict=True)
    often = paired(a, b, clusters=clusters)
    blind = paired(a, b)
    assert (often.cases, often.pairs) == (80, 400)
    assert often.interval.width == pytest.approx(once.interval.width, rel=0.03)
    assert blind.interval.width < often.interval.width / 2


def test_what_makes_no_sense_is_refused():
    for wrong in (
        lambda: paired([], []),
        lambda: paired([1], [1, 0]),
        lambda: paired([1], [None]),
        lambda: paired([1], [float("nan")]),
        lambda: paired([1, 2], [1, 0], clusters=["a"]),
        lambda: paired([1], [1], confidence=95),
        lambda: paired([1], [1], better="more"),
        lambda: mcnemar(-1, 2),
        lambda: mcnemar(1.5, 2),
        lambda: tango(3, 3, 5),
        lambda: tango(0, 0, 0),
    ):
        with pytest.raises(DesignError):
            wrong()


@pytest.mark.parametrize("n", [30, 100, 400])
@pytest.mark.parametrize("gains", [0.02, 0.1, 0.3])
def test_tango_covers_what_it_says(n, gains):
    random, losses = Random(f"{n} {gains}"), 0.05
    rounds, covered = 1000, 0
    for _ in range(rounds):
        draws = [random.random() for _ in range(n)]
        a_only = sum(draw < gains for draw in draws)
        b_only = sum(draw > 1 - losses for draw in draws)
        covered += gains - losses in tango(a_only, b_only, n)
    assert covered / rounds >= 0.95 - 0.021


def repeated(random: Random, cases: int, drop: float, alike: float):
    """Draw runs of a and b on cases of unequal difficulty, 1 to 4 of each."""
    spread = (1 - alike) / alike
    rows = []
    for case in range(cases):
        of_a, of_b = (random.betavariate(r * spread, (1 - r) * spread) for r in (0.85, 0.85 - drop))
        runs = range(random.choice((1, 2, 4)))
        rows += [(random.random() < of_a, random.random() < of_b, case) for _ in runs]
    return zip(*rows, strict=True)


@pytest.mark.slow
@pytest.mark.parametrize("cases", [30, 100])
@pytest.mark.parametrize("drop", [0, 0.1])
@pytest.mark.parametrize("alike", [0.02, 0.3, 0.8])
def test_repeated_pairs_are_covered_and_no_difference_is_made_up(cases, drop, alike):
    random = Random(f"{cases} {drop} {alike}")
    rounds, covered, made_up = 200, 0, 0
    for _ in range(rounds):
        a, b, clusters = repeated(random, cases, drop, alike)
        found = paired(a, b, clusters=clusters)
        covered += drop in found.interval
        made_up += found.verdict != "cannot tell"
    assert covered / rounds >= 0.95 - 0.046
    if not drop:
        assert made_up / rounds <= 0.05 + 0.046


def test_equal_systems_are_seldom_told_apart():
    random = Random(5)
    rounds, made_up = 400, 0
    for _ in range(rounds):
        a, b = ([random.random() < 0.9 for _ in range(150)] for _ in range(2))
        made_up += paired(a, b).verdict != "cannot tell"
    assert made_up / rounds <= 0.05 + 0.033

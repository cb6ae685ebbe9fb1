"""Intervals of shares and of their differences, against published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.intervals import Counted, Interval, difference_interval, mean_difference_interval, wilson_interval

COUNT = st.integers(1, 500)
MEAN = st.one_of(st.just(0.0), st.floats(1 / 500, 100))


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"), [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]
)
def test_the_wilson_interval_is_that_of_newcombe_1998(hits, trials, low, high):
    """Method 3 of table I, Statistics in Medicine 17:857-872."""
    assert wilson_interval(hits, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "difference", "low", "high"),
    [
        ((56, 70, 48, 80), 0.2, 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.6, 0.1705, 0.8090),
        ((5, 56, 0, 29), 0.0893, -0.0381, 0.1926),
        ((0, 10, 0, 10), 0.0, -0.2775, 0.2775),
        ((10, 10, 0, 10), 1.0, 0.6075, 1.0),
    ],
)
def test_the_interval_of_a_difference_is_that_of_newcombe_1998(counts, difference, low, high):
    """Method 10 of table II, Statistics in Medicine 17:873-890."""
    found = difference_interval(*counts)
    assert (found.expected, found.low, found.high) == pytest.approx((difference, low, high), abs=5e-5)


def test_nothing_is_known_of_an_empty_group():
    assert not difference_interval(0, 0, 1, 2).is_known
    assert not difference_interval(1, 2, 0, 0).is_known


@given(COUNT, COUNT, st.floats(0, 1), st.floats(0, 1))
def test_a_difference_lies_in_its_interval_which_turns_round_with_the_groups(trials, other, share, other_share):
    hits, other_hits = round(share * trials), round(other_share * other)
    found, turned = difference_interval(hits, trials, other_hits, other), difference_interval(other_hits, other, hits, trials)
    assert -1 - 1e-12 <= found.low <= found.expected <= found.high <= 1 + 1e-12
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


@pytest.mark.parametrize(
    ("counted", "low", "high"),
    [
        # t = 2.0930 of 19 degrees of freedom, s = t^2 x dispersion / 20 = 0.2190 x dispersion; mean + s/2 -+ sqrt(s x mean + s^2/4).
        (Counted(20, 0.0, 0.0), 0.0, 0.2190),
        (Counted(20, 4.0, 4.0), 3.1671, 5.0519),
        (Counted(20, 4.0, 1.0), 3.1671, 5.0519),
        (Counted(20, 4.0, 16.0), 2.5155, 6.3607),
    ],
)
def test_a_mean_count_has_a_score_interval_by_its_dispersion(counted, low, high):
    """The variance is at least the mean, so that counts which happen to lie close together are no surer than Poisson ones."""
    found = counted.interval()
    assert (found.expected, found.low, found.high) == pytest.approx((counted.mean, low, high), abs=5e-4)


@pytest.mark.parametrize(
    ("places", "quantile"), [(2, 12.706), (3, 4.303), (4, 3.182), (6, 2.571), (11, 2.228), (31, 2.042), (1_001, 1.962)]
)
def test_few_places_make_a_mean_less_certain_by_students_t(places, quantile):
    """Of zeros the upper end is t^2 / places."""
    assert math.sqrt(Counted(places, 0.0, 0.0).interval().high * places) == pytest.approx(quantile, rel=0.01)


def test_of_a_single_place_nobody_knows_how_far_places_differ():
    assert not Counted(1, 3.0, math.nan).interval().is_known
    assert not mean_difference_interval(Counted(1, 3.0, math.nan), Counted(20, 1.0, 1.0)).is_known
    assert not mean_difference_interval(Counted(20, 1.0, 1.0), Counted(0, 0.0, math.nan)).is_known


@given(COUNT, COUNT, MEAN, MEAN, st.floats(0, 1_000), st.floats(0, 1_000))
def test_a_difference_of_means_lies_in_its_interval_which_turns_round_with_the_groups(
    places, other, mean, other_mean, variance, other_variance
):
    groups = Counted(places + 1, mean, variance if mean else 0.0), Counted(other + 1, other_mean, other_variance if other_mean else 0.0)
    found, turned = mean_difference_interval(*groups), mean_difference_interval(*groups[::-1])
    assert found.low <= found.expected <= found.high
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


def test_a_difference_of_means_is_held_about_as_often_as_it_says():
    """Of 400 simulated pairs of groups with counts as skewed as errors are: none on four of five places, else ten or so."""
    rng, held = np.random.default_rng(3), 0
    for _ in range(400):
        groups = [rng.poisson(10, places) * (rng.random(places) < 0.2) for places in (60, 20)]
        found = mean_difference_interval(*(Counted(len(group), float(group.mean()), float(group.var(ddof=1))) for group in groups))
        held += found.low <= 0 <= found.high
    assert 376 <= held <= 396


def test_of_draws_the_middle_and_the_95_percent_are_told():
    found = Interval.of_draws(np.random.default_rng(0).permutation(1_000).astype(float))
    assert found == Interval(500.0, 25.0, 975.0)
    assert Interval.of_draws(np.array([1.0, math.inf, math.inf])) == Interval(math.inf, 1.0, math.inf)

"""Intervals of shares and of their differences, against published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.intervals import Interval, difference_interval, wilson_interval

COUNT = st.integers(1, 500)


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


def test_of_draws_the_middle_and_the_95_percent_are_told():
    found = Interval.of_draws(np.random.default_rng(0).permutation(1_000).astype(float))
    assert found == Interval(500.0, 25.0, 975.0)
    assert Interval.of_draws(np.array([1.0, math.inf, math.inf])) == Interval(math.inf, 1.0, math.inf)

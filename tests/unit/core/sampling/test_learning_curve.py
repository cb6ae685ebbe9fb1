"""What a learning curve tells, and when it tells nothing."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.evaluations import Evaluation
from airflow_cv_dataops.core.sampling.learning_curve import expected_gain, learning_curve

COUNTS = (50, 100, 200, 400, 800, 1_600)


def law(count: float, a: float = 0.95, b: float = 1.5, c: float = 0.4) -> float:
    return a - b * count**-c


def points(*counts: int, **numbers: float) -> list[Evaluation]:
    return [Evaluation(count, law(count, **numbers)) for count in counts]


def test_points_on_a_law_give_that_law_back():
    curve = learning_curve([Evaluation(count, law(count), 0.0005) for count in COUNTS])
    assert curve.value(3_200).expected == pytest.approx(law(3_200), abs=0.001)
    assert curve.gain(1_600).expected == pytest.approx(law(3_200) - law(1_600), abs=0.001)
    assert curve.asymptote.low < 0.95 < curve.asymptote.high
    assert curve.exponent.expected == pytest.approx(0.4, abs=0.02)
    assert curve.labels_for(law(3_000)).expected == pytest.approx(3_000, rel=0.05)


def test_an_error_that_falls_is_the_mirror_of_a_share_that_rises():
    risen, fallen = learning_curve(points(*COUNTS)), learning_curve([Evaluation(n, 1 - law(n)) for n in COUNTS], higher_is_better=False)
    assert fallen.value(3_200).expected == pytest.approx(1 - risen.value(3_200).expected)
    assert fallen.value(3_200).low == pytest.approx(1 - risen.value(3_200).high, abs=1e-4)
    assert fallen.gain(100).expected == pytest.approx(risen.gain(100).expected)
    assert fallen.labels_for(0.10).expected == pytest.approx(risen.labels_for(0.90).expected)


def test_two_label_counts_are_too_few_however_many_evaluations_there_are():
    curve = learning_curve([*points(50, 100), Evaluation(50, 0.6), Evaluation(100, 0.7)])
    assert not curve.value(200).is_known
    assert not curve.gain(200).is_known
    assert curve.in_words(50) == (
        "No estimate of what 50 more labels would bring: it takes evaluations at 3 label counts or more, and there are 2."
    )
    assert math.isnan(expected_gain([], 50).expected)


@pytest.mark.parametrize("values", [(0.8, 0.8, 0.8), (0.9, 0.8, 0.7)])
def test_what_does_not_rise_is_not_told_to(values):
    curve = learning_curve([Evaluation(count, value) for count, value in zip((50, 100, 200), values, strict=True)])
    assert "do not rise from 50 to 200 labels" in curve.reason
    assert not curve.gain(50).is_known


def test_a_target_beyond_the_best_is_not_reached():
    curve = learning_curve(points(*COUNTS, a=0.7))
    assert curve.labels_for(0.6).high < math.inf
    assert curve.labels_for(0.99).expected == math.inf
    assert curve.labels_for(1.0).low == math.inf


def test_words_tell_the_last_point_where_the_curve_runs_beside_it():
    told = learning_curve([Evaluation(labels, value) for labels, value in ((100, 0.6), (200, 0.7), (400, 0.85), (800, 0.9))]).in_words(60)
    assert "(by the curve: what was measured at 800 labels is 0.900)" in told


def test_words_say_from_where_to_where_and_warn_of_what_is_far():
    curve = learning_curve(points(50, 100, 200, 400))
    near, far = curve.in_words(200), curve.in_words(2_000)
    assert near.startswith("200 more labels: from 0.81 to 0.83 (95% interval ")
    assert re.search(r"\), better by 0\.01 to 0\.0\d\.$", near), near
    assert "may not hold" not in near
    assert far.endswith("the curve may not hold so far out.")
    assert (curve.is_far(1_600), curve.is_far(1_601)) == (False, True)


def test_a_curve_that_has_not_bent_yet_is_told_with_a_caution():
    """As of models that learn hardly anything from the first labels: no power law rises faster with each doubling."""
    slow_start = learning_curve([Evaluation(50 * 2**n, value) for n, value in enumerate((0.14, 0.20, 0.34, 0.58))])
    assert slow_start.has_not_bent
    assert "it may tell too little" in slow_start.in_words(50)
    assert not learning_curve(points(*COUNTS)).has_not_bent


def test_one_evaluation_is_less_certain_than_the_curve():
    curve = learning_curve(points(*COUNTS))
    value, measured = curve.value(2_000), curve.measured(2_000)
    assert measured.low < value.low < value.high < measured.high


def test_larger_standard_errors_make_wider_intervals():
    wide, narrow = (learning_curve([Evaluation(count, law(count), error) for count in COUNTS]).value(3_200) for error in (0.02, 0.002))
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_a_share_in_percent_is_refused_unless_it_is_said_to_be_one():
    with pytest.raises(ConfigurationError, match="better than the best"):
        learning_curve([Evaluation(50, 81.0)])
    curve = learning_curve([Evaluation(count, 100 * law(count)) for count in COUNTS], best=100)
    assert curve.value(3_200).expected == pytest.approx(100 * learning_curve(points(*COUNTS)).value(3_200).expected, abs=0.05)


@given(
    values=st.lists(st.floats(0, 1), min_size=3, max_size=8),
    order=st.randoms(use_true_random=False),
    more=st.integers(1, 10_000),
)
def test_an_interval_is_in_order_never_above_the_best_and_grows_with_the_labels(values, order, more):
    given_points = [Evaluation(50 * 2**place, value) for place, value in enumerate(values)]
    curve = learning_curve(given_points)
    interval, gain = curve.value(curve.labels + more), curve.gain(more)
    shuffled = order.sample(given_points, len(given_points))
    np.testing.assert_equal(learning_curve(shuffled).value(curve.labels + more), interval)
    if curve.reason:
        assert math.isnan(interval.expected)
        return
    assert interval.low <= interval.expected <= interval.high <= 1 + 1e-9
    assert 0 <= gain.low <= gain.expected <= gain.high
    assert curve.gain(more + 1).expected >= gain.expected - 1e-12


@pytest.mark.parametrize("error", [0.01, 1e-4, 1e-6])
@pytest.mark.parametrize("counts", [(10, 100, 1_000_000), (3, 17, 49, 6_231, 6_336), (163, 22_445, 219_464_602, 74_200_684_801)])
@pytest.mark.parametrize("exponent", [0.1, 0.4, 1.5])
def test_points_on_a_law_are_met_however_far_apart_and_however_certain(counts, error, exponent):
    curve = learning_curve([Evaluation(count, law(count / counts[0], 0.9, 0.5, exponent), error) for count in counts])
    assert curve.reason == ""
    for count in counts:
        interval = curve.value(count)
        assert interval.low - error < law(count / counts[0], 0.9, 0.5, exponent) < interval.high + error
        assert interval.expected == pytest.approx(law(count / counts[0], 0.9, 0.5, exponent), abs=5 * error)


def test_points_on_no_law_are_told_to_be_on_none_and_what_to_do():
    jump = [Evaluation(count, value, 1e-6) for count, value in ((100, 0.5), (200, 0.5), (400, 0.5), (800, 0.9))]
    curve = learning_curve(jump)
    assert curve.reason.startswith("the points do not lie on any power law: at ")
    assert curve.in_words(50).startswith("No estimate of what 50 more labels would bring: the points do not lie on any power law: at ")
    assert curve.in_words(50).endswith("leave those out.")
    assert math.isnan(curve.gain(50).expected)
    assert learning_curve([Evaluation(point.labels, point.value) for point in jump]).reason == ""


def test_equal_values_do_not_rise_by_what_rounding_leaves():
    for value in (0.1, 0.3, 0.7, 0.9):
        assert (
            "do not rise" in learning_curve([Evaluation(count, value) for count in (10, 70, 900, 1_234, 50_000, 600_000, 7_000_000)]).reason
        )


def test_numbers_beyond_reason_are_no_error():
    for value in (-1e308, -1e200):
        curve = learning_curve([Evaluation(50, value), Evaluation(100, 0.5), Evaluation(200, 0.6)])
        assert curve.reason or curve.value(400).is_known


@given(
    counts=st.sets(st.one_of(st.integers(1, 2_000), st.integers(1, 10**12)), min_size=3, max_size=7),
    values=st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.5, 0.9, 1.0])), min_size=14, max_size=14),
    errors=st.one_of(st.none(), st.floats(1e-9, 0.3), st.lists(st.floats(1e-9, 0.3), min_size=14, max_size=14)),
    is_sorted=st.booleans(),
    times=st.integers(1, 2),
)
def test_a_curve_goes_through_what_was_measured_or_says_why_there_is_none(counts, values, errors, is_sorted, times):
    """At every count within one width of the interval of one evaluation, which is some 6 times the noise."""
    labels = sorted([*counts] * times)
    values = (sorted(values) if is_sorted else values)[-len(labels) :]
    errors = errors if isinstance(errors, list) else [errors] * 14
    curve = learning_curve([Evaluation(*point) for point in zip(labels, values, errors, strict=False)])
    assert "nan" not in curve.in_words(100)
    if curve.reason:
        assert math.isnan(curve.value(100).expected)
        return
    for interval in (curve.asymptote, curve.exponent, curve.gain(100), *map(curve.value, labels)):
        assert all(map(math.isfinite, (interval.low, interval.expected, interval.high)))
        assert interval.low <= interval.expected <= interval.high
    if len(set(errors)) > 1:
        return  # of which the least certain one may be as far off as it says
    for count in counts:
        measured = curve.measured(count)
        width = measured.high - measured.low
        mean = sum(value for label, value in zip(labels, values, strict=True) if label == count) / times
        assert measured.low - width <= mean <= measured.high + width


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """60 simulated curves with noise of 0.01; `benchmarks/learning_curve.py` has the numbers for more laws, at 2 and 4 times the labels."""
    held = 0
    for seed in range(500, 560):
        rng = np.random.default_rng(seed)
        curve = learning_curve([Evaluation(count, law(count) + rng.normal(0, 0.01)) for count in COUNTS])
        interval = curve.value(2 * COUNTS[-1])
        held += interval.low <= law(2 * COUNTS[-1]) <= interval.high
    assert held >= 54

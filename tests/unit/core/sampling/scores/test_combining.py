"""Several scores as one, and the words for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples
from unit.core.sampling.pools import images

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.combining import combined, reasons
from airflow_cv_dataops.core.sampling.scores.score import Score

NAN = math.nan
ROWS = st.integers(1, 12).flatmap(
    lambda images: st.lists(
        st.lists(st.sampled_from([0.0, 0.25, 0.5, 3.0, -1.0, NAN]), min_size=images, max_size=images), min_size=2, max_size=4
    )
)
WEIGHT = st.one_of(st.floats(0.01, 10), st.floats(-10, -0.01))


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-9)


def of(**values):
    return {name: np.array(column, dtype=float) for name, column in values.items()}


def test_ranks_are_averaged_by_weight():
    # Ranks of a: 1/8, 3/8, 5/8, 7/8. Of b: the two 7s share 6/8, the others 3/8 and 1/8.
    values = of(a=[0.1, 0.2, 0.3, 0.4], b=[7, 7, -2, -9])
    assert combined(values, {"a": 3, "b": 1}).tolist() == near(
        [(3 / 8 + 6 / 8) / 4, (9 / 8 + 6 / 8) / 4, (15 / 8 + 3 / 8) / 4, (21 / 8 + 1 / 8) / 4]
    )


def test_a_negative_weight_turns_a_score_round():
    assert combined(of(a=[1, 2, 3], b=[5, 5, 5]), {"a": -1, "b": 1}).tolist() == near([(5 / 6 + 0.5) / 2, 0.5, (1 / 6 + 0.5) / 2])


def test_one_score_is_itself_where_it_lies_between_0_and_1_whatever_its_weight():
    values = of(a=[0.123456789012, NAN, 1.0], b=[0, 9, 9])
    assert combined(values, {"a": 7}).tolist() == pytest.approx([0.123456789012, NAN, 1.0], nan_ok=True, abs=0)
    assert combined(values, {"a": -2}).tolist() == near([0.876543211, NAN, 0])
    assert combined(values, {"b": 7}).tolist() == near([1 / 6, 4 / 6, 4 / 6])
    assert combined(values, {"b": -7}).tolist() == near([5 / 6, 2 / 6, 2 / 6])


def test_an_image_without_one_of_the_scores_has_none_and_takes_no_rank():
    values = of(a=[0.1, 0.9, 0.5], b=[0.1, NAN, 0.5], c=[NAN, NAN, NAN])
    assert combined(values, {"a": 1, "b": 1}).tolist() == near([0.25, NAN, 0.75])


@pytest.mark.parametrize("weight", [0, 0.0, NAN, math.inf, "1", True, None])
def test_a_weight_that_cannot_be_used_is_refused(weight):
    with pytest.raises(ConfigurationError, match="of score 'a' cannot be used: expected a finite number other than 0"):
        combined(of(a=[1]), {"a": weight})


def test_weights_must_be_of_scores_that_there_are():
    with pytest.raises(ConfigurationError, match="a weight for entropi, but no such score: there are a, b"):
        combined(of(a=[1], b=[1]), {"a": 1, "entropi": 1})
    with pytest.raises(ConfigurationError, match="No score has a weight"):
        combined(of(a=[1]), {})


@settings(max_examples=examples(80), deadline=None)
@given(ROWS, st.data())
def test_the_order_of_images_and_scores_does_not_matter_nor_the_scale_of_the_weights(rows, data):
    values = {f"s{number}": np.array(row) for number, row in enumerate(rows)}
    weights = {name: data.draw(WEIGHT) for name in values}
    expected = combined(values, weights)
    assert np.isnan(expected).tolist() == np.isnan(np.array(rows)).any(axis=0).tolist()
    known = expected[~np.isnan(expected)]
    assert ((known > 0) & (known < 1)).all()
    order = np.array(data.draw(st.permutations(range(len(rows[0])))))
    turned = combined({name: values[name][order] for name in reversed(values)}, {name: weights[name] for name in reversed(weights)})
    np.testing.assert_array_equal(turned, expected[order])
    np.testing.assert_allclose(combined(values, {name: 2 * weight for name, weight in weights.items()}), expected, atol=2e-9)


@settings(max_examples=examples(80), deadline=None)
@given(ROWS, st.data())
def test_an_image_that_is_higher_by_every_score_is_higher_by_all_together(rows, data):
    values = {f"s{number}": np.array(row) for number, row in enumerate(rows)}
    found = combined(values, {name: data.draw(st.floats(0.01, 10)) for name in values})
    matrix = np.array(rows)
    for one in np.flatnonzero(~np.isnan(found)):
        for other in np.flatnonzero((matrix > matrix[:, [one]]).all(axis=0) & ~np.isnan(found)):
            assert found[other] > found[one]


def named(name):
    return Score(name, "For tests.", lambda pool: np.zeros(len(pool)))


def test_what_contributed_most_is_said_first_and_what_did_not_contribute_is_not_said():
    pool = Pool(images("abcd"))
    values = of(a=[0.1, 0.2, 0.3, 0.4], b=[4, 3, 2, 1], c=[1, 1, 1, 1])
    scores = [named(name) for name in values]
    said = reasons(pool, scores, values, {"a": 1, "b": -3, "c": 1}, [3, 2, 0])
    assert said[0] == ["b 1.000 [the lower the better]", "a 0.400"]
    assert said[1] == ["b 2.000 [the lower the better]", "a 0.300"]
    assert said[2] == ["c 1.000"], "below the middle by the others: what comes nearest"


def test_one_score_always_gives_a_reason():
    assert reasons(Pool(images("ab")), [named("a")], of(a=[0.1, 0.2]), {"a": 1}, [0]) == [["a 0.100"]]


def test_a_score_in_words_of_its_own_is_named_where_that_tells_it_from_others_or_says_that_it_is_turned_round():
    pool, values = Pool(images("ab")), of(a=[0.1, 0.2], b=[0.3, 0.4])
    scores = [Score(name, "For tests.", lambda pool: np.zeros(len(pool)), words=lambda pool, row, value: f"{value:.1f}") for name in "ab"]
    assert reasons(pool, scores, values, {"a": 1}, [1]) == [["0.2"]]
    assert reasons(pool, scores, values, {"a": 2, "b": 1}, [1]) == [["0.2 [a]", "0.4 [b]"]]
    assert reasons(pool, scores, values, {"a": -1}, [0]) == [["0.1 [a, the lower the better]"]]

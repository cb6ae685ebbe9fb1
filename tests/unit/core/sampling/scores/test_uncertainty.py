from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.scores.uncertainty import STRATEGIES, box_uncertainty, entropy, least_confidence, margin, uncertainty

EVEN, CERTAIN = [0.25, 0.25, 0.25, 0.25], [0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_even_distribution_scores_1_and_a_certain_one_0(strategy):
    assert uncertainty(np.array([EVEN, CERTAIN]), strategy).tolist() == [1.0, 0.0]


def test_scores_follow_their_formulas():
    p = np.array([[0.5, 0.3, 0.2]])
    assert entropy(p)[0] == pytest.approx(-(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2)) / math.log(3))
    assert margin(p)[0] == pytest.approx(0.8)
    assert least_confidence(p)[0] == pytest.approx(0.75)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_model_with_one_class_is_always_certain(strategy):
    assert uncertainty(np.array([[1.0], [0.4]]), strategy).tolist() == [0.0, 0.0]


def test_a_row_that_is_no_distribution_has_no_score():
    rows = np.array([[0.5, math.nan], [1.5, -0.5], [0.0, 0.0], [math.inf, 1.0], [2.0, 2.0]])
    assert uncertainty(rows, "margin").tolist() == pytest.approx([math.nan] * 4 + [1.0], nan_ok=True)


def test_a_box_is_most_uncertain_at_one_half():
    scores = np.array([0.5, 0.0, 1.0, 0.9, 1.5, math.nan])
    assert box_uncertainty(scores, "margin").tolist() == pytest.approx([1, 0, 0, 0.2, math.nan, math.nan], nan_ok=True)
    binary_entropy = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
    assert box_uncertainty(scores, "entropy")[3] == pytest.approx(binary_entropy)


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ConfigurationError, match="entropy, margin, least_confidence"):
        uncertainty(np.array([EVEN]), "bald")


@given(
    st.integers(1, 8).flatmap(
        lambda classes: st.lists(
            st.lists(st.floats(0, 1), min_size=classes, max_size=classes).filter(lambda row: sum(row) > 1e-3), min_size=1
        )
    ),
    st.sampled_from(sorted(STRATEGIES)),
)
def test_scores_lie_between_0_and_1_and_do_not_depend_on_the_order_of_the_classes(rows, strategy):
    probabilities = np.array(rows)
    scores = uncertainty(probabilities, strategy)
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_allclose(uncertainty(probabilities[:, ::-1], strategy), scores, atol=2e-9)

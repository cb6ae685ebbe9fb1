"""The most uncertain prediction of each image, whatever the batches."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.scores.hardest import HardestPredictions
from airflow_cv_dataops.core.sampling.scores.uncertainty import AGGREGATES

IMAGES = 4
PREDICTION = st.tuples(st.integers(0, IMAGES - 1), st.sampled_from([0.2, 0.5, 0.6, math.nan]), st.sampled_from(["cat", "dog", None]))


def gathered(*batches) -> HardestPredictions:
    """Take batches of (image, uncertainty, id, category) in."""
    hardest = HardestPredictions(IMAGES)
    for batch in batches:
        image, uncertainty, ids, categories = zip(*batch, strict=True) if batch else ((), (), (), ())
        hardest.add(
            np.array(image, np.int64),
            np.array(uncertainty, float),
            pa.chunked_array([pa.array(ids, pa.string())]),
            pa.chunked_array([pa.array(categories, pa.string())]),
        )
    return hardest


def test_an_image_scores_as_its_hardest_box_or_as_their_mean_or_sum():
    found = gathered(
        [(2, 0.2, "e", "cat"), (0, 0.5, "d", "cat")], [(2, 0.6, "c", "dog"), (0, 0.5, "b", None)], [(3, math.nan, "a", "cat")], []
    )
    assert found.scores("max").tolist() == pytest.approx([0.5, math.nan, 0.6, math.nan], nan_ok=True)
    assert found.scores("mean").tolist() == pytest.approx([0.5, math.nan, 0.4, math.nan], nan_ok=True)
    assert found.scores("sum").tolist() == pytest.approx([1.0, math.nan, 0.8, math.nan], nan_ok=True)
    assert found.scores("count_normalised").tolist() == pytest.approx([1 / 2**0.5, math.nan, 0.8 / 2**0.5, math.nan], nan_ok=True)
    assert found.ids.tolist() == ["b", None, "c", None], "of equal ones the smallest id"
    assert found.categories.tolist() == [None, None, "dog", None]
    assert found.is_predicted.tolist() == [True, False, True, True]


def test_an_unknown_aggregate_is_refused():
    with pytest.raises(ConfigurationError, match="max, mean"):
        gathered([(0, 0.5, "a", None)]).scores("median")


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(PREDICTION, max_size=12), st.randoms(use_true_random=False), st.integers(1, 4))
def test_neither_order_nor_batches_matter(predictions, random, size):
    rows = [(image, uncertainty, f"{number:02}", category) for number, (image, uncertainty, category) in enumerate(predictions)]
    whole, shuffled = gathered(rows), random.sample(rows, len(rows))
    found = gathered(*(shuffled[start : start + size] for start in range(0, len(rows), size)))
    for one, other in ((whole.ids, found.ids), (whole.categories, found.categories), (whole.is_predicted, found.is_predicted)):
        assert one.tolist() == other.tolist()
    for aggregate in AGGREGATES:
        np.testing.assert_array_equal(whole.scores(aggregate), found.scores(aggregate))
    for image in range(IMAGES):
        own = [(-uncertainty, name) for at, uncertainty, name, _ in rows if at == image and not math.isnan(uncertainty)]
        assert whole.ids[image] == (min(own)[1] if own else None)

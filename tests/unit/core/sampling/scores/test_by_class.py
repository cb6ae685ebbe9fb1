"""Doubt aggregated by class, rare classes weighing more."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.core.sampling.pools import InBatches, box, classified, images, pool_of

from airflow_cv_dataops.core.sampling.pool import Known, Pool
from airflow_cv_dataops.core.sampling.scores.by_class import entropy_by_class

NAN = math.nan
# Nine labels: weights (9 + 2) / (7 + 1) of RBC and (9 + 2) / (2 + 1) of WBC, as shares 3 / 11 and 8 / 11.
KNOWN = Known({"RBC": 7, "WBC": 2})


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-7)


def test_an_image_counts_for_each_class_and_more_for_the_rarer():
    rows = [box("a", "RBC", 0, 0.5), box("b", "WBC", 0, 0.5), box("c", "RBC", 0, 0.5), box("c", "WBC", 0, 0.5), box("d", "WBC", 0, 1.0)]
    pool = pool_of("abcde", rows, known=KNOWN)
    assert entropy_by_class(pool).tolist() == near([3 / 11, 8 / 11, 1, 0, 0])
    assert entropy_by_class.in_words(pool, 2, 1.0) == "the model is unsure of boxes of several categories: WBC (50%), RBC (50%)"
    assert (
        entropy_by_class.in_words(pool, 0, 0.273)
        == "the model is unsure of a box of RBC (confidence 50%), of which there are 7 of 9 labels"
    )
    assert entropy_by_class.in_words(pool, 3, 0.0) == "the model is least sure of a box of WBC (confidence 100%)"
    assert entropy_by_class.in_words(pool, 4, 0.0) == "the model predicts no box"


def test_of_each_category_the_box_that_the_model_doubts_most_is_told():
    rows = [box("a", "RBC", 0, 0.99), box("a", "RBC", 20, 0.65), box("a", "WBC", 0, 0.41), box("a", "WBC", 20, 0.1)]
    words = "the model is unsure of boxes of several categories: WBC (41%), RBC (65%)"
    assert entropy_by_class.in_words(pool_of("a", rows, known=KNOWN), 0, 0.9) == words


def test_of_a_classifier_it_says_what_the_image_is_taken_for():
    pool = pool_of("a", [classified("a", {"cat": 0.55, "dog": 0.45})])
    assert entropy_by_class.in_words(pool, 0, 0.9) == "the model wavers between cat and dog (55% against 45%)"


@pytest.mark.parametrize(("aggregate", "of_two"), [("max", 1), ("mean", 0.5), ("sum", 1), ("count_normalised", 1 / 2**0.5)])
def test_boxes_are_aggregated_within_their_class_first(aggregate, of_two):
    rows = [box("a", "RBC", 0, 0.5), box("a", "RBC", 20, 1.0), box("a", "WBC", 0, 0.5)]
    assert entropy_by_class(pool_of("a", rows, known=KNOWN, aggregate=aggregate)).tolist() == near([(3 * of_two + 8) / 11])


def test_where_nothing_is_labelled_the_expected_numbers_of_objects_decide():
    rows = [box("a", "RBC", 0, 0.5), box("a", "RBC", 20, 0.5), box("b", "WBC", 0, 0.5)]
    # Expected 1 and 0.5: weights 1 / 2 and 1 / 1.5, as shares 3 / 7 and 4 / 7.
    assert entropy_by_class(pool_of("ab", rows)).tolist() == near([3 / 7, 4 / 7])


def test_what_cannot_be_told_is_no_number():
    rows = [box("a", "RBC", 0, None), box("b", None, 0, 0.5), box("c", "RBC", 0, 0.5)]
    assert entropy_by_class(pool_of("abcd", rows)).tolist() == near([NAN, NAN, 1, 0])
    assert entropy_by_class(pool_of("abcd", rows, empty_score=None)).tolist() == near([NAN, NAN, 1, NAN])
    assert entropy_by_class(pool_of("ab", [classified("a", {"cat": 0.5, "dog": 0.5})])).tolist() == near([1, NAN])
    assert entropy_by_class(Pool(images("a"))).tolist() == near([NAN])


@pytest.mark.parametrize("aggregate", ["max", "mean", "sum", "count_normalised"])
def test_neither_batches_nor_the_order_of_rows_matter(aggregate):
    random = np.random.default_rng(4)
    columns = random.choice(list("abc"), 60), random.choice(["RBC", "WBC"], 60), range(60), random.random(60).tolist()
    rows = [box(name, category, corner, score) for name, category, corner, score in zip(*columns, strict=True)]
    expected = entropy_by_class(pool_of("abc", rows, aggregate=aggregate))
    found = Pool(images("cba"), {"m": InBatches("predictions", [rows[at] for at in random.permutation(60)], 7)}, "m", aggregate=aggregate)
    assert entropy_by_class(found)[::-1].tolist() == expected.tolist()

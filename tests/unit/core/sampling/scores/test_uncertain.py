"""How uncertain one model is of each image."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from unit.core.sampling.pools import InBatches, box, classified, images, pool_of

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.hardest import hardest
from airflow_cv_dataops.core.sampling.scores.uncertain import entropy, least_confidence, margin

NAN = math.nan


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-7)


def test_a_classified_image_scores_by_its_probabilities():
    pool = pool_of("abc", [classified("b", {"cat": 0.5, "dog": 0.3, "cow": 0.2}), classified("a", {"cat": 1.0, "dog": 0.0})])
    assert margin(pool).tolist() == near([0, 0.8, NAN])
    assert least_confidence(pool).tolist() == near([0, 0.75, NAN])
    assert entropy(pool)[1] == near(-(0.5 * math.log(0.5) + 0.3 * math.log(0.3) + 0.2 * math.log(0.2)) / math.log(3))
    assert margin.in_words(pool, 1, 0.8) == "margin 0.800 by model m, taken for cat"


BOXES = [box("a", "RBC", 0, 0.5), box("a", "WBC", 20, 0.9), box("b", "RBC", 0, 1.0)]


@pytest.mark.parametrize(
    ("aggregate", "scores", "words"),
    [
        ("max", [1, 0, 0], "highest"),
        ("mean", [0.6, 0, 0], "mean"),
        ("sum", [1.2, 0, 0], "sum"),
        ("count_normalised", [1.2 / 2**0.5, 0, 0], "sum by the root of their number"),
    ],
)
def test_boxes_are_aggregated_by_image_and_an_image_without_a_box_scores_0(aggregate, scores, words):
    pool = pool_of("abc", BOXES, aggregate=aggregate)
    assert margin(pool).tolist() == near(scores)
    assert margin.in_words(pool, 0, scores[0]) == f"margin {scores[0]:.3f} by model m, {words} of 2 boxes, hardest: RBC"
    assert margin.in_words(pool, 2, 0.0) == "model m predicted no box"


def test_an_image_without_a_box_may_be_left_out():
    assert margin(pool_of("abc", BOXES, empty_score=None)).tolist() == near([1, 0, NAN])


def test_a_model_whose_boxes_are_all_on_other_images_is_one_that_finds_boxes():
    assert margin(pool_of("c", BOXES)).tolist() == [0]


def test_without_any_prediction_nothing_can_be_told():
    assert margin(pool_of("ab")).tolist() == near([NAN, NAN])
    assert margin(Pool(images("ab"))).tolist() == near([NAN, NAN])


def test_predictions_that_cannot_be_used_are_counted_in_the_log_and_their_images_are_not_taken_for_empty(caplog):
    pool = pool_of("abc", [box("a", "RBC", 0, None), box("b", "RBC", 0, 1.7), box("c", "RBC", 0, 0.5)])
    with caplog.at_level(logging.WARNING):
        assert margin(pool).tolist() == near([NAN, NAN, 1])
    assert "2 predictions are left out" in caplog.text


def test_the_hardest_prediction_and_the_number_of_boxes_are_known():
    found = hardest(pool_of("abc", [*BOXES, box("c", "RBC", 0, None)]), "margin")
    assert found.categories.tolist() == ["RBC", "RBC", None]
    assert found.ids.tolist() == ["a-RBC-0-0.5", "b-RBC-0-1.0", None]
    assert found.is_predicted.tolist() == [True, True, True]
    assert found.boxes.tolist() == [2, 1, 1]
    assert found.expected_boxes.tolist() == [1.4, 1.0, 1.0]
    assert (found.finds_boxes, found.rows, found.unusable) == (True, 4, 1)


def test_a_classifier_predicts_no_boxes():
    found = hardest(pool_of("a", [classified("a", {"cat": 0.9, "dog": 0.1})]), "entropy")
    assert (found.boxes.tolist(), found.expected_boxes.tolist(), found.finds_boxes) == ([0], [0.0], False)


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("aggregate", ["max", "mean", "sum", "count_normalised"])
def test_neither_batches_nor_the_order_of_rows_matter(size, aggregate):
    random = np.random.default_rng(0)
    rows = [box(name, "RBC", number, float(score)) for number, (name, score) in enumerate(zip("abcde" * 8, random.random(40), strict=True))]
    expected = entropy(pool_of("abcdef", rows, aggregate=aggregate))
    shuffled = [rows[place] for place in random.permutation(40)]
    pool = Pool(images("fedcba"), {"m": InBatches("predictions", shuffled, size)}, "m", aggregate=aggregate)
    assert entropy(pool)[::-1].tolist() == expected.tolist()

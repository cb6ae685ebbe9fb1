"""How uncertain one model is of each image."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest
from unit.core.sampling.pools import InBatches, box, classified, images, pool_of

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.combining import reasons
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
    assert margin.in_words(pool, 1, 0.8) == "the model wavers between cat and dog (50% against 30%)"
    assert margin.in_words(pool, 0, 0.0) == "the model takes it for cat (100%)"


@pytest.mark.parametrize(
    ("score", "probabilities", "words"),
    [
        (entropy, {"3": 0.28, "8": 0.31, "9": 0.2, "0": 0.21}, "spreads its probability over several classes: 8 (31%), 3 (28%), 0 (21%)"),
        (entropy, {"3": 0.49, "8": 0.48, "9": 0.03}, "wavers between 3 and 8 (49% against 48%)"),
        (entropy, {"3": 0.9, "8": 0.096, "9": 0.004}, "takes it for 3 (90%), next 8 (10%)"),
        (least_confidence, {"3": 0.41, "8": 0.3, "9": 0.29}, "gives its first guess, 3, only 41%"),
        (least_confidence, {"3": 0.9, "8": 0.1}, "takes it for 3 (90%)"),
        (margin, {"3": 0.9957, "8": 0.004, "9": 0.0003}, "takes it for 3 (99.6%), next 8 (0.4%)"),
        (margin, {"3": 6.0, "8": 4.0}, "wavers between 3 and 8 (60% against 40%)"),  # no shares of 1 as they are stored
        (margin, {"3": 0.38, "8": 0.13, "9": 0.13, "0": 0.12, "1": 0.12, "2": 0.12}, "takes it for 3 (38%), next 8 (13%)"),
        (margin, {"3": 1.0}, "takes it for 3 (100%)"),
    ],
)
def test_what_is_said_of_a_classified_image_holds_whether_the_model_is_in_doubt_or_not(score, probabilities, words):
    assert score.in_words(pool_of("a", [classified("a", probabilities)]), 0, 0.5) == f"the model {words}"


def test_of_a_classifier_that_gives_a_confidence_alone_that_is_told():
    pool = pool_of("ab", [classified("a", category="cat", score=0.55), classified("b", category="cat", score=0.97)])
    assert margin.in_words(pool, 0, 0.9) == "the model is unsure that it is cat (confidence 55%)"
    assert margin.in_words(pool, 1, 0.06) == "the model takes it for cat (confidence 97%)"


def test_predictions_are_gone_through_once_for_all_images_that_are_put_in_words(monkeypatch):
    pool = pool_of("abc", [classified(name, {"cat": 0.5, "dog": 0.5}) for name in "abc"])
    values = {"margin": margin(pool)}
    passes = []
    outputs = Pool.outputs
    monkeypatch.setattr(Pool, "outputs", lambda *given, **named: passes.append(named) or outputs(*given, **named))
    assert len(reasons(pool, [margin], values, {"margin": 1}, [0, 1, 2])) == 3
    assert len(passes) == 1


BOXES = [box("a", "RBC", 0, 0.5), box("a", "WBC", 20, 0.9), box("b", "RBC", 0, 1.0)]


@pytest.mark.parametrize(
    ("aggregate", "scores"),
    [
        ("max", [1, 0, 0]),
        ("mean", [0.6, 0, 0]),
        ("sum", [1.2, 0, 0]),
        ("count_normalised", [1.2 / 2**0.5, 0, 0]),
    ],
)
def test_boxes_are_aggregated_by_image_and_an_image_without_a_box_scores_0(aggregate, scores):
    pool = pool_of("abc", BOXES, aggregate=aggregate)
    assert margin(pool).tolist() == near(scores)
    assert margin.in_words(pool, 0, scores[0]) == "of 2 boxes the model is least sure of one: RBC (confidence 50%)"
    assert margin.in_words(pool, 1, 0.0) == "the model predicts a single box: RBC (confidence 100%)"
    assert margin.in_words(pool, 2, 0.0) == "the model predicts no box"


def test_where_more_than_the_hardest_box_counts_it_is_told_of_how_many_the_model_is_unsure():
    rows = [box("a", "RBC", 0, 0.46), box("a", "WBC", 20, 0.7), box("a", "WBC", 40, 0.99), box("b", "WBC", 0, 0.3)]
    words = "the model is unsure of 2 of 3 boxes, most of one: RBC (confidence 46%)"
    assert margin.in_words(pool_of("ab", rows, aggregate="mean"), 0, 0.5) == words
    assert margin.in_words(pool_of("ab", rows), 0, 0.9) == "of 3 boxes the model is least sure of one: RBC (confidence 46%)"
    assert margin.in_words(pool_of("ab", rows), 1, 0.6) == "the model is unsure of its only box: WBC (confidence 30%)"


def test_a_box_with_class_probabilities_is_told_by_them():
    rows = [box("a", "RBC", 0, 0.9, probabilities=[0.51, 0.45, 0.04], classes='["RBC", "WBC", "Platelets"]'), box("a", "RBC", 20, 0.99)]
    assert margin.in_words(pool_of("a", rows), 0, 0.94) == "of 2 boxes the model is least sure of one: RBC or WBC (51% against 45%)"


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

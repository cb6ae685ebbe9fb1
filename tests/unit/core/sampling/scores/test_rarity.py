"""Rare categories and unusual images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.core.sampling.pools import InBatches, box, classified, images, pool_of

from airflow_cv_dataops.core.sampling.pool import Known, Pool
from airflow_cv_dataops.core.sampling.scores.rarity import category_rarity, image_rarity

NAN = math.nan


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-7)


def test_the_rarest_category_that_the_model_is_sure_of_decides():
    known = Known({"RBC": 396, "Platelets": 3})
    rows = [
        *(box("a", "RBC", 0, 1.0), box("b", "RBC", 0, 1.0), box("b", "Platelets", 0, 1.0), box("c", "Platelets", 0, 0.5)),
        *(box("d", "WBC", 0, 1.0), box("f", None, 0, 1.0), box("g", "Platelets", 0, None)),
    ]
    pool = pool_of("abcdefg", rows, known=known)

    def rarity(count):
        return -math.log((count + 1) / 402) / math.log(402)

    expected = [rarity(396), rarity(3), 0.5 * rarity(3), 1, 0, NAN, rarity(3)]
    assert category_rarity(pool).tolist() == near(expected)
    assert category_rarity.in_words(pool, 1, expected[1]) == "the model sees Platelets, of which there are few labels: 3 of 399"
    assert category_rarity.in_words(pool, 0, expected[0]) == "the model sees RBC, of which there are labels: 396 of 399"
    assert category_rarity.in_words(pool, 3, 1.0) == "the model sees WBC, of which there is no label yet"
    assert category_rarity.in_words(pool, 4, 0.0) == "the model predicts no box"
    assert category_rarity.in_words(pool, 5, NAN) == "the model names no category"


def test_a_box_without_confidence_is_no_sight_of_a_rare_category():
    pool = pool_of("ab", [box("a", "Platelets", 0, 0.0), box("b", "RBC", 0, 0.9)])
    assert category_rarity(pool)[0] == 0
    assert category_rarity.in_words(pool, 0, 0.0) == "the model names Platelets, with no confidence at all"
    assert category_rarity.in_words(pool_of("a", [box("a", "RBC", 0, 1.0)]), 0, 0.0).startswith("the model sees RBC")


def test_where_nothing_is_labelled_the_pool_tells_what_is_rare():
    rows = [box("a", "RBC", 0, 1.0), box("a", "RBC", 20, 1.0), box("b", "WBC", 0, 1.0)]
    pool = pool_of("ab", rows)
    assert category_rarity(pool).tolist() == near([-math.log(3 / 5) / math.log(5), -math.log(2 / 5) / math.log(5)])
    assert category_rarity.in_words(pool, 1, 0.57) == "the model sees WBC, which is rare: it expects 1 among 3 objects of the pool"


def test_a_single_category_is_not_rare_and_a_classifiers_image_without_prediction_is_not_told():
    pool = pool_of("ab", [classified("a", category="cat", score=1.0)], known=Known({"cat": 9}))
    assert category_rarity(pool).tolist() == near([0, NAN])


def test_of_equally_rare_categories_the_first_by_name_is_named_whatever_the_order():
    rows = [box("a", "WBC", 0, 1.0), box("a", "RBC", 0, 1.0)]
    for order in (rows, rows[::-1]):
        pool = Pool(images("a"), {"m": InBatches("predictions", order, 1)}, "m", known=Known({"cat": 5}))
        assert category_rarity.in_words(pool, 0, 1.0) == "the model sees RBC, of which there is no label yet"


def test_an_image_at_the_end_of_every_measure_is_rarest_and_one_in_the_middle_is_not_rare():
    pool = Pool(images("abcde", brightness=[0.1, 0.5, 0.3, 0.2, 0.9], sharpness=[1.0, 500.0, 400.0, 300.0, 600.0]))
    # Two-sided tails of five: 2/5 at the ends, 4/5 beside them, 1 in the middle.
    end, beside = 1, math.log(5 / 4) / math.log(5 / 2)
    assert image_rarity(pool).tolist() == near([end, (beside + beside) / 2, 0, (beside + beside) / 2, end])
    assert image_rarity.in_words(pool, 0, 1.0) == "among the 20% of the pool with the lowest brightness (0.1)"
    assert image_rarity.in_words(pool, 4, 1.0) == "among the 20% of the pool with the highest brightness (0.9)"


def test_equal_values_are_not_rare():
    assert image_rarity(Pool(images("abcd", contrast=[0.2] * 4, bytes=[5, 5, 5, 9]))).tolist() == near([0, 0, 0, 0.5])


@pytest.mark.parametrize(
    ("measure", "values", "words"),
    [
        ("bytes", [5_000, 6_000, 7_000, 12_345], "largest files (12,345 bytes)"),
        ("entropy", [7.0, 6.9, 6.8, 1.25], "least detail (1.25)"),
        ("aspect_ratio", [1.0, 1.1, 1.2, 4.0], "widest shape, width by height (4)"),
        ("sharpness", [100.0, 110.0, 120.0, 27_712.4], "highest sharpness (27,712)"),
        ("sharpness", [100.0, 110.0, 120.0, 3.2], "lowest sharpness (3.2)"),
    ],
)
def test_a_measure_is_called_what_people_see_of_it(measure, values, words):
    assert image_rarity.in_words(Pool(images("abcd", **{measure: values})), 3, 1.0) == f"among the 25% of the pool with the {words}"


def test_a_measure_that_is_missing_does_not_count_and_an_image_without_any_is_not_told():
    pool = Pool(images("abcd", brightness=[0.1, None, 0.3, math.nan], contrast=[None, None, None, 0.2]))
    assert image_rarity(pool).tolist() == near([0, NAN, 0, 0]), "of two images none is rare"
    assert image_rarity(Pool(images("ab"))).tolist() == near([NAN, NAN])
    assert image_rarity(Pool(images(""))).tolist() == []


def test_the_order_of_images_does_not_matter():
    values = np.random.default_rng(5).normal(size=(2, 50)).round(1)
    names = [f"{number:02}" for number in range(50)]
    expected = image_rarity(Pool(images(names, brightness=values[0], bytes=values[1])))
    assert image_rarity(Pool(images(names[::-1], brightness=values[0][::-1], bytes=values[1][::-1])))[::-1].tolist() == expected.tolist()

"""How far the boxes of several models disagree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.core.sampling.pools import InBatches, Listed, box, classified, images

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.localisation import localisation_disagreement


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-6)


def pool_of_models(names, **models):
    return Pool(images(names), {model: Listed("predictions", rows) for model, rows in models.items()})


def test_equal_boxes_agree_and_boxes_apart_disagree_entirely():
    one = [box("a", "RBC", 0, 0.9), box("b", "RBC", 0, 0.9)]
    other = [box("a", "RBC", 0, 0.6), box("b", "RBC", 50, 0.6)]
    pool = pool_of_models("abc", one=one, other=other)
    assert localisation_disagreement(pool).tolist() == near([0, 1, 0]), "in c neither found anything"
    assert localisation_disagreement.in_words(pool, 1, 1.0) == "the models' boxes overlap by 0% on average: one draws 1, other draws 1"
    assert localisation_disagreement.in_words(pool, 2, 0.0) == "no model draws a box"


def test_matched_boxes_are_off_by_what_they_do_not_share_and_others_by_1_weighted_by_confidence():
    # 10 x 10 px, 5 px apart: IoU 50 / 150. The box at 100 has no partner.
    pool = pool_of_models("a", one=[box("a", "RBC", 0, 0.8), box("a", "RBC", 100, 0.2)], other=[box("a", "RBC", 5, 0.6)])
    assert localisation_disagreement(pool).tolist() == near([(0.8 * 2 / 3 + 0.6 * 2 / 3 + 0.2) / 1.6])


def test_boxes_of_another_category_are_no_match():
    assert localisation_disagreement(pool_of_models("a", one=[box("a", "RBC", 0, 1.0)], other=[box("a", "WBC", 0, 1.0)])).tolist() == [1]


def test_each_box_has_one_partner_that_which_overlaps_most():
    # Both of one's boxes overlap other's at 2: the one at 1 (IoU 9 / 11) more than the one at 0 (8 / 12).
    pool = pool_of_models("a", one=[box("a", "RBC", 0, 0.5), box("a", "RBC", 1, 0.5)], other=[box("a", "RBC", 2, 0.5)])
    assert localisation_disagreement(pool).tolist() == near([(1 + 2 * (1 - 9 / 11)) / 3])


def test_the_pairs_of_three_models_are_averaged():
    pool = pool_of_models("ab", one=[box("a", "RBC", 0, 0.9)], two=[box("a", "RBC", 0, 0.9)], three=[box("b", "RBC", 0, 0.9)])
    assert localisation_disagreement(pool).tolist() == near([2 / 3, 2 / 3])


def test_with_one_model_that_finds_boxes_nothing_can_be_told():
    pool = pool_of_models("a", one=[box("a", "RBC", 0, 0.9)], classifier=[classified("a", {"cat": 1.0, "dog": 0.0})])
    assert localisation_disagreement(pool).tolist() == near([math.nan])


def test_boxes_that_cannot_be_compared_do_not_count():
    strange = [
        box("a", "RBC", 30, math.nan),
        box("a", None, 30, 0.9),
        box("a", "RBC", 30, 0.9, size=0),
    ]
    pool = pool_of_models("a", one=[box("a", "RBC", 0, 0.9)], other=[box("a", "RBC", 0, 0.9), *strange])
    assert localisation_disagreement(pool).tolist() == [0]


def test_an_image_with_a_mask_that_has_no_box_is_not_told(caplog):
    mask = box("a", "RBC", 30, 0.9, bbox=None, task="segmentation")
    pool = pool_of_models("ab", one=[box("a", "RBC", 0, 0.9)], other=[box("a", "RBC", 0, 0.9), mask])
    assert localisation_disagreement(pool).tolist() == near([math.nan, 0])
    assert "1 images have masks without a bbox" in caplog.text


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_neither_batches_nor_the_order_of_rows_matter(size):
    random = np.random.default_rng(2)

    def rows():
        return [
            box(name, category, int(corner), round(float(score), 2))
            for name, category, corner, score in zip(
                *(random.choice(list("abc"), 60), random.choice(["RBC", "WBC"], 60), random.integers(0, 30, 60), random.random(60)),
                strict=True,
            )
        ]

    one, other = rows(), rows()
    expected = localisation_disagreement(pool_of_models("abc", one=one, other=other))
    assert ((expected > 0) & (expected < 1)).all()
    shuffled = {
        name: InBatches("predictions", [rows[at] for at in random.permutation(60)], size) for name, rows in (("other", other), ("one", one))
    }
    assert localisation_disagreement(Pool(images("cba"), shuffled))[::-1].tolist() == expected.tolist()

"""The categories that a detector sees in an image, whatever the order and the batches."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples
from unit.core.sampling.pools import InBatches, box, images, pool_of

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.seen import seen_categories

NAMES = "abcdef"


def pairs(pool: Pool) -> list[tuple[str, str | None]]:
    found = seen_categories(pool)
    return [(NAMES[row], found.names[number]) for row, number in zip(found.image.tolist(), found.category.tolist(), strict=True)]


def test_an_image_has_every_category_of_which_a_box_is_at_least_as_likely_right_as_wrong():
    rows = [box("a", "RBC", 0, 0.9), box("a", "WBC", 0, 0.5), box("a", "Platelets", 0, 0.49), box("b", "RBC", 0, 0.1)]
    assert pairs(pool_of("abc", rows)) == [("a", "RBC"), ("a", "WBC")]


def test_many_doubtful_boxes_make_no_category():
    """How many there are is a matter of how far down the detector's output was stored."""
    assert pairs(pool_of("a", [box("a", "RBC", corner, 0.1) for corner in range(100)])) == []


def test_a_box_without_confidence_is_certain_and_one_without_category_is_none():
    rows = [box("a", "RBC"), box("b", None, 0, 1.0), box("c", "RBC", 0, math.nan), box("d", "RBC", 0, 0.0)]
    assert pairs(pool_of("abcd", rows)) == [("a", "RBC"), ("c", "RBC")]


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["x", "y", None]), st.sampled_from([None, 0.1, 0.5, 0.9])), max_size=14),
    st.randoms(use_true_random=False),
    st.integers(1, 4),
)
def test_neither_order_nor_batches_matter(boxes, random, size):
    rows = [box(name, category, at, score) for at, (name, category, score) in enumerate(boxes)]
    expected = {(name, category) for name, category, score in boxes if category and (score is None or score >= 0.5)}
    pool = Pool(images(NAMES), {"m": InBatches("predictions", random.sample(rows, len(rows)), size)}, "m")
    assert pairs(pool) == sorted(expected)

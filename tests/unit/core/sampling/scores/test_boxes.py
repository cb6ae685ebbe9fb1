"""Boxes of a pool as columns, and which of them belong together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples
from unit.core.sampling.pools import box, pool_of

from airflow_cv_dataops.core.sampling.scores.boxes import one_to_one, overlaps, read_boxes


def drawn(*rows):
    return read_boxes(pool_of("abc", rows).outputs(("task", "category", "score", "bbox")), ["RBC", "WBC"])


def test_boxes_come_by_image_then_category_then_place():
    found = drawn(
        box("b", "RBC", 5, 0.1), box("a", "WBC", 0, 0.2), box("a", "RBC", 9, 0.3), box("a", "RBC", 7, 0.4), box("z", "RBC", 0, 0.5)
    )
    assert found.image.tolist() == [0, 0, 0, 1]
    assert found.category.tolist() == [0, 0, 1, 0]
    assert found.corners.T.tolist() == [[7, 0, 17, 10], [9, 0, 19, 10], [0, 0, 10, 10], [5, 0, 15, 10]]
    assert found.confidence.tolist() == [0.4, 0.3, 0.2, 0.1]


def test_only_boxes_of_one_group_are_compared():
    one, other = drawn(box("a", "RBC", 0, 0.5), box("c", "RBC", 0, 0.5)), drawn(box("b", "RBC", 0, 0.5), box("c", "RBC", 5, 0.5))
    found = overlaps(one, other, (one.image, other.image), 0.1)
    assert (found.label.tolist(), found.prediction.tolist()) == ([1], [1])
    assert np.round(found.overlap, 6).tolist() == [np.float32(0.333333)]
    assert not len(overlaps(one, drawn(), (one.image, drawn().image), 0.1).label)


PAIRS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([0.2, 0.5, 0.9])), max_size=25, unique_by=lambda pair: pair[:2]
)


@settings(max_examples=examples(100), deadline=None)
@given(PAIRS)
def test_pairs_are_taken_one_after_the_other_the_foremost_first(pairs):
    first, second, value = (np.array(column) for column in zip(*pairs, strict=True)) if pairs else (np.empty(0, int),) * 2 + (np.empty(0),)
    taken, gone = [], (set(), set())
    for at in sorted(range(len(pairs)), key=lambda at: (-value[at], first[at], second[at])):
        if first[at] not in gone[0] and second[at] not in gone[1]:
            taken.append(at)
            gone[0].add(first[at])
            gone[1].add(second[at])
    assert one_to_one(first, second, value).tolist() == sorted(taken)

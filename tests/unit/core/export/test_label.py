"""Rows of ``annotations`` as labels: what is no number, no polygon and no JSON stops no export."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_cv_dataops.core.export.transform.label import label_of

ROW: dict[str, Any] = {
    **{"annotation_id": "a", "task": "detection", "category": "dog", "bbox": {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}},
    **{"segmentation": None, "area": None, "iscrowd": None, "keypoints": None, "annotator": None, "labeled_at": None},
    **{"label_set": "default", "attributes": None},
}
SQUARE = [[0, 0, 4, 0, 4, 4, 0, 4.5]]


def test_a_row_becomes_numbers_and_objects() -> None:
    row = ROW | {"segmentation": json.dumps(SQUARE), "area": 16.0, "keypoints": [1.0, 2.0, 2.0], "attributes": '{"occluded": true}'}
    label = label_of(row)
    assert (label.bbox, label.segmentation, label.area, label.keypoints) == ((1, 2, 3, 4), SQUARE, 16.0, (1, 2, 2))
    assert label.attributes == {"occluded": True}
    assert not label.is_broken


@pytest.mark.parametrize(
    "segmentation",
    [
        json.dumps([[0, 0, 10**400, 0, 4, 4]]),
        "[[0, 0, NaN, 0, 4, 4]]",
        "[[0, 0, true, 0, 4, 4]]",
        '[[0, 0, "4", 0, 4, 4]]',
        "[[0, 0, 4, 0]]",
        "[[0, 0, 4, 0, 4, 4, 0]]",
        "[]",
        "[1, 2]",
        '{"counts": "x"}',
        "not JSON",
        "[" * 100_000,
    ],
)
def test_a_segmentation_that_is_none_is_broken(segmentation: str) -> None:
    label = label_of(ROW | {"segmentation": segmentation})
    assert (label.segmentation, label.is_broken) == (None, True)


@pytest.mark.parametrize(("area", "found"), [(2.5, 2.5), (float("nan"), None), (float("inf"), None), (None, None)])
def test_an_area_that_is_no_number_is_none(area: float | None, found: float | None) -> None:
    assert label_of(ROW | {"area": area}).area == found


def test_keypoints_with_what_is_no_number_are_broken() -> None:
    label = label_of(ROW | {"keypoints": [1.0, float("nan"), 2.0]})
    assert (label.keypoints, label.is_broken) == (None, True)

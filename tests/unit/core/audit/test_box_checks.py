from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_cv_dataops.core.audit.boxes import (
    _duplicates,
    _iou,
    bbox_outside_image,
    bbox_partly_outside,
    duplicate_bbox,
    missing_bbox,
    negative_bbox,
    non_finite_bbox,
    zero_area_bbox,
)
from airflow_cv_dataops.core.audit.data import AuditThresholds

GOOD = (10, 10, 50, 40)


def boxes(*given):
    return [{"bbox": box} for box in given]


def test_a_detection_label_without_a_box_is_found(audit_input, flagged):
    assert flagged(missing_bbox(audit_input([{}, {"bbox": None}, {"bbox": None, "task": "classification"}]))) == ["1"]
    assert missing_bbox(audit_input([{}])) is None


def test_a_suggestion_is_json_however_large_its_coordinates_are(audit_input):
    found = negative_bbox(audit_input(boxes((1e307, 5, -3, 4), (2.0**60, 5, -3, 4))))
    assert json.loads(found["suggestion"][0].as_py()) == {"bbox": [1e307, 5, 3, 4]}
    assert json.loads(found["suggestion"][1].as_py())["bbox"][1:] == [5, 3, 4]


def test_a_box_with_a_number_that_is_not_finite_is_found(audit_input, flagged):
    data = audit_input(boxes(GOOD, (math.nan, 0, 1, 1), (0, 0, math.inf, 1), (0, None, 1, 1), None))
    assert flagged(non_finite_bbox(data)) == ["1", "2", "3"]
    assert non_finite_bbox(audit_input(boxes(GOOD, None))) is None


def test_a_box_of_negative_size_is_found_with_its_corners_put_in_order(audit_input, flagged):
    found = negative_bbox(audit_input(boxes(GOOD, (100, 50, -20, 10))))
    assert flagged(found) == ["1"]
    assert json.loads(found["suggestion"][0].as_py()) == {"bbox": [80, 50, 20, 10]}
    assert negative_bbox(audit_input(boxes(GOOD, (5, 5, 0, 10)))) is None


def test_a_box_without_extent_is_found(audit_input, flagged):
    data = audit_input(boxes(GOOD, (5, 5, 0, 10), (5, 5, 10, 0), (5, 5, 0.001, 10), (5, 5, -1, 10), (5, 5, 0.02, 10)))
    found = zero_area_bbox(data)
    assert flagged(found) == ["1", "2", "3"], "a negative side is another check's, 0.02 px is above the threshold"
    assert found["message"][0].as_py() == "box at (5, 5) of 0 x 10 px has no area"
    assert zero_area_bbox(audit_input(boxes(GOOD))) is None


def test_a_box_partly_outside_is_found_beyond_the_tolerance(audit_input, flagged):
    data = audit_input(boxes((600, 440, 41, 41), (600, 440, 41.5, 40), (-2, 0, 10, 10), (0, -1, 10, 10), GOOD))
    found = bbox_partly_outside(data)
    assert flagged(found) == ["1", "2"], "up to 1 px is forgiven"
    assert [json.loads(text)["bbox"] for text in found["suggestion"].to_pylist()] == [[600, 440, 40, 40], [0, 0, 8, 10]]
    assert "reaches 1.5 px beyond the image of 640 x 480 px" in found["message"][0].as_py()


def test_the_tolerance_is_a_threshold(audit_input, flagged):
    rows = boxes((600, 440, 41, 40))
    assert bbox_partly_outside(audit_input(rows)) is None
    assert flagged(bbox_partly_outside(audit_input(rows, thresholds=AuditThresholds(bbox_outside_px=0.5)))) == ["0"]


def test_a_box_entirely_outside_is_found_by_one_check_only(audit_input, flagged):
    data = audit_input(boxes((640, 0, 10, 10), (0, 500, 10, 10), (-30, 0, 10, 10), (639, 0, 10, 10)))
    assert flagged(bbox_outside_image(data)) == ["0", "1", "2"]
    assert flagged(bbox_partly_outside(data)) == ["3"]
    assert bbox_outside_image(audit_input(boxes(GOOD))) is None


def test_nothing_is_outside_of_an_unknown_image(audit_input):
    data = audit_input([{"image_id": None, "bbox": (-50, -50, 10, 10)}])
    assert bbox_outside_image(data) is None
    assert bbox_partly_outside(data) is None


def test_a_repeated_box_is_found_and_names_the_first(audit_input, flagged):
    found = duplicate_bbox(audit_input(boxes(GOOD, (300, 300, 20, 20), GOOD, (10.1, 10, 50, 40), GOOD)))
    assert flagged(found) == ["2", "3", "4"]
    assert found["message"][0].as_py() == "box at (10, 10) of 50 x 40 px is there twice; also as annotation 0"


def test_boxes_of_other_images_categories_annotators_or_label_sets_are_no_duplicates(audit_input):
    others = [{"source_uri": "s3://photos/b.jpg"}, {"category": "other"}, {"annotator": "ann"}, {"label_set": "round_2"}]
    assert duplicate_bbox(audit_input([{}, *others])) is None
    assert duplicate_bbox(audit_input(boxes(GOOD, (12, 10, 50, 40)))) is None, "IoU 0.92"


COORDINATE = st.sampled_from([0, 0.1, 0.2, 1, 5, 100]) | st.floats(0, 200)
BOX = st.tuples(st.integers(0, 1), COORDINATE, COORDINATE, st.floats(0.5, 100), st.floats(0.5, 100))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(BOX, st.lists(st.floats(-0.3, 0.3), max_size=4)), max_size=10), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_without_the_duplicates_no_two_boxes_of_a_group_are_the_same(piles, iou):
    """Every repeat equals the box that it names, and those that are left over do not equal one another (by brute force)."""
    flat = [(group, x + shift, y, w, h) for (group, x, y, w, h), shifts in piles for shift in (0.0, *shifts)]
    columns = np.array(flat, dtype=float).reshape(-1, 5).T
    groups, corners = columns[0].astype(int), columns[1:]
    again, first = _duplicates(groups, *corners, iou)
    assert (np.diff(again) > 0).all()
    assert (groups[again] == groups[first]).all()
    identical = (corners[:, again] == corners[:, first]).all(axis=0)
    assert (identical | (_iou(*corners, again, first) >= iou)).all()
    left = np.setdiff1d(np.arange(len(groups)), again)
    a, b = (side.ravel() for side in np.meshgrid(left, left))
    distinct_pairs = (a < b) & (groups[a] == groups[b])
    assert not (_iou(*corners, a[distinct_pairs], b[distinct_pairs]) >= iou).any()

from __future__ import annotations

import json
import math

from airflow_cv_dataops.core.audit.boxes.coordinates import (
    bbox_outside_image,
    bbox_partly_outside,
    missing_bbox,
    negative_bbox,
    non_finite_bbox,
    zero_area_bbox,
)

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
    assert flagged(bbox_partly_outside(audit_input(rows), outside_px=0.5)) == ["0"]


def test_a_box_entirely_outside_is_found_by_one_check_only(audit_input, flagged):
    data = audit_input(boxes((640, 0, 10, 10), (0, 500, 10, 10), (-30, 0, 10, 10), (639, 0, 10, 10)))
    assert flagged(bbox_outside_image(data)) == ["0", "1", "2"]
    assert flagged(bbox_partly_outside(data)) == ["3"]
    assert bbox_outside_image(audit_input(boxes(GOOD))) is None


def test_nothing_is_outside_of_an_unknown_image(audit_input):
    data = audit_input([{"image_id": None, "bbox": (-50, -50, 10, 10)}])
    assert bbox_outside_image(data) is None
    assert bbox_partly_outside(data) is None

from __future__ import annotations

import numpy as np

from airflow_cv_dataops.core.audit.boxes.sizes import full_image_bbox, outlying_bbox_shape, outlying_bbox_size, tiny_bbox

GOOD = (10, 10, 50, 40)


def boxes(*given, **more):
    return [{"bbox": box, **more} for box in given]


def usual(count=30, **more):
    """Boxes of about 50 x 40 px (640 x 480 image), their sides spread by 10 %."""
    sides = np.random.default_rng(1).uniform(0.95, 1.05, (count, 2)) * (50, 40)
    return boxes(*((10, 10, *side) for side in sides.tolist()), **more)


def test_a_box_that_is_tiny_in_pixels_is_found(audit_input, flagged):
    found = tiny_bbox(audit_input(boxes(GOOD, (5, 5, 1.5, 90), (5, 5, 90, 1.99), (5, 5, 2, 2), (5, 5, 0.001, 9))))
    assert flagged(found) == ["1", "2"], "2 px is the limit, and a box without area is another check's"
    assert found["message"][0].as_py() == "box at (5, 5) of 1.5 x 90 px is tiny"
    assert tiny_bbox(audit_input(boxes(GOOD))) is None


def test_a_box_that_is_tiny_for_its_image_is_found(audit_input, flagged):
    large = [{"width": 6000, "height": 4000}]
    assert flagged(tiny_bbox(audit_input(boxes((5, 5, 11, 9), (5, 5, 13, 7), (5, 5, 13, 9)), images=large))) == ["0", "1"]
    assert tiny_bbox(audit_input(boxes((5, 5, 11, 9)), images=large), side_share=0.001) is None
    assert tiny_bbox(audit_input([{"image_id": None, "bbox": (5, 5, 11, 9)}], images=large)) is None, "an unknown image has no size"


def test_a_box_over_the_whole_image_is_found(audit_input, flagged):
    found = full_image_bbox(audit_input(boxes(GOOD, (0, 0, 640, 480), (-5, -5, 900, 900), (1, 1, 637, 477), (3, 3, 637, 477))))
    assert flagged(found) == ["1", "2"]
    assert found["message"][0].as_py() == "box at (0, 0) of 640 x 480 px covers the image of 640 x 480 px"
    assert full_image_bbox(audit_input(boxes(GOOD))) is None
    assert full_image_bbox(audit_input([{"image_id": None, "bbox": (0, 0, 9999, 9999)}])) is None


def test_a_box_far_larger_or_smaller_than_its_category_is_found_and_the_farthest_scores_lowest(audit_input, flagged):
    odd = boxes((10, 10, 500, 400), (10, 10, 12, 10))
    found = outlying_bbox_size(audit_input([*usual(), *odd]))
    assert flagged(found) == ["30", "31"]
    assert found["message"][0].as_py().startswith("box at (10, 10) of 500 x 400 px has 9")
    assert "times the area of its category's median box" in found["message"][0].as_py()
    assert " has 1/16." in found["message"][1].as_py()
    scores = found["score"].to_pylist()
    assert 0 < scores[0] < scores[1] < 0.5


def test_a_box_is_judged_by_its_own_category_and_only_where_that_has_enough_labels(audit_input, flagged):
    large = boxes(*[(10, 10, 500, 400)] * 19, category="tissue")
    assert outlying_bbox_size(audit_input([*usual(), *large])) is None
    few = [*usual(18), *boxes((10, 10, 500, 400))]
    assert outlying_bbox_size(audit_input(few)) is None
    assert flagged(outlying_bbox_size(audit_input(few), min_labels_per_category=19)) == ["18"]


def test_sizes_are_compared_by_the_share_of_the_image(audit_input):
    """A copy of the data at a tenth of the size has the same findings, and images of both sizes may be mixed."""
    small = {"image_id": "b" * 64, "source_uri": "s3://photos/b.jpg"}
    rows = [*usual(), *({**row, **small, "bbox": tuple(side / 10 for side in row["bbox"])} for row in usual())]
    images = [{}, {**small, "file_name": "b.jpg", "width": 64, "height": 48}]
    assert outlying_bbox_size(audit_input(rows, images=images)) is None


def test_boxes_that_are_all_alike_make_no_finding_of_a_rounded_pixel(audit_input, flagged):
    alike = boxes(*[(10, 10, 50, 40)] * 30)
    assert outlying_bbox_size(audit_input([*alike, *boxes((10, 10, 51, 41))])) is None
    assert flagged(outlying_bbox_size(audit_input([*alike, *boxes((10, 10, 100, 40))]))) == ["30"]


def test_boxes_over_a_crowd_and_labels_without_category_are_not_outliers(audit_input):
    odd = boxes((10, 10, 500, 400), iscrowd=True) + boxes((10, 10, 500, 400), category=None)
    assert outlying_bbox_size(audit_input([*usual(), *odd])) is None


def test_a_box_far_wider_than_its_category_is_found(audit_input, flagged):
    found = outlying_bbox_shape(audit_input([*usual(), *boxes((10, 10, 200, 10), (10, 10, 100, 80))]))
    assert flagged(found) == ["30"], "twice the size in the same shape is no matter here"
    assert found["message"][0].as_py().startswith("box at (10, 10) of 200 x 10 px has 16")
    assert outlying_bbox_shape(audit_input(usual())) is None


def test_an_object_that_the_image_cuts_off_may_have_any_shape(audit_input, flagged):
    at_borders = boxes((2, 10, 20, 100), (10, 1, 200, 10), (620, 10, 19, 100), (10, 468, 200, 10))
    data = audit_input([*usual(), *at_borders])
    assert outlying_bbox_shape(data) is None
    assert flagged(outlying_bbox_shape(data, border_px=0)) == ["30", "31", "32", "33"]

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.audit.masks.outlines import bbox_segmentation_mismatch, invalid_polygon, invalid_rle
from airflow_cv_dataops.core.audit.masks.segmentations import read_segmentations

SQUARE = [0, 0, 10, 0, 10, 10, 0, 10]


def segments(*given):
    return [{"task": "segmentation", "segmentation": text if isinstance(text, str) else json.dumps(text)} for text in given]


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([0, 0, 1, 1], "fewer than 3 points (2)"),
        ([0, 0, 1, 1, 2], "odd number of coordinates (5)"),
        ([0, 0, 1, 1, 2, 2], "no area"),
        ([5, 5, 5, 5, 5, 5], "no area"),
        ([0, 0, 10, 0, 10, float("nan")], "not finite"),
        ([0, 0, 10, 0, 10, 10**400], "not finite"),
        ([0, 0, 10, 0, 10, "7"], "not a number"),
        ([0, 0, 10, 0, 10, None], "not a number"),
    ],
)
def test_a_polygon_that_encloses_nothing_is_found(audit_input, flagged, polygon, message):
    found = invalid_polygon(audit_input(segments([SQUARE], [SQUARE, polygon], [SQUARE])))
    assert flagged(found) == ["1"]
    assert message in found["message"][0].as_py()


@pytest.mark.parametrize("text", ["not json", "[" * 100_000, "7", '"x"', "[1, 2, 3, 4, 5, 6]", "null"])
def test_a_segmentation_of_no_known_form_is_found(audit_input, flagged, text):
    assert flagged(invalid_polygon(audit_input(segments(text)))) == ["0"]


def test_a_segmentation_label_without_any_segmentation_is_found(audit_input, flagged):
    data = audit_input([{"task": "segmentation", "segmentation": None}, {"task": "detection", "segmentation": None}])
    assert flagged(invalid_polygon(data)) == ["0"]


def test_an_empty_list_of_polygons_is_wrong_only_for_a_segmentation_label(audit_input, flagged):
    data = audit_input([*segments([]), {"task": "detection", "segmentation": "[]"}])
    assert flagged(invalid_polygon(data)) == ["0"]


def test_good_polygons_also_far_from_the_origin_are_not_found(audit_input):
    far = [1e6, 1e6, 1e6 + 1, 1e6, 1e6 + 1, 1e6 + 1]
    assert invalid_polygon(audit_input([*segments([SQUARE], [far], {"size": [1, 1], "counts": [1]}), {}])) is None


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"size": [480, 640], "counts": [1, 2]}, "add up to 3, not to 480 x 640"),
        ({"size": [480, 640], "counts": [-1, 480 * 640 + 1]}, "add up to"),
        ({"size": [640, 480], "counts": [480 * 640]}, "the mask is 480 x 640 px, the image 640 x 480 px"),
        ({"size": [480], "counts": [1]}, "no size"),
        ({"counts": [1]}, "no size"),
        ({"size": [480, 640], "counts": None}, "no readable counts"),
        ({"size": [480, 640], "counts": "\x00"}, "no readable counts"),
        ({"size": [480, 640], "counts": [1.5]}, "no readable counts"),
        ('{"size": ', "not readable JSON"),
    ],
)
def test_a_mask_that_does_not_fill_its_image_is_found(audit_input, flagged, mask, message):
    found = invalid_rle(audit_input(segments(mask, {"size": [480, 640], "counts": [100, 480 * 640 - 100]})))
    assert flagged(found) == ["0"]
    assert message in found["message"][0].as_py()


def test_polygons_and_labels_without_an_image_are_no_masks_of_the_wrong_size(audit_input):
    lost = {"image_id": None, "segmentation": json.dumps({"size": [2, 3], "counts": [1, 5]})}
    assert invalid_rle(audit_input([*segments([SQUARE]), lost])) is None


def test_an_annotation_with_several_wrong_polygons_is_one_finding(audit_input, flagged):
    flat, infinite = [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, float("inf"), 2]
    assert flagged(invalid_polygon(audit_input(segments([flat, infinite, flat, [1]])))) == ["0"]


def test_a_mask_without_a_pixel_is_found(audit_input, flagged):
    found = invalid_rle(audit_input(segments({"size": [480, 640], "counts": [480 * 640]})))
    assert found["message"].to_pylist() == ["the mask covers no pixel"]


def test_a_box_that_disagrees_with_its_polygon_is_found_with_the_box_around_it(audit_input, flagged):
    square = {"segmentation": json.dumps([[10, 10, 60, 10, 60, 50], [20, 20, 60, 50, 10, 50]])}
    found = bbox_segmentation_mismatch(audit_input([square, {**square, "bbox": (30, 10, 50, 40)}, {**square, "bbox": (12, 8, 50, 40)}, {}]))
    assert flagged(found) == ["1"], "2 px are forgiven"
    assert json.loads(found["suggestion"][0].as_py()) == {"bbox": [10, 10, 50, 40]}
    assert found["score"].to_pylist() == [round(30 / 70, 6)]
    assert found["message"][0].as_py() == "box at (30, 10) of 50 x 40 px is off the box around its segmentation by 20 px (IoU 0.43)"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_box_that_disagrees_with_its_mask_is_found(audit_input, flagged, compressed):
    mask = np.zeros((480, 640), dtype=np.uint8)
    mask[10:50, 10:60] = 1
    rle = {"size": [480, 640], "counts": [10 * 480 + 10, *[40, 440] * 49, 40, 580 * 480 + 430]}
    if compressed:
        encoded = pytest.importorskip("pycocotools.mask").encode(np.asfortranarray(mask))
        rle = {"size": [480, 640], "counts": encoded["counts"].decode()}
    row = {"segmentation": json.dumps(rle)}
    data = audit_input([row, {**row, "bbox": (10, 10, 50, 80)}])
    assert invalid_rle(data) is None
    found = bbox_segmentation_mismatch(data)
    assert flagged(found) == ["1"]
    assert json.loads(found["suggestion"][0].as_py()) == {"bbox": [10, 10, 50, 40]}


def test_small_boxes_may_be_rounded_and_faulty_segmentations_are_another_checks(audit_input):
    small = {"bbox": (10, 10, 5, 5), "segmentation": json.dumps([[9, 9, 16, 9, 16, 16, 9, 16]])}
    faulty = [[[10, 10, 500, 400, 20]], [[10, 10, 500, float("inf"), 20, 20]], {"size": [9, 9], "counts": [1]}, []]
    assert bbox_segmentation_mismatch(audit_input([small, *segments(*faulty), {"bbox": None, **segments([SQUARE])[0]}])) is None


COORDINATES = st.lists(st.floats(-1e4, 1e4) | st.integers(-5, 5) | st.sampled_from([1e308, 10**400, 5e-324]), min_size=4, max_size=9)


@given(st.lists(st.lists(COORDINATES, max_size=3), max_size=6))
def test_polygons_are_read_alike_whether_by_arrow_or_one_by_one(given_polygons):
    """A blank that no tool writes keeps a text away from Arrow's parser."""
    texts = [json.dumps(polygons) for polygons in given_polygons]
    size = np.full(len(texts), np.nan)
    read = [read_segmentations(pa.chunked_array([column], pa.string()), size, size) for column in (texts, [f" {text}" for text in texts])]
    by_arrow, one_by_one = ({name: getattr(found, name) for name in vars(found)} for found in read)
    for name in ("polygon_problems", "rle_problems"):
        assert by_arrow[name] == one_by_one[name]
    assert by_arrow["empty"].tolist() == one_by_one["empty"].tolist()
    assert np.array_equal(by_arrow["extent"], one_by_one["extent"], equal_nan=True)
    areas = [
        sorted(zip(found["polygon_row"].tolist(), map(str, found["polygon_area"].tolist()), strict=True))
        for found in (by_arrow, one_by_one)
    ]
    assert areas[0] == areas[1]


@pytest.mark.parametrize(
    "hostile", ['[[1]]} {"s":[[2]]', '[[1,2,3,4,5,6]],"t":1', "[[1,,2]]", "[[1e999,2,3,4,5,6]]", "[[--1,2,3,4,5,6]]", "[[01,2,3,4,5,6]]"]
)
def test_a_text_that_is_no_json_hides_no_other(audit_input, flagged, hostile):
    flat = json.dumps([[0, 0, 1, 1, 2, 2]])
    assert flagged(invalid_polygon(audit_input(segments([SQUARE], hostile, flat, [SQUARE])))) == ["1", "2"]

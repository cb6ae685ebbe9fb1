from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.audit.segmentation import _runs, invalid_polygon, invalid_rle

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
    lost = {"image_id": None, "segmentation": json.dumps({"size": [2, 3], "counts": [6]})}
    assert invalid_rle(audit_input([*segments([SQUARE]), lost])) is None


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_compressed_counts_are_read_as_cocos_own_library_reads_them(height, width, seed):
    mask_api = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(seed)
    mask = (rng.random((height, width)) < rng.random()).astype(np.uint8)
    compressed = mask_api.encode(np.asfortranarray(mask))["counts"].decode()
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    expected = np.diff([0, *([0] if flat[0] else []), *edges, flat.size])
    assert _runs(compressed).tolist() == expected.tolist()


def test_an_annotation_with_several_wrong_polygons_is_one_finding(audit_input, flagged):
    flat, infinite = [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, float("inf"), 2]
    assert flagged(invalid_polygon(audit_input(segments([flat, infinite, flat, [1]])))) == ["0"]

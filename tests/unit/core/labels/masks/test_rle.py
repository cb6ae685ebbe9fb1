from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.labels.masks.coco_masks import encoded, mask_of_value, pixels_of
from airflow_cv_dataops.core.labels.masks.rle import extent_of_rle, problem_of_rle, runs_of


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
def test_compressed_counts_are_read_as_cocos_own_library_reads_them(height, width, seed):
    mask_api = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(seed)
    mask = (rng.random((height, width)) < rng.random()).astype(np.uint8)
    compressed = mask_api.encode(np.asfortranarray(mask))["counts"].decode()
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    expected = np.diff([0, *([0] if flat[0] else []), *edges, flat.size])
    assert runs_of(compressed).tolist() == expected.tolist()


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32))
def test_the_box_around_a_mask_is_the_one_around_its_pixels(height, width, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.random() ** 3
    mask[rng.integers(height), rng.integers(width)] = True
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *([0] if flat[0] else []), *edges, flat.size]).tolist()
    down, across = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert extent_of_rle({"size": [height, width], "counts": counts}) == (across[0], down[0], across[-1] + 1, down[-1] + 1)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32))
def test_pixels_that_are_encoded_are_the_same_when_they_are_read(height, width, seed):
    pixels = np.random.default_rng(seed).random((height, width)) < 0.5
    found = encoded(pixels)
    assert found["size"] == [height, width]
    assert problem_of_rle(found, width, height) == (None if pixels.any() else "the mask covers no pixel")
    mask = mask_of_value(found, width, height)
    assert (pixels_of(mask) == pixels).all() if mask else not pixels.any()
    assert mask_of_value(found, width + 1, height) is None

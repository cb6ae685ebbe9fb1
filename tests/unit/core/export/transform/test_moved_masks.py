"""Masks in pixels of exported pictures, and labels of COCO drawn and moved, or moved and drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples
from unit.core.export.transform.moving import a_resize, drawn, mask_of_pixels, shaped

from airflow_cv_dataops.core.export.transform.moved_labels import moved
from airflow_cv_dataops.core.export.transform.outlines import moved_outline
from airflow_cv_dataops.core.export.transform.placement import Placement, Resize
from airflow_cv_dataops.core.labels.masks.coco_masks import encoded

LOWER_HALF = Resize(crop=(0, 0.5, 1, 1))
SQUARE = [10.0, 40.0, 30.0, 40.0, 30.0, 60.0, 10.0, 60.0]


def test_a_mask_is_cut_and_scaled():
    pixels = mask_of_pixels(slice(40, 60), slice(10, 30))
    found, fate = moved(
        shaped(encoded(pixels), bbox=(10, 40, 20, 20), area=400.0), Resize((200, 100), "stretch", (0, 0.5, 1, 1)).place(100, 100)
    )
    assert fate == "clipped"
    assert (found.bbox, found.area) == ((20, 0, 40, 20), 800)
    assert found.segmentation["size"] == [100, 200]
    assert isinstance(found.segmentation["counts"], str)
    assert (drawn(found.segmentation, 200, 100) == mask_of_pixels(slice(0, 20), slice(20, 60), 200, 100)).all()
    json.dumps(found.segmentation)


def test_runs_that_were_not_compressed_are_read_too():
    label = shaped({"size": [2, 3], "counts": [1, 2, 3]}, iscrowd=True)
    found, _ = moved(label, Resize((6, 4), "stretch").place(3, 2))
    assert drawn(found.segmentation, 6, 4).astype(int).tolist() == [[0, 0, 1, 1, 0, 0]] * 2 + [[1, 1, 0, 0, 0, 0]] * 2
    assert found.iscrowd is True


def test_a_mask_outside_is_out():
    assert moved(shaped(encoded(mask_of_pixels(slice(0, 50), slice(0, 100)))), LOWER_HALF.place(100, 100)) == (None, "cropped_out")


def test_a_mask_too_thin_for_the_new_pixels_does_not_vanish():
    found, fate = moved(shaped(encoded(mask_of_pixels(0, slice(40, 60)))), Resize(10).place(100, 100))
    assert fate is None
    assert drawn(found.segmentation, 10, 10).sum() == 2


@given(st.integers(0, 2**32), a_resize)
@settings(max_examples=examples(40), deadline=None)
def test_a_moved_mask_is_the_mask_of_moved_pixels(seed, resize):
    pixels = np.random.default_rng(seed).random((40, 50)) < 0.5
    place = resize.place(50, 40)
    found = moved_outline(encoded(pixels), place)
    left, top, right, bottom = place.window
    inside = pixels[top:bottom, left:right]
    if not inside.any():
        assert found.share == 0
        return
    rows = np.floor((np.arange(place.scaled[1]) + 0.5) / place.scale[1] + 1e-9).astype(int)
    columns = np.floor((np.arange(place.scaled[0]) + 0.5) / place.scale[0] + 1e-9).astype(int)
    expected = np.zeros(place.output[::-1], bool)
    x0, y0 = place.offset
    expected[y0 : y0 + place.scaled[1], x0 : x0 + place.scaled[0]] = inside[np.ix_(rows, columns)]
    if expected.any():
        assert (drawn(found.segmentation, *place.output) == expected).all()
    assert found.share == pytest.approx(inside.sum() / pixels.sum())


@pytest.mark.parametrize(
    "resize",
    [
        Resize(crop=(0.2, 0.3, 0.7, 0.8)),
        Resize((320, 320), "cover"),
        Resize((400, 400), "pad"),
        Resize(400),
        Resize((500, 300), "stretch", (0.2, 0.3, 0.9, 1)),
    ],
    ids=["crop", "cover", "pad", "longest", "stretch"],
)
def test_labels_of_coco_cover_the_same_pixels_as_their_moved_masks(shared_data, resize):
    given = json.loads((shared_data("coco_ccby") / "instances.json").read_text())
    sizes = {image["id"]: (image["width"], image["height"]) for image in given["images"]}
    fates, shifts, of_masks = set(), [], 0
    for row in given["annotations"]:
        width, height = sizes[row["image_id"]]
        place = resize.place(width, height)
        label, fate = moved(shaped(row["segmentation"], bbox=tuple(row["bbox"]), area=row["area"]), place)
        fates.add(fate)
        expected = _moved_pixels(drawn(row["segmentation"], width, height), place)
        if label is None:
            assert expected.sum() <= 2
        elif expected.sum() > 100:
            pixels = drawn(label.segmentation, *place.output)
            iou = (pixels & expected).sum() / (pixels | expected).sum()
            assert iou > (0.95 if resize.size is None else _least_iou(expected)), row["id"]
            shifts.append(np.mean(np.nonzero(pixels), axis=1) - np.mean(np.nonzero(expected), axis=1))
            of_masks += isinstance(row["segmentation"], dict)
    assert len(shifts) > 250
    assert of_masks >= 3
    assert np.abs(np.median(shifts, axis=0)).max() < 0.1
    assert fates == ({None} if resize.size in (400, (400, 400)) else {None, "clipped", "cropped_out"})


def _least_iou(pixels):
    """Of a mask that was scaled by its pixels, not by its outline: half a pixel of doubt along it, and 0.95 is enough."""
    inner = pixels[1:-1, 1:-1] & pixels[:-2, 1:-1] & pixels[2:, 1:-1] & pixels[1:-1, :-2] & pixels[1:-1, 2:]
    return min(0.95, 1 - (pixels.sum() - inner.sum()) / pixels.sum() / 2)


def _moved_pixels(pixels: np.ndarray, place: Placement) -> np.ndarray:
    left, top, right, bottom = place.window
    rows = top + np.floor((np.arange(place.scaled[1]) + 0.5) / place.scale[1]).astype(int).clip(0, bottom - top - 1)
    columns = left + np.floor((np.arange(place.scaled[0]) + 0.5) / place.scale[0]).astype(int).clip(0, right - left - 1)
    canvas = np.zeros(place.output[::-1], bool)
    x0, y0 = place.offset
    canvas[y0 : y0 + place.scaled[1], x0 : x0 + place.scaled[0]] = pixels[np.ix_(rows, columns)]
    return canvas

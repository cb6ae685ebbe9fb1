"""Labels in pixels of exported pictures: boxes, polygons and keypoints."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples
from unit.core.export.transform.moving import a_crop, a_resize, coordinate, detection, drawn, length, mask_of_pixels, shaped

from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.export.transform.moved_labels import moved, problem_of, with_box
from airflow_cv_dataops.core.export.transform.outlines import moved_outline
from airflow_cv_dataops.core.export.transform.placement import Resize
from airflow_cv_dataops.core.export.transform.polygons import area_of
from airflow_cv_dataops.core.labels.masks.coco_masks import encoded

LOWER_HALF = Resize(crop=(0, 0.5, 1, 1))
SQUARE = [10.0, 40.0, 30.0, 40.0, 30.0, 60.0, 10.0, 60.0]

# Boxes


def test_a_box_is_scaled_and_shifted():
    place = Resize((200, 200), "pad").place(100, 50)
    assert moved(detection(10, 20, 30, 10, area=300.0), place) == (detection(20, 90, 60, 20, area=1200.0), None)


def test_a_box_is_clipped_where_the_picture_is_cut():
    place = LOWER_HALF.place(100, 100)
    assert moved(detection(10, 40, 20, 30, area=500.0), place) == (detection(10, 0, 20, 20, area=400), "clipped")
    assert moved(detection(10, 50, 20, 30, area=500.0), place) == (detection(10, 0, 20, 30, area=500.0), None)
    assert moved(detection(10, 20, 20, 30), place) == (None, "cropped_out")


def test_a_box_beyond_a_border_at_which_nothing_is_cut_stays_beyond_it():
    place = LOWER_HALF.place(100, 100)
    assert moved(detection(-10, 60, 200, 70), place) == (detection(-10, 10, 200, 70), None)
    assert moved(detection(-10, 40, 200, 70), place) == (detection(-10, 0, 200, 60), "clipped")


def test_both_sides_are_cut_by_cover():
    place = Resize((50, 50), "cover").place(200, 100)
    assert moved(detection(0, 0, 200, 100), place) == (detection(0, 0, 50, 50), "clipped")
    assert moved(detection(60, 20, 10, 10), place) == (detection(5, 10, 5, 5), None)
    assert moved(detection(10, 20, 40, 10), place) == (None, "cropped_out")


@pytest.mark.parametrize(("share", "stays"), [(0.0, True), (0.25, True), (0.26, False), (1.0, False)])
def test_a_label_of_which_too_little_is_left_is_out(share, stays):
    place = Resize(crop=(0, 0.5, 1, 1), min_visible=share).place(100, 100)
    assert (moved(detection(0, 35, 10, 20), place)[0] is not None) == stays
    assert moved(detection(0, 60, 10, 20), place)[1] is None


@given(coordinate, coordinate, coordinate, coordinate, st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=examples(40), deadline=None)
def test_where_no_pixel_moves_a_label_is_the_very_same(x, y, width, height, image_width, image_height):
    label = detection(x, y, width, height, segmentation=[[x, y, width, height, x, height]], keypoints=(x, y, 0.0), area=x)
    for resize in (Resize(), Resize((image_width, image_height), "pad"), Resize(400), Resize(crop=(0, 0, 1, 1))):
        assert moved(label, resize.place(image_width, image_height)) == (label, None)


@given(coordinate, coordinate, length, length, st.tuples(*[st.integers(1, 500)] * 4))
@settings(max_examples=examples(40), deadline=None)
def test_a_stretch_and_its_inverse_give_the_box_back(x, y, width, height, sizes):
    there, back = Resize(sizes[2:], "stretch").place(*sizes[:2]), Resize(sizes[:2], "stretch").place(*sizes[2:])
    once, _ = moved(detection(x, y, width, height), there)
    twice, _ = moved(once, back)
    assert twice.bbox == pytest.approx((x, y, width, height), abs=1e-9)


@given(a_resize, st.tuples(st.floats(0, 100), st.floats(0, 80), st.floats(0.5, 100), st.floats(0.5, 80)))
@settings(max_examples=examples(100), deadline=None)
def test_a_box_inside_stays_inside(resize, box):
    x, y, width, height = box[0], box[1], min(box[2], 100 - box[0]), min(box[3], 80 - box[1])
    if width <= 0 or height <= 0:
        return
    place = resize.place(100, 80)
    label, fate = moved(detection(x, y, width, height), place)
    assert (label is None) == (fate == "cropped_out")
    if label is not None:
        left, top, across, down = label.bbox
        assert across > 0
        assert down > 0
        for axis, begin, end in ((0, left, left + across), (1, top, top + down)):
            assert begin >= place.offset[axis] - 1e-9
            assert end <= place.offset[axis] + place.scaled[axis] + 1e-9


@pytest.mark.parametrize("box", [(10, 10, 0, 5), (10, 10, 5, -5), (math.nan, 0, 1, 1), (0, 0, math.inf, 1)])
def test_a_box_without_area_is_left_to_those_who_ask_for_problems(box):
    label, fate = moved(detection(*box), LOWER_HALF.place(100, 100))
    assert fate is None
    assert problem_of(label, 100, 50) == "no_area"


# Polygons


def test_a_polygon_is_cut_and_its_box_and_area_follow():
    label = shaped([SQUARE], bbox=(9, 39, 22, 22), area=390.0)
    found, fate = moved(label, Resize((200, 100), "stretch", (0, 0.5, 1, 1)).place(100, 100))
    assert fate == "clipped"
    assert drawn(found.segmentation, 200, 100).sum() == 800
    assert (found.bbox, found.area) == ((20, 0, 40, 20), 800)
    whole, fate = moved(label, Resize((50, 50), "stretch").place(100, 100))
    assert fate is None
    assert (whole.bbox, whole.area) == ((4.5, 19.5, 11, 11), 97.5)
    assert whole.segmentation == [[5, 20, 15, 20, 15, 30, 5, 30]]


def test_parts_outside_are_dropped():
    far = [10.0, 10.0, 20.0, 10.0, 20.0, 20.0]
    touching = [10.0, 40.0, 20.0, 40.0, 15.0, 50.0]
    inside = [10.0, 60.0, 20.0, 60.0, 20.0, 70.0]
    found, fate = moved(shaped([far, touching, inside]), LOWER_HALF.place(100, 100))
    assert (found.segmentation, fate) == ([[10, 10, 20, 10, 20, 20]], "clipped")


def test_the_segmentation_says_whether_anything_is_left_of_an_object():
    place = LOWER_HALF.place(100, 100)
    above, below = [10.0, 10.0, 20.0, 10.0, 20.0, 20.0], [10.0, 60.0, 20.0, 60.0, 20.0, 70.0]
    assert moved(shaped([above], bbox=(10, 10, 10, 60)), place) == (None, "cropped_out")
    found, fate = moved(shaped([below], bbox=(10, 10, 10, 10)), place)
    assert (found.bbox, fate) == ((10, 10, 10, 10), "clipped")
    loose, fate = moved(shaped([below], bbox=(5, 40, 20, 40), area=50.0), place)
    assert (loose.bbox, loose.area, fate) == ((5, 0, 20, 30), 50, "clipped")


def test_the_share_of_a_polygon_is_of_its_own_area_not_of_its_box():
    triangle = [0.0, 0.0, 100.0, 100.0, 0.0, 100.0]  # three quarters of it lie in the lower half
    label = shaped([triangle], bbox=(0, 0, 100, 100))
    assert moved(label, Resize(crop=(0, 0.5, 1, 1), min_visible=0.75).place(100, 100))[1] == "clipped"
    assert moved(label, Resize(crop=(0, 0.5, 1, 1), min_visible=0.76).place(100, 100))[1] == "barely_visible"


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=3, max_size=7, unique=True),
    a_crop,
)
@settings(max_examples=examples(60), deadline=None)
def test_a_cut_polygon_covers_the_pixels_of_the_whole_one(points, crop):
    centre = np.mean(points, axis=0)
    points.sort(key=lambda point: math.atan2(point[1] - centre[1], point[0] - centre[0]))  # so that it does not cross itself
    polygon = [float(value) for point in points for value in point]
    place = Resize(crop=crop).place(60, 60)
    found = moved_outline([polygon], place)
    whole = area_of([polygon])
    if found is None:
        assert whole == 0
        return
    assert found.area <= whole + 1e-9
    left, top, right, bottom = place.window
    expected = drawn([polygon], 60, 60)[top:bottom, left:right]
    pixels = drawn(found.segmentation, *place.output) if found.segmentation else np.zeros_like(expected)
    outline = 2 * sum(place.output) + 1  # a rasteriser may differ along the border of the window
    assert np.count_nonzero(pixels != expected) <= outline / 4
    perimeter = sum(math.dist(points[at - 1], points[at]) for at in range(len(points)))
    assert abs(found.area - expected.sum()) <= perimeter / 2 + 1


@pytest.mark.parametrize("bad", [[[0.0, 0.0, math.nan, 1.0, 2.0, 2.0]], [[0, 0, 10**400, 1, 2, 2]], {"size": [5, 5], "counts": [25]}])
def test_a_segmentation_that_says_nothing_leaves_the_box_to_decide(bad):
    found, fate = moved(shaped(bad, bbox=(10, 40, 20, 20)), LOWER_HALF.place(100, 100))
    assert (found.bbox, found.segmentation, found.is_broken, fate) == ((10, 0, 20, 10), None, True, "clipped")


# Keypoints


def test_keypoints_outside_are_not_labelled_any_more():
    label = Label("1", "keypoints", bbox=(0, 40, 40, 40), keypoints=(10.0, 45.0, 2.0, 20.0, 60.0, 1.0, 0.0, 0.0, 0.0))
    found, fate = moved(label, Resize((200, 100), "stretch", (0, 0.5, 1, 1)).place(100, 100))
    assert (found.keypoints, fate) == ((0, 0, 0, 40, 20, 1, 0, 0, 0), "clipped")
    whole, fate = moved(label, Resize((200, 200), "pad").place(100, 50))
    assert (whole.keypoints, fate) == ((20, 140, 2, 40, 170, 1, 0, 0, 0), None)


def test_a_label_of_keypoints_alone_goes_with_the_last_of_them():
    place = LOWER_HALF.place(100, 100)
    assert moved(Label("1", "k", keypoints=(1.0, 2.0, 2.0, 3.0, 4.0, 2.0)), place) == (None, "cropped_out")
    boxed = Label("1", "k", keypoints=(1.0, 2.0, 2.0), bbox=(0, 0, 10, 60))
    assert moved(boxed, place) == (Label("1", "k", keypoints=(0, 0, 0), bbox=(0, 0, 10, 10)), "clipped")
    unlabelled = Label("1", "k", keypoints=(0.0, 0.0, 0.0))
    assert moved(unlabelled, place) == (unlabelled, None)


@given(a_resize, st.lists(st.tuples(st.floats(0, 99), st.floats(0, 79)), min_size=1, max_size=5))
@settings(max_examples=examples(40), deadline=None)
def test_keypoints_inside_stay_inside(resize, points):
    place = resize.place(100, 80)
    label, _ = moved(Label("1", "k", keypoints=tuple(value for point in points for value in (*point, 2.0))), place)
    for x, y, visible in zip(*[iter(label.keypoints if label else ())] * 3, strict=True):
        if visible:
            assert place.offset[0] <= x <= place.offset[0] + place.scaled[0]
            assert place.offset[1] <= y <= place.offset[1] + place.scaled[1]


# Labels of other kinds, and what is wrong with any


def test_the_class_of_a_picture_stays_whatever_is_cut():
    label = Label("1", "classification", category="cat", attributes={"a": 1})
    assert moved(label, Resize((10, 20), "cover", (0, 0, 0.1, 0.1), 1.0).place(100, 100)) == (label, None)


def test_no_area_is_added_where_there_was_none():
    assert moved(detection(10, 40, 20, 30), LOWER_HALF.place(100, 100))[0].area is None


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        (detection(0, 0, 1, 1), None),
        (detection(-5, -5, 6, 6), None),
        (detection(-5, 0, 5, 5), "outside_image"),
        (detection(100, 0, 5, 5), "outside_image"),
        (detection(0, 50, 5, 5), "outside_image"),
        (detection(0, -9, 5, 5), "outside_image"),
        (detection(0, 0, 0, 5), "no_area"),
        (detection(0, 0, 5, -1), "no_area"),
        (detection(0, math.nan, 5, 5), "no_area"),
        (detection(0, 0, math.inf, 5), "no_area"),
        (Label("1", "classification", category="cat"), None),
        (Label("1", "k", keypoints=(1.0, 1.0, 2.0)), None),
        (shaped([SQUARE]), None),
        (shaped([[0.0, 60.0, 5.0, 60.0, 5.0, 70.0]]), "outside_image"),
        (shaped([[0.0, 6.0, 5.0, 6.0, 8.0, 6.0]]), "no_area"),
        (shaped({"size": [50, 100], "counts": [5000]}), "no_area"),
        (shaped({"size": [50, 100], "counts": [10, 4990]}), None),
        (shaped(None, is_broken=True), "no_area"),
    ],
)
def test_why_a_label_trains_nothing(label, problem):
    assert problem_of(label, 100, 50) == problem


def test_a_segmentation_gives_the_box_that_a_label_lacks():
    assert with_box(shaped([SQUARE, [50.0, 0.0, 60.0, 0.0, 60.0, 10.0]]), 100, 100).bbox == (10, 0, 50, 60)
    assert with_box(shaped(encoded(mask_of_pixels(slice(2, 5), slice(7, 9)))), 100, 100).bbox == (7, 2, 2, 3)
    kept = shaped([SQUARE], bbox=(0, 0, 100, 100))
    assert with_box(kept, 100, 100) is kept
    assert with_box(shaped({"size": [3, 3], "counts": "nonsense"}), 100, 100).bbox is None
    assert with_box(Label("1", "classification"), 100, 100).bbox is None


wild = st.floats() | st.integers() | st.sampled_from([1e308, -1e308, 10**400, 5e-324])
wild_polygons = st.lists(st.lists(wild, min_size=6, max_size=10).filter(lambda polygon: len(polygon) % 2 == 0), min_size=1, max_size=3)
wild_masks = st.fixed_dictionaries({"size": st.lists(wild, max_size=3), "counts": st.text(max_size=9) | st.lists(wild, max_size=4)})


@given(
    st.none() | wild_polygons | wild_masks,
    st.none() | st.tuples(*[st.floats()] * 4),
    st.none() | st.lists(st.floats(), max_size=7).map(tuple),
    a_resize,
)
@settings(max_examples=examples(200), deadline=None)
def test_no_label_however_wild_stops_an_export(segmentation, box, keypoints, resize):
    label = shaped(segmentation, bbox=box, keypoints=keypoints, area=1.0)
    problem_of(label, 100, 80)
    found, fate = moved(label, resize.place(100, 80))
    assert (found is None) == (fate == "cropped_out")
    if found is not None:
        problem_of(found, *resize.place(100, 80).output)


# Real labels

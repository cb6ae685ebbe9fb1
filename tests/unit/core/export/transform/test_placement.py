from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.transform.placement import Placement, Resize

side = st.integers(1, 5000)
fraction = st.integers(0, 1000).map(lambda part: part / 1000)
a_crop = st.tuples(fraction, fraction, fraction, fraction).filter(lambda crop: crop[0] < crop[2] and crop[1] < crop[3])
a_resize = st.builds(
    Resize,
    size=st.none() | st.tuples(side, side),
    fit=st.sampled_from(["within", "stretch", "cover", "pad"]),
    crop=st.none() | a_crop,
) | st.builds(Resize, size=side, crop=st.none() | a_crop)


@pytest.mark.parametrize(
    ("size", "fit", "scaled", "offset", "output"),
    [
        (None, "within", (1000, 500), (0, 0), (1000, 500)),
        (640, "within", (640, 320), (0, 0), (640, 320)),
        (4000, "within", (1000, 500), (0, 0), (1000, 500)),
        ((640, 480), "within", (640, 320), (0, 0), (640, 320)),
        ((2000, 2000), "within", (1000, 500), (0, 0), (1000, 500)),
        ((640, 480), "stretch", (640, 480), (0, 0), (640, 480)),
        ((640, 480), "pad", (640, 320), (0, 80), (640, 480)),
        ((641, 481), "pad", (641, 321), (0, 80), (641, 481)),
        ((2000, 2000), "pad", (2000, 1000), (0, 500), (2000, 2000)),
        ((100, 200), "cover", (100, 200), (0, 0), (100, 200)),
    ],
)
def test_what_each_fit_makes_of_a_wide_picture(size, fit, scaled, offset, output):
    place = Resize(size, fit).place(1000, 500)
    assert (place.scaled, place.offset, place.output) == (scaled, offset, output)


def test_cover_cuts_as_much_on_either_side():
    assert Resize((100, 200), "cover").place(1000, 500).window == (375, 0, 625, 500)
    assert Resize((200, 50), "cover").place(100, 100).window == (0, 37, 100, 62)


def test_a_crop_is_taken_first_and_in_whole_pixels():
    place = Resize(50, crop=(0, 0.4, 1, 1)).place(99, 101)
    assert place.window == (0, 40, 99, 101)
    assert place.output == (50, 31)
    assert place.scale == (50 / 99, 31 / 61)


@pytest.mark.parametrize("crop", [(0, 0, 0.001, 0.001), (0.999, 0.999, 1, 1), (0.4, 0.4, 0.41, 0.41)])
def test_a_crop_of_less_than_a_pixel_is_a_pixel(crop):
    place = Resize(crop=crop).place(2, 3)
    assert place.output == (1, 1)


def test_sides_at_which_nothing_is_cut_have_no_limit():
    assert Resize(crop=(0, 0.5, 0.5, 1)).place(100, 100).cuts == (-math.inf, 50, 50, math.inf)
    assert Resize((640, 480), "pad").place(100, 100).cuts == (-math.inf, -math.inf, math.inf, math.inf)


@given(a_resize, side, side)
@settings(max_examples=examples(200), deadline=None)
def test_a_placement_holds_together(resize, width, height):
    place = resize.place(width, height)
    left, top, right, bottom = place.window
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    for axis in (0, 1):
        assert 1 <= place.scaled[axis] <= place.output[axis] - place.offset[axis]
        assert place.offset[axis] >= 0
    if isinstance(resize.size, tuple) and resize.fit != "within":
        assert place.output == resize.size
    if resize.fit == "within":
        assert max(place.scale) <= 1
    if isinstance(resize.size, int):
        assert max(place.output) <= resize.size
    if resize.changes_nothing:
        assert place.is_identity


@given(side, side)
@settings(max_examples=examples(40), deadline=None)
def test_one_pixel_remains_of_whatever_becomes_tiny(width, height):
    assert Resize(1).place(width, height).output == (1, 1)


@pytest.mark.parametrize(
    ("size", "found"),
    [
        (None, None),
        ("", None),
        ("None", None),
        ([], None),
        (640, 640),
        ("640", 640),
        (" 640 ", 640),
        ("640x480", (640, 480)),
        ("640 X 480", (640, 480)),
        ("640,480", (640, 480)),
        ("[640, 480]", (640, 480)),
        ("(640, 480)", (640, 480)),
        ([640, 480], (640, 480)),
        ((640, 480), (640, 480)),
    ],
)
def test_sizes_as_templates_give_them(size, found):
    assert Resize.of(size).size == found


@pytest.mark.parametrize("crop", ["0,0.4,1,1", "[0, 0.4, 1, 1]", [0, 0.4, 1, 1], (0, 0.4, 1, 1), ["0", "0.4", "1", "1"]])
def test_crops_as_templates_give_them(crop):
    assert Resize.of(None, None, crop, "0.25") == Resize(None, "within", (0, 0.4, 1, 1), 0.25)


@pytest.mark.parametrize("crop", [None, "", "None", [], ()])
def test_no_crop(crop):
    assert Resize.of(crop=crop) == Resize()


@pytest.mark.parametrize(
    "size", [0, -1, True, 640.0, "640.5", "wide", "0x480", "640x", "640x480x3", [640], [640, 480, 3], [640, "a"], {"w": 1}, 65_501, "１２"]
)
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ConfigurationError, match=r"^size=.* cannot be used: expected a longest side \(640\) or width and height"):
        Resize.of(size)


@pytest.mark.parametrize(
    "crop", ["0,1", "0,0,1,1,1", "a,b,c,d", "0.5,0,0.5,1", "0,1,1,0", "0,0,1,1.1", "-0.1,0,1,1", "nan,0,1,1", 7, [None] * 4]
)
def test_a_crop_that_encloses_nothing_is_refused(crop):
    with pytest.raises(ConfigurationError, match=r"^crop=.* cannot be used: expected left, top, right, bottom"):
        Resize.of(crop=crop)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan, "half", None, True])
def test_a_share_is_from_0_to_1(share):
    with pytest.raises(ConfigurationError, match=r"^min_visible=.* expected a number from 0 to 1"):
        Resize.of(min_visible=share)


def test_a_fit_that_is_unknown_or_needs_a_pair_is_refused():
    with pytest.raises(ConfigurationError, match="fit='letterbox' is unknown: expected one of within, stretch, cover, pad"):
        Resize((640, 640), "letterbox")
    with pytest.raises(ConfigurationError, match="fit='pad' needs width and height, but size=640 is a longest side: give size='640x640'"):
        Resize(640, "pad")


def test_without_a_size_there_is_nothing_to_fit():
    assert Resize.of("", "pad").changes_nothing
    assert Resize.of("", "pad", "0,0,1,1").changes_nothing
    assert not Resize(crop=(0, 0, 0.5, 1)).changes_nothing
    assert not Resize(640).changes_nothing


def test_what_a_manifest_says_is_json_and_the_same_however_it_was_given():
    found = Resize.of("640x480", "pad", "0,0,1,0.5", "0.5").as_json()
    assert found == {"size": [640, 480], "fit": "pad", "crop": [0.0, 0.0, 1.0, 0.5], "min_visible": 0.5}
    assert json.dumps(found) == json.dumps(Resize.of([640, 480], "pad", [0, 0, 1, 0.5], 0.5).as_json())
    assert Resize().as_json() == {"size": None, "fit": "within", "crop": None, "min_visible": 0.0}


def test_a_placement_is_the_identity_only_where_no_pixel_moves():
    assert Resize(640).place(640, 480).is_identity
    assert Resize((640, 480), "pad").place(640, 480).is_identity
    assert not Resize((640, 641), "pad").place(640, 640).is_identity
    assert not Resize(639).place(640, 480).is_identity
    assert Resize(min_visible=0.5).place(3, 4) == Placement(3, 4, (0, 0, 3, 4), (3, 4), (0, 0), (3, 4), 0.5)

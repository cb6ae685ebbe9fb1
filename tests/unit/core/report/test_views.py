"""Which part of an image is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.report.views import view_of


def test_a_box_is_shown_in_the_middle_with_its_surroundings():
    x, y, width, height = view_of([(300, 200, 40, 30)], 640, 480)
    assert (x + width / 2, y + height / 2) == pytest.approx((320, 215), abs=1)
    assert width == pytest.approx(40 + 2 * 0.6 * 40, abs=16)
    assert width / height == pytest.approx(4 / 3, abs=0.05)


def test_both_boxes_are_in_view():
    x, y, width, height = view_of([(10, 10, 20, 20), None, (120, 60, 30, 20)], 640, 480)
    assert (x, y) == (0, 0)
    assert width >= 150
    assert height >= 80


@pytest.mark.parametrize("boxes", [[], [None], [(5, 5, 600, 440)], [(5_000, 5_000, 10, 10)]])
def test_the_whole_image_is_shown_where_there_is_no_smaller_part_to_show(boxes):
    assert view_of(boxes, 640, 480) is None


def test_a_box_that_leaves_the_image_is_shown_a_little_beyond_it():
    x, _, width, _ = view_of([(600, 100, 60, 40)], 640, 480)
    assert 640 < x + width <= 640 * 1.1 + 1


def test_a_box_of_negative_size_is_shown_where_it_is_drawn():
    x, y, width, height = view_of([(340, 230, -40, -30)], 640, 480)
    assert x < 300
    assert x + width > 340
    assert y < 200
    assert y + height > 230


sides = st.floats(-2_000, 2_000)


@given(st.lists(st.tuples(sides, sides, sides, sides), min_size=1, max_size=3), st.integers(1, 900), st.integers(1, 900))
def test_a_view_never_reaches_far_beyond_its_image(boxes, width, height):
    view = view_of(boxes, width, height)
    if view is not None:
        x, y, across, down = view
        assert across >= 1
        assert down >= 1
        assert -0.1 * width - 1 <= x < x + across <= 1.1 * width + 2
        assert -0.1 * height - 1 <= y < y + down <= 1.1 * height + 2

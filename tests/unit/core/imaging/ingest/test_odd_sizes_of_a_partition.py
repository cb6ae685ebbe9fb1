"""Sizes that are odd among their partition's own."""

from __future__ import annotations

import math

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.imaging.ingest.odd_sizes import odd_sizes


def test_an_icon_and_a_poster_among_photos_are_odd() -> None:
    sizes = [(400, 533)] * 40 + [(533, 400)] * 20 + [(32, 32), (9000, 6000)]
    assert odd_sizes(*zip(*sizes, strict=True)).tolist() == [False] * 60 + [True] * 2


def test_within_a_factor_of_four_of_the_median_area_nothing_is_odd_however_equal_the_others_are() -> None:
    sizes = [(100, 100)] * 40 + [(199, 200), (51, 50), (201, 200), (49, 50)]
    assert odd_sizes(*zip(*sizes, strict=True)).tolist()[40:] == [False, False, True, True]


def test_where_sizes_vary_much_only_what_lies_far_outside_is_odd() -> None:
    widths = [2 ** (number / 4) for number in range(20, 60)]  # areas over 20 doublings
    assert not odd_sizes(widths, widths).any()
    assert odd_sizes([*widths, 1e9], [*widths, 1e9]).tolist() == [False] * 40 + [True]


def test_a_few_images_have_no_distribution() -> None:
    assert not odd_sizes([1] * 8 + [5000], [1] * 8 + [5000]).any()
    assert odd_sizes([], []).tolist() == []


def test_it_can_be_switched_off_and_takes_arrow() -> None:
    widths = pa.chunked_array([[400] * 20, [4]])
    assert odd_sizes(widths, widths).tolist() == [False] * 20 + [True]
    assert not odd_sizes(widths, widths, area_ratio_above=math.inf).any()


@settings(max_examples=examples(50), deadline=None)
@given(sizes=st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=40), order=st.randoms())
def test_the_order_of_images_does_not_matter(sizes: list[tuple[int, int]], order: object) -> None:
    shuffled = sorted(sizes, key=lambda _: order.random())  # type: ignore[attr-defined]
    assert odd_ones(sizes) == odd_ones(shuffled)


def odd_ones(sizes: list[tuple[int, int]]) -> set[tuple[int, int]]:
    mask = odd_sizes([width for width, _ in sizes], [height for _, height in sizes])
    return {size for size, is_odd in zip(sizes, mask, strict=True) if is_odd}

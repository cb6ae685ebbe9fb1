"""Numbers that come in parts, in order at last."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from airflow_cv_dataops.core.release import sorted_parts
from airflow_cv_dataops.core.release.sorted_parts import SortedParts


def parts_of(values: list[int], size: int) -> SortedParts:
    parts = SortedParts()
    for start in range(0, len(values), size):
        parts.add(np.array(values[start : start + size], np.uint64))
    return parts


def in_order(parts: SortedParts, **how: bool) -> list[int]:
    return [int(value) for some in parts.in_order(**how) for value in some]


@pytest.fixture(params=[3, 2**20])
def ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges of some values, and one of all."""
    monkeypatch.setattr(sorted_parts, "_RANGE", request.param)


@pytest.mark.usefixtures("ranges")
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_they_are_in_order_and_each_once_where_that_is_asked_for(size):
    values = [int(value) for value in np.random.default_rng(1).integers(0, 60, 200)] + [2**64 - 1, 0]
    parts = parts_of(values, size)
    assert in_order(parts) == sorted(values)
    assert in_order(parts, distinct=True) == sorted(set(values))


@pytest.mark.usefixtures("ranges")
def test_of_equal_values_as_many_are_taken_back_as_are_named():
    values = [5, 1, 5, 9, 5, 1, 2**63]
    parts = parts_of(values, 2)
    parts.remove(np.array([5, 2**63], np.uint64))
    parts.remove(np.array([5, 1], np.uint64))
    assert in_order(parts) == sorted((Counter(values) - Counter([5, 5, 1, 2**63])).elements()) == [1, 5, 9]


def test_of_nothing_there_is_nothing():
    assert in_order(SortedParts()) == in_order(parts_of([], 1)) == []


def test_what_is_given_is_not_sorted_in_place():
    values = np.array([3, 1, 2], np.uint64)
    SortedParts().add(values)
    assert values.tolist() == [3, 1, 2]


@pytest.mark.parametrize("size", [50, 1_000, 20_000])
def test_what_is_held_at_a_time_is_about_a_range_however_many_parts_there_are(monkeypatch, size):
    monkeypatch.setattr(sorted_parts, "_RANGE", 2_000)
    values = np.random.default_rng(1).integers(0, 2**63, 40_000).astype(np.uint64)
    parts = SortedParts()
    for start in range(0, len(values), size):
        parts.add(values[start : start + size])
    assert max(map(len, parts.in_order())) < 6_000

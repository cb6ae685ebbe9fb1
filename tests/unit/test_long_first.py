"""The order in which several workers share the tests."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from long_first import in_stretches


def item(file: str, number: int, *, long: bool) -> SimpleNamespace:
    return SimpleNamespace(path=file, name=f"{file}:{number}", get_closest_marker=lambda name: name if long and name == "e2e" else None)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("short", [0, 1, 7, 100])
def test_no_test_is_lost_and_files_of_long_tests_stay_together(workers, short):
    long_files = {"demo": 5, "celery": 1, "backfill": 3, "pages": 4}
    items = [item(file, number, long=True) for file, count in long_files.items() for number in range(count)]
    items = [item("unit", number, long=False) for number in range(short)] + items
    ordered = in_stretches(items, workers)
    assert sorted(entry.name for entry in ordered) == sorted(entry.name for entry in items)
    for file, count in long_files.items():
        places = [place for place, entry in enumerate(ordered) if entry.path == file]
        assert places == list(range(places[0], places[0] + count))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_each_workers_stretch_begins_with_its_long_tests(workers):
    items = [item("unit", number, long=False) for number in range(101)] + [item(f"e2e {file}", 0, long=True) for file in range(6)]
    ordered = in_stretches(items, workers)
    share = 6 // workers
    start = 0
    for worker in range(workers):
        length = (len(items) - start) // (workers - worker)
        stretch = ordered[start : start + length]
        assert [entry.path.startswith("e2e") for entry in stretch] == [True] * share + [False] * (length - share)
        start += length

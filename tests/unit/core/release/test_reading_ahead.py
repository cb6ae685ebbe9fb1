"""Reading ahead changes nothing of what is read."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.release.reading_ahead import read_ahead


def batches(read: list[int], most: int, *, fails: bool = False) -> Iterator[pa.Table]:
    for number in range(most):
        read.append(number)
        yield pa.table({"number": [number]})
    if fails:
        raise OSError("the disk is gone")


def test_batches_come_in_their_order():
    assert [batch["number"][0].as_py() for batch in read_ahead(batches([], 5))] == list(range(5))


def test_an_error_comes_behind_what_was_read_before_it():
    found = read_ahead(batches([], 2, fails=True))
    assert [next(found)["number"][0].as_py() for _ in range(2)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(found)


def test_whoever_stops_early_has_one_more_read_and_no_further():
    read: list[int] = []
    found = read_ahead(batches(read, 9))
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert read == [0, 1]

"""Each image once, however many files it has."""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.sampling import reading
from airflow_cv_dataops.core.sampling.reading import may_repeat, unique_images


def sha256(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


FILES = [("q", "a", 1), ("p", "c", 2), ("p", "b", 1), ("p", "a", 3), ("q", "b", 2), ("q", "c", 4)]


@pytest.mark.parametrize("at_once", [2, 65_536])
def test_the_first_file_by_partition_and_source_stands_for_an_image(monkeypatch, at_once):
    monkeypatch.setattr(reading, "_AT_ONCE", at_once)
    rows = [{"partition_key": key, "source_uri": uri, "image_id": sha256(name)} for key, uri, name in FILES]
    table = pa.concat_tables([pa.Table.from_pylist(rows[:4]), pa.Table.from_pylist(rows[4:])])
    assert may_repeat(table["image_id"]).tolist() == [True, True, True, False, True, False]
    found = unique_images(table).to_pylist()
    assert found == [rows[3], rows[2], rows[1], rows[5]]
    assert unique_images(table.slice(3, 1)).to_pylist() == [rows[3]]
    assert unique_images(table.slice(0, 0)).num_rows == 0


def test_without_repeated_images_all_are_there_in_their_order():
    rows = [{"source_uri": name, "image_id": sha256(name)} for name in "cab"]
    assert unique_images(pa.Table.from_pylist(rows))["source_uri"].to_pylist() == ["a", "b", "c"]

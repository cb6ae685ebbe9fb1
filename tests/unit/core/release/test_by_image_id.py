"""Rows in the order of image ids, and the sources of images, without a Python object a row."""

from __future__ import annotations

import hashlib
import random

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.release import by_image_id
from airflow_cv_dataops.core.release.by_image_id import RowsById
from airflow_cv_dataops.core.release.image_rows import ImageRows
from airflow_cv_dataops.core.release.sources import SourceNumbers
from airflow_cv_dataops.core.store.source_names import stable_source

NAMES = ("image_id", "partition_key", "source_uri")


def sha256(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def rows_of(ids: list[str], seed: int = 1) -> list[dict[str, str]]:
    """Return a row for each id, in random order of places."""
    rng = random.Random(seed)
    return [{"image_id": one, "partition_key": rng.choice("pqr"), "source_uri": f"s3://b/{rng.random()}"} for one in ids]


def ordered(rows: list[dict[str, str]], size: int, *, each_once: bool) -> pa.Table:
    found = RowsById(NAMES, repeating=("partition_key",))
    for start in range(0, len(rows), size):
        found.add(pa.Table.from_pylist(rows[start : start + size]))
    whole, order = found.in_order(each_once=each_once)
    assert [rows[at] for at in order.tolist()] == whole.to_pylist()
    return whole


IDS = {
    "hashes, copies among them": [sha256(number % 150) for number in range(200)],
    "ids that begin alike": [f"{number:064x}" for number in (5, 3, 3, 2**80, 1)],
    "other texts": ["b", "a", "", "aaaaaaaaaa", "aaaaaaaaab", "ä", "a", "\x00"],
    "nothing": [],
    "one": ["a"],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
@pytest.mark.parametrize("size", [3, 1_000])
@pytest.mark.parametrize("each_once", [True, False])
def test_rows_are_ordered_as_arrow_orders_them(monkeypatch, ids, size, each_once):
    monkeypatch.setattr(by_image_id, "_ROWS_IN_CHUNK", 7)
    rows = rows_of(ids)
    wanted = sorted(rows, key=lambda row: [row[name].encode() for name in NAMES])
    if each_once:
        wanted = [row for at, row in enumerate(wanted) if not at or row["image_id"] != wanted[at - 1]["image_id"]]
    found = ordered(rows, size, each_once=each_once)
    assert found.to_pylist() == wanted
    assert found.schema.field("source_uri").type == pa.string()


PLACES = [
    ("2026-11-05", "s3://b/2026-11-05/a/1.jpg", "a/1.jpg"),
    ("2026-11-06", "s3://b/2026-11-06/1.jpg", "1.jpg"),
    ("2026-11-05", "s3://b/2026-11-05/2.jpg", "2.jpg"),
    ("2026-11-05", "s3://other/list/3.jpg", "elsewhere/3.jpg"),
    ("2026-11-05", "s3://other/list/4.jpg", ""),
    ("2026-11-05", "s3://other/list/4.jpg", None),
    ("2026-11-05", "s3://ä/1.jpg", "1.jpg"),
    *[("2026-11-05", f"s3://many/{number}/1.jpg", "1.jpg") for number in range(40)],
]


@pytest.mark.parametrize("size", [1, 4, 100])
def test_a_source_is_what_stands_before_the_name_by_its_stable_name(size):
    wanted = []
    for key, uri, name in PLACES:
        prefix = uri[: -len(name)] if name and uri.endswith(name) else uri.rpartition("/")[0]
        wanted.append(stable_source(prefix, key))
    schema = pa.schema([(name, pa.string()) for name in ("partition_key", "source_uri", "file_name")])
    table = pa.table(list(zip(*PLACES, strict=True)), schema=schema)
    numbers = SourceNumbers()
    codes = [code for start in range(0, len(PLACES), size) for code in numbers.of(table.slice(start, size)).tolist()]
    found, names = numbers.held_among(pa.array(codes).to_numpy())
    assert [names[number] for number in found.tolist()] == wanted
    assert names == sorted(set(wanted))


def test_sources_of_copies_that_do_not_stand_for_their_image_are_not_told():
    rows = [
        {"image_id": sha256(1), "partition_key": "p", "source_uri": "s3://a/1.jpg", "file_name": "1.jpg"},
        {"image_id": sha256(1), "partition_key": "q", "source_uri": "s3://b/1.jpg", "file_name": "1.jpg"},
        {"image_id": sha256(2), "partition_key": "q", "source_uri": "s3://c/2.jpg", "file_name": "2.jpg"},
    ]
    images = ImageRows.of([pa.Table.from_pylist(rows)])
    assert (len(images), images.places) == (2, 3)
    assert images.by_source()[1] == [stable_source("s3://a/", "p"), stable_source("s3://c/", "q")]
    alone = images.where(images.rows["image_id"].to_numpy() == sha256(2))
    assert (alone.by_source()[0].tolist(), alone.by_source()[1]) == ([0], [stable_source("s3://c/", "q")])

"""Rows of a partition in the table's order and types, a few at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store import table_rows as rows_module
from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema
from airflow_cv_dataops.core.store.table_rows import batches_of

KEYS = {"partition_key": "p", "model": "m"}
REQUIRED = {"image_id": "i", "task": "classification", "source": "s3://p"}
PREDICTION = st.fixed_dictionaries(
    {
        "file_name": st.sampled_from("abcä"),
        "classes": st.none() | st.sampled_from(["[]", '["cat", "dog"]']),
        "probabilities": st.just([0.5]),
    }
)


def table(predictions: list[dict[str, object]], chunks: int = 1, *, encoded: bool = False) -> pa.Table:
    """Return rows of ``predictions`` without their key columns, in chunks with dictionaries of their own."""
    schema = pa.schema([field for field in arrow_schema("predictions") if field.name not in KEYS])
    rows = [{**REQUIRED, **row, "prediction_id": f"{number:03}"} for number, row in enumerate(predictions)]
    parts = [pa.Table.from_pylist(rows[start::chunks], schema=schema) for start in range(chunks)]
    at = schema.get_field_index("classes")
    return pa.concat_tables([part.set_column(at, "classes", part["classes"].dictionary_encode()) if encoded else part for part in parts])


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(PREDICTION, min_size=1, max_size=12), st.integers(1, 3), st.booleans(), st.sampled_from([1, 200, 2**20]))
def test_batches_are_the_rows_in_order_whatever_their_size(predictions, chunks, encoded, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module, "BATCH_BYTES", size)
        batches = list(batches_of(TABLES["predictions"], KEYS, table(predictions, chunks, encoded=encoded)))
    assert all(batch.schema.equals(arrow_schema("predictions")) for batch in batches)
    assert len(batches) == (len(predictions) if size == 1 else 1 if size == 2**20 else len(batches))
    found = pa.concat_tables(batches).to_pylist()
    expected = [{**REQUIRED, **KEYS, **row, "prediction_id": f"{number:03}"} for number, row in enumerate(predictions)]
    expected.sort(key=lambda row: (row["file_name"].encode(), row["prediction_id"]))
    assert [{name: row[name] for name in expected[0]} for row in found] == expected


def test_text_beyond_what_one_column_of_strings_can_hold_is_still_put_in_order(monkeypatch):
    monkeypatch.setattr(rows_module, "_MOST_CHARACTERS", 10)
    rows = table([{"file_name": name * 5} for name in "cab"], chunks=3)
    [batch] = batches_of(TABLES["predictions"], KEYS, rows)
    assert batch["file_name"].to_pylist() == ["aaaaa", "bbbbb", "ccccc"]


def test_a_column_of_the_order_may_be_dictionary_encoded():
    rows = table([{"file_name": name} for name in "cab"])
    at = rows.schema.get_field_index("file_name")
    [batch] = batches_of(TABLES["predictions"], KEYS, rows.set_column(at, "file_name", rows["file_name"].dictionary_encode()))
    assert batch["file_name"].to_pylist() == ["a", "b", "c"]


def test_no_rows_are_no_batch():
    assert list(batches_of(TABLES["predictions"], KEYS, table([]))) == []


def test_a_partition_in_several_files_is_one_snapshot_and_is_replaced_whole(make_dataset, monkeypatch):
    dataset = make_dataset()
    monkeypatch.setattr(rows_module, "BATCH_BYTES", 1)
    dataset.replace_partition("predictions", "p", table([{"file_name": name} for name in "cab"]), owner="m")
    dataset.replace_partition("predictions", "p", table([{"file_name": name} for name in "ed"]), owner="m")
    found = dataset.load_table("predictions")
    assert len(found.snapshots()) == 2
    assert len(list(found.scan().plan_files())) == 2
    assert sorted(dataset.read("predictions")["file_name"].to_pylist()) == ["d", "e"]


def test_columns_that_do_not_fit_are_refused_before_there_is_a_table(make_dataset):
    dataset = make_dataset()
    with pytest.raises(ConfigurationError, match="nonsense"):
        dataset.replace_partition("predictions", "p", pa.table({"nonsense": ["x"]}), owner="m")
    with pytest.raises(ConfigurationError, match="required"):
        dataset.replace_partition("predictions", "p", pa.table({"image_id": ["x"]}), owner="m")
    assert dataset.load_table("predictions") is None


def test_text_that_begins_beyond_two_gigabytes_is_written_as_any_other(monkeypatch, tmp_path):
    """As the ids of 34 million images would be; the letters lie in a file that has no blocks on disk."""
    letters, rows = 2**26, 34
    with open(tmp_path / "letters", "wb") as file:
        file.truncate(letters * rows)
    ends = pa.py_buffer(np.arange(rows + 1, dtype=np.int64) * letters)
    with pa.memory_map(str(tmp_path / "letters")) as file:
        ids = pa.LargeStringArray.from_buffers(rows, ends, file.read_buffer())
        items = pa.table({"image_id": ids, **{name: ["x"] * rows for name in ("partition_key", "source_uri", "split")}}).slice(rows - 2)
        monkeypatch.setattr(rows_module, "_COMPARED_AT_ONCE", 1)
        written = list(batches_of(TABLES["release_items"], {"release": "v1", "items_id": "i"}, items))
        assert [len(text.as_py()) for part in written for text in part["image_id"]] == [letters] * 2
        assert written[0].schema == arrow_schema("release_items")


def test_rows_that_are_in_order_by_one_column_are_not_sorted_again(monkeypatch):
    monkeypatch.setattr(rows_module, "_COMPARED_AT_ONCE", 2)
    for ids, in_order in ((["a", "b", "b", "c", "d"], True), (["a", "b", "c", "d", "c"], False), (["b", "a"], False), ([], True)):
        column = pa.chunked_array([pa.array(ids[:3], pa.string()), pa.array(ids[3:], pa.string())])
        assert rows_module._is_ordered(column) is in_order, ids


def test_rows_are_taken_from_more_text_than_an_array_of_it_holds():
    """Chunks that share their letters: 2.3 GB of text in 64 MB of memory."""
    chunk = pa.array([f"{number:02}" + "x" * 2**20 for number in range(60)])
    texts = pa.table({"text": pa.chunked_array([chunk] * 40), "number": pa.array(range(2_400))})
    with pytest.raises(pa.ArrowInvalid, match="overflow"):
        texts.take(pa.array([2_399]))
    places = [2_399, 0, 61, 0, *range(1_000, 1_070)]
    found = rows_module.take_rows(texts.slice(0, 2_400), pa.array(places))
    assert [int(text[:2]) for text in found["text"].to_pylist()] == [place % 60 for place in places]
    assert found["number"].to_pylist() == places
    assert found.schema == texts.schema


@pytest.mark.parametrize("size", [1, 40, 2**20])
def test_what_is_taken_from_long_text_is_what_arrow_takes(monkeypatch, size):
    monkeypatch.setattr(rows_module, "_MOST_CHARACTERS", 0)
    monkeypatch.setattr(rows_module, "BATCH_BYTES", size)
    texts = [None if number % 5 == 0 else f"text {number}" for number in range(30)]
    column = pa.chunked_array([texts[:7], [], texts[7:8], texts[8:]], pa.string())
    for places in ([], [29], [3, 3, 29, 0, 7, 8], list(range(29, -1, -1))):
        at = pa.array(places, pa.uint64())
        assert rows_module.take_rows(pa.table({"text": column}), at)["text"].to_pylist() == column.take(at).to_pylist()

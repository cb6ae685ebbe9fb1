from __future__ import annotations

import itertools
import json
import logging
import threading

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from processes import PATIENCE_SECONDS
from pyiceberg.types import StringType

from airflow_cv_dataops.core import progress
from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.store import scanning
from airflow_cv_dataops.core.store.schema import arrow_schema

COLUMNS = ["prediction_id", "model", "image_id", "probabilities", "classes", "bbox", "score"]


def predictions(rows, *, classes=3, seed=0):
    random = np.random.default_rng(seed)
    values = random.dirichlet(np.ones(classes), rows).astype(np.float32)
    names = [f"{seed}_{row:06}" for row in range(rows)]
    table = {
        "prediction_id": names,
        "image_id": names,
        "file_name": names,
        "task": ["classification"] * rows,
        "score": [None if row % 7 == 0 else row / rows for row in range(rows)],
        "bbox": [None if row % 3 else {"x": row, "y": 1.0, "width": 2.0, "height": 3.0} for row in range(rows)],
        "probabilities": [None if row % 5 == 0 else value for row, value in enumerate(values.tolist())],
        "classes": [json.dumps([str(number) for number in range(classes)])] * rows,
        "source": ["s3://p.csv"] * rows,
    }
    schema = arrow_schema("predictions")
    return pa.table({name: pa.array(values, schema.field(name).type) for name, values in table.items()})


@pytest.fixture
def dataset(make_dataset):
    """Two partitions and two models; one of the models came in files that another process wrote."""
    dataset = make_dataset("digits")
    dataset.replace_partition("predictions", "2026-11-05", predictions(100), owner="m")
    dataset.replace_partition("predictions", "2026-11-06", predictions(7, seed=1), owner="m")
    writer = dataset.partition_writer("predictions", "2026-11-05", owner="n")
    writer.write(predictions(40, seed=2))
    dataset.replace_partition_by_files("predictions", "2026-11-05", writer.finish(), owner="n")
    return dataset


def by_id(rows):
    return rows.sort_by([("model", "ascending"), ("prediction_id", "ascending")]).combine_chunks()


@pytest.mark.parametrize("batch_rows", [1, 9, 1_000])
@pytest.mark.parametrize("where", [None, "model = 'n'", "model in ('m', 'n')", "score > 0.5"])
def test_batches_are_the_rows_that_a_read_returns(dataset, batch_rows, where):
    at = {"partition_key": "2026-11-05", "columns": COLUMNS, "where": where}
    batches = list(dataset.read_batches("predictions", **at, batch_rows=batch_rows))
    assert max(batch.num_rows for batch in batches) <= batch_rows
    expected = dataset.read("predictions", **at)
    assert expected.num_rows > 0
    assert {str(batch.schema) for batch in batches} == {str(expected.schema)}
    assert by_id(pa.concat_tables(batches)).equals(by_id(expected))


def test_batches_of_a_snapshot_are_what_was_there_then(dataset):
    before = dataset.snapshot_id("predictions")
    dataset.replace_partition("predictions", "2026-11-05", predictions(3, seed=5), owner="m")
    count = sum(batch.num_rows for batch in dataset.read_batches("predictions", snapshot_id=before))
    assert (count, dataset.read("predictions").num_rows) == (147, 50)
    with pytest.raises(DatasetNotFoundError, match="no snapshot 12"):
        dataset.read_batches("predictions", snapshot_id="12")


def test_a_renamed_column_is_read_by_its_field_id(make_dataset):
    """What was ``probabilities`` is now called ``embedding``, and the other way round; the files know the old names only."""
    dataset = make_dataset("digits")
    dataset.replace_partition("predictions", "2026-11-05", predictions(10), owner="m")
    for old, new in (("probabilities", "swapped"), ("embedding", "probabilities"), ("swapped", "embedding")):
        with dataset.load_table("predictions").update_schema() as update:
            update.rename_column(old, new)
    batches = pa.concat_tables(dataset.read_batches("predictions", columns=["embedding", "probabilities"], batch_rows=4))
    assert (batches["embedding"].null_count, batches["probabilities"].null_count) == (2, 10)


def test_a_column_that_is_younger_than_the_files_is_null(make_dataset):
    dataset = make_dataset("digits")
    dataset.replace_partition("predictions", "2026-11-05", predictions(10), owner="m")
    table = dataset.load_table("predictions")
    with table.update_schema() as update:
        update.delete_column("model_version")
    with table.update_schema() as update:
        update.add_column("model_version", StringType())
    batches = pa.concat_tables(dataset.read_batches("predictions", columns=["prediction_id", "model_version"], batch_rows=4))
    assert (batches.num_rows, batches["model_version"].null_count) == (10, 10)


def test_rows_that_were_deleted_one_by_one_stay_deleted(dataset):
    dataset.load_table("predictions").delete("prediction_id = '0_000004'")
    batches = pa.concat_tables(dataset.read_batches("predictions", partition_key="2026-11-05", columns=["prediction_id"], batch_rows=16))
    assert batches.num_rows == 139
    assert "0_000004" not in batches["prediction_id"].to_pylist()


def test_a_table_that_does_not_exist_has_no_batches(make_dataset):
    assert list(make_dataset("digits", made=True).read_batches("predictions")) == []


def test_memory_holds_a_batch_and_not_the_file(make_dataset):
    dataset = make_dataset("digits")
    dataset.replace_partition("predictions", "2026-11-05", predictions(8_000, classes=1_000), owner="m")
    dataset = make_dataset("digits")
    before = pa.total_allocated_bytes()
    peak = 0
    total = 0.0
    for batch in dataset.read_batches("predictions", columns=["probabilities"], batch_rows=100):
        peak = max(peak, pa.total_allocated_bytes() - before)
        total += pc.sum(pc.list_flatten(batch["probabilities"])).as_py()
    assert total == pytest.approx(6_400, rel=1e-3)
    whole = 8_000 * 1_000 * 4
    assert peak < whole / 3, f"{peak / 1e6:.1f} MB of {whole / 1e6:.0f} MB"


def test_rows_of_many_kilobytes_come_in_smaller_batches(make_dataset, monkeypatch):
    dataset = make_dataset("digits")
    random = np.random.default_rng(0)
    masks = pa.array([random.bytes(5_000).hex() for _ in range(40)])  # 10 kB each, and nothing to compress
    rows = predictions(40).append_column("segmentation", masks)
    dataset.replace_partition("predictions", "2026-11-05", rows, owner="m")
    monkeypatch.setattr(scanning, "BATCH_BYTES", 100_000)
    sizes = [batch.num_rows for batch in dataset.read_batches("predictions", columns=["prediction_id", "segmentation"])]
    assert (sum(sizes), max(sizes)) == (40, 9)
    assert [batch.num_rows for batch in dataset.read_batches("predictions", columns=["prediction_id"])] == [40]


def test_small_files_are_fetched_while_others_are_read(make_dataset, monkeypatch):
    dataset = make_dataset("digits")
    for day in range(20):
        dataset.replace_partition("predictions", f"2026-11-{day + 1:02}", predictions(3, seed=day), owner="m")
    met = threading.Barrier(4)
    fetch = scanning._Files._fetch

    def fetch_together(files, path):
        met.wait(timeout=PATIENCE_SECONDS)  # breaks where fewer than four are on their way at once
        return fetch(files, path)

    monkeypatch.setattr(scanning._Files, "_fetch", fetch_together)
    batches = list(dataset.read_batches("predictions", columns=["prediction_id"]))
    assert sorted(name for batch in batches for name in batch["prediction_id"].to_pylist()) == sorted(
        f"{day}_{row:06}" for day in range(20) for row in range(3)
    )


def test_the_log_says_how_far_a_long_read_has_come(dataset, monkeypatch, caplog):
    clock = itertools.count(step=60)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))  # a minute passes whenever a progress looks
    monkeypatch.setattr(progress.Progress, "_tick", lambda self: None)
    caplog.set_level(logging.INFO, logger=scanning.__name__)
    sizes = [batch.num_rows for batch in dataset.read_batches("predictions", batch_rows=50)]
    assert sorted(sizes) == [7, 40, 50, 50], "files are read in the order of their names, which are random"
    told = [line.partition(" of ") for line in caplog.messages]
    assert [int(done) for done, _, _ in told] == list(itertools.accumulate(sizes))
    assert told[-1][2].startswith("147 rows of predictions (100%), ")


def test_files_of_either_kind_are_read_in_the_order_of_their_paths(dataset, monkeypatch):
    expected = [batch["prediction_id"].to_pylist() for batch in dataset.read_batches("predictions", batch_rows=1_000)]
    monkeypatch.setattr(scanning, "_FILES_AHEAD", 1)
    for most in (0, 10_000, 2**30):  # all large, some of each, all small
        monkeypatch.setattr(scanning, "_SMALL_FILE_BYTES", most)
        assert [batch["prediction_id"].to_pylist() for batch in dataset.read_batches("predictions", batch_rows=1_000)] == expected


def test_a_file_that_cannot_be_fetched_is_an_error_and_who_reads_no_further_waits_for_nothing(dataset, monkeypatch):
    batches = dataset.read_batches("predictions", batch_rows=5)
    next(batches)
    batches.close()

    def fail(files, path):
        raise OSError("the store is away")

    monkeypatch.setattr(scanning._Files, "_fetch", fail)
    with pytest.raises(OSError, match="the store is away"):
        list(dataset.read_batches("predictions"))

"""What a partition holds already is not written again, and whatever differs is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import SharedPartitionError
from airflow_cv_dataops.core.store import table_rows
from airflow_cv_dataops.core.store.partition_files import newest_time, partition_files
from airflow_cv_dataops.core.store.writers import Writer

MakeDataset = Callable[..., Dataset]
NOW = datetime(2026, 11, 5, tzinfo=UTC)
CLOCK = pa.timestamp("us", tz="UTC")


def rejects(*names: str, at: datetime = NOW, detail: str | None = None) -> pa.Table:
    return pa.table(
        {
            "source_uri": pa.array([f"s3://b/{name}" for name in names], pa.string()),
            "file_name": pa.array(names, pa.string()),
            "reason": pa.array(["empty"] * len(names), pa.string()),
            "detail": pa.array([detail] * len(names), pa.string()),
            "ingested_at": pa.array([at] * len(names), CLOCK),
        }
    )


def test_rows_that_differ_in_the_time_of_the_run_alone_stay_with_the_older_time(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    first = dataset.replace_partition("rejects", "p", rejects("a", "b"))
    assert dataset.replace_partition("rejects", "p", rejects("b", "a", at=NOW + timedelta(days=1))) == first
    assert set(dataset.read("rejects")["ingested_at"].to_pylist()) == {NOW}


@pytest.mark.parametrize(
    "rows",
    [rejects("a"), rejects("a", "c"), rejects("a", "b", "c"), rejects("a", "b", detail="0 bytes"), rejects()],
    ids=["one less", "another", "one more", "a null less", "none"],
)
def test_rows_that_differ_in_anything_else_are_written(make_dataset: MakeDataset, rows: pa.Table) -> None:
    dataset = make_dataset()
    first = dataset.replace_partition("rejects", "p", rejects("a", "b"))
    assert not dataset.holds("rejects", "p", rows)
    assert dataset.replace_partition("rejects", "p", rows) != first
    assert dataset.read("rejects")["file_name"].to_pylist() == rows["file_name"].to_pylist()


def test_the_same_rows_are_written_where_they_have_to_be(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    first = dataset.replace_partition("rejects", "p", rejects("a"))
    assert dataset.replace_partition("rejects", "p", rejects("a", at=NOW + timedelta(days=1)), always=True) != first
    assert dataset.read("rejects")["ingested_at"].to_pylist() == [NOW + timedelta(days=1)]


def test_rows_in_many_files_are_compared_in_their_order(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_rows, "BATCH_BYTES", 200)
    dataset, names = make_dataset(), [f"{number:03}" for number in range(60)]
    first = dataset.replace_partition("rejects", "p", rejects(*names))
    assert len(partition_files(dataset, "rejects", first)["p"]) > 10
    monkeypatch.setattr(table_rows, "BATCH_BYTES", 500)  # other batches, the same rows
    assert dataset.replace_partition("rejects", "p", rejects(*reversed(names))) == first
    assert dataset.replace_partition("rejects", "p", rejects(*names[:-1], "last")) != first


def test_a_partition_that_is_empty_and_stays_so_adds_nothing(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    first = dataset.replace_partition("rejects", "p", rejects())
    assert dataset.replace_partition("rejects", "p", rejects()) == first
    assert dataset.replace_partition_by_files("rejects", "q", []) == first


def test_a_data_file_that_was_lost_is_written_anew(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("a", "b"))
    for file in tmp_path.rglob("data/**/*.parquet"):
        file.unlink()
    dataset.replace_partition("rejects", "p", rejects("a", "b"))
    assert dataset.read("rejects")["file_name"].to_pylist() == ["a", "b"]


def test_a_copy_of_a_task_that_wrote_nothing_new_is_known_all_the_same(make_dataset: MakeDataset) -> None:
    dataset, other = make_dataset(), make_dataset()
    for run in ("monday", "tuesday"):
        dataset.writer = Writer(f"ingest of {run}", 0, "a", "s3://a")
        dataset.replace_partition("rejects", "p", rejects("a"))
    files = partition_files(dataset, "rejects", dataset.snapshot_id("rejects"))
    count = len(dataset.ensure_table("rejects").metadata.snapshots)
    dataset.replace_partition("rejects", "p", rejects("a"))  # a retry
    assert len(dataset.ensure_table("rejects").metadata.snapshots) == count
    other.writer = Writer("ingest of tuesday", 1, "b", "s3://b")
    with pytest.raises(SharedPartitionError, match="its copy 0"):
        other.replace_partition("rejects", "p", rejects("b"))
    assert partition_files(dataset, "rejects", dataset.snapshot_id("rejects")) == files
    assert len(files["p"]) == 1


def test_the_newest_time_is_told_by_the_manifests(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    assert newest_time(dataset, "rejects", "p", "ingested_at") is None
    dataset.replace_partition("rejects", "p", pa.concat_tables([rejects("a"), rejects("b", at=NOW + timedelta(hours=2, microseconds=7))]))
    dataset.replace_partition("rejects", "q", rejects("c", at=NOW + timedelta(days=9)))
    assert newest_time(dataset, "rejects", "p", "ingested_at") == NOW + timedelta(hours=2, microseconds=7)

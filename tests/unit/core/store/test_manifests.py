"""Commits leave few manifests behind, and what these say of each file stays as it was; what a catalog remembers is what there is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import ManifestEntryStatus
from pyiceberg.table import Table

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.store import transactions
from airflow_cv_dataops.core.store.partition_files import written_by

MakeDataset = Callable[..., Dataset]


def rejects(name: str) -> pa.Table:
    return pa.table(
        {
            "source_uri": [f"s3://b/{name}"],
            "file_name": [name],
            "reason": ["empty"],
            "ingested_at": pa.array([datetime(2026, 11, 5, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        }
    )


def table_of(dataset: Dataset) -> Table:
    found = dataset.load_table("rejects")
    assert found is not None
    return found


def entries(table: Table) -> dict[str, Any]:
    """By partition: the snapshot that added its file, and the two sequence numbers."""
    snapshot = table.current_snapshot()
    assert snapshot is not None
    found = {}
    for manifest in snapshot.manifests(table.io):
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            assert entry.data_file.partition[0] not in found
            found[entry.data_file.partition[0]] = (entry.snapshot_id, entry.sequence_number, entry.file_sequence_number)
    return found


def manifests(table: Table) -> int:
    snapshot = table.current_snapshot()
    return len(snapshot.manifests(table.io)) if snapshot else 0


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small numbers in the place of those that only long histories reach."""
    monkeypatch.setattr(transactions, "SMALL_MANIFESTS", 4)
    monkeypatch.setattr(transactions, "SMALL_FILES", 5)
    monkeypatch.setattr(transactions, "MERGED_FILES", 10)


@pytest.mark.usefixtures("few")
def test_thirty_partitions_have_few_manifests_and_each_file_the_numbers_of_its_commit(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    made = {f"d{day:02}": dataset.replace_partition("rejects", f"d{day:02}", rejects(f"{day}.png")) for day in range(30)}
    table = table_of(dataset)
    assert manifests(table) <= 30 // 5 + 4
    assert entries(table) == {key: (int(snapshot_id), at, at) for at, (key, snapshot_id) in enumerate(made.items(), start=1)}
    times = {str(one.snapshot_id): datetime.fromtimestamp(one.timestamp_ms / 1000, UTC) for one in table.metadata.snapshots}
    assert written_by(dataset, "rejects", made["d29"]) == {key: times[snapshot_id] for key, snapshot_id in made.items()}
    assert sorted(dataset.read("rejects")["file_name"].to_pylist()) == sorted(f"{day}.png" for day in range(30))


@pytest.mark.usefixtures("few")
def test_partitions_that_are_written_again_leave_no_manifest_that_lists_nothing(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for turn in range(3):
        for day in range(8):
            dataset.replace_partition("rejects", f"d{day}", rejects(f"{turn}.png"))
    table = table_of(dataset)
    newest = table.current_snapshot()
    assert newest is not None
    assert manifests(table) <= 8
    for manifest in newest.manifests(table.io):
        kept = manifest.fetch_manifest_entry(table.io, discard_deleted=False)
        gone = [entry for entry in kept if entry.status == ManifestEntryStatus.DELETED]
        assert all(entry.snapshot_id == newest.snapshot_id for entry in gone)
    assert set(dataset.read("rejects")["file_name"].to_pylist()) == {"2.png"}
    assert newest.summary is not None
    assert newest.summary["total-data-files"] == "8"


@pytest.mark.usefixtures("few")
def test_older_snapshots_read_as_they_were_after_manifests_were_merged(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    made = [dataset.replace_partition("rejects", f"d{day}", rejects(f"{day}.png")) for day in range(9)]
    for count, snapshot_id in enumerate(made, start=1):
        names = dataset.read("rejects", snapshot_id=snapshot_id)["file_name"].to_pylist()
        assert sorted(names) == [f"{day}.png" for day in range(count)]


@pytest.mark.usefixtures("few")
def test_what_was_written_to_be_merged_is_cleared_away(make_dataset: MakeDataset, tmp_path: Any) -> None:
    dataset = make_dataset()
    for day in range(12):
        dataset.replace_partition("rejects", f"d{day}", rejects("a.png"))
    table = table_of(dataset)
    listed = {one.manifest_path for snapshot in table.metadata.snapshots for one in snapshot.manifests(table.io)}
    there = {path.name for path in tmp_path.rglob("*-m*.avro")}
    assert there == {path.rpartition("/")[2] for path in listed}


@pytest.mark.usefixtures("few")
def test_a_table_may_be_set_not_to_merge(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.ensure_table("rejects").transaction().set_properties({"commit.manifest-merge.enabled": "false"}).commit_transaction()
    for day in range(9):
        dataset.replace_partition("rejects", f"d{day}", rejects("a.png"))
    assert manifests(table_of(dataset)) == 9


def test_a_table_of_a_former_version_keeps_fewer_files_of_older_metadata_from_its_next_commit_on(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    name = "write.metadata.previous-versions-max"
    dataset.ensure_table("rejects").transaction().set_properties({name: "100"}).commit_transaction()
    dataset.replace_partition("rejects", "p", rejects("a.png"))
    assert table_of(dataset).metadata.properties[name] == "20"
    dataset.ensure_table("rejects").transaction().set_properties({name: "7"}).commit_transaction()
    dataset.replace_partition("rejects", "p", rejects("b.png"))
    assert table_of(dataset).metadata.properties[name] == "7"  # somebody's own choice


def test_a_version_of_the_metadata_is_parsed_once(make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyiceberg.serializers import FromInputFile

    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("a.png"))
    parsed: list[str] = []
    really = FromInputFile.table_metadata

    def parse(file: Any) -> Any:
        parsed.append(file.location)
        return really(file)

    monkeypatch.setattr(FromInputFile, "table_metadata", parse)
    dataset.replace_partition("rejects", "q", rejects("b.png"))
    assert sorted(dataset.read("rejects")["file_name"].to_pylist()) == ["a.png", "b.png"]
    assert parsed == []
    make_dataset().replace_partition("rejects", "r", rejects("c.png"))  # another process, as it were
    assert len(parsed) == 1
    assert dataset.read("rejects").num_rows == 3
    assert len(parsed) == 2


def test_what_is_remembered_is_what_the_file_says(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for day in range(3):
        dataset.replace_partition("rejects", f"d{day}", rejects("a.png"))
    remembered = table_of(dataset)
    catalog = SqlCatalog(dataset.config.name, **dataset.config.properties)
    assert remembered.metadata == catalog.load_table(remembered.name()).metadata
    assert remembered.metadata_location == catalog.load_table(remembered.name()).metadata_location


def test_what_is_set_at_a_table_stays_there(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    dataset.replace_partition("rejects", "p", rejects("a.png"))
    table_of(dataset).metadata.properties["commit.retry.num-retries"] = "0"
    assert table_of(dataset).metadata.properties["commit.retry.num-retries"] == "100"

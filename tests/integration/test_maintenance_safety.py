"""What maintenance leaves alone: others' tables, links, columns, rows, and when things were written."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from integration.test_compaction import NAMES, sharded
from integration.test_maintenance import files_below, ingest, snapshot_ids, stored
from pyiceberg.types import StringType
from unit.core.release.release_rows import write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.store.local import LocalStore
from airflow_cv_dataops.core.store.maintenance.compaction import compact_table
from airflow_cv_dataops.core.store.maintenance.maintain import maintain_dataset
from airflow_cv_dataops.core.store.objects import local_path
from airflow_cv_dataops.core.store.partition_files import written_by
from airflow_cv_dataops.operators.dataset_maintenance import DatasetMaintenanceOperator

__all__ = ["sharded"]

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
LONG_AFTER = datetime.now(UTC) + timedelta(days=100)


def root(dataset: Dataset) -> Path:
    return Path(local_path(dataset.root_uri))


@pytest.fixture
def replaced(make_dataset: MakeDataset) -> Dataset:
    dataset = make_dataset()
    for names in (["a"], ["b"]):
        write_images(dataset, "p", names)
    return dataset


def test_a_table_with_columns_of_others_is_not_compacted(sharded: Dataset) -> None:
    table = sharded.load_table("images")
    assert table is not None
    with table.update_schema() as update:
        update.add_column("my_note", StringType())
    assert compact_table(sharded, "images") == (0, 0)


def test_others_tables_and_files_below_the_dataset_stay(replaced: Dataset) -> None:
    catalog = replaced.load_table("images").catalog  # type: ignore[union-attr]
    theirs = catalog.create_table("digits.listings", pa.schema([("name", pa.string())]))
    theirs.append(pa.table({"name": ["mine"]}))
    note = root(replaced) / "shards" / "notes.txt"
    note.parent.mkdir()
    note.write_text("somebody's own")
    assert maintain_dataset(replaced, now=LONG_AFTER).failure is None
    assert catalog.load_table("digits.listings").scan().to_arrow().num_rows == 1
    assert note.exists()


def test_nothing_is_deleted_where_another_catalogs_table_lies(replaced: Dataset, tmp_path: Path) -> None:
    properties = {"type": "sql", "uri": f"sqlite:///{tmp_path}/other.db", "warehouse": replaced.config.properties["warehouse"]}
    other = open_dataset("digits", properties)
    write_images(other, "q", ["prod"])
    files = files_below(replaced)
    result = maintain_dataset(replaced, now=LONG_AFTER)
    assert "Files of other tables" in (result.failure or "")
    assert files <= files_below(replaced)
    assert other.images()["file_name"].to_pylist() == ["prod.png"]


def test_nothing_is_deleted_of_what_a_clone_reads(replaced: Dataset) -> None:
    table = replaced.load_table("images")
    assert table is not None
    table.catalog.register_table("digits.images_2025", table.metadata_location)
    write_images(replaced, "p", ["c"])
    maintain_dataset(replaced, now=LONG_AFTER)
    assert table.catalog.load_table("digits.images_2025").scan().to_arrow().num_rows == 1


def test_what_lies_behind_links_is_not_deleted(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, source, others = make_dataset(), tmp_path / "photos", tmp_path / "others"
    source.mkdir()
    others.mkdir()
    ingest(dataset, source, "a")
    for name in ("x.parquet", f"{'0' * 64}.png", f"{'0' * 64}.parquet"):
        (others / name).write_text("theirs")
    (root(dataset) / "shards").mkdir()
    for folder in ("shards", "images/data", "objects"):
        (root(dataset) / folder / "theirs").symlink_to(others)
    (root(dataset) / "objects" / f"{'1' * 64}.png").symlink_to(others / "x.parquet")
    maintain_dataset(dataset, now=LONG_AFTER)
    assert len(list(others.iterdir())) == 3
    assert len(stored(dataset)) >= 2


def test_objects_that_are_a_link_into_another_dataset_stay(make_dataset: MakeDataset, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    first, second = make_dataset("first"), make_dataset("second")
    ingest(first, source, "a", "b")
    ingest(second, source, "c")
    for file in (root(second) / "objects").rglob("*.png"):
        file.unlink()
    (root(second) / "objects").rename(tmp_path / "once")
    (root(second) / "objects").symlink_to(root(first) / "objects")
    maintain_dataset(second, now=LONG_AFTER)
    assert len(stored(first)) == 2


def test_stored_images_stay_where_there_is_no_table_that_could_name_them(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, source = make_dataset(), tmp_path / "photos"
    source.mkdir()
    ingest(dataset, source, "a")
    table = dataset.load_table("images")
    assert table is not None
    table.catalog.drop_table("digits.images")
    maintain_dataset(dataset, now=LONG_AFTER)
    assert len(stored(dataset)) == 1


def test_a_deletion_that_was_killed_with_the_file_put_aside_is_undone(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, source = make_dataset(), tmp_path / "photos"
    source.mkdir()
    ingest(dataset, source, "a")
    (path,) = (root(dataset) / "objects").rglob("*.png")
    path.rename(path.with_name(f".{path.name}.4711.0123abcd.aside"))
    maintain_dataset(dataset, now=LONG_AFTER)
    assert path.exists()
    path.with_name(f".{path.name}.4711.0123abcd.aside").write_bytes(b"")
    maintain_dataset(dataset, now=LONG_AFTER)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_when_partitions_were_written_is_known_after_their_snapshots_and_after_compaction(sharded: Dataset) -> None:
    def written() -> dict[str, datetime]:
        snapshot = sharded.snapshot_id("images")
        assert snapshot is not None
        return written_by(sharded, "images", snapshot)

    write_images(sharded, "r", ["later"])
    before = written()
    assert len(set(before.values())) == 3
    for _ in range(2):
        maintain_dataset(sharded, now=LONG_AFTER)
        assert len(snapshot_ids(sharded)) == 1
        assert written() == before
    write_images(sharded, "q", ["new"])
    now = written()
    assert now["q"] > before["r"]
    assert {key: now[key] for key in ("p", "r")} == {key: before[key] for key in ("p", "r")}


def test_rows_that_another_engine_deleted_do_not_stop_it(replaced: Dataset) -> None:
    from row_deletes import delete_rows

    write_images(replaced, "q", ["x", "y"])
    delete_rows(replaced, "images", "q", [0])
    before = replaced.images().to_pylist()
    assert maintain_dataset(replaced, now=LONG_AFTER).failure is None
    assert replaced.images().to_pylist() == before


def test_a_table_that_is_partitioned_otherwise_is_not_compacted(sharded: Dataset) -> None:
    table = sharded.load_table("images")
    assert table is not None
    with table.update_spec() as update:
        update.add_identity("format")
    assert compact_table(sharded, "images") == (0, 0)
    assert sharded.images().num_rows == len(NAMES) + 1


def test_one_file_that_cannot_be_deleted_does_not_stop_the_others(replaced: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, refused = LocalStore.delete_if_older, []

    def delete_if_older(store: LocalStore, path: str, than: datetime) -> bool:
        if not refused:
            refused.append(path)
            raise PermissionError(13, "Permission denied", path)
        return whole(store, path, than)

    monkeypatch.setattr(LocalStore, "delete_if_older", delete_if_older)
    result = maintain_dataset(replaced, now=LONG_AFTER)
    assert result.failure == "1 files could not be deleted; the log says why."
    assert (result.summary.counts["failed_files"], result.summary.counts["deleted_files"] > 0) == (1, True)
    assert maintain_dataset(replaced, now=LONG_AFTER).failure is None


def test_a_pipe_among_the_data_files_does_not_hang_it(replaced: Dataset) -> None:
    os.mkfifo(root(replaced) / "images" / "data" / "x.parquet")
    assert maintain_dataset(replaced).failure is None


@pytest.mark.parametrize("value", ["", "None", None])
def test_a_dry_run_that_renders_to_nothing_is_no_run(value: Any) -> None:
    operator = DatasetMaintenanceOperator(task_id="m", dataset="digits", dry_run="{{ params.dry }}")
    operator.dry_run = value
    with pytest.raises(ValueError, match="dry_run is empty"):
        operator.run_step(None, "p", {})  # type: ignore[arg-type, typeddict-item]

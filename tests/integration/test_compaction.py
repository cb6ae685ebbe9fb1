"""Many small data files written as one: the same rows, the same version, in fewer files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from unit.core.release.release_rows import write_annotations, write_audit, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.files import DataFile
from airflow_cv_dataops.core.store.maintenance import compaction
from airflow_cv_dataops.core.store.maintenance.compaction import compact_table
from airflow_cv_dataops.core.store.maintenance.maintain import maintain_dataset
from airflow_cv_dataops.core.store.partition_files import partition_files, version_of

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
NAMES = [f"{number:02}" for number in range(20)]


def files(dataset: Dataset, key: str = "p") -> list[Any]:
    return partition_files(dataset, "images", dataset.snapshot_id("images"), key).get(key, [])


def rows(dataset: Dataset) -> list[Any]:
    return dataset.images().sort_by([("partition_key", "ascending"), ("source_uri", "ascending")]).to_pylist()


@pytest.fixture
def sharded(make_dataset: MakeDataset) -> Dataset:
    """A dataset whose partition ``p`` was committed by ten shards, of which the last has the first names."""
    dataset = make_dataset()
    write_images(dataset, "p", NAMES)
    write_images(dataset, "q", ["other"])
    images = dataset.images(partition_key="p").sort_by("source_uri")
    written: list[DataFile] = []
    for shard in reversed(range(10)):
        writer = dataset.partition_writer("images", "p")
        writer.write(images.slice(2 * shard, 2))
        written += writer.finish()
    dataset.replace_partition_by_files("images", "p", written)
    return dataset


def test_the_files_of_shards_become_one_with_the_same_rows_in_their_order(sharded: Dataset) -> None:
    before = rows(sharded)
    assert len(files(sharded)) == 10
    assert compact_table(sharded, "images") == (10, 1)
    assert len(files(sharded)) == 1
    assert rows(sharded) == before
    assert sharded.images(["file_name"], partition_key="p")["file_name"].to_pylist() == [f"{name}.png" for name in NAMES]
    assert len(files(sharded, "q")) == 1
    assert compact_table(sharded, "images") == (0, 0)


def test_a_partition_keeps_its_version_so_that_no_audit_is_outdated(sharded: Dataset) -> None:
    write_annotations(sharded, "p", [(name, "cat") for name in NAMES])
    for key in ("p", "q"):
        write_audit(sharded, key)
    promoted = promote_dataset(sharded, gates=["label_error_rate <= 0.5"])
    assert promoted.failure is None, promoted.failure
    version = version_of(files(sharded))
    assert maintain_dataset(sharded).summary.counts["compacted_files"] == 10
    assert version_of(files(sharded)) == version
    again = promote_dataset(sharded, gates=["label_error_rate <= 0.5"])
    assert again.failure is None, again.failure
    assert again.summary.to_dict()["unchanged"] is True
    write_images(sharded, "p", NAMES[:3])
    assert version_of(files(sharded)) != version


def test_a_release_reads_the_files_that_it_holds_and_those_go_once_none_does(sharded: Dataset) -> None:
    promote_dataset(sharded)
    maintain_dataset(sharded, now=datetime.now(UTC) + timedelta(days=100))
    assert sharded.release().images().num_rows == 21
    snapshot = sharded.release().snapshots["images"]
    assert len(partition_files(sharded, "images", snapshot, "p")["p"]) == 10


def test_many_moves_of_stages_are_compacted_and_promotions_go_on(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    for number in range(9):
        write_images(dataset, "p", NAMES[: number + 1])
        promote_dataset(dataset)
    before = dataset.read("releases").sort_by("sequence").to_pylist()
    assert compact_table(dataset, "releases") == (9, 1)
    assert dataset.read("releases").to_pylist() == before, "in the order of their sequence"
    write_images(dataset, "p", NAMES)
    assert promote_dataset(dataset).summary.to_dict()["release"] == "v10"
    assert dataset.release("v3").images().num_rows == 3


def test_a_partition_that_is_written_anew_meanwhile_is_left_to_its_writer(sharded: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = compaction._replace

    def after_another_writer(*given: Any) -> None:
        if sharded.images(partition_key="p").num_rows != 1:
            write_images(sharded, "p", ["new"])
        whole(*given)

    monkeypatch.setattr(compaction, "_replace", after_another_writer)
    assert compact_table(sharded, "images") == (0, 0)
    assert sharded.images(partition_key="p")["file_name"].to_pylist() == ["new.png"]


def test_a_dry_run_compacts_nothing_and_says_how_many_files_it_would_be(sharded: Dataset) -> None:
    assert maintain_dataset(sharded, dry_run=True).summary.counts["compacted_files"] == 10
    assert maintain_dataset(sharded, compact=False).summary.counts["compacted_files"] == 0
    assert len(files(sharded)) == 10

"""Counts by the tables' own metadata: as many as there are rows, whatever was written, rerun, removed or deleted by others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from pyiceberg.partitioning import PartitionSpec
from row_deletes import delete_rows
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.store.catalog import load
from airflow_cv_dataops.core.store.schema import iceberg_schema
from airflow_cv_dataops.core.store.table_contents import table_contents


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Two partitions; of the first images were written again, its labels are of two sets; a third was emptied."""
    dataset = make_dataset()
    write_images(dataset, "a", ["1", "2"])
    write_images(dataset, "a", ["1", "2", "3"])
    write_images(dataset, "b", ["4", "5"], contents={"5": "4"})
    write_images(dataset, "c", ["6"])
    write_images(dataset, "c", [])
    write_annotations(dataset, "a", [("1", "cat"), ("2", "dog")])
    write_annotations(dataset, "a", [("1", "cow")], label_set="second")
    write_annotations(dataset, "b", [("4", "cat")])
    write_annotations(dataset, "b", [])
    return dataset


def counts(dataset: Dataset, table: str, partition_key: str | None = None) -> dict[tuple[str, str | None], int]:
    return {place: part.rows for place, part in table_contents(dataset, table, partition_key).parts.items()}


def test_counts_are_those_of_the_rows_after_reruns_removals_and_two_label_sets(dataset: Dataset) -> None:
    assert counts(dataset, "images") == {("a", None): 3, ("b", None): 2}
    assert counts(dataset, "annotations") == {("a", "default"): 2, ("a", "second"): 1}
    assert counts(dataset, "images") == Counter((key, None) for key in dataset.images()["partition_key"].to_pylist())
    content = table_contents(dataset, "annotations")
    assert (content.rows, content.keys(), content.snapshot_id) == (3, {"a"}, dataset.snapshot_id("annotations"))


def test_rows_that_another_engine_deleted_do_not_count(dataset: Dataset) -> None:
    before = table_contents(dataset, "images").parts["a", None].written_at
    delete_rows(dataset, "images", "a", [0, 2])
    delete_rows(dataset, "annotations", "a", [0])
    assert dataset.images(partition_key="a").num_rows == 1  # as whoever reads the table sees it
    assert counts(dataset, "images") == {("a", None): 1, ("b", None): 2}
    assert table_contents(dataset, "images").parts["a", None].written_at > before
    assert sum(counts(dataset, "annotations").values()) == dataset.annotations().num_rows == 2
    delete_rows(dataset, "images", "b", [0, 1])
    assert table_contents(dataset, "images").keys() == {"a"}


def test_one_partition_is_counted_alone(dataset: Dataset) -> None:
    assert counts(dataset, "images", "b") == {("b", None): 2}
    assert counts(dataset, "images", "z") == {}
    delete_rows(dataset, "images", "b", [1])
    assert counts(dataset, "images", "b") == {("b", None): 1}


def test_a_partition_is_as_old_as_its_own_last_write(dataset: Dataset) -> None:
    table = dataset.load_table("images")
    assert table is not None
    times = [snapshot.timestamp_ms for snapshot in table.snapshots()]
    parts = table_contents(dataset, "images").parts
    found = [round(parts[place].written_at.timestamp() * 1000) for place in (("a", None), ("b", None))]
    assert found == [times[1], times[2]]  # "a" was written twice, then "b"


def test_a_table_that_there_is_not_holds_nothing(dataset: Dataset) -> None:
    content = table_contents(dataset, "samples")
    assert (content.snapshot_id, content.rows, content.written_at, content.by_key()) == (None, 0, None, {})


def test_a_table_that_another_program_made_is_not_counted_as_if_it_were_ours(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset()
    catalog = load(dataset.config)
    catalog.create_namespace("digits")
    made = catalog.create_table("digits.images", iceberg_schema("images"), partition_spec=PartitionSpec())
    made.append(make_rows(make_dataset))
    with pytest.raises(StoreError, match=r"digits\.images is partitioned by nothing, not by partition_key"):
        table_contents(dataset, "images")


def make_rows(make_dataset: Callable[..., Dataset]):  # type: ignore[no-untyped-def]
    other = make_dataset("other")
    write_images(other, "a", ["1"])
    return other.images()

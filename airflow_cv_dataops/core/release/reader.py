"""Releases, read at exactly the snapshots they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import DatasetNotFoundError, StoreError
from airflow_cv_dataops.core.release.held_annotations import read_annotations
from airflow_cv_dataops.core.release.held_labels import is_background
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.store.dataset import Dataset


@dataclass(frozen=True)
class Release:
    """An immutable, gated set of images, annotations and splits.

    :param stage: the stage that was moved to it: when it was made, or later, for a release that was asked for by its stage.
    :param parent: the release that this stage was at before.
    :param snapshots: table to snapshot id.
    :param labels_by: ``image_id``: it holds the labels of all byte-identical copies of its images; ``None``: those of the rows that stand
        for them, as releases were made at first.
    :param partition_keys: the partitions that it was narrowed down to; ``None``: all.
    """

    name: str
    stage: str
    parent: str | None
    content_id: str
    items_id: str
    snapshots: Mapping[str, str]
    gates: tuple[Mapping[str, Any], ...]
    images_count: int
    annotations_count: int
    labels_by: str | None
    partition_keys: tuple[str, ...] | None
    notes: str | None
    created_at: datetime
    dataset: Dataset = field(repr=False, compare=False)

    def items(self) -> pa.Table:
        """Return image_id, partition_key, source_uri and split of every image, ordered by image id."""
        from pyiceberg.expressions import And, EqualTo

        return self.dataset.read(
            "release_items",
            columns=("image_id", "partition_key", "source_uri", "split"),
            snapshot_id=self.snapshots["release_items"],
            where=And(EqualTo("release", self.name), EqualTo("items_id", self.items_id)),
        ).sort_by("image_id")

    def images(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the release's rows of ``images``, each image once, with its ``split``.

        :param columns: these columns and ``split`` alone; default: all.
        :raises StoreError: the tables do not hold what was released; none of it is handed out.
        """
        rows = self._by_place("images", columns)
        self._check("images", rows.num_rows, self.images_count)
        return rows

    def annotations(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the release's annotations with the ``split`` of their image.

        Labels of byte-identical copies of an image are labels of the image; what copies say alike is there once. Rows of task
        ``background`` are no labels, but state that nothing is in their image; ``annotations_count`` does not count them.

        :param columns: these columns and ``split`` alone, e.g. ``["image_id", "category", "bbox"]``; default: all, polygons and masks
            included, which are most of what a large release takes in memory.
        :raises StoreError: the tables do not hold what was released; none of it is handed out.
        """
        wanted = _without_split("annotations", columns)
        read = list(dict.fromkeys([*wanted, "task"]))
        if self.labels_by is None or "annotations" not in self.snapshots:
            rows = self._by_place("annotations", read)
        else:
            reader = SnapshotReader(self.dataset, self.snapshots, self.partition_keys)
            rows = read_annotations(reader, self.items(), read)
        self._check("annotations", rows.num_rows - int(is_background(rows).sum()), self.annotations_count)
        return rows.select([*wanted, "split"])

    def _by_place(self, table: str, columns: Sequence[str] | None) -> pa.Table:
        import pyarrow.compute as pc

        wanted = _without_split(table, columns)
        read = list(dict.fromkeys([*wanted, "partition_key", "source_uri"]))
        items = self.items()
        if table not in self.snapshots:
            return self.dataset.read(table, columns=wanted, limit=0).append_column("split", items["split"].slice(0, 0))
        rows = self.dataset.read(table, columns=read, snapshot_id=self.snapshots[table])
        where = pc.index_in(_place(rows), value_set=_place(items).combine_chunks())
        rows = rows.select(wanted)
        if where.null_count:  # filtering holds the rows twice
            rows, where = rows.filter(pc.is_valid(where)), where.drop_null()
        return rows.append_column("split", items["split"].take(where))

    def _check(self, table: str, rows: int, released: int) -> None:
        if rows != released:
            raise StoreError(
                f"Release {self.name} of {self.dataset.name!r} has {released:,} {table}, and its tables hold {rows:,} of them: "
                "something else than this package has written to them."
            )


def missing_release(dataset: Dataset, name: str, head: str | None) -> DatasetNotFoundError:
    """Return the error that says which releases and stages there are. :raises DatasetNotFoundError: there is no such dataset."""
    dataset.check_there()
    rows = releases_at(dataset, head)
    known = sorted({row["release"] for row in rows} | {row["stage"] for row in rows})
    return DatasetNotFoundError(f"Dataset {dataset.name!r} has no release or stage {name!r}; it has {', '.join(known) or 'none'}.")


def release_at(dataset: Dataset, name: str, snapshot_id: str | None) -> Release | None:
    """Return the release or the stage's release as of a snapshot of ``releases``; ``None`` where there is none.

    A release is as it was when it was made, however often a stage was moved to it since; a stage is where it was moved to last.
    """
    rows = releases_at(dataset, snapshot_id)
    row = next((row for row in rows if row["release"] == name), None) or next((row for row in reversed(rows) if row["stage"] == name), None)
    return None if row is None else release_of(dataset, row)


def release_of(dataset: Dataset, row: Mapping[str, Any]) -> Release:
    """Return the release of a row of ``releases``."""
    return Release(
        name=row["release"],
        stage=row["stage"],
        parent=row["parent"],
        content_id=row["content_id"],
        items_id=row["items_id"],
        snapshots=row["snapshots"],
        gates=tuple(row["gates"]),
        images_count=row["images"],
        annotations_count=row["annotations"],
        labels_by=row["labels_by"],
        partition_keys=None if row["partition_keys"] is None else tuple(json.loads(row["partition_keys"])),
        notes=row["notes"],
        created_at=row["created_at"],
        dataset=dataset,
    )


def releases_at(dataset: Dataset, snapshot_id: str | None) -> list[dict[str, Any]]:
    """Return the rows of ``releases`` as of a snapshot, in order, with their JSON columns read."""
    if snapshot_id is None:
        return []
    rows = dataset.read("releases", snapshot_id=snapshot_id).sort_by("sequence").to_pylist()
    for row in rows:
        row["snapshots"] = json.loads(row["snapshots"])
        row["gates"] = json.loads(row["gates"])
    return rows


def _without_split(table: str, columns: Sequence[str] | None) -> list[str]:
    return [name for name in (arrow_schema(table).names if columns is None else columns) if name != "split"]


def _place(rows: pa.Table) -> pa.ChunkedArray:
    """Return partition key and source as one comparable string; null where the source is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    key, source = (rows[name].cast(pa.large_string()) for name in ("partition_key", "source_uri"))
    return pc.binary_join_element_wise(key, source, pa.scalar("\n", pa.large_string()))

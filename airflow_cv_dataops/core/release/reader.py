"""Releases, read at exactly the snapshots they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError, StoreError
from airflow_cv_dataops.core.release.by_image_id import RowsById
from airflow_cv_dataops.core.release.exclusions.excluded import KEY_COLUMNS, Excluded
from airflow_cv_dataops.core.release.held_annotations import read_annotations
from airflow_cv_dataops.core.release.held_labels import is_background
from airflow_cv_dataops.core.release.map_style import MapStyleDataset, Transform
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.release.training_labels import (
    ALSO,
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    check_choices,
    of_label_sets,
    training_labels,
)
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.store.dataset import Dataset

_ITEM_COLUMNS = ("image_id", "partition_key", "source_uri", "split")


@dataclass(frozen=True)
class Release:
    """An immutable, gated set of images, annotations and splits.

    :param stage: the stage that was moved to it: when it was made, or later, for a release that was asked for by its stage.
    :param parent: the release that this stage was at before.
    :param snapshots: table to snapshot id.
    :param labels_by: ``image_id``: it holds the labels of all byte-identical copies of its images; ``None``: those of the rows that stand
        for them, as releases were made at first.
    :param partition_keys: the partitions that it was narrowed down to; ``None``: all.
    :param action: by which the stage came to it: ``promotion`` or ``rollback``.
    :param splitting: how its images were split, and what came out; ``None``: by hash of their ids.
    :param exclusions: each rule by which images and labels were left out, with ``rule``, ``images`` and ``labels``.
    :param sequence: of the row of ``releases`` that it was read from.
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
    action: str
    splitting: Mapping[str, Any] | None
    exclusions: tuple[Mapping[str, Any], ...]
    sequence: int
    dag_id: str | None
    run_id: str | None
    dataset: Dataset = field(repr=False, compare=False)

    def items(self) -> pa.Table:
        """Return image_id, partition_key, source_uri and split of every image, ordered by image id."""
        rows = RowsById(_ITEM_COLUMNS, repeating=("partition_key", "split"))
        for batch in self.item_batches():
            rows.add(batch)
        items, _ = rows.in_order(each_once=False)
        return items.cast(arrow_schema("release_items").empty_table().select(list(_ITEM_COLUMNS)).schema)

    def item_batches(self) -> Iterator[pa.Table]:
        """Yield the same some rows at a time, in no particular order."""
        return self.dataset.read_batches("release_items", columns=_ITEM_COLUMNS, **self._rows_are("release_items"))

    def _rows_are(self, table: str) -> dict[str, Any]:
        from pyiceberg.expressions import And, EqualTo

        where = And(EqualTo("release", self.name), EqualTo("items_id", self.items_id))
        return {"snapshot_id": self.snapshots[table], "where": where}

    def excluded(self) -> Excluded:
        """Return the images and labels that it leaves out because findings condemn them."""
        if "exclusions" not in self.snapshots:
            return Excluded()
        columns = ("image_id", *KEY_COLUMNS)
        return Excluded.of(self.dataset.read("exclusions", columns=columns, **self._rows_are("exclusions")))

    def measured(self) -> dict[str, float | list[float]] | None:
        """Return the metrics of what it holds by name, slices included, such as ``annotations[category=stop]``; ``None``: not measured."""
        from pyiceberg.expressions import EqualTo

        found = self.dataset.read("releases", columns=["measured"], where=EqualTo("sequence", self.sequence))["measured"].to_pylist()
        return json.loads(found[0]) if found and found[0] is not None else None

    def splits(self) -> dict[str, int]:
        """Return how many images each split has, by its name, in the names' order."""
        counts = self.items()["split"].value_counts().to_pylist()
        return dict(sorted((count["values"], count["counts"]) for count in counts))

    def images(self, columns: Sequence[str] | None = None, *, split: str | None = None) -> pa.Table:
        """Return the release's rows of ``images``, each image once, with its ``split``.

        :param columns: these columns and ``split`` alone; default: all.
        :param split: of this split alone; default: of all.
        :raises ConfigurationError: there is no such column, or no image in such a split.
        :raises StoreError: the tables do not hold what was released; none of it is handed out.
        """
        rows = self._by_place("images", columns)
        self.check_count("images", rows.num_rows, self.images_count)
        return self._of_split(rows, split)

    def annotations(self, columns: Sequence[str] | None = None, *, split: str | None = None) -> pa.Table:
        """Return the release's annotations with the ``split`` of their image.

        Labels of byte-identical copies of an image are labels of the image; what copies say alike is there once. Rows of task
        ``background`` are no labels, but state that nothing is in their image; ``annotations_count`` does not count them.

        :param columns: these columns and ``split`` alone, e.g. ``["image_id", "category", "bbox"]``; default: all, polygons and masks
            included, which are most of what a large release takes in memory.
        :param split: of images of this split alone; default: of all.
        :raises ConfigurationError: there is no such column, or no image in such a split.
        :raises StoreError: the tables do not hold what was released; none of it is handed out.
        """
        wanted = _without_split("annotations", columns)
        read = list(dict.fromkeys([*wanted, "task"]))
        if self.labels_by is None or "annotations" not in self.snapshots:
            rows = self._by_place("annotations", read)
        else:
            reader = SnapshotReader(self.dataset, self.snapshots, self.partition_keys)
            rows = read_annotations(reader, self.items(), read, self.excluded())
        self.check_count("annotations", rows.num_rows - int(is_background(rows).sum()), self.annotations_count)
        return self._of_split(rows.select([*wanted, "split"]), split)

    def map_style(
        self,
        split: str | None = "train",
        *,
        transform: Transform | None = None,
        without_labels: str = "stated",
        also: Sequence[str] = ALSO,
        label_sets: Sequence[str] | None = None,
    ) -> MapStyleDataset:
        """Return a split as a map-style dataset of pictures and targets, for ``torch.utils.data.DataLoader`` and whatever else indexes.

        :param split: of these images; ``None``: of all.
        :param transform: called with picture and target; what it returns is the item. Processes that are spawned need one that can be
            pickled: a function of a module, no lambda.
        :param without_labels: which images without usable label are in it. ``stated``: those of which labels state that nothing is
            there; ``none``: none; ``all``: also those that nobody has labelled, as if nothing were there.
        :param also: what of a box's label is held beside the box: ``segmentation``, ``keypoints``, both or neither.
        :param label_sets: what labels of these imports say; default: all. Labels of two that say the same twice train twice.
        :raises ConfigurationError: an argument cannot be used, or there is no image in such a split, or no such label set.
        :raises StoreError: the tables do not hold what was released.
        """
        check_choices(without_labels, also)
        images = self.images(IMAGE_COLUMNS, split=split)
        annotations = of_label_sets(self.annotations([*LABEL_COLUMNS, "label_set", *sorted(set(also))]), label_sets)
        labels = training_labels(images, annotations, split=split, without_labels=without_labels)
        return MapStyleDataset(self.dataset, f"{split or 'all splits'} of release {self.name}", labels, transform)

    def _of_split(self, rows: pa.Table, split: str | None) -> pa.Table:
        """Return the rows that are of a split. :raises ConfigurationError: there is no such split."""
        import pyarrow.compute as pc

        if split is None:
            return rows
        found = rows.filter(pc.equal(rows["split"], split))
        if not found.num_rows and split not in (there := self.splits()):
            raise ConfigurationError(
                f"Release {self.name} of {self.dataset.name!r} has no image in a split {split!r}; it has {', '.join(there) or 'none'}."
            )
        return found

    def _by_place(self, table: str, columns: Sequence[str] | None) -> pa.Table:
        import pyarrow.compute as pc

        wanted = _without_split(table, columns)
        read = list(dict.fromkeys([*wanted, "partition_key", "source_uri"]))
        items = self.items()
        if table not in self.snapshots:
            return self.dataset.read(table, columns=wanted, limit=0).append_column("split", items["split"].slice(0, 0))
        # Of other partitions no file is opened.
        rows = SnapshotReader(self.dataset, self.snapshots, items["partition_key"].unique().to_pylist()).rows(table, read)
        where = pc.index_in(place_of(rows), value_set=place_of(items).combine_chunks())
        rows = rows.select(wanted)
        if where.null_count:  # filtering holds the rows twice
            rows, where = rows.filter(pc.is_valid(where)), where.drop_null()
        return rows.append_column("split", items["split"].take(where))

    def check_count(self, table: str, rows: int, released: int) -> None:
        """:raises StoreError: the tables hold another number of rows than was released."""
        if rows != released:
            raise StoreError(
                f"Release {self.name} of {self.dataset.name!r} has {released:,} {table}, and its tables hold {rows:,} of them: "
                "something else than this package has written to them."
            )


def _without_split(table: str, columns: Sequence[str] | None) -> list[str]:
    return [name for name in (arrow_schema(table).names if columns is None else columns) if name != "split"]


def place_of(rows: pa.Table) -> pa.ChunkedArray:
    """Return partition key and source of rows as one comparable string; null where the source is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    key, source = (rows[name].cast(pa.large_string()) for name in ("partition_key", "source_uri"))
    return pc.binary_join_element_wise(key, source, pa.scalar("\n", pa.large_string()))

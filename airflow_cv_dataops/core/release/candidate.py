"""What a release would hold, and what can be said of it in numbers, before anything is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.metrics import candidate_metrics
from airflow_cv_dataops.core.release.splits import assign_splits
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

HELD_TABLES = ("images", "rejects", "annotations", "predictions", "findings", "samples", "metrics")

_ANNOTATION_COLUMNS = (
    "partition_key",
    "source_uri",
    "image_id",
    "annotation_id",
    "label_set",
    "task",
    "category",
    "bbox",
    "segmentation",
    "iscrowd",
    "keypoints",
    "attributes",
)


@dataclass(frozen=True)
class Candidate:
    """A release before it has a name.

    :param items: image_id, partition_key, source_uri, split; one row an image, ordered by image id.
    :param snapshots: the snapshot of every table that the candidate was read at.
    :param metrics: values by name for the gates; a list where a metric has one value a partition.
    """

    items: pa.Table
    annotations: int
    partitions: int
    snapshots: Mapping[str, str]
    metrics: Mapping[str, float | Sequence[float]]
    content_id: str
    items_id: str

    @property
    def splits(self) -> dict[str, int]:
        counted = self.items.group_by("split").aggregate([("split", "count")]).to_pydict()
        return dict(sorted(zip(counted["split"], counted["split_count"], strict=True)))


def build_candidate(
    dataset: Dataset, splits: Mapping[str, float], *, salt: str = "", partition_keys: Sequence[str] | None = None
) -> Candidate:
    """Read the dataset at its current snapshots and work out what a release of it holds.

    An exact duplicate occurs once: the row with the smallest (partition_key, source_uri) stands for the image, with its annotations.

    :param partition_keys: only these partitions; default: all.
    """
    snapshots = dataset.snapshots(HELD_TABLES)
    rows = partial(_rows_of, dataset, snapshots, partition_keys)
    images = rows("images", ("partition_key", "source_uri", "image_id"))
    representatives = stand_ins(images)
    items = representatives.append_column("split", [assign_splits(representatives["image_id"].to_pylist(), splits, salt=salt)])
    all_annotations = rows("annotations", _ANNOTATION_COLUMNS)
    annotations = all_annotations.filter(is_among(all_annotations, items))
    items_id = _digest(items, ("image_id", "partition_key", "source_uri", "split"))
    contents = _digest(items, ("image_id", "split")) + _digest(_flat(annotations), None)
    return Candidate(
        items=items,
        annotations=annotations.num_rows,
        partitions=len(items["partition_key"].unique()),
        snapshots=snapshots,
        metrics=candidate_metrics(rows, images, items, annotations),
        content_id=hashlib.sha256(contents.encode()).hexdigest()[:32],
        items_id=items_id[:16],
    )


def stand_ins(images: pa.Table) -> pa.Table:
    """Return one row an image id (the smallest partition_key, source_uri), ordered by image id."""
    ordered = images.select(["image_id", "partition_key", "source_uri"]).sort_by(
        [(name, "ascending") for name in ("image_id", "partition_key", "source_uri")]
    )
    if not ordered.num_rows:
        return ordered
    import numpy as np
    import pyarrow as pa

    ids = ordered["image_id"].combine_chunks()
    first = np.r_[
        True, np.asarray(ids.slice(1).to_numpy(zero_copy_only=False) != ids.slice(0, len(ids) - 1).to_numpy(zero_copy_only=False))
    ]
    return ordered.filter(pa.array(first))


def is_among(rows: pa.Table, items: pa.Table) -> pa.ChunkedArray:
    """Say for each row whether its (partition_key, source_uri) is among the items'."""
    import pyarrow.compute as pc

    return pc.is_in(place(rows), value_set=place(items).combine_chunks())


def place(rows: pa.Table) -> pa.ChunkedArray:
    """Return partition key and source as one comparable string; null where the source is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pa.chunked_array(
        [pc.binary_join_element_wise(rows["partition_key"].combine_chunks(), rows["source_uri"].combine_chunks(), "\n")], pa.string()
    )


def _rows_of(
    dataset: Dataset, snapshots: Mapping[str, str], partition_keys: Sequence[str] | None, table: str, columns: Sequence[str]
) -> pa.Table:
    from pyiceberg.expressions import In

    if table not in snapshots:
        return dataset.read(table, columns=columns, limit=0)
    where = None if partition_keys is None else In("partition_key", tuple(partition_keys))
    return dataset.read(table, columns=columns, snapshot_id=snapshots[table], where=where)


def _flat(annotations: pa.Table) -> pa.Table:
    """Return what an annotation says, without where it was read from, in columns that can be hashed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: annotations[name] for name in ("image_id", "label_set", "task", "category", "segmentation", "iscrowd", "attributes")}
    columns |= {f"bbox.{part}": pc.struct_field(annotations["bbox"], part) for part in ("x", "y", "width", "height")}
    columns["keypoints"] = pa.array(
        [None if point is None else json.dumps(point) for point in annotations["keypoints"].to_pylist()], pa.string()
    )
    return pa.table(columns)


def _digest(rows: pa.Table, columns: Sequence[str] | None) -> str:
    """Return a hash of the rows that does not depend on their order."""
    from pandas.util import hash_pandas_object

    frame = (rows if columns is None else rows.select(list(columns))).to_pandas()
    hashes = hash_pandas_object(frame, index=False).sort_values()
    return hashlib.sha256(hashes.to_numpy().astype("<u8").tobytes()).hexdigest()

"""What a release would hold, and what can be said of it in numbers, before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.candidate_metrics import Recorded, candidate_metrics, count_findings
from airflow_cv_dataops.core.release.digest import digest_rows
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, read_held_labels
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.release.splits import assign_splits
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

HELD_TABLES = ("images", "rejects", "annotations", "predictions", "findings", "samples", "metrics")
_SPLITS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Candidate:
    """A release before it has a name.

    :param items: image_id, partition_key, source_uri, split; one row an image, ordered by image id.
    :param snapshots: the snapshot of every table that the candidate was read at.
    :param left_out: partitions with images that are not in it because no audit has looked at them.
    :param metrics: values by name for the gates; a list where a metric has one value a partition.
    """

    items: pa.Table
    annotations: int
    partitions: int
    left_out: Sequence[str]
    snapshots: Mapping[str, str]
    metrics: Mapping[str, float | Sequence[float]]
    content_id: str
    items_id: str

    @property
    def splits(self) -> dict[str, int]:
        counted = self.items.group_by("split").aggregate([("split", "count")]).to_pydict()
        return dict(sorted(zip(counted["split"], counted["split_count"], strict=True)))


def build_candidate(
    dataset: Dataset,
    splits: Mapping[str, float],
    *,
    salt: str = "",
    partition_keys: Sequence[str] | None = None,
    leave_out_unaudited: bool = False,
) -> Candidate:
    """Read the dataset at its current snapshots and work out what a release of it holds.

    An exact duplicate occurs once: the row with the smallest (partition_key, source_uri) stands for the image, with its annotations.
    Memory is held for three columns of ``images`` and 8 bytes a label; labels are read a few at a time.

    :param partition_keys: only these partitions; default: all.
    :param leave_out_unaudited: not those of them that no audit has looked at.
    """
    reader = SnapshotReader(dataset, dataset.snapshots(HELD_TABLES), partition_keys)
    recorded = Recorded.read(reader)
    left_out: list[str] = []
    if leave_out_unaudited and (left_out := sorted((partitions := reader.partitions()) - recorded.audited)):
        reader = SnapshotReader(dataset, reader.snapshots, sorted(partitions & recorded.audited))
        recorded = Recorded.read(reader)
    images = reader.rows("images", ("partition_key", "source_uri", "image_id"))
    partitions, rows = set(images["partition_key"].unique().to_pylist()), images.num_rows
    items = stand_ins(images)
    del images
    items = items.append_column("split", _splits_of(items["image_id"], splits, salt))
    findings = count_findings(reader, partitions, recorded)
    labels = read_held_labels(reader.batches("annotations", LABEL_COLUMNS), items, findings.at_fault)
    contents = digest_rows(items, ("image_id", "split")) + labels.digest
    return Candidate(
        items=items,
        annotations=labels.count,
        partitions=len(items["partition_key"].unique()),
        left_out=left_out,
        snapshots=reader.snapshots,
        metrics=candidate_metrics(reader, rows, items.num_rows, labels, findings, recorded.of_all(partitions)),
        content_id=hashlib.sha256(contents.encode()).hexdigest()[:32],
        items_id=digest_rows(items, ("image_id", "partition_key", "source_uri", "split"))[:16],
    )


def stand_ins(images: pa.Table) -> pa.Table:
    """Return one row an image id (the smallest partition_key, source_uri), ordered by image id."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ordered = images.select(["image_id", "partition_key", "source_uri"]).sort_by(
        [(name, "ascending") for name in ("image_id", "partition_key", "source_uri")]
    )
    if ordered.num_rows < 2:
        return ordered
    ids = ordered["image_id"]
    is_next = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1))
    return ordered.filter(pa.chunked_array([pa.array([True]), *is_next.chunks]))


def _splits_of(image_ids: pa.ChunkedArray, splits: Mapping[str, float], salt: str) -> pa.ChunkedArray:
    import pyarrow as pa

    parts = (image_ids.slice(start, _SPLITS_AT_ONCE).to_pylist() for start in range(0, len(image_ids), _SPLITS_AT_ONCE))
    return pa.chunked_array([pa.array(assign_splits(ids, splits, salt=salt), pa.string()) for ids in parts], pa.string())

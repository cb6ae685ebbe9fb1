"""What a release would hold, and what can be said of it in numbers, before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.candidate_metrics import Metrics, candidate_metrics, count_findings
from airflow_cv_dataops.core.release.digest import digest_rows
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, HeldLabels, held_rows, read_held_labels
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.recorded import Recorded
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
    :param partition_keys: the partitions that it was narrowed down to; ``None``: all.
    :param left_out: partitions with images that are not in it because no audit has looked at them as they are.
    :param outdated: partitions in it whose audits are older than what they looked at; ``None``: nobody has asked.
    :param metrics: values by name for the gates; a list where a metric has one value a partition.
    """

    items: pa.Table
    annotations: int
    partitions: int
    partition_keys: Sequence[str] | None
    left_out: Sequence[str]
    outdated: Sequence[str] | None
    snapshots: Mapping[str, str]
    metrics: Metrics
    content_id: str
    items_id: str
    labels_by: str | None

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
    accept_outdated_audits: bool = False,
) -> Candidate:
    """Read the dataset at its current snapshots and work out what a release of it holds.

    An exact duplicate occurs once: the row with the smallest (partition_key, source_uri) stands for the image, with the annotations of all
    its copies (:mod:`~airflow_cv_dataops.core.release.copies`).
    Memory is held for three columns of ``images`` and 8 bytes a label; labels are read a few at a time.

    :param partition_keys: only these partitions; default: all.
    :param leave_out_unaudited: not those of them that no audit has looked at as they are.
    :param accept_outdated_audits: whether an audit counts although its partition was written to since.
    :raises ConfigurationError: one of ``partition_keys`` is no partition.
    """
    reader = SnapshotReader(dataset, dataset.snapshots(HELD_TABLES), partition_keys)
    recorded = Recorded.read(reader, accept_outdated_audits=accept_outdated_audits)
    if unknown := sorted(set(partition_keys or ()) - recorded.partitions - reader.partitions()):
        raise ConfigurationError(
            f"No step has written to partition {', '.join(unknown)} of {dataset.name!r}: check the spelling of partition_keys."
        )
    left_out: list[str] = []
    if leave_out_unaudited:
        known = reader.partitions() | reader.files("annotations").keys()
        if left_out := sorted(known - recorded.audited):
            reader = SnapshotReader(dataset, reader.snapshots, sorted(known & recorded.audited))
            recorded = Recorded.read(reader, accept_outdated_audits=accept_outdated_audits)
    items = stand_ins(reader.rows("images", ("partition_key", "source_uri", "image_id")))
    items = items.append_column("split", _splits_of(items["image_id"], splits, salt))
    measured = measure(reader, recorded, items, reader.batches("annotations", LABEL_COLUMNS))
    contents = digest_rows(items, ("image_id", "split")) + measured.labels.digest
    return Candidate(
        items=items,
        annotations=measured.labels.count,
        partitions=len(items["partition_key"].unique()),
        partition_keys=reader.partition_keys,
        left_out=left_out,
        outdated=sorted(measured.partitions & recorded.outdated),
        snapshots=reader.snapshots,
        metrics=measured.metrics,
        content_id=hashlib.sha256(contents.encode()).hexdigest()[:32],
        items_id=digest_rows(items, ("image_id", "partition_key", "source_uri", "split"))[:16],
        labels_by="image_id",
    )


@dataclass(frozen=True)
class Measured:
    """Numbers of what a release holds.

    :param partitions: those that have images in it, or labels of such images.
    """

    partitions: set[str]
    labels: HeldLabels
    metrics: Metrics


def measure(reader: SnapshotReader, recorded: Recorded, items: pa.Table, labels: Iterable[pa.Table]) -> Measured:
    """Work out what gates can ask.

    :param items: image_id of each image, sorted.
    :param labels: ``LABEL_COLUMNS`` of the annotations that may be theirs, a few at a time.
    """
    keys = reader.rows("images", ("partition_key",))["partition_key"]
    of_images = set(keys.unique().to_pylist())
    partitions = of_images | _of_labels_alone(reader, items, of_images)
    findings = count_findings(reader, partitions, recorded)
    held = read_held_labels(labels, items, findings.at_fault)
    metrics = candidate_metrics(reader, len(keys), items.num_rows, held, findings, recorded.of_all(of_images))
    return Measured(partitions, held, metrics)


def _of_labels_alone(reader: SnapshotReader, items: pa.Table, partitions: set[str]) -> set[str]:
    """Return the partitions without images that have labels of the items: of images that lie in another partition by now."""
    others = sorted(reader.files("annotations").keys() - partitions)
    if not others:
        return set()
    index, found = ImageIndex(items["image_id"]), set()
    for batch in SnapshotReader(reader.dataset, reader.snapshots, others).batches("annotations", ("partition_key", "image_id")):
        found.update(held_rows(batch, index)[0]["partition_key"].unique().to_pylist())
    return found


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

"""What there is to say of a release's images and labels in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.candidate_metrics import Metrics, candidate_metrics, count_findings
from airflow_cv_dataops.core.release.exclusions.excluded import Excluded
from airflow_cv_dataops.core.release.gates.behind import Behind
from airflow_cv_dataops.core.release.held_labels import HeldLabels, held_rows, read_held_labels
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.slice_metrics import Slices, slice_metrics
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MOST_SOURCES = 1_000

LookAt = Callable[["np.ndarray", "pa.Table", "np.ndarray"], None]


@dataclass(frozen=True)
class Measured:
    """Numbers of what a release holds.

    :param partitions: those that have images in it, or labels of such images.
    :param knows_faults: whether audits have looked at all of it as it is.
    :param idle_checks: those that ran and had nothing to look at in any partition: their metric is absent.
    :param behind: which checks and partitions the numbers come from.
    :param of_images: the partitions that have images.
    """

    partitions: set[str]
    labels: HeldLabels
    metrics: Metrics
    knows_faults: bool
    idle_checks: Sequence[str] = ()
    behind: Behind = field(default_factory=Behind)
    of_images: Set[str] = frozenset()


def measure(
    reader: SnapshotReader,
    recorded: Recorded,
    items: pa.Table,
    labels: Iterable[pa.Table],
    excluded: Excluded,
    look_at: LookAt | None = None,
) -> Measured:
    """Work out what gates can ask.

    :param items: image_id of each image, sorted.
    :param labels: ``LABEL_COLUMNS`` of the annotations that may be theirs, a few at a time, without those that are left out.
    :param excluded: what is left out: findings about it count no more.
    :param look_at: is shown the labels as they are read.
    """
    keys = reader.rows("images", ("partition_key",))["partition_key"]
    of_images = set(keys.unique().to_pylist())
    partitions = of_images | _of_labels_alone(reader, items, of_images)
    findings = count_findings(reader, partitions, recorded, excluded)
    held = read_held_labels(labels, items, findings.at_fault, look_at=look_at)
    rows = len(keys) if excluded.images is None else len(keys) - _rows_of(reader, excluded.images)
    by_partition = recorded.of_all(of_images)
    metrics = candidate_metrics(reader, rows, items.num_rows, held, findings, by_partition)
    values = {name: dict(zip(sorted(of_images), numbers, strict=True)) for name, numbers in by_partition.items()}
    behind = Behind(findings.places, findings.wrong_places, values)
    return Measured(partitions, held, metrics, findings.are_known, findings.idle, behind, of_images)


def sliced_metrics(measured: Measured, splits: np.ndarray, names: Sequence[str], sources: tuple[np.ndarray, Sequence[str]]) -> Metrics:
    """Return the metrics of categories, splits and sources.

    :param splits: by image the number of its split. :param names: of the splits.
    :param sources: by image the number of its source, and their names; of very many, which are rather the folders of a list, none is told.
    """
    slices = [Slices("split", splits, names)]
    if len(sources[1]) <= _MOST_SOURCES:
        slices.append(Slices("source", *sources))
    return slice_metrics(measured.labels.labelled, measured.labels.facts, slices, knows_faults=measured.knows_faults)


def _rows_of(reader: SnapshotReader, image_ids: pa.Array) -> int:
    import pyarrow.compute as pc

    if not len(image_ids):
        return 0
    return int(pc.sum(pc.is_in(reader.rows("images", ("image_id",))["image_id"], value_set=image_ids)).as_py() or 0)


def _of_labels_alone(reader: SnapshotReader, items: pa.Table, partitions: set[str]) -> set[str]:
    """Return the partitions without images that have labels of the items: of images that lie in another partition by now."""
    others = sorted(reader.files("annotations").keys() - partitions)
    if not others:
        return set()
    index, found = ImageIndex(items["image_id"]), set()
    for batch in SnapshotReader(reader.dataset, reader.snapshots, others).batches("annotations", ("partition_key", "image_id")):
        found.update(held_rows(batch, index)[0]["partition_key"].unique().to_pylist())
    return found

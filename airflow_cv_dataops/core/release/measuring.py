"""What there is to say of a release's images and labels in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.candidate_metrics import Metrics, candidate_metrics, count_findings
from airflow_cv_dataops.core.release.exclusions.excluded import Excluded
from airflow_cv_dataops.core.release.gates.behind import Behind
from airflow_cv_dataops.core.release.held_labels import HeldLabels, held_rows, read_held_labels
from airflow_cv_dataops.core.release.image_index import HeldImages, ImageIndex
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.slice_metrics import Slices, slice_metrics
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_MOST_SOURCES = 1_000
_ROWS_AT_ONCE = 65_536

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
    images: HeldImages,
    labels: Callable[[], Iterable[pa.Table]],
    excluded: Excluded,
    look_at: LookAt | None = None,
) -> Measured:
    """Work out what gates can ask.

    :param labels: yields ``LABEL_COLUMNS`` of the annotations that may be theirs, a few at a time, without those that are left out.
    :param excluded: what is left out: findings about it count no more.
    :param look_at: is shown the labels as they are read.
    """
    by_key = rows_by_partition(reader, "images", excluded)
    of_images = set(by_key)
    partitions = of_images | _of_labels_alone(reader, images.index, of_images)
    findings = count_findings(reader, partitions, recorded, excluded)
    held = read_held_labels(labels, images, findings.at_fault, look_at=look_at)
    by_partition = recorded.of_all(of_images)
    metrics = candidate_metrics(reader, sum(by_key.values()), len(images), held, findings, by_partition)
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


def rows_by_partition(reader: SnapshotReader, table: str, excluded: Excluded | None = None) -> dict[str, int]:
    """Return how many rows of a table each partition has; of ``images`` without those of images that are left out."""
    import pyarrow as pa

    found: Counter[str] = Counter()
    index = None if excluded is None or not len(excluded.index) else excluded.index
    for batch in reader.batches(table, ("partition_key", *(("image_id",) if index else ())), batch_rows=_ROWS_AT_ONCE):
        found.update(dict.fromkeys(batch["partition_key"].unique().to_pylist(), 0))  # also one of which all is left out
        rows = batch if index is None else batch.filter(pa.array(index.of(batch["image_id"]) < 0))
        found.update({entry["values"]: entry["counts"] for entry in rows["partition_key"].value_counts().to_pylist()})
    return found


def _of_labels_alone(reader: SnapshotReader, index: ImageIndex, partitions: set[str]) -> set[str]:
    """Return the partitions without images that have labels of the items: of images that lie in another partition by now."""
    others = sorted(reader.files("annotations").keys() - partitions)
    if not others:
        return set()
    found: set[str] = set()
    for batch in SnapshotReader(reader.dataset, reader.snapshots, others).batches("annotations", ("partition_key", "image_id")):
        found.update(held_rows(batch, index)[0]["partition_key"].unique().to_pylist())
    return found

"""A release that there is already, promoted to another stage: as it was approved, whatever the tables hold by now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.release.candidate import Candidate, metrics_of
from airflow_cv_dataops.core.release.candidate_metrics import Metrics
from airflow_cv_dataops.core.release.digest import in_parts, row_hashes
from airflow_cv_dataops.core.release.gates.behind import Behind
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS
from airflow_cv_dataops.core.release.image_index import HeldImages, ImageIndex
from airflow_cv_dataops.core.release.image_rows import COLUMNS as IMAGE_COLUMNS
from airflow_cv_dataops.core.release.lookup import missing_release, release_at
from airflow_cv_dataops.core.release.measuring import measure, sliced_metrics
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.release.sources import SourceNumbers
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def find_named(dataset: Dataset, name: str, head: str | None) -> Release:
    """Return the release of this name, or the one that the stage of this name points to, as it was made.

    :raises DatasetNotFoundError: there is none.
    """
    found = release_at(dataset, name, head)
    made = None if found is None else release_at(dataset, found.name, head)
    if made is None:
        raise missing_release(dataset, name, head)
    return made


def candidate_of(release: Release, *, is_measured: bool, accept_outdated_audits: bool) -> Candidate:
    """Return what a release holds, as a candidate for another stage.

    :param is_measured: whether its metrics are worked out, at its own snapshots. Without gates nobody asks for them.
    """
    items = release.items()
    keys = release.partition_keys
    if keys is None and release.labels_by is None:  # which partitions it was narrowed down to was not recorded at first
        keys = tuple(sorted(items["partition_key"].unique().to_pylist()))
    reader = SnapshotReader(release.dataset, release.snapshots, keys)
    metrics: Metrics = {}
    outdated: list[str] | None = None
    unaudited: Sequence[str] = ()
    idle: Sequence[str] = ()
    behind = Behind()
    if is_measured:
        images = HeldImages(items["image_id"])
        excluded = replace(release.excluded(), images=_not_in(reader, images.index))

        def labels() -> Iterable[pa.Table]:
            batches = reader.batches("annotations", LABEL_COLUMNS)
            return excluded.without_all(batches) if release.labels_by else iter([release.annotations(LABEL_COLUMNS)])

        recorded = Recorded.read(reader, accept_outdated_audits=accept_outdated_audits)
        measured = measure(reader, recorded, images, labels, excluded)
        names, splits = _numbered(items["split"])
        metrics = {
            **measured.metrics,
            **sliced_metrics(measured, splits, names, _sources(reader, items, images.index)),
            **(metrics_of(release.splitting, release.exclusions, 0, items.num_rows) if release.splitting else {}),
        }
        outdated, idle = sorted(measured.partitions & recorded.outdated), measured.idle_checks
        behind, unaudited = measured.behind, sorted(measured.partitions - recorded.audited)
    return Candidate(
        items=items,
        annotations=release.annotations_count,
        partitions=len(items["partition_key"].unique()),
        partition_keys=release.partition_keys,
        left_out=(),
        outdated=outdated,
        snapshots={table: snapshot_id for table, snapshot_id in release.snapshots.items() if table != "release_items"},
        metrics=metrics,
        content_id=release.content_id,
        items_id=release.items_id,
        labels_by=release.labels_by,
        splitting=release.splitting,
        exclusions=release.exclusions,
        idle_checks=idle,
        behind=behind,
        unaudited=unaudited,
    )


def _not_in(reader: SnapshotReader, held: ImageIndex) -> pa.ChunkedArray:
    """Return the images of its partitions that the release leaves out, whatever for: nothing about them counts."""
    import pyarrow as pa

    ids = (batch["image_id"] for batch in reader.batches("images", ("image_id",)))
    others = pa.chunked_array([chunk for some in ids for chunk in some.filter(pa.array(held.of(some) < 0)).chunks], pa.string())
    return pa.chunked_array([others.unique()])


def _numbered(splits: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """Return the names of the splits, and the number of each image's among them."""
    encoded = splits.dictionary_encode().combine_chunks()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype("int64")


def _sources(reader: SnapshotReader, items: pa.Table, held: ImageIndex) -> tuple[np.ndarray, list[str]]:
    """Return the number of each item's source, int64, and their names: from the row of ``images`` that stands for it."""
    import numpy as np

    place = ("partition_key", "source_uri")
    wanted = np.concatenate([np.empty(0, np.uint64), *(row_hashes(part.select(list(place))) for part in in_parts(items))])
    numbers, found = SourceNumbers(), np.zeros(items.num_rows, np.int64)
    for batch in reader.batches("images", IMAGE_COLUMNS):
        at = held.of(batch["image_id"])
        stands = (at >= 0) & (wanted[at] == row_hashes(batch.select(list(place))) if len(wanted) else False)
        found[at[stands]] = numbers.of(batch)[stands]
    return numbers.held_among(found)


def check_is_there(release: Release) -> None:
    """:raises DatasetNotFoundError: a snapshot that the release holds is gone."""
    for table, snapshot_id in release.snapshots.items():
        found = release.dataset.load_table(table)
        if found is None or found.snapshot_by_id(int(snapshot_id)) is None:
            raise DatasetNotFoundError(
                f"Release {release.name} cannot be promoted: snapshot {snapshot_id} of {release.dataset.identifier(table)} is gone."
            )

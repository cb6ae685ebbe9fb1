"""A release that there is already, promoted to another stage: as it was approved, whatever the tables hold by now."""

from __future__ import annotations

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.release.candidate import Candidate, Metrics, measure
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS
from airflow_cv_dataops.core.release.lookup import missing_release, release_at
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.recorded import Recorded
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader
from airflow_cv_dataops.core.store.dataset import Dataset


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
    if is_measured:
        labels = reader.batches("annotations", LABEL_COLUMNS) if release.labels_by else [release.annotations(LABEL_COLUMNS)]
        recorded = Recorded.read(reader, accept_outdated_audits=accept_outdated_audits)
        measured = measure(reader, recorded, items, labels)
        metrics, outdated = measured.metrics, sorted(measured.partitions & recorded.outdated)
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
    )


def check_is_there(release: Release) -> None:
    """:raises DatasetNotFoundError: a snapshot that the release holds is gone."""
    for table, snapshot_id in release.snapshots.items():
        found = release.dataset.load_table(table)
        if found is None or found.snapshot_by_id(int(snapshot_id)) is None:
            raise DatasetNotFoundError(
                f"Release {release.name} cannot be promoted: snapshot {snapshot_id} of {release.dataset.identifier(table)} is gone."
            )

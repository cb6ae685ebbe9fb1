"""Rows of ``annotations`` that a release holds, some at a time, read as cheaply as can be."""

from __future__ import annotations

from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.card.label_tally import TALLY_COLUMNS, LabelTally
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.slices import SlicedRelease
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader


def tally_labels(release: Release, items: CardItems) -> LabelTally:
    """Count the labels of a release.

    Where its images have labels at one place each, and none is left out, those of its images are its labels: their number says so. Else
    what a release takes of them is worked out, image by image, from rows on local disk.

    :raises StoreError: the tables do not hold what was released.
    """
    if release.labels_by is not None:
        tally = LabelTally(items)
        for batch in SnapshotReader(release.dataset, release.snapshots, release.partition_keys).batches("annotations", TALLY_COLUMNS):
            tally.add(batch)
        if tally.labels == release.annotations_count:
            return tally
    tally = LabelTally(items)
    with SlicedRelease(release, (), TALLY_COLUMNS) as rows:
        for part in rows.slices():
            tally.add(part.annotations)
    return tally

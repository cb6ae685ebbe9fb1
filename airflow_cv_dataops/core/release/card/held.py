"""The labels that a release holds, read as cheaply as can be, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.card.label_tally import TALLY_COLUMNS, LabelTally
from airflow_cv_dataops.core.release.copies import CopyMerge
from airflow_cv_dataops.core.release.exclusions.excluded import KEY_COLUMNS
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, held_rows, statement_hashes
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.slices import SlicedRelease
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import pyarrow as pa


def tally_labels(release: Release, items: CardItems) -> LabelTally:
    """Count the labels of a release.

    Mostly its labels are those of its images, and their number says so. Else copies of images repeat what they say, and that is left out
    first. Where that is not it, the release's rows are put on local disk, image by image, which takes some times as long.

    :raises StoreError: the tables do not hold what was released.
    """
    if release.labels_by is not None:
        reader = _Labels(release, items)
        for count in (reader.of_images, reader.said_once):
            tally = count()
            if tally.labels == release.annotations_count:
                return tally
    return _image_by_image(release, items)


class _Labels:
    """Labels of a release's images, but those that rules leave out, a few at a time."""

    def __init__(self, release: Release, items: CardItems) -> None:
        self._items = items
        self._reader = SnapshotReader(release.dataset, release.snapshots, release.partition_keys)
        self._excluded = release.excluded()

    def of_images(self) -> LabelTally:
        tally = LabelTally(self._items)
        for rows in self._rows(TALLY_COLUMNS):
            tally.add(rows)
        return tally

    def said_once(self) -> LabelTally:
        """Read twice, in the same order: first what labels say, for which of them stay."""
        tally, merge, start = LabelTally(self._items), CopyMerge(), 0
        for rows in self._rows(LABEL_COLUMNS):
            held, _ = held_rows(rows, self._items.index)
            merge.add(held, statement_hashes(held))
        kept, _ = merge.kept()
        for rows in self._rows(TALLY_COLUMNS):
            held, _ = held_rows(rows, self._items.index)
            tally.add(held.filter(kept[start : start + held.num_rows]))
            start += held.num_rows
        return tally

    def _rows(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        read = list(dict.fromkeys([*columns, *(KEY_COLUMNS if self._excluded.labels else ())]))
        return self._excluded.without_all(self._reader.batches("annotations", read))


def _image_by_image(release: Release, items: CardItems) -> LabelTally:
    tally = LabelTally(items)
    with SlicedRelease(release, (), TALLY_COLUMNS) as rows:
        for part in rows.slices():
            tally.add(part.annotations)
    return tally

"""Where the labels of a release are read for a comparison: this module alone asks the tables for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.ahead import one_ahead
from airflow_cv_dataops.core.diff.images import Images, place_hashes
from airflow_cv_dataops.core.release.exclusions.excluded import KEY_COLUMNS, Excluded
from airflow_cv_dataops.core.release.held_labels import is_background
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.release.reader import Release

# What says of which image a row is, and where it was drawn: enough to know whether a release holds it.
SUBJECT_COLUMNS = ("image_id", "partition_key", "source_uri", "label_set", "task", "category")
_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class HeldLabels:
    """The rows of ``annotations`` from which a release's labels are.

    :param side: 0: the release is the one before, 1: the one after.
    :param release: ``None``: no release, without any label.
    """

    side: int
    release: Release | None
    images: Images
    _excluded: Excluded = field(repr=False)
    _needs_ids: bool
    _reader: SnapshotReader | None = field(repr=False)

    @classmethod
    def of_both(cls, releases: Sequence[Release | None], images: Images) -> list[HeldLabels]:
        """:param releases: the one before, and the one after."""
        excluded = [release.excluded() if release else Excluded() for release in releases]
        readers = [SnapshotReader(release.dataset, release.snapshots, release.partition_keys) if release else None for release in releases]
        needs_ids = any(one.labels for one in excluded)
        return [
            cls(side, release, images, one, needs_ids, reader)
            for side, (release, one, reader) in enumerate(zip(releases, excluded, readers, strict=True))
        ]

    @cached_property
    def files(self) -> dict[str, list[str]]:
        """Partition key to paths of data files."""
        found = self._reader.files("annotations") if self._reader else {}
        return {key: [file.path for file in files] for key, files in found.items()}

    def batches(self, columns: Sequence[str], files: Collection[str]) -> Iterator[pa.Table]:
        """Yield the rows of some files, held or not; the same files give the same rows in the same order."""
        if self._reader is not None and files:
            read = list(dict.fromkeys([*columns, *(KEY_COLUMNS if self._needs_ids else ())]))
            yield from one_ahead(self._reader.batches("annotations", read, files=files, batch_rows=_BATCH_ROWS))

    def holds(self, rows: pa.Table, at: np.ndarray) -> np.ndarray:
        """Return which rows are labels that the release holds, before copies of an image are merged.

        :param rows: with ``SUBJECT_COLUMNS``.
        :param at: the place of each one's image among the images of both releases; -1: of none.
        """
        found: np.ndarray = self.images.is_in(self.side)[at] & (at >= 0) if len(self.images.keys) else at >= 0
        places = self.images.places[self.side]
        if places is not None:  # a release as they were made at first: the labels of the rows that stand for its images
            found &= places[at] == place_hashes(rows) if len(places) else False
        if self._excluded.labels:
            found &= ~self._excluded.labels_among(rows).to_numpy()
        return found

    def count_of_other_images(self, rows: pa.Table, at: np.ndarray) -> int:
        """Return how many labels a release as they were made at first counted, which were drawn on other bytes than its image has."""
        import numpy as np

        places = self.images.places[self.side]
        if places is None or not len(places):
            return 0
        is_label = ~is_background(rows)
        return int((np.isin(place_hashes(rows), places) & ~self.holds(rows, at) & is_label).sum())

"""What a release holds of each partition, as a hash: whether a partition is as it was in another release, without reading both again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.release.digest import mixed, row_hashes
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, held_rows, what_they_say
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ROWS_AT_ONCE = 65_536
_WORD = (1 << 64) - 1


class PartitionContents:
    """Collects images and labels a few at a time, in any order; holds six numbers a partition.

    A digest is of the ids of the images that stand in the partition, and of what the labels there say of images of the release. It does not
    depend on the order of rows, nor on how many are looked at together; a row that is there twice is not one that is there once.
    """

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}

    def clear(self) -> None:
        self._sums.clear()

    def add_images(self, items: pa.Table) -> None:
        """:param items: image_id and partition_key of images of the release, each once."""
        for start in range(0, items.num_rows, _ROWS_AT_ONCE):
            part = items.slice(start, _ROWS_AT_ONCE)
            self._add(part["partition_key"], row_hashes(part.select(["image_id"])), 0)

    def add_labels(self, rows: pa.Table, statements: np.ndarray) -> None:
        """Take labels of the release's images, byte-identical copies' included.

        :param rows: with partition_key. :param statements: uint64, a hash of what each says, as :func:`row_hashes` makes it.
        """
        self._add(rows["partition_key"], statements, 3)

    def digests(self) -> dict[str, str]:
        """Return 32 hex digits by partition, in the order of their keys; a partition of which the release holds nothing is not there."""
        return {key: hashlib.sha256(repr(self._sums[key]).encode()).hexdigest()[:32] for key in sorted(self._sums)}

    def _add(self, keys: pa.ChunkedArray, hashes: np.ndarray, place: int) -> None:
        """Add rows' hashes to their partitions' sums: of themselves, of others made of them (64 bits are few), and their number."""
        import numpy as np

        if not len(hashes):
            return
        encoded = keys.combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        sums = [np.add.reduceat(column[order], starts) for column in (hashes, mixed(hashes), np.ones(len(hashes), np.uint64))]
        # As many turns as the rows have partitions: a batch of labels hardly ever has two.
        for code, *added in zip(codes[order][starts].tolist(), *(column.tolist() for column in sums), strict=True):
            held = self._sums.setdefault(encoded.dictionary[code].as_py(), [0] * 6)
            for at, number in enumerate(added, place):
                held[at] = (held[at] + number) & _WORD


def partition_digests(release: Release) -> dict[str, str]:
    """Return the digest of each partition of which the release holds anything, read with memory for its items."""
    return _digests(release, release.items(), None)


def differing_partitions(one: Release, other: Release) -> dict[str, str]:
    """Return for each partition in which two releases hold something else its digest in the first; ``""`` where that holds nothing.

    Labels are read only of partitions whose images or data files are not the same in both: of most releases in a row nearly all are.
    """
    ours, theirs = one.items(), other.items()
    keys = _may_differ(one, other, ours, theirs)
    first, second = (_digests(release, items, keys) for release, items in ((one, ours), (other, theirs)))
    return {key: first.get(key, "") for key in sorted({*first, *second}) if first.get(key) != second.get(key)}


def _digests(release: Release, items: pa.Table, keys: set[str] | None) -> dict[str, str]:
    import pyarrow as pa
    import pyarrow.compute as pc

    contents, index = PartitionContents(), ImageIndex(items["image_id"])
    if keys is not None:
        items = items.filter(pc.is_in(items["partition_key"], value_set=pa.array(sorted(keys), pa.string())))
    contents.add_images(items)
    for batch in _label_batches(release, keys):
        rows, _ = held_rows(batch, index)
        contents.add_labels(rows, row_hashes(what_they_say(rows)))
    return contents.digests()


def _label_batches(release: Release, keys: set[str] | None) -> Iterator[pa.Table]:
    """Yield ``LABEL_COLUMNS`` of the annotations that may be the release's, of some partitions or (``None``) of all."""
    if release.labels_by is None:  # by place, as releases were made at first
        yield release.annotations(LABEL_COLUMNS)
        return
    wanted = release.partition_keys
    if keys is not None:
        wanted = tuple(sorted(keys if wanted is None else keys & set(wanted)))
    yield from release.excluded().without_all(
        SnapshotReader(release.dataset, release.snapshots, wanted).batches("annotations", LABEL_COLUMNS)
    )


def _may_differ(one: Release, other: Release, ours: pa.Table, theirs: pa.Table) -> set[str] | None:
    """Return the partitions that need a look at their labels; ``None``: all, as the same files are not the same labels."""
    if one.labels_by is None or other.labels_by is None or one.exclusions or other.exclusions:
        return None
    seen: list[Mapping[str, Any]] = []
    for release, items in ((one, ours), (other, theirs)):
        contents = PartitionContents()
        contents.add_images(items)
        images = contents.digests()
        files = SnapshotReader(release.dataset, release.snapshots, release.partition_keys).files("annotations")
        seen.append({key: (images.get(key), sorted(file.path for file in files.get(key, []))) for key in {*images, *files}})
    return {key for key in {*seen[0], *seen[1]} if seen[0].get(key) != seen[1].get(key)}

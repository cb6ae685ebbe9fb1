"""What two releases hold otherwise, by partition, and whether a candidate would bring that back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.held_hashes import HeldHashes, are_among, image_hashes
from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, held_rows, statement_hashes
from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_IDS_AT_ONCE = 65_536


@dataclass(frozen=True)
class Held:
    """Images and labels of some partitions, 12 bytes each.

    :param hashes: uint64, of the id of each image and of what each label says. :param at: int32, numbers of their partitions.
    """

    hashes: np.ndarray
    at: np.ndarray


@dataclass(frozen=True)
class Difference:
    """What each of two releases holds that the other holds nowhere.

    :param keys: partitions, by their numbers. :param taken: what only the first holds. :param lost: what only the other holds.
    """

    keys: Sequence[str]
    taken: Held
    lost: Held

    def partitions(self) -> list[str]:
        """Return the partitions in which there is anything of it, sorted."""
        counts = self._count(self.taken.at) + self._count(self.lost.at)
        return sorted(key for key, count in zip(self.keys, counts.tolist(), strict=True) if count)

    def coming_back(self, candidate: HeldHashes) -> dict[str, bool]:
        """Return the partitions of which a candidate holds, wherever, all that was taken, and nothing of what was lost.

        :returns: by key, sorted, whether nothing was taken, so that it comes back by what the candidate lacks.
        """
        taken, lost = self._count(self.taken.at), self._count(self.lost.at)
        missing = self._count(self.taken.at[~candidate.holds(self.taken.hashes)])
        there = self._count(self.lost.at[candidate.holds(self.lost.hashes)])
        back = (taken + lost > 0) & (missing == 0) & (there == 0)
        return dict(sorted((self.keys[at], not taken[at]) for at in back.nonzero()[0].tolist()))

    def _count(self, at: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.bincount(at, minlength=len(self.keys))


def difference(one: Release, other: Release) -> Difference:
    """Return what each of two releases holds that the other does not.

    What labels say is read only of partitions where that may be another in both: of most releases in a row few are.
    """
    sides = _Side.of(one), _Side.of(other)
    alone = _held_by_one(*sides)
    keys = _may_differ(sides, alone)
    numbers: dict[str, int] = {}
    labels = [_labels(side, keys, numbers) for side in sides]
    only = []
    for side, is_alone, mine, theirs in zip(sides, alone, labels, reversed(labels), strict=True):
        is_only = ~are_among(mine.hashes, _ordered(theirs.hashes))
        images = side.items.filter(is_alone)
        only.append(_joined([Held(image_hashes(images), _numbered(images["partition_key"], numbers)), _where(mine, is_only)]))
    return Difference(list(numbers), *only)


def held_by(release: Release) -> HeldHashes:
    """Return all that a release holds."""
    side, found = _Side.of(release), HeldHashes()
    found.add_images(side.items)
    for rows, statements in side.statements(None):
        found.add_labels(rows, statements)
    return found


@dataclass(frozen=True)
class _Side:
    """:param items: image_id and partition_key of its images, sorted by image id."""

    release: Release
    items: pa.Table

    @classmethod
    def of(cls, release: Release) -> _Side:
        return cls(release, release.items().select(["image_id", "partition_key"]))

    @cached_property
    def index(self) -> ImageIndex:
        return ImageIndex(self.items["image_id"])

    def files(self) -> dict[str, list[str]]:
        """Return paths of the label files by partition."""
        files = SnapshotReader(self.release.dataset, self.release.snapshots, self.release.partition_keys).files("annotations")
        return {key: sorted(file.path for file in found) for key, found in files.items()}

    def image_ids(self, keys: set[str]) -> Iterator[tuple[list[str], pa.ChunkedArray]]:
        """Yield partitions and the ids of the images that some labels there are of, each once."""
        if not keys:
            return
        reader = SnapshotReader(self.release.dataset, self.release.snapshots, sorted(keys))
        for batch in reader.batches("annotations", ("partition_key", "image_id"), batch_rows=_IDS_AT_ONCE):
            distinct = batch.group_by(["partition_key", "image_id"]).aggregate([])
            yield distinct["partition_key"].to_pylist(), distinct["image_id"]

    def statements(self, keys: set[str] | None) -> Iterator[tuple[pa.Table, np.ndarray]]:
        """Yield the labels that it holds, byte-identical copies' included, and hashes of what they say. :param keys: ``None``: all."""
        for batch in self._batches(keys):
            rows, _ = held_rows(batch, self.index)
            yield rows, statement_hashes(rows)

    def _batches(self, keys: set[str] | None) -> Iterator[pa.Table]:
        release = self.release
        if release.labels_by is None:  # by place, as releases were made at first
            yield release.annotations(LABEL_COLUMNS)
            return
        wanted = release.partition_keys
        if keys is not None:
            wanted = tuple(sorted(keys if wanted is None else keys & set(wanted)))
        reader = SnapshotReader(release.dataset, release.snapshots, wanted)
        yield from release.excluded().without_all(reader.batches("annotations", LABEL_COLUMNS))


def _held_by_one(one: _Side, other: _Side) -> tuple[np.ndarray, np.ndarray]:
    """Return for each which of its images the other does not hold."""
    return other.index.of(one.items["image_id"]) < 0, one.index.of(other.items["image_id"]) < 0


def _may_differ(sides: tuple[_Side, _Side], alone: tuple[np.ndarray, np.ndarray]) -> set[str] | None:
    """Return the partitions whose labels need a look; ``None``: all, as the same files are not the same labels.

    Those whose files are not the same in both, and of the others those with labels of images that only one release holds, or that labels
    in the former are of: what is said there of an image may be said here of a copy of it.
    """
    if any(side.release.labels_by is None or side.release.exclusions for side in sides):
        return None
    ours, theirs = (side.files() for side in sides)
    keys = {key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key)}
    concerned = [is_alone.copy() for is_alone in alone]
    for side, images, files in zip(sides, concerned, (ours, theirs), strict=True):
        for _, ids in side.image_ids(keys & files.keys()):
            at = side.index.of(ids)
            images[at[at >= 0]] = True
    if not any(images.any() for images in concerned):
        return keys
    indices = [ImageIndex(side.items["image_id"].filter(images)) for side, images in zip(sides, concerned, strict=True)]
    for names, ids in sides[0].image_ids(ours.keys() - keys):
        found = (indices[0].of(ids) >= 0) | (indices[1].of(ids) >= 0)
        keys.update(names[at] for at in found.nonzero()[0].tolist())
    return keys


def _labels(side: _Side, keys: set[str] | None, numbers: dict[str, int]) -> Held:
    """Return what the labels of some partitions say."""
    return _joined([Held(hashes, _numbered(rows["partition_key"], numbers)) for rows, hashes in side.statements(keys)])


def _numbered(keys: pa.ChunkedArray, numbers: dict[str, int]) -> np.ndarray:
    """Return the number of each partition key. :param numbers: is given those that are new."""
    import numpy as np

    encoded = keys.combine_chunks().dictionary_encode()
    codes = np.array([numbers.setdefault(key, len(numbers)) for key in encoded.dictionary.to_pylist()], np.int32)
    found: np.ndarray = codes[encoded.indices.to_numpy(zero_copy_only=False)] if len(codes) else np.empty(0, np.int32)
    return found


def _joined(parts: Sequence[Held]) -> Held:
    import numpy as np

    hashes = np.concatenate([np.empty(0, np.uint64), *(part.hashes for part in parts)])
    return Held(hashes, np.concatenate([np.empty(0, np.int32), *(part.at for part in parts)]))


def _where(held: Held, mask: np.ndarray) -> Held:
    return Held(held.hashes[mask], held.at[mask])


def _ordered(hashes: np.ndarray) -> np.ndarray:
    import numpy as np

    found: np.ndarray = np.sort(hashes)
    return found

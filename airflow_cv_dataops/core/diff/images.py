"""The images of two releases, side by side: which were added, removed or moved to another split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.store.hashing import hashes_of_ids, hashes_of_texts, mixed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.release.reader import Release

IMAGE_CHANGES = ("added", "removed", "moved")


@dataclass(frozen=True)
class Images:
    """The images that at least one of two releases has.

    :param keys: uint64, a hash of each image's id; sorted, each once.
    :param split_before: int32, the place of its split in ``splits``; -1 where the release before does not have the image.
    :param split_after: the same of the release after.
    :param splits: names.
    :param places: for each release the hashes of partition and source of the rows that stand for its images, at the images' places, 0
        where it does not have one; ``None`` for a release without need of it.
    """

    keys: np.ndarray
    split_before: np.ndarray
    split_after: np.ndarray
    splits: tuple[str, ...]
    places: tuple[np.ndarray | None, np.ndarray | None]

    @classmethod
    def read(cls, before: Release | None, after: Release) -> Self:
        """Read the items of both; 20 bytes an image. :param before: ``None``: no release, without any image."""
        import numpy as np

        names: dict[str, int] = {}
        read = [_Items.read(release, names) for release in (before, after)]
        keys = _each_once(np.concatenate([read[0].keys, read[1].keys]))
        splits = [np.full(len(keys), -1, np.int32) for _ in read]
        places: list[np.ndarray | None] = []
        for items, found in zip(read, splits, strict=True):
            at = np.searchsorted(keys, items.keys)
            found[at] = items.splits
            places.append(None if items.places is None else _scattered(items.places, at, len(keys)))
        return cls(keys, splits[0], splits[1], tuple(names), (places[0], places[1]))

    @cached_property
    def in_both(self) -> np.ndarray:
        found: np.ndarray = (self.split_before >= 0) & (self.split_after >= 0)
        return found

    def is_in(self, side: int) -> np.ndarray:
        """Return which images a release has. :param side: 0: the one before, 1: the one after."""
        found: np.ndarray = (self.split_before, self.split_after)[side] >= 0
        return found

    def of(self, image_ids: pa.ChunkedArray) -> np.ndarray:
        """Return the place of each id, -1 for a null and for one that neither release has."""
        import numpy as np

        if not len(self.keys):
            return np.full(len(image_ids), -1)
        wanted = hashes_of_ids(image_ids)
        order = np.argsort(wanted)  # one after the other they are found several times as fast
        at = np.empty(len(wanted), np.int64)
        at[order] = np.minimum(np.searchsorted(self.keys, wanted[order]), len(self.keys) - 1)
        found = (self.keys[at] == wanted) & image_ids.is_valid().to_numpy()
        return np.where(found, at, -1)

    @cached_property
    def changes(self) -> np.ndarray:
        """Place in ``IMAGE_CHANGES`` of what happened to each image; -1: nothing."""
        import numpy as np

        before, after = self.split_before, self.split_after
        found: np.ndarray = np.select([before < 0, after < 0, before != after], [0, 1, 2], default=-1).astype(np.int8)
        return found

    def counts(self) -> dict[str, int]:
        """Return how many images each release has, and how many changed in which way."""
        changed = {name: int((self.changes == number).sum()) for number, name in enumerate(IMAGE_CHANGES)}
        both = {"before": int(self.is_in(0).sum()), "after": int(self.is_in(1).sum())}
        return {**both, **changed, "unchanged": int((self.changes == -1).sum())}

    def moves(self) -> dict[tuple[str | None, str | None], int]:
        """Return how many images were in a split before and are in one after, by both; ``None``: not in the release."""
        import numpy as np

        names = (*self.splits, None)
        codes = (self.split_before.astype(np.int64) % len(names)) * len(names) + self.split_after % len(names)
        found, counts = np.unique(codes, return_counts=True)
        pairs = [(names[code // len(names)], names[code % len(names)]) for code in found.tolist()]
        return dict(sorted(zip(pairs, counts.tolist(), strict=True), key=lambda found: [name or "\uffff" for name in found[0]]))

    def changed(self, before: Release | None, after: Release, max_rows: int) -> pa.Table:
        """Return the images that changed, by change and id, of each change at most so many: change, image_id, where it lies, splits."""
        import pyarrow as pa
        import pyarrow.compute as pc

        kept = {change: _First(max_rows) for change in IMAGE_CHANGES}
        counts = self.counts()
        for release, wanted in ((before, ("removed",)), (after, ("added", "moved"))):
            is_wanted = max_rows > 0 and any(counts[change] for change in wanted)
            for rows in release.item_batches() if release and is_wanted else ():
                at = self.of(rows["image_id"])
                for change in wanted:
                    hit = (self.changes[at] == IMAGE_CHANGES.index(change)) & (at >= 0)
                    if hit.any():
                        kept[change].add(self._described(rows.filter(pa.array(hit)), at[hit], change))
        whole = pa.concat_tables([_schema().empty_table(), *(part for first in kept.values() for part in first.rows())])
        return whole.take(pc.sort_indices(whole, [("change", "ascending"), ("image_id", "ascending")]))

    def _described(self, rows: pa.Table, at: np.ndarray, change: str) -> pa.Table:
        import pyarrow as pa

        names = pa.array([*self.splits, None], pa.string())
        split = [names.take(pa.array(codes[at] % len(names))) for codes in (self.split_before, self.split_after)]
        own = [rows[name].combine_chunks() for name in ("image_id", "partition_key", "source_uri")]
        return pa.table([pa.repeat(change, len(at)), *own, *split], schema=_schema())


@dataclass(frozen=True)
class _Items:
    keys: np.ndarray
    splits: np.ndarray
    places: np.ndarray | None

    @classmethod
    def read(cls, release: Release | None, names: dict[str, int]) -> Self:
        """:raises StoreError: there are not as many images as were released."""
        import numpy as np

        with_places = release is not None and release.labels_by is None
        parts: list[tuple[np.ndarray, ...]] = []
        for rows in release.item_batches() if release else ():
            places = place_hashes(rows) if with_places else np.empty(0, np.uint64)
            parts.append((hashes_of_ids(rows["image_id"]), codes_of(rows["split"], names).astype(np.int32), places))
        kinds = (np.uint64, np.int32, np.uint64)
        keys, splits, places = (np.concatenate([np.empty(0, kind), *(part[at] for part in parts)]) for at, kind in enumerate(kinds))
        if release is not None:
            release.check_count("images", len(_each_once(keys)), release.images_count)
        return cls(keys, splits, places if with_places else None)


class _First:
    """Keeps the rows with the smallest image ids, in whatever order they come."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: list[pa.Table] = []
        self._count = 0

    def add(self, rows: pa.Table) -> None:
        self._parts.append(rows)
        self._count += rows.num_rows
        if self._count > 2 * self._most + 10_000:
            self._parts = list(self.rows())
            self._count = sum(part.num_rows for part in self._parts)

    def rows(self) -> Iterator[pa.Table]:
        import pyarrow as pa

        if self._parts:
            yield pa.concat_tables(self._parts).sort_by("image_id").slice(0, self._most)


def place_hashes(rows: pa.Table) -> np.ndarray:
    """Return a hash of where each row's file lies."""
    return mixed(hashes_of_texts(rows["partition_key"]), hashes_of_texts(rows["source_uri"]))


def codes_of(texts: pa.ChunkedArray, names: dict[str, int]) -> np.ndarray:
    """Return the number of each text, -1 for null; names that are new get the next."""
    import numpy as np
    import pyarrow.compute as pc

    encoded = texts.combine_chunks().dictionary_encode()
    numbers = np.array([*(names.setdefault(name, len(names)) for name in encoded.dictionary.to_pylist()), -1])
    found: np.ndarray = numbers[pc.fill_null(encoded.indices, -1).to_numpy()]
    return found


def in_words(moves: Mapping[tuple[str | None, str | None], int]) -> dict[str, int]:
    """Return how many images moved from a split to another, as ``train -> val``."""
    words: Counter[str] = Counter()
    for (before, after), count in moves.items():
        if before is not None and after is not None and before != after:
            words[f"{before} -> {after}"] += count
    return dict(words)


def _each_once(keys: np.ndarray) -> np.ndarray:
    """Return the keys sorted, each once: ten times as fast as :func:`numpy.unique`."""
    import numpy as np

    ordered = np.sort(keys)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def _scattered(values: np.ndarray, at: np.ndarray, length: int) -> np.ndarray:
    import numpy as np

    found = np.zeros(length, np.uint64)
    found[at] = values
    return found


def _schema() -> pa.Schema:
    import pyarrow as pa

    names = ("change", "image_id", "partition_key", "source_uri", "split_before", "split_after")
    return pa.schema([(name, pa.string()) for name in names])

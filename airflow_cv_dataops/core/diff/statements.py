"""What the labels of two releases say, as hashes: how many there are, of which categories, and which of them differ.

Of data files that both releases have, only what says whose labels they are is read: the rows are the same. Where that alone does not tell
(copies of an image that are labelled at several places, rows that one of the releases leaves out), their partition is read as all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.diff.held_labels import SUBJECT_COLUMNS, HeldLabels
from airflow_cv_dataops.core.diff.images import Images
from airflow_cv_dataops.core.diff.label_columns import STATEMENT_COLUMNS, LabelColumns, joined, statement_hashes
from airflow_cv_dataops.core.release.copies import CopyMerge
from airflow_cv_dataops.core.store.hashing import mixed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


@dataclass(frozen=True)
class Labels:
    """The labels of one release, and statements that nothing is in an image; one entry a row in all arrays: 25 bytes.

    :param image: int32, the place of each one's image.
    :param statement: uint64, a hash of all that it says of its image.
    :param category: int32, number of its category; -1: none.
    :param is_label: it is no statement that nothing is there.
    :param row: int64, which of the rows of :meth:`Comparison.rows` it is; -1: it was not read there, as it does not differ.
    """

    image: np.ndarray
    statement: np.ndarray
    category: np.ndarray
    is_label: np.ndarray
    row: np.ndarray


class Comparison:
    """Reads and compares.

    :ivar categories: names, in the order of their numbers.
    :ivar labels: those of the release before, and of the one after.
    :ivar differs: for each of the two which labels of images that both have are not said as often by the other.
    :raises StoreError: the tables do not hold what was released.
    """

    def __init__(self, images: Images, held: Sequence[HeldLabels]) -> None:
        self._images = images
        self._held = held
        self._names: dict[str, int] = {}
        shared = self._shared_files()
        known, doubtful = self._of_shared(shared)
        own = [self._own_files(one, shared) for one in held]
        read = [self._of_own(one, files, 0) for one, files in zip(held, own, strict=True)]
        parts = [[first, second] for first, second in zip(known, read, strict=True)]
        self._groups = [[files] for files in own]
        doubtful |= self._at_several_places(parts)
        if doubtful:
            again = sorted(path for key in doubtful for path in shared.get(key, ()))
            for side, one in enumerate(held):
                parts[side][0] = parts[side][0].without(doubtful)
                parts[side].append(self._of_own(one, again, parts[side][1].read))
                self._groups[side].append(again)
        self.labels = tuple(self._merged(one, found) for one, found in zip(held, parts, strict=True))
        self.differs = self._differing()
        self.categories = tuple(self._names)

    def rows(self, side: int, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns of the labels of one release that differ, and ``statement``."""
        import numpy as np
        import pyarrow as pa

        labels, differs = self.labels[side], self.differs[side]
        wanted, statements = labels.row[differs], labels.statement[differs]
        order = np.argsort(wanted)
        wanted, statements = wanted[order], statements[order]
        first = 0
        for files in self._groups[side] if len(wanted) else ():
            for batch in self._held[side].batches(columns, files):
                start, end = np.searchsorted(wanted, (first, first + batch.num_rows))
                if start < end:
                    rows = batch.take(pa.array(wanted[start:end] - first))
                    yield rows.append_column("statement", pa.array(statements[start:end]))
                first += batch.num_rows

    def _shared_files(self) -> dict[str, set[str]]:
        """Return the data files that both releases have, by partition: names of data files are never used again.

        None where a release is as they were made at first, which has other rules of what is held.
        """
        if any(one.release is None or one.release.labels_by is None for one in self._held):
            return {}
        before, after = (one.files for one in self._held)
        return {key: both for key in before.keys() & after.keys() if (both := set(before[key]) & set(after[key]))}

    @staticmethod
    def _own_files(held: HeldLabels, shared: dict[str, set[str]]) -> list[str]:
        return sorted(path for key, paths in held.files.items() for path in paths if path not in shared.get(key, ()))

    def _of_shared(self, shared: dict[str, set[str]]) -> tuple[list[LabelColumns], set[str]]:
        """Read of the shared files whose labels they have; say in which partitions the releases take different rows."""
        import numpy as np

        parts, doubtful, count = [LabelColumns(), LabelColumns()], set(), 0
        for rows in self._held[0].batches(SUBJECT_COLUMNS, {path for paths in shared.values() for path in paths}):
            at = self._images.of(rows["image_id"])
            masks = [one.holds(rows, at) for one in self._held]
            if (one_sided := (masks[0] != masks[1]) & self._images.in_both[at] & (at >= 0)).any():
                doubtful |= set(rows["partition_key"].filter(one_sided).unique().to_pylist())
            # Equal on both sides, and to no other row: what it says is not known.
            stand_ins = mixed(np.arange(count, count + rows.num_rows, dtype=np.uint64), np.ones(rows.num_rows, np.uint64))
            for part, mask in zip(parts, masks, strict=True):
                part.add(rows, at, mask, lambda held, _, mask=mask, found=stand_ins: found[mask], self._names)  # type: ignore[misc]
            count += rows.num_rows
        for part in parts:
            part.forget_rows()
        return parts, doubtful

    def _of_own(self, held: HeldLabels, files: Sequence[str], first_row: int) -> LabelColumns:
        part = LabelColumns(first_row)
        for rows in held.batches(STATEMENT_COLUMNS, files):
            at = self._images.of(rows["image_id"])
            part.add(rows, at, held.holds(rows, at), statement_hashes, self._names)
            part.of_other_images += held.count_of_other_images(rows, at)
        return part

    def _at_several_places(self, parts: Sequence[Sequence[LabelColumns]]) -> set[str]:
        """Return the partitions of rows of shared files whose image is labelled at several places."""
        found: set[str] = set()
        for shared, own in parts:
            if len(shared):
                merge = CopyMerge()
                for part in (shared, own):
                    merge.add_hashed(part.column("subject"), part.column("place"), part.column("statement"))
                at = merge.at_several_places()
                found |= shared.partitions_of(at[at < len(shared)])
        return found

    def _merged(self, held: HeldLabels, parts: Sequence[LabelColumns]) -> Labels:
        """Return the labels that a release holds: what copies of an image say alike is there once."""
        columns = {name: joined([part.column(name, last=True) for part in parts]) for name in LabelColumns.KINDS if name != "key"}
        if held.release is not None and held.release.labels_by is not None:
            merge = CopyMerge()
            merge.add_hashed(columns["subject"], columns["place"], columns["statement"])
            kept, _ = merge.kept()
            if not kept.all():
                columns = {name: column[kept] for name, column in columns.items()}
        found = Labels(**{name: columns[name] for name in ("image", "statement", "category", "is_label", "row")})
        if held.release is not None:
            of_other_images = sum(part.of_other_images for part in parts)
            held.release.check_count("annotations", int(found.is_label.sum()) + of_other_images, held.release.annotations_count)
        return found

    def _differing(self) -> tuple[np.ndarray, np.ndarray]:
        """Return masks: labels of images that both releases have, where the two do not say the same thing equally often."""
        import numpy as np

        in_both = [self._images.in_both[labels.image] for labels in self.labels]
        before, after = (labels.statement[mask] for labels, mask in zip(self.labels, in_both, strict=True))
        whole = np.concatenate([before, after])
        order = np.argsort(whole)
        ordered = whole[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(ordered) else np.empty(0, np.int64)
        signs = np.where(order < len(before), 1, -1)
        uneven = np.add.reduceat(signs, starts) != 0 if len(starts) else np.empty(0, bool)
        flags = np.empty(len(whole), bool)
        flags[order] = np.repeat(uneven, np.diff(np.append(starts, len(ordered))))
        found = []
        for mask, own in zip(in_both, (flags[: len(before)], flags[len(before) :]), strict=True):
            differs = np.zeros(len(mask), bool)
            differs[mask] = own
            found.append(differs)
        return found[0], found[1]

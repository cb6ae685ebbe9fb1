"""Columns about the labels of one release that are read file by file, with some bytes a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.diff.held_labels import SUBJECT_COLUMNS
from airflow_cv_dataops.core.diff.images import codes_of, place_hashes
from airflow_cv_dataops.core.release.held_labels import is_background
from airflow_cv_dataops.core.store.hashing import hashes_of_lists, hashes_of_long_texts, hashes_of_numbers, hashes_of_texts, mixed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

STATEMENT_COLUMNS = (*SUBJECT_COLUMNS, "bbox", "segmentation", "iscrowd", "keypoints", "attributes")
SIDES = ("x", "y", "width", "height")


class LabelColumns:
    """Columns of the held labels of some files. :ivar read: how many rows were read, held or not, with those of parts before."""

    KINDS = {"image": "i4", "subject": "u8", "place": "u8", "statement": "u8", "category": "i4", "is_label": "?", "row": "i8", "key": "i4"}

    def __init__(self, first_row: int = 0) -> None:
        self.read = first_row
        self.of_other_images = 0
        self._columns: dict[str, list[np.ndarray]] = {name: [] for name in self.KINDS}
        self._keys: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.column("image"))

    def add(
        self, rows: pa.Table, at: np.ndarray, mask: np.ndarray, hashed: Callable[[pa.Table, np.ndarray], np.ndarray], names: dict[str, int]
    ) -> None:
        """Take the rows of a mask. :param hashed: makes the statements of rows and their subjects."""
        import numpy as np
        import pyarrow as pa

        held = rows if mask.all() else rows.filter(pa.array(mask))
        image = at[mask]
        subject = mixed(image.astype(np.uint64), hashes_of_texts(held["label_set"]))
        found = {
            "image": image,
            "subject": subject,
            "place": place_hashes(held),
            "statement": hashed(held, subject),
            "category": codes_of(held["category"], names),
            "is_label": ~is_background(held),
            "row": self.read + np.flatnonzero(mask),
            "key": codes_of(held["partition_key"], self._keys),
        }
        for name, values in found.items():
            self._columns[name].append(values.astype(self.KINDS[name], copy=False))
        self.read += rows.num_rows

    def column(self, name: str, *, last: bool = False) -> np.ndarray:
        """Return a column as one array. :param last: it is not asked for again."""
        import numpy as np

        whole = joined([np.empty(0, self.KINDS[name]), *self._columns[name]])
        self._columns[name] = [] if last else [whole]
        return whole

    def forget_rows(self) -> None:
        """Say that these rows are not read again."""
        self._columns["row"] = [self.column("row") * 0 - 1]

    def partitions_of(self, at: np.ndarray) -> set[str]:
        import numpy as np

        names = list(self._keys)
        return {names[code] for code in np.unique(self.column("key")[at]).tolist()}

    def without(self, partitions: set[str]) -> LabelColumns:
        """Return the same without some partitions."""
        import numpy as np

        codes = [code for key, code in self._keys.items() if key in partitions]
        kept = ~np.isin(self.column("key"), codes)
        found = LabelColumns()
        found._keys = self._keys
        found._columns = {name: [self.column(name)[kept]] for name in self.KINDS}
        return found


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the parts as one array; where only one has anything, it is not copied."""
    import numpy as np

    filled = [part for part in parts if len(part)]
    return filled[0] if len(filled) == 1 else np.concatenate(parts)


def statement_hashes(rows: pa.Table, subjects: np.ndarray) -> np.ndarray:
    """Return hashes of what labels say. :param rows: with ``STATEMENT_COLUMNS``. :param subjects: hashes of image and label set."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [hashes_of_texts(rows[name]) for name in ("task", "category", "attributes")]
    columns.append(hashes_of_long_texts(rows["segmentation"]))
    columns.append(hashes_of_texts(rows["iscrowd"].cast(pa.string())))
    columns += [hashes_of_numbers(pc.struct_field(rows["bbox"], side)) for side in SIDES]
    columns.append(hashes_of_lists(rows["keypoints"]))
    return mixed(subjects, *columns)

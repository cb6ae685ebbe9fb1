"""What a release or a candidate holds, wherever in it: a hash of each image and of what each label says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.digest import row_hashes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ROWS_AT_ONCE = 65_536


class HeldHashes:
    """Collects images and labels a few at a time, in any order: 8 bytes each."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._ordered: np.ndarray | None = None

    def clear(self) -> None:
        self._parts.clear()
        self._ordered = None

    def add_images(self, items: pa.Table) -> None:
        """:param items: with image_id."""
        self._add(image_hashes(items))

    def add_image_hashes(self, hashes: np.ndarray) -> None:
        """Take images by the hashes of their ids, as :func:`image_hashes` makes them."""
        self._add(hashes)

    def add_labels(self, rows: pa.Table, statements: np.ndarray) -> None:
        """Take labels of the images. :param statements: uint64, a hash of what each of the rows says."""
        assert rows.num_rows == len(statements)
        self._add(statements)

    def holds(self, hashes: np.ndarray) -> np.ndarray:
        """Return which of these hashes, uint64, are of something that is held."""
        import numpy as np

        if self._ordered is None:
            self._ordered = np.unique(np.concatenate([np.empty(0, np.uint64), *self._parts]))
            self._parts = [self._ordered]
        return are_among(hashes, self._ordered)

    def _add(self, hashes: np.ndarray) -> None:
        self._parts.append(hashes)
        self._ordered = None


def image_hashes(items: pa.Table) -> np.ndarray:
    """Return a hash, uint64, of the id of each image."""
    import numpy as np

    ids = items.select(["image_id"])
    parts = [row_hashes(ids.slice(start, _ROWS_AT_ONCE)) for start in range(0, ids.num_rows, _ROWS_AT_ONCE)]
    return np.concatenate([np.empty(0, np.uint64), *parts])


def are_among(values: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Return which values are in a sorted array."""
    import numpy as np

    if not len(ordered):
        return np.zeros(len(values), bool)
    found: np.ndarray = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found

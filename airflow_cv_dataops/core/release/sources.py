"""Where images come from: the prefix that they were ingested from, the same for every partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.source_names import stable_source

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COLUMNS = ("partition_key", "source_uri", "file_name")
# Prefixes of some rows that are looked for in all of them at once; what has another is looked at row by row.
_MOST_PREFIXES = 16


class SourceNumbers:
    """Numbers the sources of images a few at a time.

    A source is what stands before the file's name in its URI, by the name that is the same for every partition (``store.source_names``).
    """

    def __init__(self) -> None:
        self._number: dict[str, int] = {}
        self._known: dict[tuple[str, str], int] = {}

    def of(self, images: pa.Table) -> np.ndarray:
        """Return the number of each image's source, int32, in the order in which they came. :param images: ``COLUMNS``."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        found = np.full(images.num_rows, -1, np.int32)
        left = np.arange(images.num_rows)
        rows = images.select(list(COLUMNS))
        for _ in range(_MOST_PREFIXES):
            if not rows.num_rows:
                return found
            key, uri, name = (rows[column][0].as_py() for column in COLUMNS)
            if not name:
                break
            prefix = _prefix(uri, name)
            # Of one partition, and with this prefix before the name.
            alike = pc.and_(
                pc.equal(rows["partition_key"], key),
                pc.equal(rows["source_uri"], pc.binary_join_element_wise(pa.scalar(prefix), rows["file_name"], "")),
            )
            alike = pc.fill_null(pc.and_(alike, pc.greater(pc.binary_length(rows["file_name"]), 0)), False)
            is_alike = alike.to_numpy().astype(bool)
            if not is_alike.any():
                break
            found[left[is_alike]] = self._numbered(key, prefix)
            left, rows = left[~is_alike], rows.filter(pc.invert(alike))
        texts = zip(*(rows[column].to_pylist() for column in COLUMNS), strict=True)
        found[left] = np.fromiter((self._numbered(key, _prefix(uri, name)) for key, uri, name in texts), np.int32, len(left))
        return found

    def held_among(self, numbers: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Return other numbers for these, int64, and the sources that are among them in the order of their numbers, that of their names."""
        import numpy as np

        held = np.bincount(numbers, minlength=len(self._number)) > 0
        names = sorted(name for name, number in self._number.items() if held[number])
        order = np.zeros(len(held), np.int64)
        order[[self._number[name] for name in names]] = np.arange(len(names))
        return order[numbers], names

    def _numbered(self, key: str, prefix: str) -> int:
        if (key, prefix) not in self._known:
            self._known[key, prefix] = self._number.setdefault(stable_source(prefix, key), len(self._number))
        return self._known[key, prefix]


def _prefix(uri: str, name: str | None) -> str:
    return uri[: -len(name)] if name and uri.endswith(name) else uri.rpartition("/")[0]

"""Rows that name an image, read a few at a time and put in the order of image ids, however much text they have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_FIRST_LETTERS = 8
_ROWS_IN_CHUNK = 2**20
# Which of several rows of an image comes first.
_ORDER = ("image_id", "partition_key", "source_uri")


class RowsById:
    """Columns of text as they come; each is joined, ordered and let go by itself.

    :param names: of the columns, ``image_id`` among them, and what of ``partition_key`` and ``source_uri`` is to order rows of one image.
    :param repeating: those whose values repeat: they stay dictionaries.
    """

    def __init__(self, names: Sequence[str], repeating: Sequence[str] = ()) -> None:
        self._chunks: dict[str, list[pa.Array]] = {name: [] for name in names}
        self._repeating = frozenset(repeating)
        self._keys: list[np.ndarray] = []

    def add(self, batch: pa.Table) -> None:
        for name, chunks in self._chunks.items():
            chunks.extend(batch[name].chunks)
        self._keys.append(_first_letters(batch["image_id"]))

    def in_order(self, *, each_once: bool) -> tuple[pa.Table, np.ndarray]:
        """Return the rows by image id, and where each of them stood.

        :param each_once: of rows of one image the one with the smallest (partition_key, source_uri) alone.
        """
        import numpy as np
        import pyarrow as pa

        columns = {name: self._joined(name) for name in self._chunks}
        order = _order(np.concatenate([np.empty(0, np.uint64), *self._keys]), columns, each_once)
        return pa.table({name: _taken(columns.pop(name), order) for name in self._chunks}), order

    def _joined(self, name: str) -> pa.Array:
        """Return a column in one chunk: text in the type whose size has no limit, or as a dictionary."""
        import pyarrow as pa

        column, self._chunks[name] = pa.chunked_array(self._chunks[name], pa.string()), []
        return (column.dictionary_encode() if name in self._repeating else column.cast(pa.large_string())).combine_chunks()


def _taken(column: pa.Array, order: np.ndarray) -> pa.ChunkedArray:
    """Return a column in this order, text in chunks that fit into the usual type."""
    import pyarrow as pa

    kind = column.type if pa.types.is_dictionary(column.type) else pa.string()
    starts = range(0, len(order), _ROWS_IN_CHUNK)
    return pa.chunked_array([column.take(pa.array(order[start : start + _ROWS_IN_CHUNK])).cast(kind) for start in starts], kind)


def _order(keys: np.ndarray, columns: dict[str, pa.Array], each_once: bool) -> np.ndarray:
    """Return where the rows are, by image id.

    The first letters decide nearly all of it; rows that share them, those of one image among them, are told apart by their whole text.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    is_as_next = ordered[:-1] == ordered[1:]
    tied = np.flatnonzero(np.append(is_as_next, False) | np.append(False, is_as_next)) if len(order) else order
    if not len(tied):
        return order
    names = [name for name in _ORDER if name in columns]
    rows = pa.table({name: columns[name].take(pa.array(order[tied])) for name in names})
    rows = rows.cast(pa.schema([(name, pa.large_string()) for name in names]))
    within = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names])
    order[tied] = order[tied][within.to_numpy()]
    if not each_once:
        return order
    ids = rows["image_id"].combine_chunks().take(within)
    is_again = np.append(False, pc.equal(ids.slice(1), ids.slice(0, len(ids) - 1)).to_numpy(zero_copy_only=False))
    stands = np.ones(len(order), bool)
    stands[tied[is_again]] = False
    return order[stands]


def _first_letters(image_ids: pa.ChunkedArray) -> np.ndarray:
    """Return the first bytes of each id as numbers whose order is that of the texts."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    starts = pc.binary_slice(image_ids.cast(pa.large_binary()), 0, _FIRST_LETTERS).combine_chunks()
    if len(starts) and pc.min(pc.binary_length(starts)).as_py() == _FIRST_LETTERS:
        first = int(np.frombuffer(starts.buffers()[1], np.int64)[starts.offset])
        return np.frombuffer(starts.buffers()[2], ">u8", count=len(starts), offset=first).astype(np.uint64)
    padded = b"".join(start.ljust(_FIRST_LETTERS, b"\0") for start in starts.to_pylist())  # ids that are no sha256
    return np.frombuffer(padded, ">u8").astype(np.uint64)

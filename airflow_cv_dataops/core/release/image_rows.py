"""The rows of ``images`` that stand for a release's images, read a few at a time and put in the order of image ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.release.sources import COLUMNS as SOURCE_COLUMNS
from airflow_cv_dataops.core.release.sources import SourceNumbers

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COLUMNS = ("image_id", *SOURCE_COLUMNS)
_PLACE = ("image_id", "partition_key", "source_uri")
_FIRST_LETTERS = 8


@dataclass(frozen=True)
class ImageRows:
    """Images, each once, in the order of their ids.

    :param rows: image_id, partition_key (dictionary-encoded) and source_uri of the row that stands for each: text of any length in all, in
        one chunk, and nothing beside it.
    :param source_numbers: of the source that each comes from, by ``sources``.
    :param places: how many rows there were, byte-identical copies among them.
    """

    rows: pa.Table
    source_numbers: np.ndarray
    sources: SourceNumbers
    places: int

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def where(self, mask: np.ndarray) -> Self:
        import pyarrow as pa

        return self if mask.all() else replace(self, rows=self.rows.filter(pa.array(mask)), source_numbers=self.source_numbers[mask])

    def by_source(self) -> tuple[np.ndarray, list[str]]:
        """Return the number of each image's source, int64, and the sources that any image comes from, in the order of their numbers."""
        return self.sources.held_among(self.source_numbers)

    @classmethod
    def of(cls, batches: Iterable[pa.Table]) -> Self:
        """Take rows of ``images``; of an image at several places the one with the smallest (partition_key, source_uri) stands for it.

        :param batches: ``COLUMNS``.
        """
        import numpy as np

        numbers, keys, codes = SourceNumbers(), [], []
        columns = _Columns()
        for batch in batches:
            columns.add(batch)
            keys.append(_first_letters(batch["image_id"]))
            codes.append(numbers.of(batch))
        whole = columns.whole()
        order = _order(np.concatenate([np.empty(0, np.uint64), *keys]), whole)
        places = np.concatenate([np.empty(0, np.int32), *codes])
        return cls(_taken(whole, order), places[order], numbers, len(places))


class _Columns:
    """Columns as they come, so that each can be joined, and let go, by itself."""

    def __init__(self) -> None:
        self._chunks: dict[str, list[pa.Array]] = {name: [] for name in _PLACE}

    def add(self, batch: pa.Table) -> None:
        for name, chunks in self._chunks.items():
            chunks.extend(batch[name].chunks)

    def whole(self) -> dict[str, pa.Array]:
        """Return each column in one chunk: text in the type whose size has no limit, or as a dictionary."""
        import pyarrow as pa

        found = {}
        for name in _PLACE:
            chunks, self._chunks[name] = self._chunks[name], []
            column = pa.chunked_array(chunks, pa.string())
            column = column.dictionary_encode() if name == "partition_key" else column.cast(pa.large_string())
            del chunks
            one = column.combine_chunks()
            found[name] = one.combine_chunks() if isinstance(one, pa.ChunkedArray) else one
        return found


def _taken(columns: dict[str, pa.Array], order: np.ndarray) -> pa.Table:
    """Return the rows in this order. :param columns: is emptied: one column at a time is held twice."""
    import pyarrow as pa

    places = pa.array(order)
    return pa.table({name: columns.pop(name).take(places) for name in _PLACE})


def _order(keys: np.ndarray, columns: dict[str, pa.Array]) -> np.ndarray:
    """Return where the rows that stand for images are, by image id.

    The first letters decide nearly all of it; rows that share them, copies among them, are told apart by their whole text.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    as_before = np.append(False, ordered[1:] == ordered[:-1])[: len(order)]
    tied = np.flatnonzero(as_before | np.append(as_before[1:], False)[: len(order)])
    if not len(tied):
        return order
    places = pa.array(order[tied])
    rows = pa.table({name: columns[name].take(places) for name in _PLACE})
    rows = rows.set_column(1, "partition_key", rows["partition_key"].cast(pa.string()))
    within = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in _PLACE]).to_numpy()
    order[tied] = order[tied][within]
    ids = rows["image_id"].combine_chunks().take(pa.array(within))
    is_copy = np.append(False, pc.equal(ids.slice(1), ids.slice(0, len(ids) - 1)).to_numpy(zero_copy_only=False))
    stands = np.ones(len(order), bool)
    stands[tied[is_copy]] = False
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

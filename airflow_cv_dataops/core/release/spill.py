"""Rows of large tables on local disk, cut into slices by image id: what belongs to one image can be looked at with little memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_DIGITS = 6
# What is held before it is written, and three times as much meanwhile: each slice's part of it is one write.
_HELD_BYTES = 16 * 2**20


class Spill:
    """Rows of one table, by slice. Slices are in the order of image ids: no id of one is above one of the next.

    :param folder: where the rows lie meanwhile.
    :param slices: how many, 1 to 65,536; a hash spreads evenly, so that each holds about the same number of images.
    :param schema: of the rows; one column is ``image_id``.
    """

    def __init__(self, folder: Path, slices: int, schema: pa.Schema) -> None:
        self._folder = folder
        self._slices = slices
        self._schema = schema
        folder.mkdir()

    def fill(self, batches: Iterable[pa.Table]) -> None:
        """Take all rows; one without an image id belongs to no slice, and is left out."""
        held: list[pa.Table] = []
        size = 0
        for batch in batches:
            held.append(batch)
            size += batch.nbytes
            if size >= _HELD_BYTES:
                self._write(held)
                held, size = [], 0
        if held:
            self._write(held)

    def read(self, number: int) -> pa.Table:
        """Return the rows of a slice, in the order in which they came."""
        import pyarrow as pa

        path = self._folder / str(number)
        parts = []
        if path.exists():
            with pa.OSFile(str(path)) as file:
                while file.tell() < file.size():
                    parts.append(pa.ipc.open_stream(file).read_all())
        return pa.concat_tables(parts) if parts else self._schema.empty_table()

    def _write(self, held: list[pa.Table]) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = pa.concat_tables(held)
        rows = rows.filter(pc.is_valid(rows["image_id"])) if rows["image_id"].null_count else rows
        at = _slice_of(rows["image_id"], self._slices)
        order = np.argsort(at, kind="stable")
        rows, at = rows.take(pa.array(order)), at[order]
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(at)], strict=True):
            with (self._folder / str(int(at[start]))).open("ab") as file, pa.ipc.new_stream(file, self._schema) as stream:
                stream.write_table(rows.slice(start, end - start))


def _slice_of(image_ids: pa.ChunkedArray, slices: int) -> np.ndarray:
    """Return the slice of each image: the first 24 bits of its id, as a fraction of the slices."""
    import numpy as np
    import pyarrow.compute as pc

    digits = np.frombuffer("".join(pc.utf8_slice_codeunits(image_ids, 0, _DIGITS).to_pylist()).encode(), np.uint8)
    values = np.where(digits >= ord("a"), digits - ord("a") + 10, digits - ord("0")).astype(np.int64).reshape(-1, _DIGITS)
    whole = values @ (16 ** np.arange(_DIGITS - 1, -1, -1, dtype=np.int64))
    return whole * slices >> 4 * _DIGITS

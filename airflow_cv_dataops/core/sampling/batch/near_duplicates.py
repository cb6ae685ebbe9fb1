"""Which images show the same as another: by perceptual hash, and by a table of clusters where one is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class NearDuplicates:
    """Finds the near duplicates of one image among all.

    :param hashes: (N,) perceptual hashes, 16 hex digits, null where there is none: such an image is nobody's near duplicate by its hash.
    :param most_bits: images whose hashes differ in at most so many bits are near duplicates; ``None``: hashes do not count.
    :param clusters: (N,) the cluster of each image, null where it has none; images of one cluster are near duplicates.
    """

    def __init__(self, hashes: pa.ChunkedArray | None, most_bits: int | None, clusters: Sequence[str | None] | None = None) -> None:
        self._most_bits = most_bits
        self._hashes: np.ndarray | None = None
        self._is_hashed: np.ndarray | None = None
        if hashes is not None and most_bits is not None:
            self._hashes, self._is_hashed = _as_numbers(hashes)
        self._clusters = None if clusters is None else _as_codes(clusters)

    def of(self, row: int) -> np.ndarray:
        """Return the rows that show the same as a row, itself included or not."""
        import numpy as np

        found = []
        if self._hashes is not None and self._is_hashed is not None and self._is_hashed[row]:
            found.append(np.flatnonzero((_bits(self._hashes ^ self._hashes[row]) <= self._most_bits) & self._is_hashed))
        if self._clusters is not None and self._clusters[row] >= 0:
            found.append(np.flatnonzero(self._clusters == self._clusters[row]))
        return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _as_numbers(hashes: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return 64-bit numbers, and which of them are known; a hash that is not 16 hex digits is not."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    is_hash = pc.fill_null(pc.match_substring_regex(hashes, "^[0-9a-f]{16}$"), False)
    text = pc.if_else(is_hash, hashes, "0" * 16).cast(pa.string()).combine_chunks()
    data = np.frombuffer("".join(text.to_pylist()).encode(), dtype=np.uint8)
    digits = np.where(data < ord("a"), data - ord("0"), data - ord("a") + 10).astype(np.uint8).reshape(-1, 16)
    packed = (digits[:, ::2] << 4 | digits[:, 1::2]).astype(np.uint8)
    return np.ascontiguousarray(packed).view(np.uint64).ravel(), is_hash.combine_chunks().to_numpy(zero_copy_only=False)


def _bits(values: np.ndarray) -> np.ndarray:
    """Return how many bits are set; NumPy before 2.0 cannot count them itself."""
    import numpy as np

    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(values)
    table = np.array([bin(number).count("1") for number in range(256)], dtype=np.uint8)
    return table[values.view(np.uint8).reshape(-1, 8)].sum(axis=1)


def _as_codes(clusters: Sequence[str | None]) -> np.ndarray:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pa.array(clusters, pa.string()).dictionary_encode()
    return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)

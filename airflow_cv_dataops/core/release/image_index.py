"""Where the images of a release stand among its items, looked up batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

# 128 bits of a sha256, which no two images share by chance.
_DIGITS = 32
_ROWS_AT_ONCE = 65_536


class ImageIndex:
    """32 bytes an image, where a hash table of their ids takes some hundred.

    :param image_ids: each once, sorted.
    """

    def __init__(self, image_ids: pa.ChunkedArray) -> None:
        import numpy as np

        parts = [_prefixes(image_ids.slice(start, _ROWS_AT_ONCE)) for start in range(0, len(image_ids), _ROWS_AT_ONCE)]
        self._prefixes = np.concatenate([np.empty(0, f"S{_DIGITS}"), *parts])

    def of(self, image_ids: pa.ChunkedArray) -> np.ndarray:
        """Return the place of each id, int64; -1 for a null, and for one that is not among the images."""
        import numpy as np

        wanted = _prefixes(image_ids)
        if not len(self._prefixes):
            return np.full(len(wanted), -1)
        at = np.minimum(np.searchsorted(self._prefixes, wanted), len(self._prefixes) - 1)
        return np.where((self._prefixes[at] == wanted) & (wanted != b""), at, -1)


def _prefixes(image_ids: pa.ChunkedArray) -> np.ndarray:
    import numpy as np
    import pyarrow.compute as pc

    # As text: numpy compares bytes of one length as they are, in the order in which Arrow sorts strings.
    prefixes = pc.utf8_slice_codeunits(pc.fill_null(image_ids, ""), 0, _DIGITS)
    return np.array([prefix.encode() for prefix in prefixes.to_pylist()], dtype=f"S{_DIGITS}")

"""Where images stand among others, looked up batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class ImagePlaces:
    """Where each of some images stands, hashed once: Arrow's ``is_in`` and ``index_in`` hash all of them anew for every batch.

    :param ids: each once.
    """

    def __init__(self, ids: pa.Array) -> None:
        import pandas as pd

        self._index = pd.Index(ids.to_numpy(zero_copy_only=False), dtype=object)

    def __len__(self) -> int:
        return len(self._index)

    def of(self, ids: pa.ChunkedArray) -> np.ndarray:
        """Return the place of each id, int64; -1 for one that is not among the images."""
        return self._index.get_indexer(ids.to_numpy(zero_copy_only=False)).astype("int64")

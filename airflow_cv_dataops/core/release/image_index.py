"""Where the images of a release stand among its items, looked up batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.digest import column_hashes
from airflow_cv_dataops.core.store.hashing import hashes_of_texts, mixed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_LETTERS = 64
_ROWS_AT_ONCE = 65_536


class ImageIndex:
    """20 bytes an image, where a hash table of their ids takes some hundred. Ids are told apart by 128 bits of hash.

    :param image_ids: each once.
    """

    def __init__(self, image_ids: pa.ChunkedArray) -> None:
        import numpy as np

        parts = [_hashes(image_ids.slice(start, _ROWS_AT_ONCE).combine_chunks()) for start in range(0, len(image_ids), _ROWS_AT_ONCE)]
        keys, checks = (np.concatenate([np.empty(0, np.uint64), *column]) for column in (zip(*parts, strict=True) if parts else ((), ())))
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._checks = checks[order]
        self._places = order.astype(np.int32 if len(order) < 2**31 else np.int64)

    def __len__(self) -> int:
        return len(self._keys)

    def of(self, image_ids: pa.ChunkedArray) -> np.ndarray:
        """Return the place of each id, int64; -1 for a null, and for one that is not among the images."""
        import numpy as np

        parts = [self.of_some(image_ids.slice(start, _ROWS_AT_ONCE)) for start in range(0, len(image_ids), _ROWS_AT_ONCE)]
        return np.concatenate([np.empty(0, np.int64), *(places[codes] for places, codes in parts)])

    def of_some(self, image_ids: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the distinct ids among some, and last -1, and for each id which of them is its own.

        :param image_ids: at most 2 GB of text.
        """
        import numpy as np
        import pyarrow.compute as pc

        encoded = image_ids.combine_chunks().dictionary_encode()
        places = np.append(self._found(*_hashes(encoded.dictionary)), np.int64(-1))
        return places, pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy(zero_copy_only=False)

    def _found(self, keys: np.ndarray, checks: np.ndarray) -> np.ndarray:
        import numpy as np

        found = np.full(len(keys), -1, np.int64)
        # In order, so that what the search has just looked at is near: half the time.
        left = np.argsort(keys)
        at = np.searchsorted(self._keys, keys[left])
        while True:
            inside = at < len(self._keys)
            left, at = left[inside], at[inside]
            alike = self._keys[at] == keys[left]
            left, at = left[alike], at[alike]
            if not len(left):
                return found
            right = self._checks[at] == checks[left]
            found[left[right]] = self._places[at[right]]
            left, at = left[~right], at[~right] + 1  # another id with the same first hash


class HeldImages:
    """The ids of a release's images, by which their labels are found and hashed: 28 bytes each.

    :param image_ids: each once.
    :ivar id_hashes: of each id what a hash of its row, or of its labels, is made of.
    """

    def __init__(self, image_ids: pa.ChunkedArray) -> None:
        import numpy as np

        self.index = ImageIndex(image_ids)
        parts = (column_hashes(image_ids.slice(start, _ROWS_AT_ONCE)) for start in range(0, len(image_ids), _ROWS_AT_ONCE))
        self.id_hashes = np.concatenate([np.empty(0, np.uint64), *parts])

    def __len__(self) -> int:
        return len(self.id_hashes)


def _hashes(ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return two hashes of each id, without a Python object for those of 64 letters, which is all that this package writes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = ids if pa.types.is_large_string(ids.type) else ids.cast(pa.large_string())
    is_whole = pc.fill_null(pc.equal(pc.binary_length(ids), _LETTERS), False)
    if pc.all(is_whole, min_count=0).as_py():
        return _hashes_of_whole(ids)
    at, found = is_whole.to_numpy(zero_copy_only=False), np.empty((2, len(ids)), np.uint64)
    found[:, at] = _hashes_of_whole(ids.filter(is_whole))
    others = hashes_of_texts(ids.filter(pc.invert(is_whole)))
    found[:, ~at] = others, mixed(others)
    return found[0], found[1]


def _hashes_of_whole(ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    if not len(ids):
        return np.empty(0, np.uint64), np.empty(0, np.uint64)
    first = int(np.frombuffer(ids.buffers()[1], np.int64)[ids.offset])
    words = np.frombuffer(ids.buffers()[2], np.uint8)[first : first + _LETTERS * len(ids)].view(np.uint64).reshape(len(ids), -1).T
    return mixed(*words), mixed(*words[::-1])

"""64-bit hashes of many values: equal values have equal hashes, in every batch and every process.

Millions of images and labels are told apart and compared by them, so that texts which repeat become Python objects once a batch, and
numbers never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_START = 0x243F6A8885A308D3
_FACTORS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9)
_NOTHING = 0x9216D5D98979FB1B  # the hash of a null
_ID_LETTERS = 64


def mixed(*columns: np.ndarray) -> np.ndarray:
    """Return one hash of each row of several columns of uint64; their order counts."""
    import numpy as np

    whole = np.full(len(columns[0]), _START, np.uint64)
    with np.errstate(over="ignore"):
        for column in columns:
            whole ^= column
            whole *= np.uint64(_FACTORS[0])
            whole ^= whole >> np.uint64(29)
            whole *= np.uint64(_FACTORS[1])
            whole ^= whole >> np.uint64(32)
    return whole


def hashes_of_ids(ids: pa.ChunkedArray) -> np.ndarray:
    """Return hashes of image ids: 64 letters each, which need no Python object. What is no such id is hashed as a text."""
    import numpy as np
    import pyarrow.compute as pc

    whole = ids.combine_chunks()
    is_id = pc.fill_null(pc.equal(pc.binary_length(whole), _ID_LETTERS), False)
    if pc.all(is_id, min_count=0).as_py():
        return _hashes_of_whole_ids(whole)
    at = is_id.to_numpy(zero_copy_only=False)
    found = np.empty(len(whole), np.uint64)
    found[at] = _hashes_of_whole_ids(whole.filter(is_id))
    found[~at] = hashes_of_texts(whole.filter(pc.invert(is_id)))
    return found


def _hashes_of_whole_ids(ids: pa.Array) -> np.ndarray:
    import numpy as np

    if not len(ids):
        return np.empty(0, np.uint64)
    first = int(np.frombuffer(ids.buffers()[1], np.int32)[ids.offset])
    letters = np.frombuffer(ids.buffers()[2], np.uint8)[first : first + _ID_LETTERS * len(ids)]
    return mixed(*letters.view(np.uint64).reshape(len(ids), -1).T)


def hashes_of_texts(texts: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return hashes of texts that repeat."""
    import numpy as np
    import pyarrow.compute as pc

    whole = _one_array(texts)
    if whole.null_count == len(whole):
        return np.full(len(whole), _NOTHING, np.uint64)
    encoded = whole.dictionary_encode()
    of_each = np.append(_hashes_of_objects(encoded.dictionary), np.uint64(_NOTHING))
    found: np.ndarray = of_each[pc.fill_null(encoded.indices, len(encoded.dictionary)).to_numpy()]
    return found


def hashes_of_long_texts(texts: pa.ChunkedArray) -> np.ndarray:
    """Return hashes of texts of which hardly two are equal, such as polygons. They are those of :func:`hashes_of_texts`."""
    import numpy as np

    whole = _one_array(texts)
    found = np.full(len(whole), _NOTHING, np.uint64)
    if whole.null_count < len(whole):
        found[whole.is_valid().to_numpy(zero_copy_only=False)] = _hashes_of_objects(whole.drop_null())
    return found


def hashes_of_numbers(numbers: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Return hashes of doubles; null and NaN are the same, as in a release's ``content_id``."""
    import numpy as np
    import pyarrow.compute as pc

    values = pc.fill_null(_one_array(numbers), np.nan).to_numpy(zero_copy_only=False)
    return np.where(np.isnan(values), np.uint64(_NOTHING), values.view(np.uint64))


def hashes_of_lists(lists: pa.ChunkedArray) -> np.ndarray:
    """Return hashes of lists of doubles."""
    import numpy as np
    import pyarrow.compute as pc

    whole = _one_array(lists)
    if whole.null_count == len(whole):
        return np.full(len(whole), _NOTHING, np.uint64)
    lengths = pc.fill_null(pc.list_value_length(whole), 0).to_numpy().astype(np.int64)
    ends = np.cumsum(lengths)
    places = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    with np.errstate(over="ignore"):  # a sum that wraps is a hash as well, and differences of such sums are exact
        sums = np.append(np.uint64(0), np.cumsum(mixed(hashes_of_numbers(whole.flatten()), places.astype(np.uint64)), dtype=np.uint64))
        found = mixed(sums[ends] - sums[ends - lengths], lengths.astype(np.uint64))
    return np.where(whole.is_valid().to_numpy(zero_copy_only=False), found, np.uint64(_NOTHING))


def _hashes_of_objects(texts: pa.Array) -> np.ndarray:
    import numpy as np
    import pyarrow as pa
    from pandas.util import hash_array

    # As bytes: a fifth of the time that text takes.
    objects = texts.cast(pa.binary()).to_numpy(zero_copy_only=False)
    hashes: np.ndarray = hash_array(objects, categorize=False).astype(np.uint64, copy=False)
    return hashes


def _one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

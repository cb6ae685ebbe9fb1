"""Files of vectors from outside: Parquet, ``.npz`` and ``.npy``; nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.image_columns import LINES_LOOKED_AT
from airflow_cv_dataops.core.labels.records import clean_text, excerpt
from airflow_cv_dataops.core.predictions.array_files import array_of, arrays_of
from airflow_cv_dataops.core.predictions.named_rows import ID_ARRAYS, first_array, id_name, texts_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

EXTENSIONS = (".parquet", ".npz", ".npy")

_NAMES = ("embedding", "embeddings", "vector", "vectors", "feature", "features")
_NPZ_NAMES = (*_NAMES, "arr_0")
_BLOCK_ROWS = 65_536


@dataclass(frozen=True)
class FileOfVectors:
    """What one file says.

    :param ids: the images, as the file names them; ``None`` where it leaves one out.
    :param vectors: ``(rows, D)`` float32; rows that are none are NaN throughout.
    :param problems: what is wrong with a row, by row.
    """

    ids: Sequence[str | None]
    vectors: np.ndarray
    problems: dict[int, str]


def read_vectors(data: bytes, name: str, *, id_column: str | None = None, ids: Sequence[str] | None = None) -> FileOfVectors:
    """Read one file by its extension.

    :param id_column: the column (or array of an ``.npz``) that names the image; default: the usual names.
    :param ids: the images of an ``.npy``, in its order.
    :raises ValueError: the file cannot be read, holds Python objects, or its parts do not fit.
    :raises ConfigurationError: it is an ``.npy``, and nobody says of which images.
    """
    import pyarrow as pa

    extension = name.lower().rpartition(".")[2]
    if extension == "parquet":
        try:
            return _from_parquet(data, id_column)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"not parquet: {error}") from error
    if extension == "npz":
        arrays = arrays_of(data)
        named = first_array(arrays, (id_column,) if id_column else ID_ARRAYS, "ids")
        return _from_matrix(texts_of(named), first_array(arrays, _NPZ_NAMES, "embeddings"))
    if ids is None:
        raise ConfigurationError(f"{name} does not say which images it is about: give the file with the ids as `ids`.")
    return _from_matrix(ids, array_of(data))


def _from_parquet(data: bytes, id_column: str | None) -> FileOfVectors:
    """Read the two columns that matter, the vectors a row group at a time: memory holds them once."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data))
    schema = file.schema_arrow
    column = _vector_column(schema)
    others = [name for name in schema.names if name != column]
    start = next(file.iter_batches(batch_size=LINES_LOOKED_AT, columns=others), None)
    lines = [] if start is None else list(zip(*(start.column(name).to_pylist() for name in others), strict=True))
    identity = id_name(others, id_column, lines)
    ids = [None if value is None else clean_text(str(value)) for value in file.read(columns=[identity])[identity].to_pylist()]
    width = _most_frequent_length(file, column)
    vectors = np.full((len(ids), width), np.nan, np.float32)
    problems: dict[int, str] = {}
    place = 0
    for batch in file.iter_batches(batch_size=_BLOCK_ROWS, columns=[column]):
        lists = batch.column(0)
        lengths = _lengths(lists)
        fits = lengths == width
        flat = lists.filter(pa.array(fits)).flatten().cast(pa.float32(), safe=False).fill_null(np.nan)
        vectors[place : place + len(lists)][fits] = np.asarray(flat).reshape(-1, width)
        for row in np.flatnonzero(~fits).tolist():
            found = int(lengths[row])
            problems[place + row] = "has no vector" if found < 0 else f"has a vector of {found:,} numbers, most others of {width:,}"
        place += len(lists)
    return _checked(ids, vectors, problems)


def _vector_column(schema: pa.Schema) -> str:
    import pyarrow.types as kinds

    def is_vector(kind: pa.DataType) -> bool:
        is_list = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
        return is_list and (kinds.is_floating(kind.value_type) or kinds.is_integer(kind.value_type))

    listed = [field.name for field in schema if is_vector(field.type)]
    named = [name for name in listed if name.strip().lower() in _NAMES]
    if len(named) > 1:
        raise ValueError(f"it has several columns of vectors, {excerpt(named)}: leave one")
    if not named:
        raise ValueError(f"no column of vectors: looked for lists of numbers called {', '.join(_NAMES)}, found {excerpt(schema.names)}")
    return named[0]


def _most_frequent_length(file: object, column: str) -> int:
    """Return how many numbers most of the vectors have; of two that are as frequent, the smaller."""
    from collections import Counter

    counts: Counter[int] = Counter()
    for batch in file.iter_batches(batch_size=_BLOCK_ROWS, columns=[column]):  # type: ignore[attr-defined]
        counts.update(_lengths(batch.column(0)).tolist())
    usable = [(-count, length) for length, count in counts.items() if length > 0]
    if not usable:
        raise ValueError(f"its column {column} has no vector")
    return min(usable)[1]


def _lengths(lists: pa.Array) -> np.ndarray:
    """Return how many numbers each list has, -1 where there is none."""
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(lists).cast("int64").fill_null(-1))


def _from_matrix(ids: Sequence[str | None], values: np.ndarray) -> FileOfVectors:
    import numpy as np

    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.shape[1]:
        raise ValueError(f"expected numbers in rows x dimensions, found {values.dtype} of shape {values.shape}")
    if len(ids) != len(values):
        raise ValueError(f"{len(ids):,} ids do not fit {len(values):,} embeddings")
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is told
        return _checked(ids, values.astype(np.float32, copy=False), {})


def _checked(ids: Sequence[str | None], vectors: np.ndarray, problems: dict[int, str]) -> FileOfVectors:
    """Add what is wrong with rows that are whole: a number that is none, or no image."""
    import numpy as np

    for start in range(0, len(vectors), _BLOCK_ROWS):
        is_finite = np.isfinite(vectors[start : start + _BLOCK_ROWS]).all(axis=1)
        for row in (start + np.flatnonzero(~is_finite)).tolist():
            problems.setdefault(row, "has a number that is absent or not finite")
    for row, image in enumerate(ids):
        if not image:
            problems.setdefault(row, "names no image")
    return FileOfVectors(ids, vectors, problems)

"""What files of class probabilities and of embeddings have in common: the names of their images, lists, NumPy arrays; never unpickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.formats.image_columns import IMAGE_IDS, IMAGE_NAMES, column_place, image_column
from airflow_cv_dataops.core.labels.records import clean_text, excerpt
from airflow_cv_dataops.core.predictions.array_files import array_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

ID_ARRAYS = ("ids", "id", "image_ids", "file_names", "filenames", "files", "names", "paths")
"""What the array of an ``.npz`` may be called that names the images."""

_ID_NAMES = (*IMAGE_NAMES, *IMAGE_IDS)


def read_ids(data: bytes, name: str) -> list[str]:
    """Return image names from an ``.npy`` of strings or numbers, or from text with one a line. :raises ValueError: it is neither."""
    if name.lower().endswith(".npy"):
        return texts_of(array_of(data))
    return [clean_text(line.strip()) for line in data.decode("utf-8-sig").splitlines() if line.strip()]


def id_name(columns: Sequence[str], id_column: str | None, lines: Sequence[Sequence[object]]) -> str:
    """Return the column that names the image. :raises ValueError: there is none."""
    place = id_place(columns, id_column, lines)
    if place is None:
        wanted = id_column or ", ".join(_ID_NAMES)
        raise ValueError(f"no column that names the image: looked for {wanted}, found {excerpt(list(columns))}; give `id_column`")
    return columns[place]


def id_place(columns: Sequence[str], id_column: str | None, lines: Sequence[Sequence[object]]) -> int | None:
    """Return the position of the column that names the image; ``None`` where there is none."""
    return column_place(id_column, columns) if id_column else image_column(columns, lines, _ID_NAMES)


def first_array(arrays: Mapping[str, Any], names: Sequence[str], what: str) -> Any:
    """Return the first array that has one of the names. :raises ValueError: none has; the message says ``what`` it would be."""
    found = next((arrays[name] for name in names if name in arrays), None)
    if found is None:
        raise ValueError(f"no array with {what}: looked for {', '.join(names)}, found {excerpt(list(arrays))}")
    return found


def texts_of(values: np.ndarray) -> list[str]:
    """Return an array of texts or whole numbers as texts. :raises ValueError: it is another."""
    if values.ndim != 1 or values.dtype.kind not in "USiu":
        raise ValueError(f"expected a list of texts or whole numbers, found {values.dtype} of shape {values.shape}")
    return [clean_text(item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)) for item in values.tolist()]


def matrix_of_lists(column: pa.ChunkedArray) -> np.ndarray:
    """Return lists of one length as a matrix; a list that is absent or of another length is NaN throughout."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = np.asarray(pc.list_value_length(column).fill_null(-1)).astype(np.int64)
    wanted = int(np.bincount(lengths[lengths >= 0]).argmax()) if (lengths >= 0).any() else 0
    fits = lengths == wanted
    flat = pc.list_flatten(column.filter(pa.array(fits)))
    values = np.full((len(lengths), wanted), np.nan)
    values[fits] = np.asarray(flat.cast("double").fill_null(np.nan)).reshape(-1, wanted)
    return values

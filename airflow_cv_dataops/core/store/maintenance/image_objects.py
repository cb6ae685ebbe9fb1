"""Which stored images the rows name: by the first 16 hex digits of their ids, 8 bytes each, so that ten million take 80 MB."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.base import ObjectInfo
from airflow_cv_dataops.core.store.objects import local_path
from airflow_cv_dataops.core.store.schema import TABLES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from pyiceberg.io import FileIO

log = logging.getLogger(__name__)

# Tables of which a row says where an image is kept.
NAMING_TABLES = tuple(name for name, model in TABLES.items() if {"image_id", "storage_uri"} <= set(model.column_names))
_DIGITS = 16
_BATCH_ROWS = 262_144
_OBJECT = re.compile(r"(?:[^/]+/)*([0-9a-f]{64})(?:\.[A-Za-z0-9]+)?")


def leads_into_another_dataset(uri: str) -> bool:
    """Say whether a local folder is a link to one that lies beside the tables of a dataset."""
    if not uri.startswith("file://"):
        return False
    folder = local_path(uri)
    return os.path.islink(folder) and os.path.isdir(os.path.join(os.path.dirname(os.path.realpath(folder)), "images", "metadata"))


def are_named_by_none(named: np.ndarray) -> Callable[[Sequence[ObjectInfo]], Sequence[bool]]:
    """Return a function that says of files below ``objects/`` whether no row names them. What is no image by its name is not ours.

    :param named: as of :func:`named_objects`.
    """
    import numpy as np

    def are_unwanted(infos: Sequence[ObjectInfo]) -> Sequence[bool]:
        matches = [_OBJECT.fullmatch(info.path) for info in infos]
        numbers = np.array([int(match[1][:_DIGITS], 16) if match else 0 for match in matches], np.uint64)
        at = np.minimum(np.searchsorted(named, numbers), max(len(named) - 1, 0))
        is_named = named[at] == numbers if len(named) else np.zeros(len(numbers), bool)
        return [match is not None and not found for match, found in zip(matches, is_named.tolist(), strict=True)]

    return are_unwanted


def named_objects(io: FileIO, paths: Iterable[str], must_read: Callable[[str], bool]) -> np.ndarray:
    """Return the numbers, sorted, of the images below ``objects/`` that rows of data files name.

    Two images of one number would keep each other: nothing is deleted by mistake.

    :param paths: of data files of :data:`NAMING_TABLES`.
    :param must_read: whether a file has to be readable. One that a killed writer left half written names nothing that counts.
    :raises OSError: one that has to be cannot be read.
    """
    parts: list[np.ndarray] = []
    known = list(paths)
    for path in Progress("data files that name stored images", len(known), log).over(known):
        try:
            parts += _named_in(io, path)
        except Exception as error:  # pyarrow raises what it likes of a torn file
            if must_read(path):
                raise OSError(f"Data file {path} cannot be read: {error}. Nothing was deleted of what it may name.") from error
            log.warning("Data file %s, which no snapshot has, cannot be read: %s", path, error)
    return union(parts)


def union(numbers: Sequence[np.ndarray]) -> np.ndarray:
    """Return the numbers of several :func:`named_objects`, sorted, each once."""
    import numpy as np

    return np.unique(np.concatenate([np.empty(0, np.uint64), *numbers]))


def _named_in(io: FileIO, path: str) -> list[np.ndarray]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    parts = []
    with io.new_input(path).open() as opened, pq.ParquetFile(opened) as file:
        if not {"image_id", "storage_uri"} <= set(file.schema_arrow.names):  # it says which rows of another are gone
            return []
        for rows in file.iter_batches(_BATCH_ROWS, columns=["image_id", "storage_uri"]):
            stored = rows.filter(pc.fill_null(pc.match_substring(rows["storage_uri"], "/objects/"), False))
            is_id = pc.fill_null(pc.match_substring_regex(stored["image_id"], "^[0-9a-f]{64}$"), False)
            parts.append(_numbers(stored["image_id"].filter(is_id)))
    return parts


def _numbers(ids: Any) -> np.ndarray:
    """Return the first 16 hex digits of each id as a number."""
    import numpy as np
    import pyarrow.compute as pc

    digits: pa.Array = pc.utf8_slice_codeunits(ids, 0, _DIGITS)
    if not len(digits):
        return np.empty(0, np.uint64)
    letters = np.frombuffer("".join(digits.to_pylist()).encode(), np.uint8).reshape(len(digits), _DIGITS)
    values = np.where(letters >= ord("a"), letters - ord("a") + 10, letters - ord("0")).astype(np.uint8)
    return np.ascontiguousarray((values[:, 0::2] << 4) | values[:, 1::2]).view(">u8").ravel().astype(np.uint64)

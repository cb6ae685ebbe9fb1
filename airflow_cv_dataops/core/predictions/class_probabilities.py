"""Class probabilities of images from Parquet, CSV, ``.npz`` and ``.npy``; nothing is ever unpickled."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.csv_texts import DELIMITERS, decoded, is_utf_16, most_frequent_delimiter, stated_delimiter
from airflow_cv_dataops.core.labels.formats.image_columns import LINES_LOOKED_AT
from airflow_cv_dataops.core.labels.records import clean_text, excerpt, number
from airflow_cv_dataops.core.predictions.array_files import array_of, arrays_of
from airflow_cv_dataops.core.predictions.class_columns import RANGE_TOLERANCE, SUM_TOLERANCE, check_names, class_columns, matrix
from airflow_cv_dataops.core.predictions.named_rows import (
    ID_ARRAYS,
    first_array,
    id_name,
    id_place,
    matrix_of_lists,
    texts_of,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

_ROWS_PER_BLOCK = 4096

_NPZ_PROBABILITIES = ("probabilities", "probs", "pred_probs", "predictions", "y_prob", "scores")
_NPZ_CLASSES = ("classes", "class_names", "categories")
_EMBEDDINGS = ("embedding", "embeddings")
_DECIMAL_COMMA = re.compile("[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_ABSENT = frozenset(("", "n/a", "na", "nan", "null", "none", "-", "#n/a"))


@dataclass(frozen=True)
class Probabilities:
    """What one file says.

    :param ids: the images, as the file names them; ``None`` where it leaves one out.
    :param values: rows x classes, 0 to 1.
    :param classes: names of the columns.
    :param embeddings: rows x dimensions, where the file has them.
    """

    ids: Sequence[str | None]
    values: np.ndarray
    classes: tuple[str, ...]
    embeddings: np.ndarray | None = None


def read_probabilities(
    data: bytes, name: str, *, id_column: str | None = None, classes: Mapping[int, str] | None = None, ids: Sequence[str] | None = None
) -> Probabilities:
    """Read one file by its extension.

    :param id_column: the column (or array of an ``.npz``) that names the image; default: the usual names.
    :param classes: names of the classes by column; for tables: which columns, in this order.
    :param ids: the images of an ``.npy``, in its order.
    :raises ValueError: the file cannot be read, holds Python objects, or its parts do not fit.
    """
    import pyarrow as pa

    extension = name.lower().rpartition(".")[2]
    names = None if classes is None else tuple(classes[index] for index in sorted(classes))
    try:
        if extension == "parquet":
            return _from_table(_parquet(data), id_column, names)
        if extension == "csv":
            return _from_table(_csv(data, id_column), id_column, names)
        if extension == "npz":
            return _from_npz(data, id_column, names)
    except (pa.ArrowException, OSError, csv.Error) as error:
        raise ValueError(f"not {extension}: {error}") from error
    if ids is None:
        raise ConfigurationError(f"{name} does not say which images it is about: give the file with the ids as `ids`.")
    return _checked(list(ids), array_of(data), names)


def invalid_rows(found: Probabilities) -> dict[int, str]:
    """Return what is wrong with each row that is no distribution over the classes."""
    import numpy as np

    problems = {row: "names no image" for row, image in enumerate(found.ids) if not image}
    for start in range(0, len(found.values), _ROWS_PER_BLOCK):
        block = found.values[start : start + _ROWS_PER_BLOCK].astype(np.float64)
        finite = np.asarray(np.isfinite(block).all(axis=1))
        low, high, total = block.min(axis=1), block.max(axis=1), block.sum(axis=1)
        inside = (low >= -RANGE_TOLERANCE) & (high <= 1 + RANGE_TOLERANCE)
        bad = ~(finite & inside & (np.abs(total - 1) <= SUM_TOLERANCE))
        for row in np.flatnonzero(bad).tolist():
            if not finite[row]:
                problem = "has a probability that is absent or not finite"
            elif not inside[row]:
                problem = f"has a probability outside 0 to 1 ({low[row]:g} to {high[row]:g})"
            else:
                problem = f"sums to {total[row]:.6g}, not 1"
            problems.setdefault(start + row, problem)
    return problems


def _parquet(data: bytes) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_names(pq.read_schema(pa.BufferReader(data)).names)
    return pq.read_table(pa.BufferReader(data))


def _csv(data: bytes, id_column: str | None) -> pa.Table:
    """Read with the image's column as text, whatever it looks like; a cell that is no number becomes null."""
    import pyarrow as pa
    import pyarrow.csv as pc

    text = _CsvText(data, id_column)
    check_names(text.header)
    identity = id_name(text.header, id_column, text.lines)

    def read(number: pa.DataType) -> pa.Table:
        kinds = {name: pa.string() if name == identity else number for name in text.header}
        convert = pc.ConvertOptions(column_types=kinds, decimal_point=text.decimal_point)
        return pc.read_csv(text.buffer(), parse_options=pc.ParseOptions(delimiter=text.delimiter), convert_options=convert)

    try:
        return read(pa.float64())
    except pa.ArrowInvalid:
        # Some cell is no number: read texts, and let what does not convert be null.
        import pandas as pd

        texts = read(pa.string())
        frame = texts.to_pandas()
        columns: dict[str, Any] = {identity: texts.column(identity)}
        for name in text.header:
            if name != identity:
                cells = frame[name].str.replace(text.decimal_point, ".", regex=False)
                numbers = pd.to_numeric(cells, errors="coerce").to_numpy(dtype="float64")
                columns[name] = texts.column(name) if _is_text(frame[name], numbers) else numbers
        first = [cell.replace(text.decimal_point, ".") for cell in text.lines[0]] if text.lines else []
        is_whole = len(first) == len(text.header)
        _check_one_header({name: first[text.header.index(name)] for name in columns} if is_whole else {}, columns)
        return pa.table(columns)


class _CsvText:
    """How a CSV is written, going by its first lines: with commas, or as the Excel of half of Europe writes it.

    :ivar header: the names of the columns. :ivar lines: some lines below it, as far as they can be read.
    """

    def __init__(self, data: bytes, id_column: str | None) -> None:
        self._data = decoded(data).encode() if is_utf_16(data) else data
        start = self._data[: 1 << 20].decode("utf-8-sig", "replace")
        stated, self._skipped = stated_delimiter(start)
        rows = {mark: _first_lines(start[self._skipped :], mark) for mark in ([stated] if stated else DELIMITERS)}
        named = (mark for mark, lines in rows.items() if len(lines[0]) > 1 and id_place(lines[0], id_column, lines[1:]) is not None)
        self.delimiter = next(named, stated or most_frequent_delimiter(start.partition("\n")[0]))
        self.header, *self.lines = rows[self.delimiter]
        cells = [cell.strip() for cells in self.lines for cell in cells]
        has_commas = self.delimiter != "," and any(map(_DECIMAL_COMMA.fullmatch, cells))
        self.decimal_point = "," if has_commas else "."

    def buffer(self) -> pa.BufferReader:
        """Return the text from its header on."""
        import pyarrow as pa

        # Of ASCII, but for the mark of UTF-8 that is no part of the text.
        mark = len(codecs.BOM_UTF8) if self._data.startswith(codecs.BOM_UTF8) else 0
        return pa.BufferReader(pa.py_buffer(self._data)[mark + self._skipped :])


def _first_lines(text: str, delimiter: str) -> list[list[str]]:
    """Return the header and some lines below it, as far as they can be read."""
    found: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        found.extend(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 1 + LINES_LOOKED_AT))
    return found or [[]]


def _check_one_header(first: Mapping[str, str], columns: Mapping[str, Any]) -> None:
    """:raises ValueError: the first line below the header has a text above each column of numbers: it goes on with the header."""
    import pyarrow as pa

    cells = [cell for name, cell in first.items() if not isinstance(columns[name], pa.ChunkedArray)]
    if cells and all(cell.strip().lower() not in _ABSENT and number(cell) is None for cell in cells):
        raise ValueError(f"the second line goes on with the header ({excerpt(', '.join(cells))}): give each class one name, on one line")


def _is_text(column: Any, numbers: np.ndarray) -> bool:
    """Say whether a column is one of texts: no cell is a number, and one is more than a sign that there is none."""
    import numpy as np

    return bool(np.isnan(numbers).all()) and any(text.strip().lower() not in _ABSENT for text in column.unique())


def _from_table(table: pa.Table, id_column: str | None, names: tuple[str, ...] | None) -> Probabilities:
    import pyarrow.types as kinds

    start = table.slice(0, LINES_LOOKED_AT)
    identity = id_name(table.column_names, id_column, list(zip(*(column.to_pylist() for column in start.columns), strict=True)))
    ids = [None if value is None else clean_text(str(value)) for value in table.column(identity).to_pylist()]
    is_list = (kinds.is_list, kinds.is_large_list, kinds.is_fixed_size_list)
    listed = {field.name for field in table.schema if any(check(field.type) for check in is_list)}
    vectors = next((name for name in _EMBEDDINGS if name in listed), None)
    embeddings = None if vectors is None else matrix_of_lists(table.column(vectors))
    probable = [name for name in table.column_names if name in listed and name != vectors]
    if probable:
        column = next((name for name in _NPZ_PROBABILITIES if name in probable), probable[0])
        return _checked(ids, matrix_of_lists(table.column(column)), names, embeddings)
    is_number = (kinds.is_floating, kinds.is_integer)
    numeric = [field.name for field in table.schema if field.name != identity and any(check(field.type) for check in is_number)]
    texts = [field.name for field in table.schema if kinds.is_string(field.type) or kinds.is_large_string(field.type)]
    chosen = list(names) if names is not None else class_columns(table, numeric, texts)
    if missing := [name for name in chosen if name not in numeric]:
        raise ValueError(f"no column of numbers for the classes {excerpt(missing)}; found {excerpt(table.column_names)}")
    return _checked(ids, matrix(table, chosen), tuple(chosen), embeddings)


def _from_npz(data: bytes, id_column: str | None, names: tuple[str, ...] | None) -> Probabilities:
    arrays = arrays_of(data)
    identity = first_array(arrays, (id_column,) if id_column else ID_ARRAYS, "ids")
    values = first_array(arrays, _NPZ_PROBABILITIES, "probabilities")
    stated = next((tuple(texts_of(arrays[name])) for name in _NPZ_CLASSES if name in arrays), None)
    embeddings = next((arrays[name] for name in _EMBEDDINGS if name in arrays), None)
    if names and stated and names != stated:
        raise ValueError(f"its classes {excerpt(list(stated))} are not those of `classes`, {excerpt(list(names))}: leave that out")
    return _checked(texts_of(identity), values, stated or names, embeddings)


def _checked(
    ids: Sequence[str | None], values: np.ndarray, names: tuple[str, ...] | None, embeddings: np.ndarray | None = None
) -> Probabilities:
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise ValueError(f"expected numbers in rows x classes, found {values.dtype} of shape {values.shape}")
    rows, count = values.shape
    if count == 0 or len(ids) != rows:
        raise ValueError(f"{len(ids):,} ids do not fit probabilities of {rows:,} rows x {count:,} classes")
    classes = names or tuple(str(index) for index in range(count))
    if len(classes) != count or len(set(classes)) != count:
        raise ValueError(f"{len(set(classes)):,} different class names do not fit {count:,} columns")
    if any(not name.strip() for name in classes):
        raise ValueError(f"a class has no name: {excerpt(list(classes))}")
    if embeddings is not None and (embeddings.ndim != 2 or len(embeddings) != rows or embeddings.dtype.kind not in "fiu"):
        raise ValueError(f"embeddings of shape {embeddings.shape} do not fit {rows:,} rows")
    return Probabilities(ids, values, tuple(clean_text(name) for name in classes), embeddings)

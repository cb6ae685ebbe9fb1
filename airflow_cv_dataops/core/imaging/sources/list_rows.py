"""The rows of a list file: what each names, and what else it says about it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.wording import readable

URI_COLUMNS = ("uri", "url", "path", "source_uri", "image")
_SIZE_COLUMNS = ("size", "bytes", "source_bytes")
_ETAG_COLUMNS = ("etag", "e_tag", "source_etag")
_TIME_COLUMNS = ("last_modified", "modified_at", "source_modified_at", "last_modified_date")
_ROWS_AT_ONCE = 8192
_LARGEST_SIZE = 2**62


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row. :param number: 1 for the first row of data. :param value: as it stands there; empty where it is no text."""

    number: int
    value: str
    size: int | None = None
    etag: str | None = None
    modified_at: datetime | None = None


def rows_of(uri: str, content: bytes, column: str | None) -> Iterator[ListRow]:
    """Yield the rows of a list file.

    :param uri: says the format, and names the file in errors.
    :param column: the column with the URIs; ``None``: the first of ``URI_COLUMNS`` that the file has, whatever its case.
    :raises SourceError: the file cannot be read as what its name says, or has no such column.
    """
    name = uri.lower()
    read = _parquet if name.endswith(".parquet") else _csv if name.endswith(".csv") else _json_lines
    number = 0
    try:
        for number, (record, columns) in enumerate(read(content, lambda names: _Columns.of(names, column, uri)), start=1):
            yield columns.row(number, record)
    except (ValueError, OSError, csv.Error, RecursionError, NotImplementedError) as error:
        raise SourceError(f"Cannot read the list {readable(uri)} behind row {number}: {error}") from error


@dataclass(frozen=True)
class _Columns:
    """The names of the columns that matter, as the file spells them."""

    value: str
    size: str | None
    etag: str | None
    modified_at: str | None

    @classmethod
    def of(cls, names: Sequence[str], column: str | None, uri: str) -> _Columns:
        known = {str(name).strip().lower(): name for name in reversed(names)}

        def first(wanted: Sequence[str]) -> str | None:
            return next((known[name] for name in wanted if name in known), None)

        value = column if column in names else first((column.lower(),) if column else URI_COLUMNS)
        if value is None:
            shown = ", ".join(map(str, names[:20])) or "none"
            wanted = repr(column) if column else "any of " + ", ".join(URI_COLUMNS)
            raise SourceError(f"The list {readable(uri)} has no column {wanted}; it has: {shown}. Name it with list_column.")
        return cls(value, first(_SIZE_COLUMNS), first(_ETAG_COLUMNS), first(_TIME_COLUMNS))

    @property
    def used(self) -> list[str]:
        return [name for name in dict.fromkeys((self.value, self.size, self.etag, self.modified_at)) if name is not None]

    def row(self, number: int, record: Any) -> ListRow:
        if not isinstance(record, Mapping):
            return ListRow(number, _text(record))
        return ListRow(
            number,
            _text(record.get(self.value)),
            _size(record.get(self.size or "")),
            _etag(record.get(self.etag or "")),
            _time(record.get(self.modified_at or "")),
        )


_Records = Iterator[tuple[Any, _Columns]]
_Choose = Callable[[Sequence[str]], _Columns]


def _parquet(content: bytes, choose: _Choose) -> _Records:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(content))
    columns = choose(file.schema_arrow.names)
    for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns.used):
        for record in batch.to_pylist():
            yield record, columns


def _csv(content: bytes, choose: _Choose) -> _Records:
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors="surrogateescape", newline=""))
    names = next(reader, [])
    columns = choose(names)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell beyond the csv module's limit, which is the process's: a row without a URI
            yield None, columns
            continue
        if cells:
            yield dict(zip(names, cells, strict=False)), columns


def _json_lines(content: bytes, choose: _Choose) -> _Records:
    """A line is an object, or a text that is the URI itself; a line that is neither is a row without a URI."""
    columns: _Columns | None = None
    for line in io.BytesIO(content):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if columns is None and isinstance(record, dict):
            columns = choose(list(record))
        yield record, columns or _NO_COLUMNS


_NO_COLUMNS = _Columns("", None, None, None)


def _text(value: Any) -> str:
    """Return a text without the space around it; bytes that are not UTF-8 stand as surrogates, as Python has them in file names."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    return value.strip() if isinstance(value, str) else ""


def _etag(value: Any) -> str | None:
    text = _text(value)
    return text if text and text.isprintable() else None


def _size(value: Any) -> int | None:
    try:
        size = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return size if 0 <= size < _LARGEST_SIZE else None


def _time(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        return None

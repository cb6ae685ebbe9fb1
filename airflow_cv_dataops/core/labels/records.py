"""What parsers produce: label records and problems, collected into Arrow columns of the common model."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_cv_dataops.core.labels.record_columns import bbox_array as bbox_array
from airflow_cv_dataops.core.labels.record_columns import label_schema as label_schema
from airflow_cv_dataops.core.wording import readable

if TYPE_CHECKING:
    import pyarrow as pa

TASKS = ("classification", "detection", "segmentation", "keypoints")
# No label, but a statement: whoever labelled looked at the image, and there is nothing in it (an empty file, an entry without labels).
BACKGROUND = "background"

UNPARSABLE_LABEL = "unparsable_label"
MALFORMED_RECORD = "malformed_record"
ABSENT_IMAGE = "absent_image"
UNSUPPORTED_LABEL = "unsupported_label"
AMBIGUOUS_FILE_NAME = "ambiguous_file_name"
CONTRADICTED_FILE_NAME = "contradicted_file_name"
UNPARSABLE_PREDICTION = "unparsable_prediction"
UNPARSABLE_EMBEDDING = "unparsable_embedding"
SEVERITY_OF_PROBLEM = {
    UNPARSABLE_LABEL: "error",
    UNPARSABLE_PREDICTION: "error",
    UNPARSABLE_EMBEDDING: "error",
    MALFORMED_RECORD: "error",
    ABSENT_IMAGE: "warning",
    AMBIGUOUS_FILE_NAME: "warning",
    CONTRADICTED_FILE_NAME: "warning",
    UNSUPPORTED_LABEL: "warning",
}

_ROWS_PER_CHUNK = 50_000
_LONGEST_EXCERPT = 120
_DECIMAL = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")


class Record(NamedTuple):
    """One label as its file states it.

    :param ordinal: position in the file; with label set and path it makes the annotation id.
    :param bbox: x, y, width, height in pixels; YOLO until it is joined: centre x, centre y, width, height, normalised.
    :param segmentation: COCO JSON.
    :param attributes: JSON object.
    :param alternative_name: a second name for the image, tried where ``file_name`` joins none.
    :param keypoints: x, y, visibility, … as in COCO; YOLO until it is joined: normalised.
    :param polygon: YOLO until it is joined: x1, y1, x2, y2, … normalised.
    """

    ordinal: int
    file_name: str
    task: str
    category: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    segmentation: str | None = None
    area: float | None = None
    iscrowd: bool | None = None
    keypoints: list[float] | None = None
    stated_width: int | None = None
    stated_height: int | None = None
    annotator: str | None = None
    labeled_at: datetime | None = None
    source_id: str | None = None
    attributes: str | None = None
    alternative_name: str | None = None
    polygon: list[float] | None = None


@dataclass(frozen=True)
class Problem:
    """Something that a label or prediction file itself had wrong.

    :param check: a key of ``SEVERITY_OF_PROBLEM``.
    :param source: URI of the file.
    :param annotation_id: the row that was kept all the same, where one was.
    """

    check: str
    source: str
    message: str
    annotation_id: str | None = None

    @property
    def told(self) -> str:
        """The message with the file's name, for where only one of the problems is shown."""
        return f"{self.message.rstrip('.')} ({readable(self.source)})"


@dataclass(frozen=True)
class Labels:
    """What was read from a source, before it is joined to images.

    :param rows: the schema of :func:`label_schema`.
    :param files: label files read, unparsable ones included.
    :param records: labels found in the files, malformed ones included.
    :param dead_links: URIs of the links in the source behind which nothing is.
    """

    rows: pa.Table
    problems: tuple[Problem, ...]
    files: int
    bytes: int
    records: int
    dead_links: Sequence[str] = ()


class RecordBuilder:
    """Collects the records and problems of many files, in bounded chunks of Python objects."""

    def __init__(self, label_set: str, format: str) -> None:  # noqa: A002 (the word of the data model)
        self._label_set = label_set
        self._format = format
        self._rows: list[tuple[Any, ...]] = []
        self._chunks: list[pa.Table] = []
        self._problems: list[Problem] = []
        self._source = ""
        self._hash = hashlib.sha256()
        self._files = self._bytes = self._records = 0

    def start_file(self, path: str, source: str, size: int) -> None:
        """Begin a label file: ``path`` below the source prefix, its URI without credentials, its size in bytes."""
        self._source = source
        self._hash = hashlib.sha256(f"{self._label_set}\0{path}\0".encode())
        self._files += 1
        self._bytes += size

    @property
    def source(self) -> str:
        """URI of the current file."""
        return self._source

    def add(self, record: Record) -> None:
        """Take one label of the current file."""
        self._records += 1
        self._rows.append((*record, self._annotation_id(record.ordinal), self._source))
        if len(self._rows) >= _ROWS_PER_CHUNK:
            self._flush()

    def add_columns(self, ordinals: Sequence[int], columns: Mapping[str, pa.Array], others: Sequence[Record]) -> None:
        """Take labels of the current file in columns, and others among them, by their ordinals.

        :param columns: of :func:`label_schema`, null where absent; a row for each of ``ordinals``.
        """
        import numpy as np
        import pyarrow as pa

        self._records += len(ordinals) + len(others)
        self._flush()
        if ordinals:
            self._chunks.append(self._table(ordinals, columns))
        if others:
            self._rows = [(*record, self._annotation_id(record.ordinal), self._source) for record in others]
            self._flush()
        if ordinals and others:
            both = pa.concat_tables(self._chunks[-2:])
            order = np.argsort([*ordinals, *(record.ordinal for record in others)], kind="stable")
            self._chunks[-2:] = [both.take(pa.array(order))]

    def draft(self) -> RecordBuilder:
        """Return a builder for the current file, whose records and problems count once they are taken."""
        draft = RecordBuilder(self._label_set, self._format)
        draft._source, draft._hash = self._source, self._hash
        return draft

    def take(self, draft: RecordBuilder) -> None:
        """Take the records and problems of a draft."""
        self._flush()
        draft._flush()
        self._chunks += draft._chunks
        self._problems += draft._problems
        self._records += draft._records

    def lost(self, message: str) -> None:
        """Note a record of the current file that makes no label."""
        self._records += 1
        self.problem(MALFORMED_RECORD, message)

    def unsupported(self, count: int, message: str) -> None:
        """Note records of the current file that the common model has no place for."""
        self._records += count
        self.problem(UNSUPPORTED_LABEL, message)

    def problem(self, check: str, message: str, ordinal: int | None = None) -> None:
        """Note a problem of the current file; ``ordinal`` names the record that is kept all the same."""
        annotation_id = None if ordinal is None else self._annotation_id(ordinal)
        self._problems.append(Problem(check, self._source, clean_text(message), annotation_id))

    def finish(self) -> Labels:
        import pyarrow as pa

        self._flush()
        rows = pa.concat_tables(self._chunks) if self._chunks else label_schema().empty_table()
        return Labels(rows, tuple(self._problems), self._files, self._bytes, self._records)

    def _annotation_id(self, ordinal: int) -> str:
        digest = self._hash.copy()
        digest.update(str(ordinal).encode())
        return digest.hexdigest()[:32]

    def _table(self, ordinals: Sequence[int], columns: Mapping[str, pa.Array]) -> pa.Table:
        import pyarrow as pa

        rows = len(ordinals)
        given = {
            "annotation_id": pa.array([self._annotation_id(ordinal) for ordinal in ordinals], pa.string()),
            "source": pa.repeat(pa.scalar(self._source, pa.string()), rows),
            "format": pa.repeat(pa.scalar(self._format, pa.string()), rows),
            **columns,
        }
        return pa.table([given.get(field.name, pa.nulls(rows, field.type)) for field in label_schema()], schema=label_schema())

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._rows:
            return
        names = (*Record._fields, "annotation_id", "source")
        columns: dict[str, Sequence[Any]] = dict(zip(names, zip(*self._rows, strict=True), strict=True))
        columns["format"] = [self._format] * len(self._rows)
        schema = label_schema()
        plain = [name for name in schema.names if name != "bbox"]
        arrays = {name: pa.array(columns[name], schema.field(name).type) for name in plain}
        self._chunks.append(pa.table({**arrays, "bbox": bbox_array(columns["bbox"], schema.field("bbox").type)}, schema=schema))
        self._rows = []


def number(value: Any) -> float | None:
    """Return a JSON number, or the text of a decimal one, as a double (infinite beyond its range); ``None`` for anything else."""
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return float(value) if type(value) is str and _DECIMAL.fullmatch(value) else None


def whole(value: Any) -> int | None:
    """Return a whole number (``80``, ``80.0``, ``"80"``); ``None`` for anything else."""
    if type(value) is int:
        return value
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def pixels(value: Any) -> int | None:
    """Return a side in pixels that fits an Arrow int32; ``None`` for anything else, and for 0, by which tools mean "not known"."""
    side = whole(value)
    return side if side and -(2**31) <= side < 2**31 else None


def clean_text(value: str) -> str:
    """Return text that UTF-8 can hold: a lone surrogate stands as ``\\udNNN``."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def json_text(value: Any) -> str | None:
    """Return strict JSON with every number as it was parsed; ``None`` where it is not finite or too deeply nested."""
    try:
        return clean_text(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (ValueError, RecursionError):
        return None


def attributes_text(attributes: dict[str, Any]) -> str | None:
    """Return a JSON object of what is left over; values that strict JSON cannot hold stand as text."""
    if not attributes:
        return None
    return json_text(attributes) or json_text({str(key): item if json_text(item) else excerpt(item) for key, item in attributes.items()})


def excerpt(value: Any) -> str:
    """Return a value as a short text for a message."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= _LONGEST_EXCERPT else text[: _LONGEST_EXCERPT - 1] + "…"

"""Prediction files of any format to columns of the ``predictions`` table."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.arguments import check_ratio
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError
from airflow_cv_dataops.core.labels.annotation_files import Source, SourceFile, open_source, read_file
from airflow_cv_dataops.core.labels.formats.coco_values import unnamed_categories
from airflow_cv_dataops.core.labels.other_files import advice_instead
from airflow_cv_dataops.core.labels.reading import Classes, resolve_classes
from airflow_cv_dataops.core.labels.records import MALFORMED_RECORD, UNPARSABLE_PREDICTION, Problem, bbox_array, clean_text
from airflow_cv_dataops.core.labels.unread_files import UnreadFiles
from airflow_cv_dataops.core.predictions import pixel_probabilities as pixels
from airflow_cv_dataops.core.predictions.arguments import check_one_naming, check_prediction_format
from airflow_cv_dataops.core.predictions.class_probabilities import Probabilities, invalid_rows, read_probabilities
from airflow_cv_dataops.core.predictions.coco_results import CocoReference, NumberedImages, parse_results, read_reference
from airflow_cv_dataops.core.predictions.named_rows import read_ids
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.objects import Place, normalize_uri, without_credentials
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.store.uris import told_uri

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_EXTENSIONS = {"coco": (".json",), "probabilities": (".parquet", ".csv", ".npz", ".npy"), "pixel_probabilities": pixels.EXTENSIONS}
_NO_OPTIONS: Mapping[str, Any] = {}
_ROWS_PER_CHUNK = 10_000


@dataclass(frozen=True)
class Predictions:
    """What was read from a source, before it is joined to images.

    :param rows: columns of ``predictions`` and ``alternative_name``, a second name for the image.
    :param files: prediction files read, unparsable ones included.
    :param records: predictions found in the files, malformed ones included.
    :param format: ``coco``, ``probabilities`` or ``pixel_probabilities``.
    :param dead_links: URIs of the links in the source behind which nothing is.
    :param named_by: URI of the file that says what the images are called; ``None``: each prediction file does.
    """

    rows: pa.Table
    problems: tuple[Problem, ...]
    files: int
    bytes: int
    records: int
    format: str
    dead_links: Sequence[str] = ()
    named_by: str | None = None


def read_predictions(
    source: str,
    *,
    model: str,
    format: str = "auto",  # noqa: A002 (the word of the data model)
    coco_reference: str | PathLike[str] | Place | None = None,
    classes: Classes | None = None,
    id_column: str | None = None,
    ids: str | PathLike[str] | Place | Sequence[str] | None = None,
    pattern: str | None = None,
    exclude: Sequence[str] | None = None,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    max_unreadable_ratio: float = 0.0,
) -> Predictions:
    """Read one prediction file, or every one below a prefix.

    :param format: ``coco`` (results JSON), ``probabilities`` (Parquet, CSV, ``.npz``, ``.npy``), ``pixel_probabilities`` (an ``.npy`` or
        ``.npz`` for each image), or ``auto``: by extension, one of the first two.
    :param coco_reference: URI of the COCO annotations file whose images and categories a results file refers to.
    :param classes: class names, or the URI of a file with them; see :func:`read_probabilities`. In a results file: by category id, instead
        of a ``coco_reference``.
    :param ids: image names of an ``.npy``, or the URI of a file with them.
    :param pattern: glob that the path of a prediction file below the prefix has to match, whatever its case; default: every path does.
    :param exclude: globs of files below the prefix that are not looked at; default: none. Hidden and house-keeping files never are.
    :param max_unreadable_ratio: share of the prediction files, 0 to 1, that may be listed and not be read; these become problems.
    :raises EmptySourceError: there is no such source, or no prediction file in it.
    :raises SourceError: it cannot be listed, more files than ``max_unreadable_ratio`` allows cannot be read, or none can be used.
    :raises StoreError: the store does not answer, or refuses.
    :raises ConfigurationError: an argument cannot be used.
    """
    check_prediction_format(format)
    check_ratio("max_unreadable_ratio", max_unreadable_ratio)
    opened = open_source(source, source_options, pattern=pattern, exclude=exclude)
    wanted = format if format != "auto" else _format_of(opened.wanted)
    reference = None if coco_reference is None else Place.of(coco_reference, source_options)
    ids = Place.of(ids, source_options) if isinstance(ids, (str, PathLike)) else ids
    beside = {without_credentials(normalize_uri(place.uri)) for place in (reference, ids) if isinstance(place, Place)}
    found_there = opened.select(_EXTENSIONS[wanted], named_by_image=wanted == "pixel_probabilities")
    files = [file for file in found_there if file.uri not in beside]
    if not files:
        raise _no_prediction_file(opened, source, format, wanted, found_there)
    check_one_naming(wanted, reference, classes)
    names = None if classes is None else resolve_classes(classes, source_options)
    reader = _Reader(model, wanted, _reference(reference, names), names, id_column, _ids(ids))
    unread = UnreadFiles(opened, len(files), max_unreadable_ratio)
    progress = Progress("prediction files", len(files), log)
    is_pixels = wanted == "pixel_probabilities"
    for file, found in pixels.look_at(opened, files, names) if is_pixels else opened.read(files):
        progress.advance()
        if isinstance(found, OSError):
            unread.add(file, found)
        if isinstance(found, bytes):
            reader.read(file, found)
        elif isinstance(found, pixels.PixelFile):
            reader.take_pixels(file, found)
        else:
            reader.leave_out(file, found)
    unread.check()
    named_by = reference or (ids if isinstance(ids, Place) else None)
    uri = None if named_by is None else without_credentials(normalize_uri(named_by.uri))
    return replace(reader.finish(source), dead_links=opened.dead_links, named_by=uri)


def _no_prediction_file(opened: Source, source: str, format: str, wanted: str, left_out: Sequence[SourceFile]) -> Exception:  # noqa: A002
    """Say that no file is left to be read.

    :param left_out: files that say what the predictions mean, and so are none themselves.
    """
    where = f"No prediction file in {told_uri(source)}"
    if left_out:
        shown = ", ".join(file.uri for file in left_out[:2])
        named = "coco_reference" if wanted == "coco" else "ids"
        why = f"{shown} is given as `{named}`, which says what predictions mean, and so is not read for predictions"
        error = ConfigurationError if opened.is_file else EmptySourceError
        return error(f"{where}: {why}. Give the file of the predictions themselves, or a prefix with it, as `source`.")
    formats = ("probabilities", "coco") if format == "auto" else (wanted,)
    expected = " or ".join(f"{', '.join(_EXTENSIONS[name])} for {name}" for name in formats)
    return EmptySourceError(f"{where}: expected {expected}.{advice_instead(opened.wanted)}")


def no_predictions(format: str) -> Predictions:  # noqa: A002
    """Return what a source without prediction files holds."""
    return Predictions(_schema().empty_table(), (), 0, 0, 0, format)


class _Reader:
    def __init__(
        self,
        model: str,
        format: str,  # noqa: A002
        reference: CocoReference,
        classes: Mapping[int, str] | None,
        id_column: str | None,
        ids: Sequence[str] | None,
    ) -> None:
        self._model = model
        self._format = format
        self._reference = reference
        self._classes = classes
        self._id_column = id_column
        self._ids = ids
        self._agreed: tuple[str, ...] | None = None
        self._chunks: list[pa.Table] = []
        self._problems: list[Problem] = []
        self._files = self._bytes = self._records = self._unused = 0
        self._numbered = NumberedImages()

    def read(self, file: SourceFile, data: bytes) -> None:
        """Take one file; one that cannot be parsed as a whole is a problem."""
        self._bytes += len(data)
        try:
            self._chunks += self._results(file, data) if self._format == "coco" else self._distributions(file, data)
        except ConfigurationError:
            raise
        except ValueError as error:
            self.leave_out(file, error)
            return
        self._files += 1

    def leave_out(self, file: SourceFile, why: Exception) -> None:
        """Take nothing of a file: that is a problem."""
        self._files += 1
        self._unused += 1
        what = "use the file of pixel probabilities" if self._format == "pixel_probabilities" else "read the prediction file"
        self._note(file, UNPARSABLE_PREDICTION, f"Cannot {what}: {why}")

    def take_pixels(self, file: SourceFile, found: pixels.PixelFile) -> None:
        """Take one file of pixel probabilities: one prediction, which names the file; its numbers stay where they are."""
        import pyarrow as pa

        self._files += 1
        self._records += 1
        self._bytes += found.bytes
        texts = {"file_name": found.image, "task": "segmentation", "pixel_probabilities": file.uri}
        columns = {name: pa.array([text], pa.string()) for name, text in texts.items()}
        self._chunks.append(self._table(file, [0], {**columns, "classes": _repeated(json.dumps(found.classes, ensure_ascii=False), 1)}))

    def finish(self, source: str) -> Predictions:
        import pyarrow as pa

        if self._unused == self._files:
            raise SourceError(f"No prediction file of {told_uri(source)} can be used. {self._problems[0].told}.")
        self._numbered.log(log)
        rows = pa.concat_tables(self._chunks) if self._chunks else _schema().empty_table()
        return Predictions(rows, tuple(self._problems), self._files, self._bytes, self._records, self._format)

    def _results(self, file: SourceFile, data: bytes) -> list[pa.Table]:
        import pyarrow as pa

        lost: list[str] = []
        unnamed: dict[str, int] = {}
        found = parse_results(data, self._reference, lost.append, unnamed)
        self._records += len(found.ordinal) + len(lost)
        for message in (*lost, *unnamed_categories(unnamed, self._reference.source)):
            self._note(file, MALFORMED_RECORD, message)
        if not found.ordinal:
            return []
        self._numbered.add(found, file.uri)
        schema = _schema()
        columns = {name: values for name, values in vars(found).items() if name not in ("ordinal", "bbox")}
        arrays = {name: pa.array(values, schema.field(name).type) for name, values in columns.items()}
        return [self._table(file, found.ordinal, {**arrays, "bbox": bbox_array(found.bbox, schema.field("bbox").type)})]

    def _distributions(self, file: SourceFile, data: bytes) -> list[pa.Table]:
        found = read_probabilities(data, file.path, id_column=self._id_column, classes=self._classes, ids=self._ids)
        self._agreed = self._agreed or found.classes
        if found.classes != self._agreed:
            raise ValueError(f"its {len(found.classes):,} classes differ from the {len(self._agreed):,} of the first file")
        problems = invalid_rows(found)
        self._records += len(found.ids)
        for row, problem in sorted(problems.items()):
            self._note(file, MALFORMED_RECORD, f"Row {row} ({found.ids[row]}) {problem}.")
        kept = [row for row in range(len(found.ids)) if row not in problems]
        return [self._block(file, found, kept[start : start + _ROWS_PER_CHUNK]) for start in range(0, len(kept), _ROWS_PER_CHUNK)]

    def _block(self, file: SourceFile, found: Probabilities, kept: list[int]) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        values = found.values[kept]
        best = values.argmax(axis=1)
        score = np.clip(values[np.arange(len(kept)), best].astype(np.float64), 0.0, 1.0)
        columns = {
            "file_name": pa.array([found.ids[row] for row in kept], pa.string()),
            "task": pa.array(["classification"] * len(kept), pa.string()),
            "category": pa.array(found.classes, pa.string()).take(pa.array(best)),
            "score": pa.array(score),
            "probabilities": _lists(values),
            "classes": _repeated(json.dumps(found.classes, ensure_ascii=False), len(kept)),
        }
        if found.embeddings is not None:
            columns["embedding"] = _lists(found.embeddings[kept])
        return self._table(file, kept, columns)

    def _table(self, file: SourceFile, ordinals: Sequence[int], columns: Mapping[str, pa.Array]) -> pa.Table:
        """Return the columns with ids and source, in the order of the schema."""
        import pyarrow as pa

        prefix = hashlib.sha256(f"{self._model}\0{file.path}\0".encode())
        known = {
            **columns,
            "prediction_id": pa.array([_digest(prefix, ordinal) for ordinal in ordinals], pa.string()),
            "source": pa.array([file.uri] * len(ordinals), pa.string()),
        }
        schema = _schema()
        return pa.table([known.get(field.name, pa.nulls(len(ordinals), field.type)) for field in schema], schema=schema)

    def _note(self, file: SourceFile, check: str, message: str) -> None:
        self._problems.append(Problem(check, file.uri, clean_text(message)))


def _format_of(paths: Sequence[str]) -> str:
    """Return the format by extension: probabilities where there is any such file, else COCO results."""
    found = [path for path in paths if path.lower().endswith(_EXTENSIONS["probabilities"])]
    return "probabilities" if found else "coco"


def _reference(place: Place | None, classes: Mapping[int, str] | None) -> CocoReference:
    named = None if classes is None else {str(index): name for index, name in classes.items() if name}
    if place is None:
        return CocoReference(categories=named, source="`classes`")
    uri = without_credentials(place.uri)
    try:
        return read_reference(read_file(place), uri)
    except ValueError as error:
        raise ConfigurationError(f"coco_reference {uri} cannot be used: {error}") from error


def _ids(ids: Place | Sequence[str] | None) -> Sequence[str] | None:
    if not isinstance(ids, Place):
        return ids
    try:
        return read_ids(read_file(ids), ids.uri)
    except ValueError as error:
        raise ConfigurationError(f"ids {told_uri(ids.uri)} cannot be used: {error}") from error


def _schema() -> pa.Schema:
    import pyarrow as pa

    unknown = ("partition_key", "model", "model_version", "image_id", "source_uri")
    fields = [field for field in arrow_schema("predictions") if field.name not in unknown]
    schema = pa.schema([*fields, pa.field("alternative_name", pa.string())])
    # The names of 1,000 classes are some 10 kB, and the same in every row.
    return schema.set(schema.get_field_index("classes"), pa.field("classes", pa.dictionary(pa.int32(), pa.string())))


def _digest(prefix: Any, ordinal: int) -> str:
    digest = prefix.copy()
    digest.update(str(ordinal).encode())
    return digest.hexdigest()[:32]


def _repeated(text: str, rows: int) -> pa.DictionaryArray:
    import numpy as np
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text], pa.string()))


def _lists(values: Any) -> pa.ListArray:
    """Return the rows of a matrix as single-precision lists."""
    import numpy as np
    import pyarrow as pa

    rows, width = values.shape
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(width))
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel()))

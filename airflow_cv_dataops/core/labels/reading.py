"""Label files of any format to records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from airflow_cv_dataops.core.arguments import check_ratio
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError
from airflow_cv_dataops.core.labels.annotation_files import Source, SourceFile, open_source, read_file
from airflow_cv_dataops.core.labels.formats.coco_reader import parse_coco
from airflow_cv_dataops.core.labels.formats.csv_reader import CsvColumns, parse_csv
from airflow_cv_dataops.core.labels.formats.voc_reader import parse_voc
from airflow_cv_dataops.core.labels.formats.yolo_reader import class_names, is_image_list, parse_classes, parse_yolo
from airflow_cv_dataops.core.labels.records import UNPARSABLE_LABEL, Labels, RecordBuilder
from airflow_cv_dataops.core.labels.unread_files import UnreadFiles
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.objects import Place, without_credentials

log = logging.getLogger(__name__)

FORMATS = ("coco", "voc", "yolo", "csv")

_EXTENSIONS = {"coco": (".json",), "voc": (".xml",), "yolo": (".txt",), "csv": (".csv", ".tsv")}
_NAMED_BY_IMAGE = frozenset(("voc", "yolo"))
_NO_OPTIONS: Mapping[str, Any] = {}
_CLASS_FILES = ("classes.txt", "obj.names", "data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_NOT_LABELS = frozenset(("classes.txt", "readme.txt", "license.txt", "readme.dataset.txt", "readme.roboflow.txt"))

Classes = Sequence[str] | Mapping[int, str] | str | PathLike[str] | Place
Parser = Callable[[SourceFile, bytes, RecordBuilder], None]


def read_labels(
    source: str,
    *,
    format: str,  # noqa: A002 (the word of the data model)
    label_set: str = "default",
    classes: Classes | None = None,
    csv_columns: CsvColumns | Mapping[str, str] | None = None,
    pattern: str | None = None,
    exclude: Sequence[str] | None = None,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    max_unreadable_ratio: float = 0.0,
) -> Labels:
    """Read one label file, or every file with the format's extension below a prefix.

    A file or record that was read and cannot be used becomes a problem of the result, never an exception.

    :param format: ``coco``, ``voc``, ``yolo`` or ``csv``.
    :param classes: YOLO's class names, or the URI of a file with them (a bare URI is opened with ``source_options``); default:
        ``classes.txt``, ``obj.names``, ``*.names`` or ``data.yaml`` in the source.
    :param csv_columns: which columns of a CSV say what.
    :param pattern: glob that the path of a label file below the prefix has to match, whatever its case; default: every path does.
    :param exclude: globs of files below the prefix that are not looked at; default: none. Hidden and house-keeping files never are.
    :param source_options: obstore's configuration for the source.
    :param max_unreadable_ratio: share of the label files, 0 to 1, that may be listed and not be read; these become problems, too.
    :raises EmptySourceError: there is no such source, or no label file in it.
    :raises SourceError: it cannot be listed, or more files than ``max_unreadable_ratio`` allows cannot be read.
    :raises StoreError: the store does not answer, or refuses.
    :raises ConfigurationError: the format is unknown, YOLO's class names are nowhere, or a CSV's columns are not found.
    """
    if format not in FORMATS:
        raise ConfigurationError(f"Label format {format!r} is unknown: expected one of {', '.join(FORMATS)}.")
    check_ratio("max_unreadable_ratio", max_unreadable_ratio)
    opened = open_source(source, source_options, pattern=pattern, exclude=exclude)
    files = _label_files(opened, format)
    if not files:
        wanted = " or ".join(_EXTENSIONS[format])
        raise EmptySourceError(f"No label file in {without_credentials(source)}: expected {wanted} for {format}.")
    records = RecordBuilder(label_set, format)
    parse = _parser(format, opened, classes, csv_columns, source_options)
    refused: list[ConfigurationError] = []
    unread = UnreadFiles(opened, len(files), max_unreadable_ratio)
    progress = Progress("label files", len(files), log)
    for file, data in opened.read(files):
        progress.advance()
        if isinstance(data, bytes) and format == "yolo" and is_image_list(data):
            continue
        records.start_file(file.path, file.uri, len(data) if isinstance(data, bytes) else 0)
        if not isinstance(data, bytes):
            unread.add(file, data)
            records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: {data}")
            continue
        try:
            parse(file, data, records)
        except ConfigurationError as error:
            refused.append(error)
            records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: {error}")
    unread.check()
    if len(refused) == len(files):
        raise ConfigurationError(f"{without_credentials(source)}: {refused[0]}")
    return replace(records.finish(), dead_links=opened.dead_links)


def no_labels(format: str, label_set: str) -> Labels:  # noqa: A002
    """Return what a source without label files holds."""
    return RecordBuilder(label_set, format).finish()


def _label_files(source: Source, format: str) -> list[SourceFile]:  # noqa: A002
    files = source.select(_EXTENSIONS[format], named_by_image=format in _NAMED_BY_IMAGE)
    return [file for file in files if format != "yolo" or file.path.rpartition("/")[2].lower() not in _NOT_LABELS]


def _parser(
    format: str,  # noqa: A002
    source: Source,
    classes: Classes | None,
    csv_columns: CsvColumns | Mapping[str, str] | None,
    options: Mapping[str, Any],
) -> Parser:
    if format == "coco":
        return lambda file, data, records: parse_coco(data, records)
    if format == "voc":
        return lambda file, data, records: parse_voc(data, file.path, records)
    if format == "yolo":
        names = resolve_classes(classes, options) if classes is not None else _classes_in(source)
        return lambda file, data, records: parse_yolo(data, file.path, names, records)
    columns = _csv_columns(csv_columns)
    return lambda file, data, records: parse_csv(data, columns, records)


def resolve_classes(classes: Classes, options: Mapping[str, Any] = _NO_OPTIONS) -> dict[int, str]:
    """Return class names by index from names, or from the file that a URI names.

    :raises ConfigurationError: there are no names in it.
    :raises SourceError: the file cannot be read.
    """
    if not isinstance(classes, (str, PathLike, Place)):
        return class_names(classes)
    place = Place.of(classes, options)
    return parse_classes(read_file(place), without_credentials(place.uri))


def _classes_in(source: Source) -> dict[int, str]:
    """Read the class file nearest to the top of the source."""
    wanted = [path for path in source.paths if not source.is_file and _is_class_file(path.rpartition("/")[2].lower())]
    if not wanted:
        raise ConfigurationError(f"YOLO labels need class names: give `classes`, or put one of {', '.join(_CLASS_FILES)} into the source.")
    nearest = min(wanted, key=lambda path: (path.count("/"), path))
    ((_, data),) = source.read([source.file(nearest)])
    if not isinstance(data, bytes):
        raise SourceError(f"Cannot read class names from {nearest}: {data}")
    return parse_classes(data, nearest)


def _is_class_file(name: str) -> bool:
    return name in _CLASS_FILES or name.endswith(".names")


def _csv_columns(columns: CsvColumns | Mapping[str, str] | None) -> CsvColumns:
    if columns is None or isinstance(columns, CsvColumns):
        return columns or CsvColumns()
    try:
        return CsvColumns(**columns)
    except TypeError as error:
        raise ConfigurationError(f"csv_columns={columns!r} is not some of file, label, annotator, labeled_at: {error}") from error

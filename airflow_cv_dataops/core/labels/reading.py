"""Label files of any format to records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from airflow_cv_dataops.core.arguments import as_names_or_uri, check_ratio
from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError
from airflow_cv_dataops.core.labels.annotation_files import Source, SourceFile, open_source, read_file
from airflow_cv_dataops.core.labels.arguments import check_label_format
from airflow_cv_dataops.core.labels.file_names import strip_extension
from airflow_cv_dataops.core.labels.formats.coco_reader import parse_coco
from airflow_cv_dataops.core.labels.formats.csv_columns import CsvColumns
from airflow_cv_dataops.core.labels.formats.csv_reader import parse_csv
from airflow_cv_dataops.core.labels.formats.voc_reader import parse_voc
from airflow_cv_dataops.core.labels.formats.yolo_classes import ClassFile, class_names, parse_classes
from airflow_cv_dataops.core.labels.other_files import advice_instead
from airflow_cv_dataops.core.labels.records import UNPARSABLE_LABEL, Labels, RecordBuilder
from airflow_cv_dataops.core.labels.unread_files import UnreadFiles
from airflow_cv_dataops.core.labels.yolo_source import YoloSource
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.objects import Place, without_credentials
from airflow_cv_dataops.core.store.uris import told_uri

log = logging.getLogger(__name__)

_EXTENSIONS = {"coco": (".json",), "voc": (".xml",), "yolo": (".txt",), "csv": (".csv", ".tsv")}
_NAMED_BY_IMAGE = frozenset(("voc", "yolo"))
_NO_OPTIONS: Mapping[str, Any] = {}
Classes = Sequence[str] | Mapping[int, str] | str | PathLike[str] | Place
Parser = Callable[[SourceFile, bytes, RecordBuilder], None]


def read_labels(
    source: str,
    *,
    format: str,  # noqa: A002 (the word of the data model)
    label_set: str = "default",
    classes: Classes | None = None,
    csv_columns: CsvColumns | Mapping[str, Any] | None = None,
    pattern: str | None = None,
    exclude: Sequence[str] | None = None,
    source_options: Mapping[str, Any] = _NO_OPTIONS,
    max_unreadable_ratio: float = 0.0,
) -> Labels:
    """Read one label file, or every file with the format's extension below a prefix.

    A file or record that was read and cannot be used becomes a problem of the result, never an exception.

    :param format: ``coco``, ``voc``, ``yolo`` or ``csv``.
    :param classes: YOLO's class names (a list, or a text with commas), or the URI of a file with them (a bare URI is opened with
        ``source_options``); default: the class file nearest above each label file: ``classes.txt``, ``obj.names``, ``*.names``, or a
        YAML with ``names``.
    :param csv_columns: which columns of a CSV say what, by name, or by position where the CSV has no header.
    :param pattern: glob that the path of a label file below the prefix has to match, whatever its case; default: every path does.
    :param exclude: globs of files below the prefix that are not looked at; default: none. Hidden and house-keeping files never are.
    :param source_options: obstore's configuration for the source.
    :param max_unreadable_ratio: share of the label files, 0 to 1, that may be listed and not be read; these become problems, too.
    :raises EmptySourceError: there is no such source, or no label file in it.
    :raises SourceError: it cannot be listed, or more files than ``max_unreadable_ratio`` allows cannot be read.
    :raises StoreError: the store does not answer, or refuses.
    :raises ConfigurationError: the format is unknown, YOLO's class names are nowhere or not clear, or a CSV's columns are not found.
    """
    check_label_format(format)
    check_ratio("max_unreadable_ratio", max_unreadable_ratio)
    opened = open_source(source, source_options, pattern=pattern, exclude=exclude)
    files = opened.select(_EXTENSIONS[format], named_by_image=format in _NAMED_BY_IMAGE)
    yolo = YoloSource(opened, _given_classes(classes, source_options)) if format == "yolo" and files else None
    files = yolo.label_files(files) if yolo else files
    if not files:
        raise _no_label_file(opened, source, format)
    records = RecordBuilder(label_set, format)
    parse = yolo.parse if yolo else _parser(format, csv_columns, files)
    refused: list[ConfigurationError] = []
    unread = UnreadFiles(opened, len(files), max_unreadable_ratio)
    progress = Progress("label files", len(files), log)
    for file, data in opened.read(files):
        progress.advance()
        if yolo and isinstance(data, bytes) and not yolo.holds_labels(file, data):
            continue
        records.start_file(file.path, file.uri, len(data) if isinstance(data, bytes) else 0)
        if not isinstance(data, bytes):
            unread.add(file, data)
            records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: {data}")
            continue
        try:
            parse(file, data, records)
        except ConfigurationError as error:
            if yolo:
                raise
            refused.append(error)
            records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: {error}")
    data = b""  # a large file's bytes are more than its rows
    unread.check()
    if len(refused) == len(files):
        raise ConfigurationError(f"{told_uri(source)}: {refused[0]}")
    problems = yolo.finish(records) if yolo else ()
    labels = records.finish()
    if not labels.files:
        raise _no_label_file(opened, source, format)
    return replace(labels, problems=(*labels.problems, *problems), dead_links=opened.dead_links)


def no_labels(format: str, label_set: str) -> Labels:  # noqa: A002
    """Return what a source without label files holds."""
    return RecordBuilder(label_set, format).finish()


def _no_label_file(opened: Source, source: str, format: str) -> EmptySourceError:  # noqa: A002
    wanted = " or ".join(_EXTENSIONS[format])
    others = " that is no list of images or classes and no README" if format == "yolo" else ""
    hint = advice_instead(opened.wanted)
    return EmptySourceError(f"No label file in {told_uri(source)}: expected {wanted} for {format}{others}.{hint}")


def _parser(format: str, csv_columns: CsvColumns | Mapping[str, Any] | None, files: Sequence[SourceFile]) -> Parser:  # noqa: A002
    if format == "coco":
        return lambda file, data, records: parse_coco(data, records)
    if format == "voc":
        siblings = frozenset(strip_extension(file.path) for file in files)
        return lambda file, data, records: parse_voc(data, file.path, records, siblings)
    columns = CsvColumns.of(csv_columns)
    return lambda file, data, records: parse_csv(data, columns, records)


def resolve_classes(classes: Classes, options: Mapping[str, Any] = _NO_OPTIONS) -> dict[int, str]:
    """Return class names by index from names, or from the file that a URI names; a name that is left out is blank.

    :raises ConfigurationError: there are no names in it.
    :raises SourceError: the file cannot be read.
    """
    return dict(_class_file(classes, options).names)


def _given_classes(classes: Classes | None, options: Mapping[str, Any]) -> ClassFile | None:
    return None if classes is None else _class_file(classes, options)


def _class_file(classes: Classes, options: Mapping[str, Any]) -> ClassFile:
    given = as_names_or_uri("classes", classes) if isinstance(classes, str) else classes
    if isinstance(given, (str, PathLike, Place)):
        place = Place.of(given, options)
        return parse_classes(read_file(place), without_credentials(place.uri))
    return ClassFile(class_names(given))

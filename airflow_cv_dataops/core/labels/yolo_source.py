"""The text files of a YOLO source, one after the other: labels with their classes, and what only lies among them."""

from __future__ import annotations

import logging
from functools import cached_property

from airflow_cv_dataops.core.labels.annotation_files import Source, SourceFile
from airflow_cv_dataops.core.labels.class_files import ClassFiles
from airflow_cv_dataops.core.labels.file_names import has_image_extension, strip_extension, without_layout
from airflow_cv_dataops.core.labels.formats.yolo_classes import ClassFile, UnnamedClasses
from airflow_cv_dataops.core.labels.formats.yolo_reader import is_comment, parse_yolo
from airflow_cv_dataops.core.labels.formats.yolo_texts import TextKind, is_named_otherwise, may_be_of_an_image, text_kind
from airflow_cv_dataops.core.labels.records import UNSUPPORTED_LABEL, Problem, RecordBuilder, excerpt

log = logging.getLogger(__name__)

_NO_CLASSES = ClassFile({})
_NO_LABEL = "No line of the file is a label"


class YoloSource:
    """Reads the text files of a source.

    :param given: class names that outweigh the source's class files.
    """

    def __init__(self, source: Source, given: ClassFile | None) -> None:
        self._is_file = source.is_file
        self._paths = source.paths
        self._classes = ClassFiles(source, given)
        self._unnamed = UnnamedClasses()
        self._left_out: list[str] = []
        self._prose: list[tuple[SourceFile, bytes]] = []
        self._folders: set[str] = set()

    def label_files(self, files: list[SourceFile]) -> list[SourceFile]:
        """Return the files that may be label files by their names; the others are counted."""
        if self._is_file:
            return files
        self._left_out += [file.path for file in files if is_named_otherwise(file.path)]
        return [file for file in files if not is_named_otherwise(file.path)]

    def holds_labels(self, file: SourceFile, data: bytes) -> bool:
        """Say whether a file is to be parsed; :meth:`finish` tells of the others. A source that is one file is always parsed."""
        is_of_image = not self._is_file and may_be_of_an_image(file.path) and _image(file.path) in self._images
        kind = TextKind.LABELS if self._is_file else text_kind(file.path, data, is_of_image=is_of_image)
        if kind is TextKind.OTHER:
            self._left_out.append(file.path)
        elif kind is TextKind.PROSE:
            self._prose.append((file, data[:200]))
        else:
            self._folders.add(_folder(file))
        return kind is TextKind.LABELS

    @cached_property
    def _images(self) -> frozenset[str]:
        """What label files of the source's images would be called, a layout's folders aside; empty where the images lie elsewhere."""
        return frozenset(map(_image, filter(has_image_extension, self._paths)))

    def parse(self, file: SourceFile, data: bytes, records: RecordBuilder) -> None:
        """Add the labels of a file. :raises ConfigurationError: it cannot be told what its classes are called."""
        parse_yolo(data, file.path, self._classes.of(file.path) if data.strip() else _NO_CLASSES, records, self._unnamed)

    def finish(self, records: RecordBuilder) -> tuple[Problem, ...]:
        """Note the texts in which no line is a label, and return the problems of the source as a whole.

        Beside label files, or where there are none at all, such a text is taken for a damaged label file; else for a note.
        """
        notes = 0
        for file, start in self._prose:
            records.start_file(file.path, file.uri, len(start))
            text = start.decode("utf-8-sig", "replace").strip()
            shown = excerpt(text)
            is_comments = all(map(is_comment, text.splitlines()))
            what = "The file holds comments (#) alone, where one that says that nothing is there is empty" if is_comments else _NO_LABEL
            if not self._folders or _folder(file) in self._folders:
                records.lost(f"{what}, and it lies where label files do: {shown}")
            else:
                notes += 1
                records.problem(UNSUPPORTED_LABEL, f"Not read as labels, as no line of it begins with a number: {shown}")
        if notes:
            log.warning("%d text files are not read as labels, as no line of theirs begins with a number: see the findings", notes)
        if self._left_out:
            log.info("%d text files are no label files, as names or contents say; the first: %s", len(self._left_out), self._left_out[0])
        return self._unnamed.problems()


def _image(path: str) -> str:
    """Return what an image and its label file have in common."""
    return without_layout(strip_extension(path))


def _folder(file: SourceFile) -> str:
    return file.path.rpartition("/")[0]

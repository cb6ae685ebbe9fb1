"""Which class file of a YOLO source counts for which label file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.labels.annotation_files import Source
from airflow_cv_dataops.core.labels.formats.yolo_classes import ClassFile, parse_classes, states_classes

log = logging.getLogger(__name__)

CLASS_FILES = ("classes.txt", "obj.names", "data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_YAML = (".yaml", ".yml")
_EXPECTED = f"{', '.join(CLASS_FILES)}, or another *.names, or another *.yaml with `names`"


class ClassFiles:
    """The class files of a source.

    Of a label file counts the class file that is nearest above it: in its own folder, else in the one above, up to the source's root; where
    there is none, the one of the source, wherever it lies. ``kpt_shape`` is that of the nearest YAML, where names come from a text.

    :param given: what the caller says, which outweighs the source's files; a ``kpt_shape`` that it lacks is taken from them.
    :raises ConfigurationError: a class file cannot be used.
    :raises SourceError: one cannot be read.
    """

    def __init__(self, source: Source, given: ClassFile | None) -> None:
        self._source = source
        self._given = given
        self._files = _read(source, strict=given is None)
        self._known: dict[str, ClassFile] = {}

    def of(self, path: str) -> ClassFile:
        """Return what counts for a label file. :raises ConfigurationError: there is nothing, or class files disagree."""
        folder = path.rpartition("/")[0]
        if folder not in self._known:
            self._known[folder] = self._find(folder)
        return self._known[folder]

    def _find(self, folder: str) -> ClassFile:
        if self._given is None and not self._files:
            outside = self._source.found_outside(CLASS_FILES)
            hint = (
                f" There is {outside}, outside the source: give it as `classes`, or the folder that it lies in as the source."
                if outside
                else ""
            )
            raise ConfigurationError(
                f"YOLO labels need class names: give `classes`, or put one of these into the source: {_EXPECTED}.{hint}"
            )
        found = self._given or self._nearest(folder, self._files)
        # Names count as given; of a text they say nothing of keypoints.
        shapes = [replace(file, names=found.names) for file in self._files if _is_yaml(file)]
        if not shapes or found.keypoints is not None or _is_yaml(found):
            return found
        return replace(found, keypoints=self._nearest(folder, shapes).keypoints)

    def _nearest(self, folder: str, files: Sequence[ClassFile]) -> ClassFile:
        above = {folder}
        while folder:
            folder = folder.rpartition("/")[0]
            above.add(folder)
        nearest = max((_folder(file) for file in files if _folder(file) in above), key=len, default=None)
        if nearest is None:
            return _agreed(files, "no class file lies above some of the labels")
        return _agreed([file for file in files if _folder(file) == nearest], "they lie in one folder")


def is_class_file(path: str) -> bool:
    """Say whether a file is a class file by its name."""
    name = path.rpartition("/")[2].lower()
    return name in CLASS_FILES or name.endswith(".names")


def _read(source: Source, *, strict: bool) -> list[ClassFile]:
    if source.is_file:
        return []
    paths = [path for path in source.paths if is_class_file(path) or path.lower().endswith(_YAML)]
    found: list[ClassFile] = []
    refused: list[ConfigurationError] = []
    for file, data in source.read([source.file(path) for path in paths]):
        if not isinstance(data, bytes):
            raise SourceError(f"Cannot read class names from {file.path}: {data}")
        states_names = states_classes(data) if file.path.lower().endswith(_YAML) else True
        if not states_names and not is_class_file(file.path):
            continue
        try:
            found.append(parse_classes(data, file.path))
        except ConfigurationError as error:
            if strict and states_names:
                raise
            log.warning("%s is not taken for a class file: %s", file.path, error)
            refused.append(error)
    if strict and refused and not found:
        raise refused[0]
    return found


def _agreed(files: Sequence[ClassFile], why: str) -> ClassFile:
    """Return the one that says most. :raises ConfigurationError: two disagree; a text says nothing of keypoints."""
    best = max(files, key=_is_yaml)
    for file in files:
        if dict(file.names) != dict(best.names) or (_is_yaml(file) and file.keypoints != best.keypoints):
            raise ConfigurationError(
                f"The class files {file.source} and {best.source} disagree, and {why}: it cannot be told which counts. "
                "Leave one of them, or give `classes`."
            )
    return best


def _is_yaml(file: ClassFile) -> bool:
    return file.source.lower().endswith(_YAML)


def _folder(file: ClassFile) -> str:
    return file.source.rpartition("/")[0]

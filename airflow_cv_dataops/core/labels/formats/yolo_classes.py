"""YOLO's class files: what the numbers of classes are called, and how many keypoints an object has."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.records import MALFORMED_RECORD, Problem, clean_text, excerpt

log = logging.getLogger(__name__)

_INDEX = re.compile("[0-9]{1,18}")
_MOST_CLASSES_TOLD = 100


@dataclass(frozen=True)
class ClassFile:
    """What a class file says.

    :param names: class names by index; blank where the file leaves one out.
    :param keypoints: ``kpt_shape``: how many keypoints an object has, and how many numbers (2 or 3) each; ``None``: no keypoints.
    :param source: the file, for messages.
    """

    names: Mapping[int, str]
    keypoints: tuple[int, int] | None = None
    source: str = "`classes`"


@dataclass
class UnnamedClasses:
    """Counts labels of classes without name: one problem a class, however many files have it."""

    _labels: dict[tuple[str, int], int] = field(default_factory=dict)
    _first: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)

    def add(self, classes: ClassFile, index: int, source: str, line: int) -> None:
        """Count a label: the ``line`` of the file ``source``."""
        key = classes.source, index
        self._labels[key] = self._labels.get(key, 0) + 1
        self._first.setdefault(key, (source, line))

    def problems(self) -> tuple[Problem, ...]:
        """Return one for each class; for what is beyond a hundred classes, one together."""
        found = []
        for (classes, index), labels in list(self._labels.items())[:_MOST_CLASSES_TOLD]:
            source, line = self._first[classes, index]
            without = f"{labels:,} labels were kept without category, the first on line {line} of {source}"
            found.append(Problem(MALFORMED_RECORD, source, clean_text(f"Class {index} has no name in {classes}: {without}")))
        if left := list(self._labels)[_MOST_CLASSES_TOLD:]:
            labels = sum(self._labels[key] for key in left)
            message = f"{len(left):,} more classes have no name: {labels:,} labels were kept without category."
            found.append(Problem(MALFORMED_RECORD, self._first[left[0]][0], message))
        return tuple(found)


def parse_classes(data: bytes, name: str) -> ClassFile:
    """Return what a YAML (``names`` as list or mapping, ``kpt_shape``) or a text file with one name a line says.

    :raises ConfigurationError: the file holds no names, or a ``kpt_shape`` that is none.
    """
    try:
        text = data.decode("utf-8-sig")
        if not _is_yaml(name):
            return ClassFile(class_names([line.strip() for line in text.rstrip().splitlines()]), source=name)
        document = _yaml(text)
        stated = document if isinstance(document, dict) else {}
        names = class_names(stated.get("names"))
        _warn_of_count(stated.get("nc"), names, name)
        return ClassFile(names, _keypoint_shape(stated.get("kpt_shape")), name)
    except (UnicodeDecodeError, ConfigurationError, _NotYamlError) as error:
        raise ConfigurationError(f"Cannot read class names from {name}: {error}") from error


def states_classes(data: bytes) -> bool:
    """Say whether a YAML, whatever it is called, is a class file: it has ``names``, a list or a mapping."""
    try:
        document = _yaml(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, _NotYamlError):
        return False
    return isinstance(document, dict) and isinstance(document.get("names"), (list, dict))


def class_names(names: Any) -> dict[int, str]:
    """Return class names by index from a list, or a mapping of index to name.

    :raises ConfigurationError: it is neither, or empty.
    """
    if isinstance(names, Sequence) and not isinstance(names, (str, bytes)):
        names = dict(enumerate(names))
    if isinstance(names, Mapping) and names and all(_is_index(key) and _is_plain(name) for key, name in names.items()):
        return {int(index): "" if name is None else clean_text(str(name)).strip() for index, name in names.items()}
    shown = excerpt(names) if _is_plain(names) else f"a {type(names).__name__} of something else"
    raise ConfigurationError(f"Expected class names as a list or as a mapping of index to name, found {shown}")


class _NotYamlError(ValueError):
    pass


def _yaml(text: str) -> Any:
    """Parse YAML with every scalar as it is written: a class ``no`` or ``007`` is no truth value and no number."""
    import yaml

    try:
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 (it makes texts, lists and mappings, and nothing else)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise _NotYamlError(f"not YAML: {error}") from error


def _is_yaml(name: str) -> bool:
    return name.lower().endswith((".yaml", ".yml"))


def _is_index(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and value >= 0
    return isinstance(value, str) and _INDEX.fullmatch(value.strip()) is not None


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _keypoint_shape(shape: Any) -> tuple[int, int] | None:
    if shape in (None, "", "null", "~"):
        return None
    if isinstance(shape, list) and len(shape) == 2 and all(_is_index(side) for side in shape):
        points, values = map(int, shape)
        if 0 < points <= 10_000 and values in (2, 3):
            return points, values
    shown = excerpt(shape) if _is_plain(shape) else "something else"
    raise ConfigurationError(f"kpt_shape is [keypoints, 2 or 3], found {shown}")


def _warn_of_count(count: Any, names: Mapping[int, str], source: str) -> None:
    if _is_index(count) and int(count) != len(names):
        log.warning("%s says nc: %s, and names %d classes", source, count, len(names))

"""Which text files of a YOLO source are label files: class lists, lists of images, READMEs and notes lie among them."""

from __future__ import annotations

import enum
import re

from airflow_cv_dataops.core.labels.file_names import has_image_extension

# These are no label files whatever is in them.
_NEVER = re.compile(r"(readme|licen[cs]e|requirements|classes|changelog)\.txt")
# These are none unless a line of theirs is a label, or an image lies beside them that is called so: `val.jpg`.
_HARDLY_EVER = re.compile(
    r"((readme|licen[cs]e|requirements|classes|changelog)\..*|train|val|valid|validation|test|trainval|minival|default|all|notes?|notice|copying|"
    r"authors|todo|changes|attribution|info|labelmap|label_map|synsets|names|labels|environment|predefined_classes|obj_names|"
    r".*[._-](readme|notes?|list))\.txt"
)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SEPARATORS = re.compile(r"[\s,;]+")
_FEWEST_NUMBERS = 4


class TextKind(enum.Enum):
    LABELS = "labels"
    OTHER = "no label file, as its name or content says"
    PROSE = "no line of numbers; a note, or a label file that is damaged"


def is_named_otherwise(path: str) -> bool:
    """Say whether a text file is no label file, whatever is in it."""
    return _NEVER.fullmatch(_name(path)) is not None


def may_be_of_an_image(path: str) -> bool:
    """Say whether it takes an image of that name to tell that a text file is one of labels."""
    return _HARDLY_EVER.fullmatch(_name(path)) is not None


def text_kind(path: str, data: bytes, *, is_of_image: bool = False) -> TextKind:
    """Say what a text file is.

    :param is_of_image: whether an image is called so.

    An empty file is one of labels: it says that nothing is there. So is one with a label in any line, with a line that begins with a
    number or holds as many numbers as a label, and one that is no text: these may be labels, and what is wrong with them is to be told.
    """
    try:
        lines = [line for line in data.decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        return TextKind.LABELS
    if any(map(_is_label, lines)):
        return TextKind.LABELS
    if (may_be_of_an_image(path) and not is_of_image) or _lists_images(lines):
        return TextKind.OTHER
    return TextKind.PROSE if lines and not any(map(_may_be_label, lines)) else TextKind.LABELS


def _lists_images(lines: list[str]) -> bool:
    return bool(lines) and (has_image_extension(lines[0].strip()) or has_image_extension(lines[0].split()[0]))


def _is_label(line: str) -> bool:
    tokens = line.split()
    return len(tokens) > _FEWEST_NUMBERS and all(map(_NUMBER.fullmatch, tokens))


def _may_be_label(line: str) -> bool:
    tokens = [token for token in _SEPARATORS.split(line) if token]
    are_numbers = [_NUMBER.fullmatch(token) is not None for token in tokens]
    return bool(tokens) and (are_numbers[0] or sum(are_numbers) >= _FEWEST_NUMBERS)


def _name(path: str) -> str:
    return path.rpartition("/")[2].lower()

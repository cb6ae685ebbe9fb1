"""Which column of a CSV says what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.records import clean_text, excerpt

CORNERS = ("xmin", "ymin", "xmax", "ymax")
SIDES = ("x", "y", "width", "height")
LISTED = ("bbox",)
SIZE = ("image_width", "image_height")
REQUIRED = ("file", "label")

_POSITION = re.compile("[0-9]{1,6}")


@dataclass(frozen=True)
class CsvColumns:
    """Which column says what; ``None``: found by its usual names, whatever their case.

    A column is named by its header, or, in a CSV without a header, by its position from 0; then all lines are labels. Boxes are in
    pixels: two corners, or top-left corner, width and height, or these four as a JSON list.

    :param file: the image; else ``image``, ``file``, ``filename``, ``file_name`` or ``path``.
    :param label: the category; else ``label``, ``category`` or ``class``.
    :param annotator: who labelled; else ``annotator``; may be absent.
    :param labeled_at: when, ISO 8601 (UTC where it has no zone); else ``labeled_at``; may be absent.
    :param xmin: the box's left side; else ``xmin``, ``x_min`` or ``x1``.
    :param ymin: the box's upper side; else ``ymin``, ``y_min`` or ``y1``.
    :param xmax: the box's right side; else ``xmax``, ``x_max`` or ``x2``.
    :param ymax: the box's lower side; else ``ymax``, ``y_max`` or ``y2``.
    :param x: the box's left side; else ``x`` or ``bbox_x``.
    :param y: the box's upper side; else ``y`` or ``bbox_y``.
    :param width: the box's; else ``w``, ``bbox_width``, ``bbox_w`` or ``width``.
    :param height: the box's; else ``h``, ``bbox_height``, ``bbox_h`` or ``height``.
    :param bbox: ``[x, y, width, height]``; else ``bbox``.
    :param image_width: the image's as stated; else ``image_width``, ``img_width``, or ``width`` where it is not the box's.
    :param image_height: the image's as stated; else ``image_height``, ``img_height``, or ``height`` where it is not the box's.
    """

    file: str | int | None = None
    label: str | int | None = None
    annotator: str | int | None = None
    labeled_at: str | int | None = None
    xmin: str | int | None = None
    ymin: str | int | None = None
    xmax: str | int | None = None
    ymax: str | int | None = None
    x: str | int | None = None
    y: str | int | None = None
    width: str | int | None = None
    height: str | int | None = None
    bbox: str | int | None = None
    image_width: str | int | None = None
    image_height: str | int | None = None


_USUAL_NAMES = {
    "file": ("image", "file", "filename", "file_name", "path"),
    "label": ("label", "category", "class"),
    "annotator": ("annotator",),
    "labeled_at": ("labeled_at",),
    "xmin": ("xmin", "x_min", "x1"),
    "ymin": ("ymin", "y_min", "y1"),
    "xmax": ("xmax", "x_max", "x2"),
    "ymax": ("ymax", "y_max", "y2"),
    "x": ("x", "bbox_x"),
    "y": ("y", "bbox_y"),
    "width": ("w", "bbox_width", "bbox_w", "width"),
    "height": ("h", "bbox_height", "bbox_h", "height"),
    "bbox": ("bbox",),
    "image_width": ("image_width", "img_width", "width"),
    "image_height": ("image_height", "img_height", "height"),
}


@dataclass(frozen=True)
class Places:
    """Where what stands.

    :param of: the position of each column that is there, by meaning.
    :param box: the columns that make a box, in order: ``CORNERS``, ``SIDES`` or ``LISTED``; empty: the labels have no boxes.
    :param others: position and name of the columns that mean nothing to us.
    :param names: what the columns are called.
    :param has_header: whether the first line is no label.
    """

    of: Mapping[str, int]
    box: tuple[str, ...]
    others: tuple[tuple[int, str], ...]
    names: tuple[str, ...]
    has_header: bool


def find_columns(first: Sequence[str], columns: CsvColumns) -> Places:
    """Find the columns by the first line of a CSV.

    :raises ConfigurationError: one that is needed or named is not there, or some columns of a box are there and others are not.
    """
    header = [name.strip() for name in first]
    named = {field.name: given for field in fields(columns) if (given := getattr(columns, field.name)) is not None}
    has_header = not _are_positions(named, header)
    found = _by_header(named, header) if has_header else _by_position(named, header)
    box = _box_columns(found, named, header)
    unused = {role for role in (*CORNERS, *SIDES, *LISTED) if role not in box}
    found = {role: place for role, place in found.items() if role not in unused}
    if has_header:
        found |= _size_columns(found, named, header)
    for role in REQUIRED:
        if role not in found:
            looked = ", ".join(map(repr, _USUAL_NAMES[role]))
            raise ConfigurationError(f"No column for the {role}: looked for {looked}, found {excerpt(header)}; name it in csv_columns.")
    names = tuple(clean_text(name) if has_header else f"column_{place}" for place, name in enumerate(header))
    taken = set(found.values())
    others = tuple((place, name) for place, name in enumerate(names) if place not in taken)
    return Places(found, box, others, names, has_header)


def _are_positions(named: Mapping[str, str | int], header: Sequence[str]) -> bool:
    """Say whether columns are given by position: as whole numbers, or (from a template) as their digits, where no header has them all."""
    for given in named.values():
        if isinstance(given, bool) or (isinstance(given, int) and given < 0):
            raise ConfigurationError(f"csv_columns has {given!r}, which is neither a column's name nor its position from 0.")
    texts = [given for given in named.values() if isinstance(given, str)]
    if len(texts) == len(named):
        return bool(texts) and all(map(_POSITION.fullmatch, texts)) and not set(texts) <= set(header)
    if not all(map(_POSITION.fullmatch, texts)):
        raise ConfigurationError(f"csv_columns={dict(named)!r} has names and positions: positions are for a CSV without a header.")
    return True


def _by_position(named: Mapping[str, str | int], first: Sequence[str]) -> dict[str, int]:
    found = {role: int(given) for role, given in named.items()}
    for role, place in found.items():
        if place >= len(first):
            raise ConfigurationError(
                f"No column for the {role}: csv_columns says {place}, and the first line has {len(first)}: {excerpt(first)}."
            )
    return found


def _by_header(named: Mapping[str, str | int], header: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for role, usual in _USUAL_NAMES.items():
        candidates = (str(named[role]),) if role in named else () if role in SIZE else usual
        place = _place(candidates, header)
        if place is not None:
            found[role] = place
        elif role in named:
            raise ConfigurationError(
                f"No column for the {role}: looked for {candidates[0]!r}, found {excerpt(header)}; csv_columns names what is not there."
            )
    return found


def _size_columns(found: Mapping[str, int], named: Mapping[str, str | int], header: Sequence[str]) -> dict[str, int]:
    """Return the columns of the image's size: of those that are not the box's."""
    left = ["" if place in found.values() else name for place, name in enumerate(header)]
    sizes = {role: _place(_USUAL_NAMES[role], left) for role in SIZE if role not in named}
    return {role: place for role, place in sizes.items() if place is not None}


def _box_columns(found: Mapping[str, int], named: Mapping[str, str | int], header: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that make a box: those that were named, else corners, else sides, else a list."""
    kinds = (CORNERS, SIDES, LISTED)
    chosen = next((kind for kind in kinds if any(role in named for role in kind)), None)
    complete = next((kind for kind in kinds if all(role in found for role in kind)), None)
    kind = chosen or complete or _begun(found)
    if missing := [role for role in kind if role not in found]:
        there = ", ".join(role for role in kind if role in found)
        raise ConfigurationError(
            f"The CSV has columns of a box ({there}), and none for {', '.join(missing)}: found {excerpt(header)}; name them in csv_columns."
        )
    return kind


def _begun(found: Mapping[str, int]) -> tuple[str, ...]:
    """Return the columns of a box of which some are there. One corner's number, or a width and a height, may be of anything else."""
    if sum(1 for role in CORNERS if role in found) > 1:
        return CORNERS
    return SIDES if "x" in found and "y" in found else ()


def _place(names: Sequence[str], header: Sequence[str]) -> int | None:
    lowered = [name.lower() for name in header]
    for name in names:
        if name in header:
            return header.index(name)
        if name.lower() in lowered:
            return lowered.index(name.lower())
    return None

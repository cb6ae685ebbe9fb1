"""Which column of a CSV says what."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.image_columns import IMAGE_NAMES, column_place, image_column
from airflow_cv_dataops.core.labels.records import clean_text, excerpt, number

CORNERS = ("xmin", "ymin", "xmax", "ymax")
SIDES = ("x", "y", "width", "height")
CENTRED = ("x_center", "y_center", "width", "height")
LISTED = ("bbox",)
SIZE = ("image_width", "image_height")
REQUIRED = ("file", "label")
# Columns of OpenImages' CSVs: their boxes are normalised, and their Confidence 0 says that a label is absent.
OPEN_IMAGES = frozenset(("ImageID", "LabelName", "Confidence"))

_KINDS = (CORNERS, SIDES, CENTRED, LISTED)
_POSITION = re.compile("[0-9]{1,6}")
# Columns that look like a box, by their names in lower case without any sign: `roi.x1`, `left`, `x_top_left`.
_PLACE = re.compile(
    "(?:bbox|bndbox|boundingbox|box|bb|rect|roi|region)?"
    "(?:(?P<across>left|right|(?:min|max|start|end|center|centre|c)x|x(?:min|max|start|end|[0-4]|c|cent(?:er|re)|left|right|tl|br|"
    "topleft|bottomright|upperleft|lowerright)?)|(?P<down>top|bottom|(?:min|max|start|end|center|centre|c)y|y(?:min|max|start|end|[0-4]|c|"
    "cent(?:er|re)|top|bottom|tl|br|topleft|bottomright|upperleft|lowerright)?))"
)
_SHAPES = frozenset(
    """
    bndbox boundingbox boundingboxes bboxes box boxes encodedpixels points polygon polygons predictionstring rectangle regionshapeattributes
    rle segmentation xywh xyxy
    """.split()  # noqa: SIM905 (a list to read)
)


@dataclass(frozen=True)
class CsvColumns:
    """Which column says what; ``None``: found by its usual names, whatever their case.

    A column is named by its header, or, in a CSV without a header, by its position from 0; then all lines are labels. Boxes are in
    pixels: two corners, or top-left corner or centre with width and height, or left, top, width and height as a JSON list.

    :param file: the image; else ``image``, ``file``, ``filename``, ``file_name``, ``path`` or ``image_path``: one of image files first.
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
    :param x_center: the middle of the box, with ``width``; else ``x_center``, ``center_x``, ``cx`` or ``xc``.
    :param y_center: the middle of the box, with ``height``; else ``y_center``, ``center_y``, ``cy`` or ``yc``.
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
    x_center: str | int | None = None
    y_center: str | int | None = None

    @classmethod
    def of(cls, columns: CsvColumns | Mapping[str, Any] | None) -> CsvColumns:
        """Return columns from a mapping of meanings. :raises ConfigurationError: it is none, or a meaning does not exist."""
        if columns is None or isinstance(columns, CsvColumns):
            return columns or cls()
        known = [field.name for field in fields(cls)]
        if not isinstance(columns, Mapping):
            raise ConfigurationError(f"csv_columns={columns!r} is no mapping from meanings ({', '.join(known)}) to the CSV's columns.")
        if unknown := [key for key in columns if key not in known]:
            shown = ", ".join(map(repr, unknown))
            raise ConfigurationError(
                f"csv_columns has no key {shown}: a key says what a column means, its value what the CSV calls it, as in "
                f"{{'label': 'colour'}}. Known keys: {', '.join(known)}."
            )
        return cls(**columns)


_USUAL_NAMES = {
    "file": IMAGE_NAMES,
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
    "x_center": ("x_center", "x_centre", "center_x", "centre_x", "xcenter", "bbox_cx", "cx", "xc"),
    "y_center": ("y_center", "y_centre", "center_y", "centre_y", "ycenter", "bbox_cy", "cy", "yc"),
    "bbox": ("bbox",),
    "image_width": ("image_width", "img_width", "width"),
    "image_height": ("image_height", "img_height", "height"),
}


@dataclass(frozen=True)
class Places:
    """Where what stands.

    :param of: the position of each column that is there, by meaning.
    :param box: the columns that make a box, in order: ``CORNERS``, ``SIDES``, ``CENTRED`` or ``LISTED``; empty: the labels have no boxes.
    :param others: position and name of the columns that mean nothing to us.
    :param names: what the columns are called.
    :param has_header: whether the first line is no label.
    """

    of: Mapping[str, int]
    box: tuple[str, ...]
    others: tuple[tuple[int, str], ...]
    names: tuple[str, ...]
    has_header: bool

    def name(self, role: str) -> str:
        """Return what the file calls a column, its meaning where it has no header."""
        return self.names[self.of[role]] if self.has_header else role


_NO_HEADER = " Where the first line is no header, give positions from 0: csv_columns={'file': 0, 'label': 1, …}."


def find_columns(first: Sequence[str], columns: CsvColumns, lines: Sequence[Sequence[str]] = ()) -> Places:
    """Find the columns by the first line of a CSV, and, of two that may name the image, by some ``lines`` below it.

    :raises ConfigurationError: one that is needed or named is not there, some columns of a box are there and others are not, columns look
        like a box and cannot be told, or columns are given by position where the first line is a header.
    """
    header = [name.strip() for name in first]
    named = {field.name: given for field in fields(columns) if (given := getattr(columns, field.name)) is not None}
    has_header = not _are_positions(named, header)
    found = _by_header(named, header, lines) if has_header else _by_position(named, header)
    box = _box_columns(found, named, header)
    if has_header and not box:
        _check_no_box(header)
    if not has_header:
        _check_no_header(found, box, header)
    unused = {role for kind in _KINDS for role in kind if role not in box}
    found = {role: place for role, place in found.items() if role not in unused}
    if has_header:
        found |= _size_columns(found, named, header)
    for role in REQUIRED:
        if role not in found:
            raise _no_column(role, header)
    names = tuple(clean_text(name) if has_header else f"column_{place}" for place, name in enumerate(header))
    taken = set(found.values())
    others = tuple((place, name) for place, name in enumerate(names) if place not in taken)
    return Places(found, box, others, names, has_header)


def _no_column(role: str, header: Sequence[str]) -> ConfigurationError:
    if set(header) >= OPEN_IMAGES:
        return ConfigurationError(
            f"The columns are those of OpenImages ({excerpt(', '.join(header))}), whose boxes are normalised and whose lines with "
            "Confidence 0 say that a label is absent: convert them to COCO or YOLO."
        )
    looked = ", ".join(map(repr, _USUAL_NAMES[role]))
    said = f"No column for the {role}: looked for {looked}, found {excerpt(header)}; name it in csv_columns."
    ids = [name for name in header if name.lower().replace("_", "") in ("imageid", "id", "imgid")]
    if role == "file" and ids:
        return ConfigurationError(f"{said} If the values are file names, with or without extension: csv_columns={{'file': {ids[0]!r}}}.")
    if role == "label":
        one = "Where all labels are of one category, add a column `label` that says it in each line."
        return ConfigurationError(f"{said} {one}{_NO_HEADER}")
    return ConfigurationError(f"{said}{_NO_HEADER}")


def _are_positions(named: Mapping[str, str | int], header: Sequence[str]) -> bool:
    """Say whether columns are given by position: as whole numbers, or (from a template) as their digits, where no header has them all."""
    for role, given in named.items():
        if isinstance(given, bool) or not isinstance(given, (str, int)) or (isinstance(given, int) and given < 0):
            raise ConfigurationError(f"csv_columns has {given!r} for {role}, which is neither a column's name nor its position from 0.")
    if len(set(map(str, named.values()))) < len(named):
        raise ConfigurationError(f"csv_columns={dict(named)!r} names one column twice.")
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


def _check_no_header(found: Mapping[str, int], box: Sequence[str], first: Sequence[str]) -> None:
    """:raises ConfigurationError: the line, which is to be a label, is a header."""
    numbers = [first[found[role]] for role in box]
    no_numbers = bool(box) and all(text and number(text) is None for text in numbers) and (box != LISTED or numbers[0].isalpha())
    if no_numbers or ("file" in found and first[found["file"]].lower() in (*IMAGE_NAMES, "image_id")):
        raise ConfigurationError(
            f"csv_columns gives positions, which are for a CSV without a header, and the first line is one: {excerpt(list(first))}; "
            "name the columns."
        )


def _by_header(named: Mapping[str, str | int], header: Sequence[str], lines: Sequence[Sequence[str]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for role, usual in _USUAL_NAMES.items():
        candidates = (str(named[role]),) if role in named else () if role in SIZE else usual
        place = image_column(header, lines, usual) if role == "file" and role not in named else _place(candidates, header)
        if place is not None and header.count(header[place]) > 1:
            raise ConfigurationError(f"{header.count(header[place])} columns are called {header[place]!r}, which is to say the {role}.")
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
    chosen = [kind for kind in _KINDS if any(role in named for role in kind)]
    complete = [kind for kind in chosen or _KINDS if all(role in found for role in kind)]
    kind = complete[0] if complete else max(chosen, key=lambda kind: sum(role in named for role in kind)) if chosen else _begun(found)
    if missing := [role for role in kind if role not in found]:
        has_header = not _are_positions(named, header)
        there = ", ".join(header[found[role]] if has_header else role for role in kind if role in found)
        raise ConfigurationError(
            f"The CSV has columns of a box ({there}), and none for {_wanted(missing)}: found {excerpt(header)}; name them in csv_columns."
        )
    return kind


def _wanted(roles: Sequence[str]) -> str:
    """Name columns that are missed by what they are usually called."""
    return " and ".join(f"{role} ({', '.join(map(repr, _USUAL_NAMES[role][:3]))}, …)" for role in roles)


def _begun(found: Mapping[str, int]) -> tuple[str, ...]:
    """Return the columns of a box of which some are there. One corner's number, or a width and a height, may be of anything else."""
    if sum(1 for role in CORNERS if role in found) > 1:
        return CORNERS
    return next((kind for kind in (SIDES, CENTRED) if kind[0] in found and kind[1] in found), ())


def _check_no_box(header: Sequence[str]) -> None:
    """:raises ConfigurationError: there are columns that look like a box or an outline: their labels are not of whole images."""
    plain = {name: re.sub("[^a-z0-9]", "", name.lower()) for name in header}
    places = [(name, found) for name, text in plain.items() if (found := _PLACE.fullmatch(text))]
    is_box = any(found["across"] for _, found in places) and any(found["down"] for _, found in places)
    alike = [*([name for name, _ in places] if is_box else ()), *(name for name, text in plain.items() if text in _SHAPES)]
    if alike:
        raise ConfigurationError(
            f"The CSV has columns that look like a box or an outline ({excerpt(', '.join(alike))}), and which is which is not known: name "
            "those of the box in csv_columns (xmin, ymin, xmax, ymax, or x, y, width, height, or x_center, …, or bbox), or leave them out."
        )


def _place(names: Sequence[str], header: Sequence[str]) -> int | None:
    return next((place for name in names if (place := column_place(name, header)) is not None), None)

"""Labels in a CSV: one image and its label a line, and its box where the CSV has boxes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.csv_columns import CENTRED, CORNERS, LISTED, OPEN_IMAGES, CsvColumns, Places, find_columns
from airflow_cv_dataops.core.labels.formats.csv_texts import decoded, most_frequent_delimiter, stated_delimiter
from airflow_cv_dataops.core.labels.formats.image_columns import LINES_LOOKED_AT
from airflow_cv_dataops.core.labels.records import (
    BACKGROUND,
    MALFORMED_RECORD,
    UNPARSABLE_LABEL,
    Record,
    RecordBuilder,
    attributes_text,
    clean_text,
    excerpt,
    number,
    pixels,
)

# Numbers of normalised boxes; some reach beyond the border. In pixels they would be a corner of the image.
_LEAST, _MOST = -0.5, 1.5

Box = tuple[float, float, float, float]


def parse_csv(data: bytes, columns: CsvColumns, records: RecordBuilder) -> None:
    """Add the lines of one CSV to ``records``; other columns than those of ``columns`` go to ``attributes``.

    Where there are boxes, a line with an image and neither box nor label states that nothing is there (as RetinaNet's CSVs do); one whose
    box cannot be used, or that has no label, is kept without it. Without boxes a line needs image and label.

    :raises ConfigurationError: the header does not say which column is the image or the label, or has a part of a box; the boxes are
        normalised; or the labels are JSON objects, as Label Studio exports them.
    """
    try:
        text = decoded(data)
    except UnicodeDecodeError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: not UTF-8 or UTF-16 text: {error}")
        return
    start = [cells for _, cells in islice(_lines(text), 1 + LINES_LOOKED_AT)]
    places = find_columns(start[0] if start else [], columns, start[1:])
    _check_kind(text, places)
    lines = _lines(text, records.lost)
    first = next(lines, (0, []))
    for ordinal, (line, cells) in enumerate(lines if places.has_header else chain([first], lines)):
        if any(cells):
            _add(ordinal, line, cells, places, records)


def _check_kind(text: str, places: Places) -> None:
    """:raises ConfigurationError: the boxes are not in pixels, or the labels are no names."""
    boxes = inside = fractions = 0
    confidence = places.names.index("Confidence") if set(places.names) >= OPEN_IMAGES else None
    for line, cells in islice(_lines(text), int(places.has_header), None):
        found = _texts(cells, places)
        stated = _json(found["label"])
        if any(isinstance(item, dict) for item in (stated if isinstance(stated, list) else [stated])):
            raise ConfigurationError(
                f"The label on line {line} is a JSON object, as in the CSVs of Label Studio and VIA: {excerpt(found['label'])}; export the "
                "labels as COCO or YOLO."
            )
        if confidence is not None and confidence < len(cells) and number(cells[confidence]) == 0:
            raise ConfigurationError(
                f"The label on line {line} has Confidence 0: in OpenImages that says that the image does not show it, and it is no label. "
                "Leave such lines out."
            )
        numbers = _box_numbers(places.box, found) if places.box else None
        if numbers and any(numbers):
            boxes += 1
            if all(_LEAST <= side <= _MOST for side in numbers):
                inside += 1
                fractions += not all(map(float.is_integer, numbers))
    if boxes and (inside == boxes or 2 * fractions > boxes):
        raise ConfigurationError(
            f"The boxes are normalised, as in OpenImages ({inside:,} of {boxes:,} lie within 0 to 1), and those of a CSV are in pixels: "
            "multiply them by the width and height of their images, or write them as YOLO."
        )


def _add(ordinal: int, line: int, cells: Sequence[str], places: Places, records: RecordBuilder) -> None:
    found = _texts(cells, places)
    boxed = [found[role] for role in places.box]
    says_nothing = bool(boxed) and not any(boxed) and not found["label"]
    needed = ("file",) if places.box and (any(boxed) or says_nothing) else ("file", "label")
    if missing := [places.names[places.of[role]] for role in needed if not found[role]]:
        records.lost(f"Line {line} has no {' and no '.join(missing)}: {excerpt(', '.join(cells))}")
        return
    if isinstance(_json(found["label"]), (list, dict)):
        records.lost(f"Line {line} has a list where the name of one label is expected: {excerpt(found['label'])}")
        return

    def malformed(message: str) -> None:
        records.problem(MALFORMED_RECORD, f"Line {line}{message}", ordinal)

    attributes: dict[str, Any] = {name: cells[place] for place, name in places.others if place < len(cells) and cells[place]}
    labeled_at = _instant(found.get("labeled_at", ""))
    if len(cells) > len(places.names):
        malformed(f" has {len(cells)} cells under {len(places.names)} columns.")
    if found.get("labeled_at") and labeled_at is None:
        malformed(f": {excerpt(found['labeled_at'])} is no ISO 8601 time.")
        attributes["labeled_at"] = found["labeled_at"]
    bbox = None if says_nothing else _bbox(places.box, found)
    if places.box and bbox is None and not says_nothing:
        stated = {role: text for role in places.box if (text := found[role])}
        numbers = ", ".join(f"{places.name(role)}={text}" for role, text in stated.items())
        malformed(f" has no box that can be used: {excerpt(numbers or 'no numbers')}")
        attributes.update(stated)
    if bbox is not None and not found["label"]:
        malformed(f" has a box, and no {places.names[places.of['label']]}.")
    records.add(
        Record(
            ordinal,
            clean_text(found["file"]),
            BACKGROUND if says_nothing else "detection" if places.box else "classification",
            clean_text(found["label"]) or None,
            bbox,
            stated_width=pixels(found.get("image_width")),
            stated_height=pixels(found.get("image_height")),
            annotator=clean_text(found.get("annotator", "")) or None,
            labeled_at=labeled_at,
            attributes=attributes_text(attributes),
        )
    )


def _texts(cells: Sequence[str], places: Places) -> dict[str, str]:
    return {role: cells[place].strip() if place < len(cells) else "" for role, place in places.of.items()}


def _json(text: str) -> Any:
    """Return the list or object that a text is; ``None`` for any other."""
    if text[:1] not in ("[", "{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _bbox(box: tuple[str, ...], found: Mapping[str, str]) -> Box | None:
    """Return x, y, width and height; ``None`` where there is no box, or one that cannot be used."""
    numbers = _box_numbers(box, found) if box else None
    if numbers is None:
        return None
    x, y, width, height = numbers
    if box == CENTRED:
        return x - width / 2, y - height / 2, width, height
    return (x, y, width - x, height - y) if box == CORNERS else (x, y, width, height)


def _box_numbers(box: tuple[str, ...], found: Mapping[str, str]) -> Box | None:
    """Return the four numbers of a box as they stand there; ``None`` where one is none."""
    try:
        stated = json.loads(found[LISTED[0]]) if box == LISTED else [found[role] for role in box]
        if isinstance(stated, list) and len(stated) == 4 and not any(isinstance(side, bool) or "_" in str(side) for side in stated):
            first, second, third, fourth = map(float, stated)
            return first, second, third, fourth
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    return None


def _lines(text: str, lost: Callable[[str], None] = lambda _: None) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells; a line that the reader refuses (a cell of megabytes) goes to ``lost`` with why."""
    delimiter, start = stated_delimiter(text)
    before = int(start > 0)
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text[start:], newline=""), delimiter=delimiter or most_frequent_delimiter(first))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lost(f"Line {before + reader.line_num}: {error}.")
            continue
        yield before + reader.line_num, cells


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

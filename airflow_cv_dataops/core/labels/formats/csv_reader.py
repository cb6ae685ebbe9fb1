"""Labels in a CSV: one image and its label a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.records import (
    MALFORMED_RECORD,
    UNPARSABLE_LABEL,
    Record,
    RecordBuilder,
    attributes_text,
    clean_text,
    excerpt,
)

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class CsvColumns:
    """Which column says what; ``None``: found by its usual names, whatever their case.

    :param file: the image; else ``image``, ``file``, ``filename``, ``file_name`` or ``path``.
    :param label: the category; else ``label``, ``category`` or ``class``.
    :param annotator: who labelled; else ``annotator``; may be absent.
    :param labeled_at: when, ISO 8601 (UTC where it has no zone); else ``labeled_at``; may be absent.
    """

    file: str | None = None
    label: str | None = None
    annotator: str | None = None
    labeled_at: str | None = None


_USUAL_NAMES = {
    "file": ("image", "file", "filename", "file_name", "path"),
    "label": ("label", "category", "class"),
    "annotator": ("annotator",),
    "labeled_at": ("labeled_at",),
}
_REQUIRED = ("file", "label")


def parse_csv(data: bytes, columns: CsvColumns, records: RecordBuilder) -> None:
    """Add the lines of one CSV to ``records``; other columns than those of ``columns`` go to ``attributes``.

    :raises ConfigurationError: the header does not say which column is the image or the label.
    """
    try:
        text = _decoded(data)
    except UnicodeDecodeError as error:
        records.problem(UNPARSABLE_LABEL, f"Cannot read the label file: not UTF-8 or UTF-16 text: {error}")
        return
    lines = _lines(text, records)
    header = [name.strip() for name in next(lines, (0, []))[1]]
    places = _places(header, columns)
    taken = set(places.values())
    others = [(place, clean_text(name)) for place, name in enumerate(header) if place not in taken]
    for ordinal, (line, cells) in enumerate(lines):
        if not any(cells):
            continue
        found = {role: cells[place].strip() if place < len(cells) else "" for role, place in places.items()}
        if missing := [header[places[role]] for role in _REQUIRED if not found[role]]:
            records.lost(f"Line {line} has no {' and no '.join(missing)}: {excerpt(', '.join(cells))}")
            continue
        attributes: dict[str, object] = {name: cells[place] for place, name in others if place < len(cells) and cells[place]}
        labeled_at = _instant(found.get("labeled_at", ""))
        if len(cells) > len(header):
            records.problem(MALFORMED_RECORD, f"Line {line} has {len(cells)} cells under {len(header)} columns.", ordinal)
        if found.get("labeled_at") and labeled_at is None:
            records.problem(MALFORMED_RECORD, f"Line {line}: {excerpt(found['labeled_at'])} is no ISO 8601 time.", ordinal)
            attributes["labeled_at"] = found["labeled_at"]
        records.add(
            Record(
                ordinal,
                clean_text(found["file"]),
                "classification",
                clean_text(found["label"]),
                annotator=clean_text(found.get("annotator", "")) or None,
                labeled_at=labeled_at,
                attributes=attributes_text(attributes),
            )
        )


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _lines(text: str, records: RecordBuilder) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells; a line that the reader refuses (a cell of megabytes) is noted and left out."""
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            records.lost(f"Line {reader.line_num}: {error}.")
            continue
        yield reader.line_num, cells


def _places(header: list[str], columns: CsvColumns) -> dict[str, int]:
    """Return the position of each column that is there. :raises ConfigurationError: a required or named one is not."""
    lowered = [name.lower() for name in header]
    places = {}
    for role in (field.name for field in fields(columns)):
        named = getattr(columns, role)
        candidates = (named,) if named else _USUAL_NAMES[role]
        place = next((position for name in candidates for position in _positions(name, header, lowered)), None)
        if place is not None:
            places[role] = place
        elif named or role in _REQUIRED:
            raise ConfigurationError(
                f"No column for the {role}: looked for {', '.join(map(repr, candidates))}, found {excerpt(header)}; name it in csv_columns."
            )
    return places


def _positions(name: str, header: list[str], lowered: list[str]) -> list[int]:
    exact = [position for position, found in enumerate(header) if found == name]
    return exact or [position for position, found in enumerate(lowered) if found == name.lower()]


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

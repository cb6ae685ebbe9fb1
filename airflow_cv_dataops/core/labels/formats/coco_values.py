"""Values of COCO files as the common model holds them; numbers that are written as texts are numbers everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_cv_dataops.core.labels.records import clean_text, excerpt, json_text, number, whole

_NUMBERS = {int, float}
_TRIANGLE = 6
_TRUTH = {"false": 0.0, "true": 1.0}
_MOST_TOLD = 100
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def id_text(value: Any) -> str | None:
    """Return an id as text, so that ``1``, ``1.0`` and ``"1"`` are one id; ``None`` for what cannot be an id."""
    if type(value) is int:
        return str(value) if abs(value) < 10**40 else None
    if type(value) is float and value.is_integer():
        return str(int(value)) if abs(value) < 1e40 else None
    return clean_text(value) if isinstance(value, str) and value else None


def image_name(image: Mapping[str, Any]) -> str | None:
    """Return the ``file_name`` of an entry of ``images``, or, as in LVIS, the path that its ``coco_url`` has below the host."""
    name, url = image.get("file_name"), image.get("coco_url")
    if isinstance(name, str) and name:
        return clean_text(name)
    try:
        path = urlsplit(url).path.lstrip("/") if isinstance(url, str) else ""
    except ValueError:  # a host that is none
        return None
    return clean_text(path) or None


def unnamed_categories(labels: Mapping[str, int], where: str) -> Iterator[str]:
    """Yield a message for each category id without name, and one for what is beyond a hundred. :param labels: how many have each id."""
    told = list(labels.items())[:_MOST_TOLD]
    for key, count in told:
        yield f"Category id {excerpt(key)} has no name in {where}: {count:,} records are kept without category."
    if more := len(labels) - len(told):
        yield f"{more:,} more category ids have no name in {where}: {sum(labels.values()) - sum(count for _, count in told):,} records."


def bbox_values(value: Any) -> tuple[float, float, float, float] | None:
    """Return four numbers as doubles, finite or not; ``None`` for anything else."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    x, y, width, height = (number(side) for side in value)
    return None if x is None or y is None or width is None or height is None else (x, y, width, height)


def is_outline(value: Any) -> bool:
    """Say whether a segmentation says anything: ``null``, ``[]`` and ``[[]]`` do not."""
    return value not in _NOTHING and not (isinstance(value, list) and all(polygon in _NOTHING for polygon in value))


def segmentation_text(value: Any) -> str | None:
    """Return COCO JSON of polygons or an RLE, a flat polygon as one polygon; ``None`` where it is neither, or not finite."""
    outline = _polygons(value) if isinstance(value, list) else _rle(value) if isinstance(value, dict) else None
    return None if outline is None else json_text(outline)


def keypoint_values(value: Any) -> list[float] | None:
    """Return triplets of x, y and visibility; ``None`` for anything else."""
    if not isinstance(value, list) or len(value) % 3:
        return None
    found = [number(item) for item in value]
    return None if None in found else [item for item in found if item is not None]


def flag(value: Any) -> bool | None:
    """Return ``iscrowd`` from 0 or 1, however written; ``None`` for anything else."""
    if isinstance(value, bool):
        return value
    found = _TRUTH.get(value.strip().lower(), number(value)) if isinstance(value, str) else number(value)
    return bool(found) if found in (0, 1) else None


def _polygons(value: list[Any]) -> list[Any] | None:
    if value and all(type(polygon) is list and polygon and set(map(type, polygon)) <= _NUMBERS for polygon in value):
        return value
    if value and not any(isinstance(item, (list, dict)) for item in value):
        flat = _numbers(value)
        return [flat] if flat is not None and len(flat) >= _TRIANGLE and len(flat) % 2 == 0 else None
    polygons = [_numbers(polygon) if isinstance(polygon, list) else None for polygon in value if polygon != []]
    return polygons if polygons and None not in polygons else None


def _numbers(values: list[Any]) -> list[int | float] | None:
    """Return the very numbers, those written as texts converted; ``None`` where one is none."""
    found = [value if type(value) in _NUMBERS else number(value) for value in values]
    return None if None in found else [value for value in found if value is not None]


def _rle(value: dict[str, Any]) -> dict[str, Any] | None:
    size, counts = value.get("size"), value.get("counts")
    if isinstance(size, list) and set(map(type, size)) == {int} and len(size) == 2 and isinstance(counts, str):
        return value
    sides = _wholes(size)
    runs = counts if isinstance(counts, str) else _wholes(counts)
    return {**value, "size": sides, "counts": runs} if sides is not None and len(sides) == 2 and runs is not None else None


def _wholes(values: Any) -> list[int] | None:
    if not isinstance(values, list):
        return None
    found = [whole(value) for value in values]
    return None if None in found else [value for value in found if value is not None]

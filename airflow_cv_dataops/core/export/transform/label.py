"""One label of a release as exporters take it: numbers as numbers, JSON read."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# x, y, width, height in pixels of the upright image.
Box = tuple[float, float, float, float]
# COCO's: polygons [[x1, y1, …], …] in pixels, or a run-length encoded mask {"size": [height, width], "counts": …}.
Segmentation = list[list[float]] | dict[str, Any]
# Those of ``annotations`` that a label is made of.
LABEL_COLUMNS = (
    *("annotation_id", "label_set", "task", "category", "bbox", "segmentation", "area", "iscrowd", "keypoints", "annotator", "labeled_at"),
    "attributes",
)
_NUMBERS = frozenset((int, float))
# What lies farther away has an area that no float holds, or comes to have one when pictures are enlarged; JSON has no way to write that.
MOST = 1e100


@dataclass(frozen=True, slots=True)
class Label:
    """One row of ``annotations`` that is a label, in pixels of the exported picture.

    :param keypoints: COCO's triplets x, y, visibility.
    :param is_broken: it had a segmentation that is no polygons and no mask, or keypoints with a number that is not finite.
    """

    annotation_id: str
    task: str
    category: str | None = None
    bbox: Box | None = None
    segmentation: Segmentation | None = None
    area: float | None = None
    iscrowd: bool | None = None
    keypoints: tuple[float, ...] | None = None
    annotator: str | None = None
    labeled_at: datetime | None = None
    label_set: str = "default"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    is_broken: bool = False


def label_of(row: Mapping[str, Any]) -> Label:
    """Return a row of ``annotations`` as a label."""
    segmentation, attributes = _json(row["segmentation"]), _attributes(row["attributes"])
    box, area, keypoints = row["bbox"], row["area"], row["keypoints"]
    has_outline = _is_segmentation(segmentation)
    has_points = keypoints is not None and _are_numbers(keypoints)
    return Label(
        annotation_id=row["annotation_id"],
        task=row["task"],
        category=row["category"],
        bbox=None if box is None else (box["x"], box["y"], box["width"], box["height"]),
        segmentation=segmentation if has_outline else None,
        area=area if _are_numbers((area,)) else None,
        iscrowd=row["iscrowd"],
        keypoints=tuple(keypoints) if has_points else None,
        annotator=row["annotator"],
        labeled_at=row["labeled_at"],
        label_set=row["label_set"],
        attributes=attributes if isinstance(attributes, dict) else {},
        is_broken=(row["segmentation"] is not None and not has_outline) or (keypoints is not None and not has_points),
    )


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _attributes(text: str | None) -> Any:
    """Return attributes that every JSON can hold: null for numbers that are not finite, ``?`` for half of a surrogate pair."""
    try:
        found = None if text is None else json.loads(text, parse_constant=lambda _: None, parse_float=_finite)
        if text is not None and "\\ud" in text.lower():
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
        return found
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float | None:
    return number if math.isfinite(number := float(text)) else None


def _is_segmentation(value: Any) -> bool:
    """Say whether it is a list of polygons, each of three points or more, or looks like a run-length encoded mask."""
    if isinstance(value, dict):
        return isinstance(value.get("size"), list) and "counts" in value
    return isinstance(value, list) and bool(value) and all(map(_is_polygon, value))


def _is_polygon(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 6 and len(value) % 2 == 0 and _are_numbers(value)


def _are_numbers(values: Collection[Any]) -> bool:
    """Say whether all are numbers that can be reckoned with: finite, and at most :data:`MOST`. JSON may write an integer of any length."""
    return _NUMBERS.issuperset(map(type, values)) and all(-MOST <= value <= MOST for value in values)

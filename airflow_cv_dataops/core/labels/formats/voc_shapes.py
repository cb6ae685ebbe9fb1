"""Where an object of a Pascal VOC file is: a box, a rotated box (roLabelImg), or a polygon (LabelMe, Roboflow)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.records import excerpt, number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SIDES = ("xmin", "ymin", "xmax", "ymax")
_ROTATED = ("cx", "cy", "w", "h", "angle")
_TRIANGLE = 6
# Children of an object in which numbers are no place.
_NO_SHAPES = frozenset(("name", "attributes", "actions", "part", "parts", "bndbox", "robndbox", "polygon"))
_SHAPES = frozenset(
    ("segm", "mask", "points", "point", "polyline", "line", "quad", "rectangle", "bbox", "box", "ellipse", "circle", "cuboid")
)
_FEWEST_NUMBERS = 2


@dataclass(frozen=True)
class Shape:
    """Where an object is, as far as it can be read.

    :param stated: what the file says, where it says anything; ``None``: nothing, so that the label is of the whole image.
    :param is_whole: whether all of it was read.
    """

    bbox: tuple[float, float, float, float] | None = None
    segmentation: str | None = None
    stated: str | None = None
    is_whole: bool = True


def shape_of(item: Element) -> Shape:
    """Return the shape of an ``<object>``.

    A box is ``(xmin, ymin, xmax - xmin, ymax - ymin)`` exactly as stated; of a rotated box and of a polygon without box it is the
    one around them.
    """
    box, rotated, polygon = (item.find(tag) for tag in ("bndbox", "robndbox", "polygon"))
    outline = None if polygon is None else _points(polygon)
    bbox, stated = None, None
    if box is not None:
        bbox, stated = corners(box)
    elif rotated is not None:
        bbox, stated = _around(rotated)
    elif polygon is not None:
        bbox, stated = None if outline is None else _enclosing(outline), _texts(polygon)
    elif other := _other_shape(item):
        stated = other
    segmentation = None if outline is None else json.dumps([outline])
    is_whole = (bbox is not None or stated is None) and (polygon is None or outline is not None)
    return Shape(bbox, segmentation, stated if is_whole or polygon is None else _texts(polygon), is_whole)


def corners(box: Element) -> tuple[tuple[float, float, float, float] | None, str]:
    """Return the box between two corners, where they can be used, and what the file states."""
    stated = [(box.findtext(side) or "").strip() for side in SIDES]
    try:
        xmin, ymin, xmax, ymax = map(float, stated)
    except ValueError:
        return None, ", ".join(f"{side}={value or 'absent'}" for side, value in zip(SIDES, stated, strict=True))
    return (xmin, ymin, xmax - xmin, ymax - ymin), ", ".join(stated)


def _around(rotated: Element) -> tuple[tuple[float, float, float, float] | None, str]:
    """Return the upright box around a rotated one: centre, sides, and the angle in radians."""
    stated = [(rotated.findtext(tag) or "").strip() for tag in _ROTATED]
    found = [number(text) for text in stated]
    text = ", ".join(f"{tag}={value or 'absent'}" for tag, value in zip(_ROTATED, stated, strict=True))
    x, y, width, height, angle = found
    if x is None or y is None or width is None or height is None or angle is None or not math.isfinite(angle):
        return None, text
    cosine, sine = abs(math.cos(angle)), abs(math.sin(angle))
    across, down = width * cosine + height * sine, width * sine + height * cosine
    return (x - across / 2, y - down / 2, across, down), text


def _points(polygon: Element) -> list[float] | None:
    """Return x1, y1, x2, y2, … of ``<pt><x/><y/></pt>`` or of ``<x1/><y1/><x2/><y2/>``; ``None`` where a number is absent or none."""
    pairs = [(point.findtext("x"), point.findtext("y")) for point in polygon.findall("pt")]
    if not pairs:
        by_tag = {child.tag: child.text for child in polygon}
        count = sum(1 for tag in by_tag if tag[:1] in ("x", "y") and tag[1:].isdecimal())
        pairs = [(by_tag.get(f"x{place}"), by_tag.get(f"y{place}")) for place in range(1, (count + 1) // 2 + 1)]
    found = [number(text or "") for pair in pairs for text in pair]
    finite = [value for value in found if value is not None and math.isfinite(value)]
    return finite if len(finite) == len(found) >= _TRIANGLE else None


def _enclosing(outline: list[float]) -> tuple[float, float, float, float]:
    left, top = min(outline[::2]), min(outline[1::2])
    return left, top, max(outline[::2]) - left, max(outline[1::2]) - top


def _other_shape(item: Element) -> str | None:
    """Return what looks like a place that is not understood: an object that has one is no label of the whole image."""
    for child in item:
        if child.tag in _NO_SHAPES:
            continue
        texts = [text for text in (part.strip() for part in child.itertext()) if text]
        numbers = sum(1 for text in texts for token in text.replace(",", " ").replace(";", " ").split() if number(token) is not None)
        if child.tag in _SHAPES or child.tag in SIDES or ((len(child) or numbers > _FEWEST_NUMBERS) and numbers >= _FEWEST_NUMBERS):
            return excerpt(f"<{child.tag}> {' '.join(texts)}")
    return None


def _texts(element: Element) -> str:
    return excerpt(" ".join(" ".join(element.itertext()).split()) or f"<{element.tag}> is empty")

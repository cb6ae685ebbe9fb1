"""Polygons of a label, [x1, y1, x2, y2, …] in pixels: their area, the box around them, and what a window leaves of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from airflow_cv_dataops.core.export.transform.label import Box

Polygons = list[list[float]]
# Left, top, right, bottom; infinite at a side where nothing is cut off.
Cuts = tuple[float, float, float, float]


def usable_polygons(polygons: Polygons) -> Polygons | None:
    """Return them as floats, or ``None`` where a number is not finite."""
    try:
        found = [list(map(float, polygon)) for polygon in polygons]
    except OverflowError:  # JSON may write an integer of any length
        return None
    return found if all(all(map(math.isfinite, polygon)) for polygon in found) else None


def area_of(polygons: Iterable[Sequence[float]]) -> float:
    """Return the sum of the areas; where polygons overlap, more than what they cover together."""
    return sum(map(_area, polygons))


def box_of(polygons: Iterable[Sequence[float]]) -> Box:
    """Return the box that holds all points."""
    across = [x for polygon in polygons for x in polygon[0::2]]
    down = [y for polygon in polygons for y in polygon[1::2]]
    left, top = min(across), min(down)
    return left, top, max(across) - left, max(down) - top


def reaches_beyond(polygons: Polygons, cuts: Cuts) -> bool:
    """Say whether a point lies outside the window."""
    left, top, right, bottom = cuts
    return any(not left <= x <= right for polygon in polygons for x in polygon[0::2]) or any(
        not top <= y <= bottom for polygon in polygons for y in polygon[1::2]
    )


def clipped(polygons: Polygons, cuts: Cuts) -> Polygons:
    """Return what lies in the window, without parts that have no area.

    Sutherland and Hodgman (1974). A polygon that leaves the window and comes back stays one, its pieces joined along the border by edges
    that enclose nothing: the area is right, and so is what COCO's rasteriser makes of it.
    """
    parts = [_clipped(polygon, cuts) for polygon in polygons]
    return [part for part in parts if len(part) >= 6 and _area(part) > 0]


def _clipped(polygon: list[float], cuts: Cuts) -> list[float]:
    for axis, limit, sign in ((0, cuts[0], 1), (1, cuts[1], 1), (0, cuts[2], -1), (1, cuts[3], -1)):
        if math.isfinite(limit):
            polygon = _cut(polygon, axis, limit, sign)
    return polygon


def _cut(polygon: list[float], axis: int, limit: float, sign: int) -> list[float]:
    """Return the polygon on one side of a line: at ``axis`` at least the limit (``sign`` 1), or at most (-1)."""
    kept: list[float] = []
    points = list(zip(polygon[0::2], polygon[1::2], strict=True))
    for before, here in zip(points[-1:] + points[:-1], points, strict=True):
        was, now = sign * (before[axis] - limit), sign * (here[axis] - limit)
        if (was < 0) != (now < 0):
            kept.extend(_crossing(before, here, axis, limit))
        if now >= 0:
            kept.extend(here)
    return kept


def _crossing(one: tuple[float, float], other: tuple[float, float], axis: int, limit: float) -> tuple[float, float]:
    share = (limit - one[axis]) / (other[axis] - one[axis])
    low, high = sorted((one[1 - axis], other[1 - axis]))
    across = min(max(one[1 - axis] + share * (other[1 - axis] - one[1 - axis]), low), high)  # rounding takes it beyond neither point
    return (limit, across) if axis == 0 else (across, limit)


def _area(polygon: Sequence[float]) -> float:
    """Return the area by the shoelace formula, relative to the first point: far from the origin digits would be lost."""
    x0, y0 = polygon[0], polygon[1]
    across, down = [x - x0 for x in polygon[0::2]], [y - y0 for y in polygon[1::2]]
    return abs(sum(across[at - 1] * down[at] - across[at] * down[at - 1] for at in range(len(across)))) / 2

"""Polygons and run-length encoded masks in pixels of the exported picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.export.transform.label import Box, Segmentation
from airflow_cv_dataops.core.export.transform.placement import Placement
from airflow_cv_dataops.core.export.transform.polygons import Polygons, area_of, box_of, clipped, reaches_beyond, usable_polygons
from airflow_cv_dataops.core.labels.masks.coco_masks import encoded, mask_of_value, pixels_of
from airflow_cv_dataops.core.labels.masks.rle import extent_of_rle, problem_of_rle

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Outline:
    """What is left of a segmentation, in pixels of the exported picture.

    :param box: around it.
    :param area: of its polygons, or how many pixels its mask covers.
    :param share: of its area that lies in the window, 0 to 1; 1 where nothing was cut.
    """

    segmentation: Segmentation
    box: Box
    area: float
    share: float
    is_cut: bool


_NOTHING = Outline([], (0.0, 0.0, 0.0, 0.0), 0.0, 0.0, is_cut=True)


def moved_outline(segmentation: Segmentation, placement: Placement) -> Outline | None:
    """Return what is left of a segmentation; ``None`` where it says nothing.

    That is: points that are not finite, polygons without area that the window cuts, a mask of another size than the image, of runs that do
    not add up, or of no pixel.
    """
    if isinstance(segmentation, dict):
        return _moved_mask(segmentation, placement)
    polygons = usable_polygons(segmentation)
    return None if polygons is None else _moved_polygons(polygons, placement)


def box_around(segmentation: Segmentation, width: int, height: int) -> Box | None:
    """Return the box around a segmentation on an image of this size; ``None`` where it says nothing."""
    if isinstance(segmentation, dict):
        if problem_of_rle(segmentation, width, height) is not None:
            return None
        left, top, right, bottom = extent_of_rle(segmentation)
        return left, top, right - left, bottom - top
    polygons = usable_polygons(segmentation)
    return box_of(polygons) if polygons else None


def _moved_polygons(polygons: Polygons, placement: Placement) -> Outline | None:
    is_cut, share = reaches_beyond(polygons, placement.cuts), 1.0
    if is_cut:
        whole, polygons = area_of(polygons), clipped(polygons, placement.cuts)
        if not whole:
            return None
        share = min(area_of(polygons) / whole, 1.0)
    if not polygons:
        return _NOTHING
    (left, top, _, _), (right, down), (x0, y0) = placement.window, placement.scale, placement.offset
    found: Polygons = []
    for polygon in polygons:
        points = [0.0] * len(polygon)
        points[0::2] = [(x - left) * right + x0 for x in polygon[0::2]]
        points[1::2] = [(y - top) * down + y0 for y in polygon[1::2]]
        found.append(points)
    return Outline(found, box_of(found), area_of(found), share, is_cut)


def _moved_mask(value: dict[str, Any], placement: Placement) -> Outline | None:
    mask = mask_of_value(value, placement.width, placement.height)
    if mask is None:
        return None
    import numpy as np

    pixels = pixels_of(mask)
    left, top, right, bottom = placement.window
    inside = pixels[top:bottom, left:right]
    whole, kept = int(pixels.sum()), int(inside.sum())
    if not kept:
        return _NOTHING
    canvas = _on_canvas(inside, placement)
    down, across = (np.flatnonzero(canvas.any(axis=axis)) for axis in (1, 0))
    box = (float(across[0]), float(down[0]), float(across[-1] + 1 - across[0]), float(down[-1] + 1 - down[0]))
    return Outline(encoded(canvas), box, float(canvas.sum()), kept / whole, is_cut=kept < whole)


def _on_canvas(inside: np.ndarray, placement: Placement) -> np.ndarray:
    """Return the window's pixels in the exported picture: each takes what is nearest to its middle.

    A mask so thin that all of it falls between the middles marks the pixels that it lies in: a label of a visible object does not vanish.
    """
    import numpy as np

    (width, height), (x0, y0) = placement.scaled, placement.offset
    rows, columns = _nearest(height, inside.shape[0]), _nearest(width, inside.shape[1])
    scaled = inside[np.ix_(rows, columns)]
    if not scaled.any():
        scaled = np.zeros((height, width), dtype=bool)
        down, across = np.nonzero(inside)
        scaled[down * height // inside.shape[0], across * width // inside.shape[1]] = True
    canvas = np.zeros(placement.output[::-1], dtype=bool)
    canvas[y0 : y0 + height, x0 : x0 + width] = scaled
    return canvas


def _nearest(many: int, of: int) -> np.ndarray:
    """Return which of ``of`` pixels lies at the middle of each of ``many`` that take their place."""
    import numpy as np

    return (2 * np.arange(many) + 1) * of // (2 * many)

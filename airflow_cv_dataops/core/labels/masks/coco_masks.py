"""Polygons and run-length encodings as run-length encoded masks of faster-coco-eval, rasterised as COCO does."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.labels.masks.rle import problem_of_rle

if TYPE_CHECKING:
    import numpy as np

# A mask as the C++ functions take it: {"size": [height, width], "counts": bytes}.
Mask = dict[str, Any]


def mask_of(segmentation: str, width: int, height: int) -> Mask | None:
    """Return the mask of COCO JSON on an image of this size in pixels; ``None`` where it is no valid one, or has no pixel.

    What is wrong with an invalid one is said by ``invalid_polygon`` and ``invalid_rle``.
    """
    try:
        value = json.loads(segmentation)
    except (ValueError, RecursionError):
        return None
    return mask_of_value(value, width, height)


def mask_of_value(value: Any, width: int, height: int) -> Mask | None:
    """Return the same of COCO JSON that was read already."""
    import faster_coco_eval.mask_api_new_cpp as coco_masks

    if isinstance(value, dict):
        if problem_of_rle(value, width, height) is not None:
            return None
    else:
        value = _polygons(value, width, height)
        if value is None:
            return None
    mask = coco_masks.segmToRle(value, width, height)
    return mask if coco_masks.area([mask])[0] else None


def pixels_of(mask: Mask) -> np.ndarray:
    """Return the mask's pixels, (height, width), bool."""
    import faster_coco_eval.mask_api_new_cpp as coco_masks

    return coco_masks.decode([mask])[:, :, 0].astype(bool)


def encoded(pixels: np.ndarray) -> dict[str, Any]:
    """Return pixels, (height, width), bool, as COCO's compressed run-length encoding, ready for JSON."""
    import faster_coco_eval.mask_api_new_cpp as coco_masks
    import numpy as np

    (mask,) = coco_masks.encode(np.asfortranarray(pixels[:, :, None].astype(np.uint8)))
    return {"size": [int(side) for side in mask["size"]], "counts": mask["counts"].decode()}


def _polygons(value: Any, width: int, height: int) -> list[list[float]] | None:
    """Return polygons that can be rasterised; points far outside are drawn in, since the rasteriser walks along each edge."""
    if not isinstance(value, list) or not value:
        return None
    drawn = []
    for polygon in value:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2 or not set(map(type, polygon)) <= {int, float}:
            return None
        try:
            points = [float(coordinate) for coordinate in polygon]
        except OverflowError:
            return None
        if not all(map(math.isfinite, points)):
            return None
        sides = (width, height)
        drawn.append([min(max(point, -sides[at % 2]), 2.0 * sides[at % 2]) for at, point in enumerate(points)])
    return drawn

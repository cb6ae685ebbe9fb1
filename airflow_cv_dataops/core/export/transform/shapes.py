"""What formats ask of a label's outline: its area, and one polygon in the place of several."""

from __future__ import annotations

from airflow_cv_dataops.core.export.transform.label import Label
from airflow_cv_dataops.core.export.transform.polygons import Polygons, area_of, box_of, clipped, reaches_beyond, usable_polygons
from airflow_cv_dataops.core.labels.masks.coco_masks import mask_of_value, pixels_of
from airflow_cv_dataops.core.labels.masks.rle import problem_of_rle, runs_of


def area_of_label(label: Label, width: int, height: int) -> float:
    """Return the area that the label states, else that of its segmentation, else of its box, in square pixels."""
    if label.area is not None:
        return label.area
    if isinstance(label.segmentation, dict) and problem_of_rle(label.segmentation, width, height) is None:
        runs = runs_of(label.segmentation["counts"])
        assert runs is not None
        return float(runs[1::2].sum())
    if isinstance(label.segmentation, list) and (polygons := usable_polygons(label.segmentation)):
        return area_of(polygons)
    return 0.0 if label.bbox is None else max(label.bbox[2], 0.0) * max(label.bbox[3], 0.0)


def within(polygons: Polygons, width: int, height: int) -> Polygons:
    """Return what of the polygons lies in a picture of this size; the very same where all does."""
    cuts = (0.0, 0.0, float(width), float(height))
    return clipped(polygons, cuts) if reaches_beyond(polygons, cuts) else polygons


def do_overlap(polygons: Polygons, width: int, height: int) -> bool:
    """Say whether two of the polygons of a label have a pixel in common."""
    boxes = [box_of([polygon]) for polygon in polygons]
    near = any(
        one[0] < other[0] + other[2] - 1
        and other[0] < one[0] + one[2] - 1
        and one[1] < other[1] + other[3] - 1
        and other[1] < one[1] + one[3] - 1
        for at, one in enumerate(boxes)
        for other in boxes[:at]
    )
    if not near:
        return False
    import numpy as np

    masks = [pixels_of(mask) for polygon in polygons if (mask := mask_of_value([polygon], width, height)) is not None]
    return bool((np.sum(masks, axis=0) > 1).any())


def one_polygon(polygons: list[list[float]]) -> list[float]:
    """Return an outline that covers what all polygons cover: from the first, there and back to each other, by lines without width."""
    first, *others = polygons
    if not others:
        return list(first)
    start = first[:2]
    points = [*first, *start]
    for other in others:
        points += [*other, *other[:2], *start]
    return points

"""What formats ask of a label's outline: its area, and one polygon in the place of several."""

from __future__ import annotations

from airflow_cv_dataops.core.export.label import Label
from airflow_cv_dataops.core.export.polygons import area_of, usable_polygons
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

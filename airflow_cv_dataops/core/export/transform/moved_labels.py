"""A label in pixels of the exported picture, what the cut left of it, and why a label would train nothing."""

from __future__ import annotations

from dataclasses import replace

from airflow_cv_dataops.core.export.transform.label import MOST, Box, Label
from airflow_cv_dataops.core.export.transform.outlines import Outline, box_around, moved_outline
from airflow_cv_dataops.core.export.transform.placement import Placement
from airflow_cv_dataops.core.labels.masks.rle import problem_of_rle

CLIPPED = "clipped"
CROPPED_OUT = "cropped_out"
BARELY_VISIBLE = "barely_visible"
NO_AREA = "no_area"
OUTSIDE_IMAGE = "outside_image"

Keypoints = tuple[float, ...]


def moved(label: Label, placement: Placement) -> tuple[Label | None, str | None]:
    """Return the label in pixels of the exported picture, and what the cut did to it: nothing, :data:`CLIPPED`, or there is no label:
    :data:`CROPPED_OUT`, where nothing is left of it, or :data:`BARELY_VISIBLE`, less than ``min_visible``.

    Only the sides at which the picture is cut cut a label: one that reaches beyond the border of its image still does so afterwards, and
    where no pixel moves it comes back as it is. What says most of an object decides whether any of it is left: its segmentation, where it
    has none its box, where it has neither its keypoints. So a label of which no polygon is left goes although its box would reach into the
    window, and one whose box lies outside stays, with a box around what is left of its segmentation. ``min_visible`` is a share of the
    segmentation's or the box's area; keypoints have none.

    - The box of a cut segmentation is the box around what is left of it; any other is scaled, and clipped.
    - A segmentation that says nothing (:func:`~.outlines.moved_outline`) is left out, and the label ``is_broken``.
    - Keypoints outside become 0, 0, 0: COCO's way to say that they have no label.
    - ``area`` is scaled; of a label that was cut it is measured anew, by polygons, mask or box. Where there is none, none is added.
    """
    if placement.is_identity:
        return label, None
    outline = None if label.segmentation is None else moved_outline(label.segmentation, placement)
    box, box_share = (None, 1.0) if label.bbox is None else _moved_box(label.bbox, placement)
    keypoints, lost, left = ((), 0, 0) if label.keypoints is None else _moved_keypoints(label.keypoints, placement)
    if outline is not None:
        share = outline.share
    elif label.bbox is not None:
        share = box_share
    else:
        share = 0.0 if lost and not left else 1.0
    if not share:
        return None, CROPPED_OUT
    if share < placement.min_visible:
        return None, BARELY_VISIBLE
    found = replace(
        label,
        bbox=None if label.bbox is None else outline.box if outline is not None and (outline.is_cut or box is None) else box,
        segmentation=None if outline is None else outline.segmentation,
        area=None if label.area is None else _area(label.area, box, box_share, outline, placement),
        keypoints=None if label.keypoints is None else keypoints,
        is_broken=label.is_broken or (outline is None and label.segmentation is not None),
    )
    is_clipped = lost or box_share < 1 or (outline is not None and outline.is_cut)
    return found, CLIPPED if is_clipped else None


def with_box(label: Label, width: int, height: int) -> Label:
    """Return the label with a box around its segmentation, where it has no box and the segmentation says one.

    :param width: of the picture in whose pixels the label is, as is ``height``.
    """
    if label.bbox is not None or label.segmentation is None:
        return label
    return replace(label, bbox=box_around(label.segmentation, width, height))


def without_broken_mask(label: Label, width: int, height: int) -> Label:
    """Return the label without a run-length encoded mask of another size than the image, or of runs that do not add up to it: of
    such pycocotools fails, or makes pixels of uninitialised memory. Its box stays, and it ``is_broken``.

    :param width: of the image in whose pixels the label is, as is ``height``.
    """
    if not isinstance(label.segmentation, dict):
        return label
    if problem_of_rle(label.segmentation, width, height) is not None:
        return replace(label, segmentation=None, is_broken=True)
    return replace(label, segmentation={name: label.segmentation[name] for name in ("size", "counts")})


def problem_of(label: Label, width: int, height: int) -> str | None:
    """Say why a label trains nothing, if so: :data:`NO_AREA` or :data:`OUTSIDE_IMAGE`.

    A label without box is judged by the box around its segmentation, and has no area where that says none. One that has neither (a class,
    or keypoints alone) has no such problem.

    :param width: of the picture in whose pixels the label is, as is ``height``.
    """
    box = with_box(label, width, height).bbox
    if box is None:
        return NO_AREA if label.segmentation is not None or label.is_broken else None
    if not _has_area(box):
        return NO_AREA
    x, y, across, down = box
    return OUTSIDE_IMAGE if x >= width or y >= height or x + across <= 0 or y + down <= 0 else None


def _moved_box(box: Box, placement: Placement) -> tuple[Box | None, float]:
    """Return the box, ``None`` where nothing is left of it, and which share of it is left. One without area is never cut."""
    x, y, width, height = box
    share = 1.0
    if _has_area(box):
        left, top, right, bottom = placement.cuts
        (x, width), (y, height) = _within(x, width, left, right), _within(y, height, top, bottom)
        if width <= 0 or height <= 0:
            return None, 0.0
        share = (width / box[2]) * (height / box[3])
    (left, top, _, _), (across, down), (x0, y0) = placement.window, placement.scale, placement.offset
    return ((x - left) * across + x0, (y - top) * down + y0, width * across, height * down), share


def _within(start: float, length: float, low: float, high: float) -> tuple[float, float]:
    begin, end = max(start, low), min(start + length, high)
    return (start, length) if begin == start and end == start + length else (begin, end - begin)


def _moved_keypoints(keypoints: Keypoints, placement: Placement) -> tuple[Keypoints, int, int]:
    """Return the keypoints, and how many of those that have a label were lost and are left."""
    left, top, right, bottom = placement.cuts
    (x0, y0, _, _), (across, down), offset = placement.window, placement.scale, placement.offset
    found: list[float] = []
    labelled = kept = 0
    for x, y, visibility in zip(keypoints[0::3], keypoints[1::3], keypoints[2::3], strict=False):
        labelled += visibility > 0
        if visibility > 0 and left <= x < right and top <= y < bottom:
            kept += 1
            found += ((x - x0) * across + offset[0], (y - y0) * down + offset[1], visibility)
        else:
            found += (0.0, 0.0, 0.0)
    return tuple(found), labelled - kept, kept


def _area(area: float, box: Box | None, box_share: float, outline: Outline | None, placement: Placement) -> float:
    if outline is not None and outline.is_cut:
        return outline.area
    if outline is None and box is not None and box_share < 1:
        return box[2] * box[3]
    return area * placement.scale[0] * placement.scale[1]


def _has_area(box: Box) -> bool:
    return all(-MOST <= side <= MOST for side in box) and box[2] > 0 and box[3] > 0

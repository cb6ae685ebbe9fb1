"""Checks on polygons and run-length encoded masks (COCO JSON)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, box_json, box_text, number, text
from airflow_cv_dataops.core.audit.masks.segmentations import segmentations_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput


def _polygon_labels(data: AuditInput) -> int:
    """Count the labels with a polygon, or with something that is neither that nor a mask; those that lack one are findings anyway."""
    return int(_has_polygons(data).sum())


def _rle_labels(data: AuditInput) -> int:
    """Count the labels with a run-length encoded mask: all that have a segmentation which is no list."""
    is_list = _has_polygons(data)
    is_list[segmentations_of(data).empty] = True
    return data.annotations.num_rows - data.annotations["segmentation"].null_count - int(is_list.sum())


def _outlined_boxes(data: AuditInput) -> int:
    """Count the boxes beside a segmentation that has an extent."""
    import numpy as np

    return int((data.boxes.has_extent & np.isfinite(segmentations_of(data).extent).all(axis=1)).sum())


def _has_polygons(data: AuditInput) -> np.ndarray:
    import numpy as np

    found, mask = segmentations_of(data), np.zeros(data.annotations.num_rows, dtype=bool)
    mask[found.polygon_row] = True
    mask[[row for row, _ in found.polygon_problems]] = True
    return mask


@check(
    "error",
    meaning="A polygon with fewer than 3 points, an odd number of coordinates, a coordinate that is no finite number, or no area"
    " (0.01 px², `area_px`); or a segmentation of no known form.",
    fix="Redraw the polygon or remove the label.",
    column="segmentation",
    reads=("annotations.segmentation",),
    looks_at=_polygon_labels,
)
def invalid_polygon(data: AuditInput, *, area_px: float = 0.01) -> pa.Table | None:
    """Find polygons that enclose nothing: too few points, an odd number of coordinates, not finite, no area; or no polygon at all.

    Self-intersection is not looked for: it costs the square of the number of points, and common tools fill such polygons all the same.
    """
    import numpy as np
    import pyarrow.compute as pc

    found = segmentations_of(data)
    is_segmentation = pc.equal(data.annotations.column("task"), "segmentation").to_numpy()
    is_given = data.annotations.column("segmentation").is_valid().to_numpy()
    rows, areas = found.polygon_row, found.polygon_area
    problems = [
        *found.polygon_problems,
        *((row, "a polygon has a coordinate that is not finite") for row in rows[np.isnan(areas)].tolist()),
        *((row, "a polygon has no area") for row in rows[areas <= area_px].tolist()),
        *((row, "a segmentation label without a polygon") for row in found.empty[is_segmentation[found.empty]].tolist()),
        *((row, "a segmentation label without a segmentation") for row in np.flatnonzero(is_segmentation & ~is_given).tolist()),
    ]
    return _rows(data, problems)


@check(
    "error",
    meaning="A run-length encoded mask whose runs do not fill its size, whose size is not the image's, or that covers no pixel.",
    fix="Export the mask again at the image's size (height first).",
    column="segmentation",
    reads=("annotations.segmentation",),
    looks_at=_rle_labels,
)
def invalid_rle(data: AuditInput) -> pa.Table | None:
    """Find run-length encoded masks whose runs do not fill the stated size, whose size is not the image's, or that are empty."""
    return _rows(data, segmentations_of(data).rle_problems)


@check(
    "warning",
    meaning="A box that is not the one around its segmentation: their IoU is below 0.7 (`iou`), and a side is off by more than 2 px"
    " (`side_px`); score: the IoU.",
    fix="Take the box around the segmentation, as the suggestion does, or look which of the two was moved.",
    column="bbox",
    reads=("annotations.segmentation",),
    looks_at=_outlined_boxes,
)
def bbox_segmentation_mismatch(data: AuditInput, *, iou: float = 0.7, side_px: float = 2.0) -> pa.Table | None:
    """Find boxes that disagree with the segmentation of the same label; the suggestion is the box around the segmentation.

    :param iou: intersection over union of the two boxes, 0 to 1.
    :param side_px: how far apart the sides of the two may be all the same; rounding costs the box of a small object much of its IoU.
    """
    import numpy as np

    boxes, (left, top, right, bottom) = data.boxes, segmentations_of(data).extent.T
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        across = np.minimum(boxes.x + boxes.width, right) - np.maximum(boxes.x, left)
        down = np.minimum(boxes.y + boxes.height, bottom) - np.maximum(boxes.y, top)
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        agreement = shared / (boxes.width * boxes.height + (right - left) * (bottom - top) - shared)
        sides = (boxes.x - left, boxes.y - top, boxes.x + boxes.width - right, boxes.y + boxes.height - bottom)
        off = np.maximum.reduce([np.abs(side) for side in sides])
    rows = np.flatnonzero(boxes.has_extent & (agreement < iou) & (off > side_px))
    around = box_json(left[rows], top[rows], (right - left)[rows], (bottom - top)[rows])
    message = text(
        box_text(boxes, rows), " is off the box around its segmentation by ", number(off[rows]), " px (IoU ", number(agreement[rows]), ")"
    )
    return annotation_rows(data, rows, message, score=np.round(agreement[rows], 6), suggestion=around)


def _rows(data: AuditInput, problems: list[tuple[int, str]]) -> pa.Table | None:
    """Return one finding an annotation: of several wrong polygons the first message by name."""
    import numpy as np

    first = dict(sorted(problems, reverse=True))
    rows = sorted(first)
    return annotation_rows(data, np.array(rows, dtype=np.int64), [first[row] for row in rows])

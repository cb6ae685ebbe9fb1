"""Checks on the numbers of each bounding box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, box_json, box_text, image_text, number, text
from airflow_cv_dataops.core.audit.looked_at import boxes_in_known_images, finite_boxes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput


def _detection_labels(data: AuditInput) -> int:
    """Count the labels that should have a box."""
    import pyarrow.compute as pc

    return int(pc.equal(data.annotations["task"], "detection").to_numpy().sum())


def _boxes_of_some_size(data: AuditInput) -> int:
    """Count the boxes of which no side is negative, which is another check's."""
    boxes = data.boxes
    return int((boxes.finite & (boxes.width >= 0) & (boxes.height >= 0)).sum())


@check(
    "error",
    meaning="A detection label without a box.",
    fix="Draw the box or remove the label.",
    column="bbox",
    looks_at=_detection_labels,
)
def missing_bbox(data: AuditInput) -> pa.Table | None:
    """Find detection labels without a box."""
    import pyarrow.compute as pc

    is_detection = pc.equal(data.annotations.column("task"), "detection").to_numpy()
    return annotation_rows(data, is_detection & ~data.boxes.present, "a detection label without a box")


@check(
    "error",
    meaning="A box with a number that is absent, NaN or infinite.",
    fix="Look at the tool that exported the box; redraw it.",
    column="bbox",
)
def non_finite_bbox(data: AuditInput) -> pa.Table | None:
    """Find boxes with a number that is absent, NaN or infinite."""
    import numpy as np

    boxes = data.boxes
    rows = np.flatnonzero(boxes.present & ~boxes.finite)
    return annotation_rows(data, rows, text(box_text(boxes, rows), " has a number that is absent or not finite"))


@check(
    "error",
    meaning="A box of negative width or height.",
    fix="Swap its corners, as the suggestion does; look for a tool that records the direction of drawing.",
    column="bbox",
    looks_at=finite_boxes,
)
def negative_bbox(data: AuditInput) -> pa.Table | None:
    """Find boxes of negative width or height; the suggestion is the box with its corners put in order."""
    import numpy as np

    boxes = data.boxes
    rows = np.flatnonzero(boxes.finite & ((boxes.width < 0) | (boxes.height < 0)))
    x, y, width, height = boxes.x[rows], boxes.y[rows], boxes.width[rows], boxes.height[rows]
    ordered = box_json(x + np.minimum(width, 0), y + np.minimum(height, 0), np.abs(width), np.abs(height))
    return annotation_rows(data, rows, text(box_text(boxes, rows), " has a negative width or height"), suggestion=ordered)


@check(
    "error",
    meaning="A box with a side of at most 0.01 px (`side_px`).",
    fix="Remove it (often a stray click) or redraw it.",
    column="bbox",
    looks_at=_boxes_of_some_size,
)
def zero_area_bbox(data: AuditInput, *, side_px: float = 0.01) -> pa.Table | None:
    """Find boxes with a side of no length. :param side_px: up to here it is rounding noise of normalised coordinates."""
    import numpy as np

    boxes = data.boxes
    rows = np.flatnonzero(boxes.finite & (np.minimum(boxes.width, boxes.height) <= side_px) & (boxes.width >= 0) & (boxes.height >= 0))
    return annotation_rows(data, rows, text(box_text(boxes, rows), " has no area"))


@check(
    "warning",
    meaning="A box that reaches more than 1 px (`outside_px`) beyond its image.",
    fix="Clip it, as the suggestion does; many at once hint at a wrong image size or orientation.",
    column="bbox",
    looks_at=boxes_in_known_images,
)
def bbox_partly_outside(data: AuditInput, *, outside_px: float = 1.0) -> pa.Table | None:
    """Find boxes that reach beyond their image; the suggestion is the clipped box.

    :param outside_px: how far a box may reach; 1 px forgives VOC's 1-based corners and rounding by tools.
    """
    import numpy as np

    boxes, (image_width, image_height) = data.boxes, data.image_size
    right, bottom = boxes.x + boxes.width, boxes.y + boxes.height
    with np.errstate(invalid="ignore"):
        beyond = np.maximum.reduce([-boxes.x, -boxes.y, right - image_width, bottom - image_height])
        partly = boxes.has_extent & (beyond > outside_px) & ~_entirely_outside(data)
    rows = np.flatnonzero(partly)
    x, y = np.maximum(boxes.x[rows], 0), np.maximum(boxes.y[rows], 0)
    clipped = box_json(x, y, np.minimum(right[rows], image_width[rows]) - x, np.minimum(bottom[rows], image_height[rows]) - y)
    message = text(box_text(boxes, rows), " reaches ", number(beyond[rows]), " px beyond ", image_text(data, rows))
    return annotation_rows(data, rows, message, suggestion=clipped)


@check(
    "error",
    meaning="A box without a single pixel in its image.",
    fix="Check whether the label belongs to another image, or to another size of this one.",
    column="bbox",
    looks_at=boxes_in_known_images,
)
def bbox_outside_image(data: AuditInput) -> pa.Table | None:
    """Find boxes that have no pixel in common with their image."""
    import numpy as np

    rows = np.flatnonzero(data.boxes.has_extent & _entirely_outside(data))
    return annotation_rows(data, rows, text(box_text(data.boxes, rows), " lies outside ", image_text(data, rows)))


def _entirely_outside(data: AuditInput) -> np.ndarray:
    import numpy as np

    boxes, (image_width, image_height) = data.boxes, data.image_size
    with np.errstate(invalid="ignore"):
        beside = (boxes.x >= image_width) | (boxes.x + boxes.width <= 0)
        # The width of an unknown image is NaN: nothing is outside of that.
        return (beside | (boxes.y >= image_height) | (boxes.y + boxes.height <= 0)) & (image_width > 0)

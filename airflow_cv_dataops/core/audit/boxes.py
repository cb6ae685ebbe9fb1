"""Checks on bounding boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.data import group_codes
from airflow_cv_dataops.core.audit.rows import annotation_rows, number, text
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.data import AuditInput, Boxes


@check(
    "error",
    meaning="A detection label without a box.",
    fix="Draw the box or remove the label.",
    column="bbox",
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
    return annotation_rows(data, rows, text(_box_text(boxes, rows), " has a number that is absent or not finite"))


@check(
    "error",
    meaning="A box of negative width or height.",
    fix="Swap its corners, as the suggestion does; look for a tool that records the direction of drawing.",
    column="bbox",
)
def negative_bbox(data: AuditInput) -> pa.Table | None:
    """Find boxes of negative width or height; the suggestion is the box with its corners put in order."""
    import numpy as np

    boxes = data.boxes
    rows = np.flatnonzero(boxes.finite & ((boxes.width < 0) | (boxes.height < 0)))
    x, y, width, height = boxes.x[rows], boxes.y[rows], boxes.width[rows], boxes.height[rows]
    ordered = _box_json(x + np.minimum(width, 0), y + np.minimum(height, 0), np.abs(width), np.abs(height))
    return annotation_rows(data, rows, text(_box_text(boxes, rows), " has a negative width or height"), suggestion=ordered)


@check(
    "error",
    meaning="A box with a side of at most 0.01 px (`side_px`).",
    fix="Remove it (often a stray click) or redraw it.",
    column="bbox",
)
def zero_area_bbox(data: AuditInput, *, side_px: float = 0.01) -> pa.Table | None:
    """Find boxes with a side of no length. :param side_px: up to here it is rounding noise of normalised coordinates."""
    import numpy as np

    boxes = data.boxes
    rows = np.flatnonzero(boxes.finite & (np.minimum(boxes.width, boxes.height) <= side_px) & (boxes.width >= 0) & (boxes.height >= 0))
    return annotation_rows(data, rows, text(_box_text(boxes, rows), " has no area"))


@check(
    "warning",
    meaning="A box that reaches more than 1 px (`outside_px`) beyond its image.",
    fix="Clip it, as the suggestion does; many at once hint at a wrong image size or orientation.",
    column="bbox",
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
    clipped = _box_json(x, y, np.minimum(right[rows], image_width[rows]) - x, np.minimum(bottom[rows], image_height[rows]) - y)
    message = text(_box_text(boxes, rows), " reaches ", number(beyond[rows]), " px beyond ", _image_text(data, rows))
    return annotation_rows(data, rows, message, suggestion=clipped)


@check(
    "error",
    meaning="A box without a single pixel in its image.",
    fix="Check whether the label belongs to another image, or to another size of this one.",
    column="bbox",
)
def bbox_outside_image(data: AuditInput) -> pa.Table | None:
    """Find boxes that have no pixel in common with their image."""
    import numpy as np

    rows = np.flatnonzero(data.boxes.has_extent & _entirely_outside(data))
    return annotation_rows(data, rows, text(_box_text(data.boxes, rows), " lies outside ", _image_text(data, rows)))


@check(
    "warning",
    meaning="A box that repeats another one of the same image, category, label set and annotator (IoU of at least 0.99, `iou`).",
    fix="Remove one of the two.",
    column="bbox",
    reads=("annotations.annotator",),
)
def duplicate_bbox(data: AuditInput, *, iou: float = 0.99) -> pa.Table | None:
    """Find boxes that are there twice: one image, category, label set and annotator.

    All but one of each pile are findings; what is left over has no two such boxes.

    :param iou: from this intersection over union on, 0.5 to 1, two boxes are the same.
    :raises ConfigurationError: ``iou`` is out of its range.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if not 0.5 <= iou <= 1:
        raise ConfigurationError(f"iou={iou!r} of duplicate_bbox is out of range: expected 0.5 to 1.")
    labels, boxes = data.annotations, data.boxes
    rows = np.flatnonzero(boxes.has_extent)
    labels = labels.select(["label_set", "annotator", "source_uri", "file_name", "task", "category", "annotation_id"]).take(pa.array(rows))
    place = pc.coalesce(labels["source_uri"], labels["file_name"])
    groups = group_codes(place, labels["category"], labels["label_set"], labels["annotator"], labels["task"])
    corners = (boxes.x[rows], boxes.y[rows], boxes.width[rows], boxes.height[rows])
    again, first = _duplicates(groups, *corners, iou)
    message = text(_box_text(boxes, rows[again]), " is there twice; also as annotation ", labels["annotation_id"].take(pa.array(first)))
    return annotation_rows(data, rows[again], message)


def _entirely_outside(data: AuditInput) -> np.ndarray:
    import numpy as np

    boxes, (image_width, image_height) = data.boxes, data.image_size
    with np.errstate(invalid="ignore"):
        beside = (boxes.x >= image_width) | (boxes.x + boxes.width <= 0)
        # The width of an unknown image is NaN: nothing is outside of that.
        return (beside | (boxes.y >= image_height) | (boxes.y + boxes.height <= 0)) & (image_width > 0)


def _duplicates(
    groups: np.ndarray, x: np.ndarray, y: np.ndarray, width: np.ndarray, height: np.ndarray, iou: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of repeated boxes, ascending, and for each the row of the box that it repeats.

    Boxes with IoU >= t differ in x and width by at most (1-t)/t of the width, in y and height likewise. So they lie close together
    when sorted by ``x + 0.62 y + 0.38 width + 0.24 height`` (a mix, so that a column of equal boxes does not fall on one value),
    and each box is compared with those that follow it, for as long as they are that close.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        position = x + 0.62 * y + 0.38 * width + 0.24 * height
        reach = (1 - iou) / iou * (1.38 * width + 0.86 * height) + 1e-9 * np.abs(position)
        order = np.lexsort((height, width, y, x, position, groups))
        repeats, originals, order = _identical(order, groups, x, y, width, height)
        original = np.full(len(order), -1)
        active = np.arange(len(order))
        step = 0
        while active.size:
            step += 1
            active = active[(active < len(order) - step) & (original[active] < 0)]
            here, there = order[active], order[active + step]
            close = (groups[here] == groups[there]) & (position[there] - position[here] <= reach[here])
            active, here, there = active[close], here[close], there[close]
            same = (_iou(x, y, width, height, here, there) >= iou) & (original[active + step] < 0)
            original[active[same] + step] = here[same]
    again = np.concatenate([repeats, order[original >= 0]])
    first = np.concatenate([originals, original[original >= 0]])
    ascending = np.argsort(again)
    return again[ascending], first[ascending]


def _identical(order: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows that equal the one before them in ``order``, for each the first row of its pile, and the order without them."""
    import numpy as np

    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = np.logical_or.reduce([column[order[1:]] != column[order[:-1]] for column in columns])
    kept = order[is_new]
    return order[~is_new], kept[np.cumsum(is_new)[~is_new] - 1], kept


def _iou(x: np.ndarray, y: np.ndarray, width: np.ndarray, height: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes ``a`` and ``b`` (row numbers, pairwise)."""
    import numpy as np

    across = np.minimum(x[a] + width[a], x[b] + width[b]) - np.maximum(x[a], x[b])
    down = np.minimum(y[a] + height[a], y[b] + height[b]) - np.maximum(y[a], y[b])
    shared = np.maximum(across, 0) * np.maximum(down, 0)
    return shared / (width[a] * height[a] + width[b] * height[b] - shared)


def _box_text(boxes: Boxes, rows: np.ndarray) -> pa.Array:
    corner = text("box at (", number(boxes.x[rows]), ", ", number(boxes.y[rows]), ")")
    return text(corner, " of ", number(boxes.width[rows]), " x ", number(boxes.height[rows]), " px")


def _image_text(data: AuditInput, rows: np.ndarray) -> pa.Array:
    width, height = data.image_size
    return text("the image of ", number(width[rows]), " x ", number(height[rows]), " px")


def _box_json(x: Any, y: Any, width: Any, height: Any) -> pa.Array:
    return text('{"bbox": [', number(x), ", ", number(y), ", ", number(width), ", ", number(height), "]}")

"""Checks on how large boxes are and of what shape: for their image, and for their category."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, box_text, image_text, number, text
from airflow_cv_dataops.core.audit.looked_at import boxes_in_known_images, boxes_with_extent

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

# The median of |z| of a normal distribution: makes the median absolute deviation comparable to a standard deviation.
_MAD_OF_NORMAL = 0.6745
# A category whose boxes are all alike must not make a finding of every rounded pixel: deviations count as at least this much (natural log).
_LEAST_SPREAD = 0.1


def _comparable_sizes(data: AuditInput, *, min_labels_per_category: int) -> int:
    """Count the boxes of categories with so many that their areas can be compared."""
    return _in_large_categories(data, _areas(data), min_labels_per_category)


def _comparable_shapes(data: AuditInput, *, min_labels_per_category: int, border_px: float) -> int:
    """Count the boxes of categories with so many that their shapes can be compared."""
    return _in_large_categories(data, _ratios(data, border_px), min_labels_per_category)


@check(
    "warning",
    meaning="A box with a side below 2 px (`side_px`), or below 0.2 % of its image's side (`side_share`: 1.3 px of 640).",
    fix="Look whether there is an object (often a stray click); too small to learn from either way.",
    column="bbox",
    looks_at=boxes_with_extent,
)
def tiny_bbox(data: AuditInput, *, side_px: float = 2.0, side_share: float = 0.002) -> pa.Table | None:
    """Find boxes that are too small to see anything in, absolutely or after the image has been scaled to a network's input.

    Boxes without any area are another check's.
    """
    import numpy as np

    boxes, (image_width, image_height) = data.boxes, data.image_size
    with np.errstate(invalid="ignore"):
        small = np.minimum(boxes.width, boxes.height) < side_px
        small_for_image = (boxes.width < side_share * image_width) | (boxes.height < side_share * image_height)
    rows = np.flatnonzero(boxes.has_extent & (small | small_for_image))
    return annotation_rows(data, rows, text(box_text(boxes, rows), " is tiny"))


@check(
    "info",
    meaning="A box that covers at least 99 % of its image (`share`).",
    fix="Look whether the object fills the picture; if not, the box stands for a label of the whole image.",
    column="bbox",
    looks_at=boxes_in_known_images,
)
def full_image_bbox(data: AuditInput, *, share: float = 0.99) -> pa.Table | None:
    """Find boxes that cover (nearly) all of their image. :param share: of the image's area, 0 to 1."""
    import numpy as np

    boxes, (image_width, image_height) = data.boxes, data.image_size
    with np.errstate(over="ignore", invalid="ignore"):
        across = np.minimum(boxes.x + boxes.width, image_width) - np.maximum(boxes.x, 0)
        down = np.minimum(boxes.y + boxes.height, image_height) - np.maximum(boxes.y, 0)
        covers = np.maximum(across, 0) * np.maximum(down, 0) >= share * image_width * image_height
    rows = np.flatnonzero(boxes.has_extent & covers)
    return annotation_rows(data, rows, text(box_text(boxes, rows), " covers ", image_text(data, rows)))


@check(
    "info",
    meaning="A box far larger or smaller than others of its category: the logarithm of its share of the image is more than 5 (`z`) robust"
    " standard deviations from the category's median; score: 0.5 at that limit, falling towards 0.",
    fix="Look at the farthest first: a wrong category, a slip of the mouse, or a group labelled as one object.",
    column="bbox",
    looks_at=_comparable_sizes,
    reads=("annotations.iscrowd",),
)
def outlying_bbox_size(data: AuditInput, *, z: float = 5.0, min_labels_per_category: int = 20) -> pa.Table | None:
    """Find boxes whose area is far from that of others of their category.

    What is compared is the natural logarithm of the box's share of its image's area, so that images may differ in size. Its distance from
    the category's median is counted in robust standard deviations, which are the median absolute deviation / 0.6745 (Iglewicz and Hoaglin
    1993), and at least 0.1. COCO's crowd boxes (``iscrowd``) are left out: they are no single objects.

    :param min_labels_per_category: a category with fewer boxes is not judged.
    """
    rows, offset, distance = _outliers(data, _areas(data), z, min_labels_per_category)
    message = text(box_text(data.boxes, rows), " has ", _times(offset), " the area of its category's median box, measured by its image")
    return annotation_rows(data, rows, message, score=_score(distance, z))


@check(
    "info",
    meaning="A box far wider or taller than others of its category: the logarithm of width / height is more than 5 (`z`) robust standard"
    " deviations from the category's median; score: 0.5 at that limit, falling towards 0. Boxes within 2 px (`border_px`) of the image's"
    " border are left out.",
    fix="Look at the farthest first: a wrong category, a partly hidden object, or a group labelled as one object.",
    column="bbox",
    looks_at=_comparable_shapes,
    reads=("annotations.iscrowd",),
)
def outlying_bbox_shape(data: AuditInput, *, z: float = 5.0, min_labels_per_category: int = 20, border_px: float = 2.0) -> pa.Table | None:
    """Find boxes whose aspect ratio is far from that of others of their category; the statistic is that of ``outlying_bbox_size``.

    :param border_px: so close to the image's border an object is taken as cut off by it, and not judged.
    """
    rows, offset, distance = _outliers(data, _ratios(data, border_px), z, min_labels_per_category)
    message = text(box_text(data.boxes, rows), " has ", _times(offset), " the width : height of its category's median box")
    return annotation_rows(data, rows, message, score=_score(distance, z))


def _areas(data: AuditInput) -> np.ndarray:
    """Return the logarithm of each box's share of its image's area; not finite where there is none."""
    import numpy as np

    boxes, (image_width, image_height) = data.boxes, data.image_size
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return np.log(boxes.width * boxes.height / (image_width * image_height))


def _ratios(data: AuditInput, border_px: float) -> np.ndarray:
    """Return the logarithm of each box's width / height; not finite where there is none, or the border may cut the object off."""
    import numpy as np

    boxes, (image_width, image_height) = data.boxes, data.image_size
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        right, bottom = image_width - boxes.x - boxes.width, image_height - boxes.y - boxes.height
        is_cut_off = np.fmin.reduce([boxes.x, boxes.y, right, bottom]) <= border_px
        return np.where(is_cut_off, np.nan, np.log(boxes.width / boxes.height))


def _outliers(data: AuditInput, values: np.ndarray, z: float, min_labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows of outliers, ascending, their offset from their category's median, and its size in robust standard deviations.

    :param values: one for each annotation; what is not finite is not judged.
    """
    import numpy as np

    judged, counts = _judged(data, values)
    codes = data.category_codes[judged]
    in_order = judged[np.argsort(codes, kind="stable")]
    offsets, spreads = np.zeros(len(values)), np.full(len(values), np.inf)
    # A loop over categories, because numpy has no median by group; one over all labels would be sorted by value as well.
    for rows in np.split(in_order, np.cumsum(counts)[:-1]) if len(counts) else ():
        if len(rows) >= max(min_labels, 1):
            offsets[rows] = values[rows] - np.median(values[rows])
            spreads[rows] = max(np.median(np.abs(offsets[rows])) / _MAD_OF_NORMAL, _LEAST_SPREAD)
    distance = np.abs(offsets) / spreads
    outliers = np.flatnonzero(distance > z)
    return outliers, offsets[outliers], distance[outliers]


def _judged(data: AuditInput, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of labels with a value to compare, ascending, and how many of them each category has."""
    import numpy as np

    is_crowd = data.annotations["iscrowd"].fill_null(False).to_numpy()
    judged = np.flatnonzero(data.boxes.has_extent & np.isfinite(values) & (data.category_codes >= 0) & ~is_crowd)
    return judged, np.bincount(data.category_codes[judged], minlength=len(data.category_names))


def _in_large_categories(data: AuditInput, values: np.ndarray, min_labels: int) -> int:
    _, counts = _judged(data, values)
    return int(counts[counts >= min_labels].sum())


def _times(offset: np.ndarray) -> pa.Array:
    """Return e^offset for people: ``12.5 times`` or ``1/12.5 of``."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    times = number(np.round(np.exp(np.abs(offset)), 1))
    return pc.if_else(pa.array(offset > 0), text(times, " times"), text("1/", times, " of"))


def _score(distance: np.ndarray, z: float) -> np.ndarray:
    import numpy as np

    return np.round(z**2 / (z**2 + distance**2), 6)

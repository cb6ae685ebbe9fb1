"""Checks on keypoints (COCO triplets x, y, visibility)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, image_text, number, text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

_READS = ("annotations.keypoints",)


def _keypoint_labels(data: AuditInput) -> int:
    """Count the labels that have keypoints; those that lack them are findings anyway."""
    return int((_lengths(data) > 0).sum())


def _visible_points(data: AuditInput) -> int:
    """Count the visible keypoints of images whose size is known."""
    points = _points(data)
    return int(((points.visibility == 2) & (data.image_row >= 0)[points.row]).sum())


def _labels_with_points(data: AuditInput) -> int:
    """Count the labels whose keypoints are triplets."""
    lengths = _lengths(data)
    return int(((lengths > 0) & (lengths % 3 == 0)).sum())


@check(
    "error",
    meaning="Keypoints that are no triplets of x, y and visibility, with a coordinate that is no finite number, or with a visibility"
    " other than 0, 1 and 2; or a keypoints label without any.",
    fix="Export the keypoints again as COCO triplets.",
    column="keypoints",
    reads=_READS,
    looks_at=_keypoint_labels,
)
def invalid_keypoints(data: AuditInput) -> pa.Table | None:
    """Find keypoints that cannot be read as COCO triplets; of several faults of a label the first of these."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    points, lengths = _points(data), _lengths(data)
    absent = pc.equal(data.annotations["task"], "keypoints").to_numpy() & (lengths <= 0)
    broken = lengths % 3 != 0
    with np.errstate(invalid="ignore"):
        infinite = _any(data, points.row, ~(np.isfinite(points.x) & np.isfinite(points.y)))
        odd = _any(data, points.row, ~np.isin(points.visibility, (0, 1, 2)))
    rows = np.flatnonzero(absent | broken | infinite | odd)
    message = pc.case_when(
        pc.make_struct(*(pa.array(fault[rows]) for fault in (absent, broken, infinite))),
        "a keypoints label without keypoints",
        text(number(lengths[rows]), " numbers are no triplets of x, y and visibility"),
        "a keypoint has a coordinate that is absent or not finite",
        "a keypoint has a visibility other than 0, 1 and 2",
    )
    return annotation_rows(data, rows, message)


@check(
    "warning",
    meaning="A visible keypoint (visibility 2) that lies more than 1 px (`outside_px`) outside its image.",
    fix="Move it, or mark it as not visible; many at once hint at a wrong image size or orientation.",
    column="keypoints",
    reads=_READS,
    looks_at=_visible_points,
)
def keypoint_outside_image(data: AuditInput, *, outside_px: float = 1.0) -> pa.Table | None:
    """Find labels with a visible keypoint outside of the image; hidden ones (visibility 1) may lie where the object goes on."""
    import numpy as np

    points, (width, height) = _points(data), data.image_size
    image_width, image_height = width[points.row], height[points.row]
    with np.errstate(invalid="ignore"):
        beyond = np.maximum.reduce([-points.x, -points.y, points.x - image_width, points.y - image_height])
        outside = (points.visibility == 2) & (beyond > outside_px)
    rows, counts = np.unique(points.row[outside], return_counts=True)
    return annotation_rows(data, rows, text(number(counts), " visible keypoints lie outside ", image_text(data, rows)))


@check(
    "info",
    meaning="A label with keypoints of which none is labelled (visibility 0 throughout).",
    fix="Label the points that can be seen, or leave the label out of keypoint training.",
    column="keypoints",
    reads=_READS,
    looks_at=_labels_with_points,
)
def no_labelled_keypoint(data: AuditInput) -> pa.Table | None:
    """Find labels whose keypoints are all "not labelled", as COCO has them for people who are small or in a crowd."""
    import numpy as np

    points = _points(data)
    labelled = _any(data, points.row, points.visibility != 0)
    rows = np.setdiff1d(np.unique(points.row), np.flatnonzero(labelled), assume_unique=True)
    return annotation_rows(data, rows, "no keypoint of the label is labelled")


@dataclass(frozen=True, eq=False)
class _Points:
    """The keypoints of all annotations that have triplets: P rows, float64 in pixels, NaN where there is no number.

    :param row: the annotation of each, ascending.
    """

    row: np.ndarray
    x: np.ndarray
    y: np.ndarray
    visibility: np.ndarray


def _points(data: AuditInput) -> _Points:
    import numpy as np
    import pyarrow.compute as pc

    lengths = _lengths(data)
    numbers = pc.fill_null(pc.list_flatten(data.annotations["keypoints"]), float("nan")).to_numpy()
    row = np.repeat(np.arange(len(lengths)), np.maximum(lengths, 0))
    in_triplets = lengths[row] % 3 == 0
    x, y, visibility = numbers[in_triplets].reshape(-1, 3).T
    return _Points(row[in_triplets][::3], x, y, visibility)


def _lengths(data: AuditInput) -> np.ndarray:
    """Return how many numbers each annotation's keypoints have; 0 where it has none."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.list_value_length(data.annotations["keypoints"]), 0).to_numpy().astype("int64")


def _any(data: AuditInput, row: np.ndarray, faulty: np.ndarray) -> np.ndarray:
    """Return a mask of the annotations with a faulty point."""
    import numpy as np

    found = np.zeros(data.annotations.num_rows, dtype=bool)
    found[row[faulty]] = True
    return found

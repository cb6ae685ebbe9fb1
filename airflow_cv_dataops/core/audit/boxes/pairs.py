"""Checks on boxes of one image that cover one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.boxes.sweep import contradicted, paired, pairwise_iou, repeated
from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, box_text, number, text
from airflow_cv_dataops.core.audit.grouping import group_codes
from airflow_cv_dataops.core.audit.looked_at import boxes_with_extent
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput
    from airflow_cv_dataops.core.audit.boxes.sweep import Corners


def _boxes_beside_others(data: AuditInput) -> int:
    """Count the boxes that another one of their image, label set, annotator and task could contradict.

    One that is alone contradicts none; but it is a box that is not there twice, so that ``duplicate_bbox`` looks at it.
    """
    import numpy as np

    groups = _of_one_task(data, *_drawn(data)[:2])
    return int((np.bincount(groups, minlength=1)[groups] > 1).sum())


@check(
    "warning",
    meaning="A box that repeats another one of the same image, category, label set and annotator (IoU of at least 0.99, `iou`).",
    fix="Remove one of the two; where each comes from a file of its own (masks, keypoints), import one file, or each as a label set of its"
    " own.",
    column="bbox",
    reads=("annotations.annotator",),
    looks_at=boxes_with_extent,
)
def duplicate_bbox(data: AuditInput, *, iou: float = 0.99) -> pa.Table | None:
    """Find boxes that are there twice: one image, category, label set and annotator, whatever their tasks.

    A person with a mask in one file and with keypoints in another is one object twice. All but one of each pile are findings; what is left
    over has no two such boxes.

    :param iou: from this intersection over union on, 0.5 to 1, two boxes are the same.
    :raises ConfigurationError: ``iou`` is out of its range.
    """
    import pyarrow as pa

    _check_iou("duplicate_bbox", iou=iou)
    rows, groups, corners = _drawn(data)
    again, first = repeated(_with_category(data, rows, groups), corners, iou)
    others = data.annotations["annotation_id"].take(pa.array(rows[first]))
    return annotation_rows(data, rows[again], text(box_text(data.boxes, rows[again]), " is there twice; also as annotation ", others))


@check(
    "warning",
    meaning="A box that is nearly the same as another one of the same image, category, label set and annotator (IoU of at least 0.9, `iou`,"
    " and below 0.99, `duplicate_iou`, where `duplicate_bbox` begins); score: 1 - IoU.",
    fix="Look whether there are two objects; if not, remove the box that fits worse.",
    column="bbox",
    reads=("annotations.annotator",),
    looks_at=boxes_with_extent,
)
def near_duplicate_bbox(data: AuditInput, *, iou: float = 0.9, duplicate_iou: float = 0.99) -> pa.Table | None:
    """Find boxes that are nearly there twice, and are not repeats that ``duplicate_bbox`` finds.

    All but one of each pile are findings; what is left over has no two boxes so alike.

    :param iou: from this intersection over union on, 0.5 to 1, two boxes are nearly the same.
    :param duplicate_iou: the ``iou`` of ``duplicate_bbox``.
    :raises ConfigurationError: one of them is out of its range.
    """
    import numpy as np
    import pyarrow as pa

    _check_iou("near_duplicate_bbox", iou=iou, duplicate_iou=duplicate_iou)
    rows, groups, corners = _drawn(data)
    groups = _with_category(data, rows, groups)
    # A repeat is alike as well, so that both sweeps need only look at the few boxes that are.
    alike = paired(groups, corners, min(iou, duplicate_iou))
    again, _ = repeated(groups[alike], tuple(side[alike] for side in corners), duplicate_iou)
    kept = np.delete(alike, again)
    rows, groups, corners = rows[kept], groups[kept], tuple(side[kept] for side in corners)
    near, first = repeated(groups, corners, iou)
    likeness = pairwise_iou(corners, near, first)
    others = data.annotations["annotation_id"].take(pa.array(rows[first]))
    box = box_text(data.boxes, rows[near])
    message = text(box, " is nearly the same as annotation ", others, " (IoU ", number(likeness), ")")
    return annotation_rows(data, rows[near], message, score=_unlikeness(likeness))


@check(
    "warning",
    meaning="A box of the same image, label set and annotator as one of another category that covers the same pixels (IoU of at least 0.9,"
    " `iou`): one object under two names; score: 1 - IoU.",
    fix="Decide on one of the two categories; where an object may have several (a hierarchy), switch this check off.",
    column="category",
    reads=("annotations.annotator",),
    looks_at=_boxes_beside_others,
)
def conflicting_bbox(data: AuditInput, *, iou: float = 0.9) -> pa.Table | None:
    """Find objects that are labelled twice under two names; every box concerned is a finding, and names one of the others.

    :param iou: from this intersection over union on, 0.5 to 1, two boxes are one object.
    :raises ConfigurationError: ``iou`` is out of its range.
    """
    import pyarrow as pa

    _check_iou("conflicting_bbox", iou=iou)
    rows, groups, corners = _drawn(data)
    groups = _of_one_task(data, rows, groups)
    here, there = contradicted(groups, data.category_codes[rows], corners, iou)
    likeness = pairwise_iou(corners, here, there)
    labels = data.annotations.select(["category", "annotation_id"])
    given, other = labels["category"].take(pa.array(rows[here])), labels.take(pa.array(rows[there]))
    name = text(box_text(data.boxes, rows[here]), " labelled ", given, " is labelled ", other["category"])
    message = text(name, " as annotation ", other["annotation_id"], " (IoU ", number(likeness), ")")
    return annotation_rows(data, rows[here], message, score=_unlikeness(likeness))


def _check_iou(check_id: str, **values: float) -> None:
    for name, value in values.items():
        if not 0.5 <= value <= 1:
            raise ConfigurationError(f"{name}={value!r} of {check_id} is out of range: expected 0.5 to 1.")


def _drawn(data: AuditInput) -> tuple[np.ndarray, np.ndarray, Corners]:
    """Return the rows with a box, what each belongs to (image, label set and annotator), and the boxes."""
    import numpy as np

    labels, boxes = data.annotations, data.boxes
    groups = group_codes(data.place_codes, labels["label_set"], labels["annotator"])
    rows = np.flatnonzero(boxes.has_extent)
    return rows, groups[rows], (boxes.x[rows], boxes.y[rows], boxes.width[rows], boxes.height[rows])


def _of_one_task(data: AuditInput, rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the groups of boxes that may contradict one another: a face that fills the person's box is no contradiction."""
    import pyarrow as pa

    return group_codes(groups, data.annotations["task"].take(pa.array(rows)))


def _with_category(data: AuditInput, rows: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return groups * (len(data.category_names) + 1) + data.category_codes[rows] + 1


def _unlikeness(iou: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.round(np.clip(1 - iou, 0, 1), 6)

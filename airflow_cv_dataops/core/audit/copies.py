"""The check on labels of byte-identical copies of an image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.audit_input import AuditInput, derived
from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, text
from airflow_cv_dataops.core.audit.grouping import group_codes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


def _copied_labels(data: AuditInput) -> int:
    """Count the labels whose drawing can be compared with that on a copy of their image."""
    return len(_drawn_at_several_places(data))


@check(
    "warning",
    meaning="Byte-identical images, or an image and its copy, whose boxes, masks or keypoints one label set draws differently.",
    fix="Decide on one drawing, and label one of the files alone; a release holds what is drawn on any of them.",
    column="image_id",
    reads=("annotations.segmentation", "annotations.iscrowd", "annotations.keypoints"),
    looks_at=_copied_labels,
)
def conflicting_copies(data: AuditInput) -> pa.Table | None:
    """Find byte-identical files with different labels, one finding for each file but the first; of classes see ``conflicting_labels``.

    Labels of an image are labels of all its copies: a file without labels is in no conflict.
    """
    import numpy as np
    import pyarrow as pa

    rows = _drawn_at_several_places(data)
    labels = data.annotations.take(pa.array(rows))
    subjects, places, drawings = group_codes(labels["label_set"], labels["image_id"]), data.place_codes[rows], _drawings(labels)
    order = np.lexsort((drawings, places, subjects))
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(places[order]) != 0) | (np.diff(subjects[order]) != 0)
    files = np.split(order, np.flatnonzero(begins)[1:]) if len(order) else []
    first: dict[int, np.ndarray] = {}
    found, firsts = [], []
    for file in files:  # one turn a labelled file that has a labelled copy
        known = first.setdefault(int(subjects[file[0]]), file)
        if drawings[file].tolist() != drawings[known].tolist():
            found.append(file[0])
            firsts.append(known[0])
    message = text("byte-identical to ", labels["file_name"].take(pa.array(firsts, pa.int64())), ", which is labelled differently")
    findings = annotation_rows(data, rows[np.array(found, np.int64)], message)
    # The finding is about the file, not about the one label that happens to be its first.
    return None if findings is None else findings.drop_columns(["annotation_id", "category"])


@derived
def _drawn_at_several_places(data: AuditInput) -> np.ndarray:
    """Return the row numbers of labels with a drawing whose image has such labels of the same label set at more than one file."""
    import numpy as np
    import pyarrow.compute as pc

    labels = data.annotations
    rows = np.flatnonzero(pc.and_(labels["image_id"].is_valid(), pc.not_equal(labels["task"], "classification")).to_numpy())
    subjects, places = group_codes(labels["label_set"], labels["image_id"])[rows], data.place_codes[rows]
    pairs = np.unique(np.stack([subjects, places]), axis=1)
    several = np.bincount(pairs[0], minlength=1) > 1
    found: np.ndarray = rows[several[subjects]] if len(rows) else rows
    return found


def _drawings(labels: pa.Table) -> np.ndarray:
    """Return one number a label, which two labels share that say the same of their image."""
    import pyarrow as pa
    import pyarrow.compute as pc

    points = pa.array([None if value is None else json.dumps(value) for value in labels["keypoints"].to_pylist()], pa.string())
    corners = [pc.struct_field(labels["bbox"], side) for side in ("x", "y", "width", "height")]
    return group_codes(labels["task"], labels["category"], *corners, labels["segmentation"], labels["iscrowd"], points)

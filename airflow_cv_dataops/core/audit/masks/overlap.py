"""Given and predicted masks of the same category, and how much they overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.audit_input import MIN_SIDE_PX, Boxes, derived
from airflow_cv_dataops.core.audit.detection.boxes import DetectionBoxes, comparable_boxes
from airflow_cv_dataops.core.audit.detection.evidence import DetectionEvidence
from airflow_cv_dataops.core.audit.detection.overlap import MIN_OVERLAP, Overlaps, box_overlaps
from airflow_cv_dataops.core.labels.masks.coco_masks import Mask, mask_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

# Predicted masks that are compared with all labels of their image at a time.
_AT_A_TIME = 256
_ROWS_AT_A_TIME = 1000


@derived
def mask_evidence(data: AuditInput) -> DetectionEvidence | None:
    """Compare the given masks with the predicted ones of their category; ``None`` where there is nothing to compare."""
    predicted = _masks(data, data.predictions, data.predicted_image_row)
    given = _masks(data, data.annotations, data.image_row) if predicted else {}
    if not given:
        return None
    boxes = comparable_boxes(data, _boxes_around(given, data.annotations.num_rows), _boxes_around(predicted, data.predictions.num_rows))
    return None if boxes is None else DetectionEvidence(boxes, _overlaps(boxes, given, predicted))


def _masks(data: AuditInput, table: pa.Table, image: np.ndarray) -> dict[int, Mask]:
    """Return the valid masks of a table by row; a loop, because each is JSON of its own shape."""
    import numpy as np
    import pyarrow as pa

    width, height = (data.images.column(name).to_numpy() for name in ("width", "height"))
    rows = np.flatnonzero(table.column("segmentation").is_valid().to_numpy() & (image >= 0))
    found = {}
    for start in range(0, len(rows), _ROWS_AT_A_TIME):
        part = rows[start : start + _ROWS_AT_A_TIME]
        for row, text in zip(part.tolist(), table.column("segmentation").take(pa.array(part)).to_pylist(), strict=True):
            mask = mask_of(text, int(width[image[row]]), int(height[image[row]]))
            if mask is not None:
                found[row] = mask
    return found


def _boxes_around(masks: dict[int, Mask], rows: int) -> Boxes:
    """Return the box around each row's mask, NaN where it has none."""
    import faster_coco_eval.mask_api_new_cpp as coco_masks
    import numpy as np

    boxes = np.full((rows, 4), np.nan)
    boxes[list(masks)] = coco_masks.toBbox(list(masks.values()))
    x, y, width, height = boxes.T
    finite = np.isfinite(x)
    with np.errstate(invalid="ignore"):
        return Boxes(x, y, width, height, finite, finite, has_extent=finite & (np.minimum(width, height) > MIN_SIDE_PX))


def _overlaps(boxes: DetectionBoxes, given: dict[int, Mask], predicted: dict[int, Mask]) -> Overlaps:
    """Return the pairs of one category whose masks overlap by at least ``MIN_OVERLAP``.

    A loop over images and their predictions, some at a time: the C++ function takes the masks of one image.
    """
    import faster_coco_eval.mask_api_new_cpp as coco_masks
    import numpy as np

    # Masks can overlap far more than the boxes around them do, where a stray pixel stretches one of these.
    near = box_overlaps(boxes, at_least=1e-6)
    same = boxes.labels.category[near.label] == boxes.predictions.category[near.prediction]
    label, prediction = near.label[same], near.prediction[same]
    overlap = np.zeros(len(label), dtype=np.float32)
    image = boxes.predictions.image[prediction]
    new_image = np.flatnonzero(np.diff(image, prepend=-1))
    for start, stop in zip(new_image, np.append(new_image[1:], len(image)), strict=True):
        labels, at_label = np.unique(label[start:stop], return_inverse=True)
        predictions, at_prediction = np.unique(prediction[start:stop], return_inverse=True)
        of_image = [given[row] for row in boxes.labels.row[labels].tolist()]
        crowd = boxes.is_crowd[labels].astype(int).tolist()
        for first in range(0, len(predictions), _AT_A_TIME):
            some = [predicted[row] for row in boxes.predictions.row[predictions[first : first + _AT_A_TIME]].tolist()]
            matrix = np.asarray(coco_masks.iou(some, of_image, crowd)).reshape(len(some), len(of_image))
            here = np.flatnonzero((at_prediction >= first) & (at_prediction < first + _AT_A_TIME))
            overlap[start + here] = np.round(matrix[at_prediction[here] - first, at_label[here]], 6)
    kept = np.flatnonzero(overlap >= MIN_OVERLAP)
    return Overlaps(label[kept], prediction[kept], overlap[kept])

"""Checks on masks by what models predict: the probabilities of their pixels, or predicted masks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.detection.scores import badly_located, usual_limit
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, image_rows, number, text
from airflow_cv_dataops.core.audit.grouping import group_codes
from airflow_cv_dataops.core.audit.masks.pixel_scores import images_with_both, masks_by_pixel

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

PIXELS = ("annotations.segmentation", "annotations.iscrowd", "predictions.pixel_probabilities", "predictions.classes")
_MASKS = (*PIXELS, "predictions.category", "predictions.score", "predictions.segmentation")
# A suggested mask with a longer text stays in predictions.
_LONGEST_SUGGESTION = 20_000


def _judged(data: AuditInput) -> np.ndarray:
    """Return the images of which a mask can be judged, by the probabilities of its pixels or by predicted masks."""
    import numpy as np

    from airflow_cv_dataops.core.audit.masks.overlap import mask_evidence

    by_pixel, evidence = data.image_row[masks_by_pixel(data).rows], mask_evidence(data)
    return np.unique(by_pixel if evidence is None else np.concatenate([by_pixel, evidence.boxes.labels.image]))


@check(
    "warning",
    meaning="A mask that the models doubt far more than they usually do in its category: by the probabilities of its pixels (soft minimum"
    " below 0.5, `probability`) where these are given, else by its overlap with the predicted mask (IoU below 0.7, `overlap`).",
    fix="Look at the picture, lowest score first; redraw the mask, or take the predicted one.",
    column="segmentation",
    reads=_MASKS,
    suspects=True,
    compares=_judged,
)
def doubtful_mask(
    data: AuditInput, *, precision: float = 0.5, deviations: float = 3.0, probability: float = 0.5, overlap: float = 0.7
) -> pa.Table | None:
    """Find masks that models doubt.

    Score: the soft minimum of the pixels' probabilities; or 1 - confidence in the predicted mask x (1 - IoU).

    :param precision: how likely (by its class's own precision) a predicted mask is right, for it to count.
    :param deviations: robust standard deviations from what is usual in the category, beyond which a mask is doubtful.
    :param probability: a mask with at least this soft minimum is never doubtful.
    :param overlap: a mask with at least this IoU is never doubtful.
    """
    import pyarrow as pa

    found = [_by_pixels(data, deviations, probability), _by_masks(data, precision, deviations, overlap)]
    tables = [table for table in found if table is not None]
    return pa.concat_tables(tables).sort_by("annotation_id") if tables else None


@check(
    "warning",
    meaning="Pixel probabilities of an image that cannot be read, or do not fit it.",
    fix="Write the file again: floats from 0 to 1, (classes, height, width) of the upright image.",
    column="image_id",
    reads=PIXELS,
    compares=images_with_both,
)
def unusable_pixel_probabilities(data: AuditInput) -> pa.Table | None:
    """Find files of pixel probabilities that cannot be used; an image without masks is not looked at."""
    import numpy as np

    problems = masks_by_pixel(data).problems
    return image_rows(data, np.array([image for image, _ in problems], dtype=np.int64), [message for _, message in problems])


def _by_pixels(data: AuditInput, deviations: float, probability: float) -> pa.Table | None:
    import numpy as np
    import pyarrow as pa

    judged = masks_by_pixel(data)
    category = group_codes(data.annotations.column("category").take(pa.array(judged.rows)))
    limit = usual_limit(category, judged.score, deviations)
    at = np.flatnonzero(judged.score < np.minimum(limit, probability))
    message = text("the pixels of this mask have a probability of ", number(judged.score[at]), " (soft minimum)")
    return annotation_rows(data, judged.rows[at], message, score=np.round(judged.score[at], 6))


def _by_masks(data: AuditInput, precision: float, deviations: float, overlap: float) -> pa.Table | None:
    import numpy as np

    from airflow_cv_dataops.core.audit.masks.overlap import mask_evidence

    evidence = mask_evidence(data)
    if evidence is None:
        return None
    found = badly_located(evidence, precision=precision, deviations=deviations, overlap=overlap)
    rows = evidence.boxes.labels.row[found.at]
    kept = np.flatnonzero(~np.isin(rows, masks_by_pixel(data).rows))
    score = np.round(found.score[kept].astype(np.float64), 6)
    message = text("the predicted mask overlaps this one by IoU ", number(found.overlap[kept].astype(np.float64)), " only")
    suggestion = _suggestions(data, evidence.boxes.predictions.row[found.prediction[kept]])
    return annotation_rows(data, rows[kept], message, score=score, suggestion=suggestion)


def _suggestions(data: AuditInput, rows: np.ndarray) -> list[str]:
    """Return JSON with category, score and mask of each of the predictions; a loop over findings only."""
    import pyarrow as pa

    suggestions = []
    for row in data.predictions.select(["category", "score", "segmentation"]).take(pa.array(rows)).to_pylist():
        short = len(row["segmentation"]) <= _LONGEST_SUGGESTION
        mask = {"segmentation": json.loads(row["segmentation"])} if short else {}
        suggestions.append(json.dumps({"category": row["category"], "score": round(row["score"], 6), **mask}, ensure_ascii=False))
    return suggestions

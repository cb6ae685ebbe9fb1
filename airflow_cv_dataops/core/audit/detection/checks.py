"""Checks on the boxes of objects, by what models predict: overlooked, badly located, swapped and spurious.

docs/detection-audit.md defines the four and their scores, and tells what was measured.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.audit_input import derived
from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.detection.evidence import box_evidence
from airflow_cv_dataops.core.audit.detection.overlooked import not_judged, overlooked
from airflow_cv_dataops.core.audit.detection.scores import badly_located, spurious, swapped
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, number, text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput
    from airflow_cv_dataops.core.audit.detection.evidence import DetectionEvidence
    from airflow_cv_dataops.core.audit.detection.scores import Doubts

BOXES = ("annotations.iscrowd", "predictions.category", "predictions.score", "predictions.bbox")
# Of overlooked_bbox.
_PRECISION, _OVERLAP = 0.9, 0.3


def _seen(data: AuditInput) -> np.ndarray:
    """Return the images with predictions of a category that can be judged, or with a finding; each has labels, or is said to be empty."""
    import numpy as np

    evidence = box_evidence(data)
    if evidence is None:
        return np.empty(0, np.int64)
    predictions, (found, counts) = evidence.boxes.predictions, _told(data, evidence, _PRECISION, _OVERLAP)
    is_seen = (counts == 0)[predictions.category]
    is_seen[found.at] = True
    return np.unique(predictions.image[is_seen])


def _told(data: AuditInput, evidence: DetectionEvidence, precision: float, overlap: float) -> tuple[Doubts, np.ndarray]:
    """Return the overlooked objects, and by category the predictions that cannot be judged."""
    answers = _answers(data)
    if (precision, overlap) not in answers:
        found = overlooked(evidence, precision=precision, overlap=overlap)
        answers[precision, overlap] = found, not_judged(evidence, found, overlap=overlap)
    return answers[precision, overlap]


@derived
def _answers(data: AuditInput) -> dict[tuple[float, float], tuple[Doubts, np.ndarray]]:
    """What :func:`_told` returns, by thresholds: it is asked for three times, and takes long where boxes lie on one place."""
    return {}


def _labelled(data: AuditInput) -> np.ndarray:
    """Return the images with predictions, and with labels that are more than crowds."""
    import numpy as np

    evidence = box_evidence(data)
    return np.empty(0, np.int64) if evidence is None else np.unique(evidence.boxes.labels.image[~evidence.boxes.is_crowd])


@check(
    "warning",
    meaning="An object that no label marks: a box that the models predict with confidence, and that overlaps no label"
    " (IoU below 0.3, `overlap`).",
    fix="Draw the suggested box, or have the image labelled anew.",
    column="bbox",
    reads=BOXES,
    compares=_seen,
    shares={"precision": True, "overlap": False},
)
def overlooked_bbox(data: AuditInput, *, precision: float = _PRECISION, overlap: float = _OVERLAP) -> pa.Table | None:
    """Find objects that no label marks. Score: 1 - how likely the predicted box is on an object that nobody labelled.

    :param precision: the share of a category's findings that are to be right, as estimated; none is rather wrong than right.
    :param overlap: a prediction that overlaps any label this much (IoU) is explained by it.
    """
    evidence = box_evidence(data)
    if evidence is None:
        return None
    found, _ = _told(data, evidence, precision, overlap)
    if not len(found.at):
        return None
    names = _names(evidence, found.prediction)
    message = text("no label marks this ", names, ", which a model predicts with score ", number(_scores(evidence, found.prediction)))
    return _unlabelled_rows(data, evidence, found.at, message, found.score, _suggestions(evidence, found.prediction))


def overlooked_not_judged(data: AuditInput, *, precision: float = _PRECISION, overlap: float = _OVERLAP) -> dict[str, int]:
    """Return, by category, how many confident predictions match no label although nobody can tell whether they are right; none of 0.

    :param precision: as of :func:`overlooked_bbox`, like ``overlap``.
    """
    import numpy as np

    overlooked_bbox.check_shares({"precision": precision, "overlap": overlap})
    evidence = box_evidence(data)
    if evidence is None:
        return {}
    _, counts = _told(data, evidence, precision, overlap)
    return {evidence.boxes.categories[number]: int(counts[number]) for number in np.flatnonzero(counts)}


@check(
    "warning",
    meaning="A box that lies beside its object: the models' boxes of its category overlap it (IoU below 0.7, `overlap`)"
    " far less than they usually do.",
    fix="Move the box, as the suggestion does.",
    column="bbox",
    reads=BOXES,
    suspects=True,
    compares=_labelled,
)
def badly_located_bbox(data: AuditInput, *, precision: float = 0.5, deviations: float = 3.0, overlap: float = 0.7) -> pa.Table | None:
    """Find boxes that lie beside their object. Score: 1 - confidence in the predicted box x (1 - IoU).

    :param precision: how likely (by its class's own precision) a predicted box is right, for it to count.
    :param deviations: robust standard deviations from the category's usual overlap, beyond which a box is badly located.
    :param overlap: a box with at least this overlap (IoU) is never badly located.
    """
    evidence = box_evidence(data)
    if evidence is None:
        return None
    found = badly_located(evidence, precision=precision, deviations=deviations, overlap=overlap)
    message = text("the predicted box overlaps this one by IoU ", number(found.overlap.astype("float64")), " only")
    suggestion = _suggestions(evidence, found.prediction)
    return _label_rows(data, evidence, found.at, message, found.score, suggestion)


@check(
    "warning",
    meaning="A box of one category where the models, with confidence, see another one.",
    fix="Look at the picture, lowest score first; take the suggested category where it is right.",
    column="category",
    reads=BOXES,
    suspects=True,
    compares=_labelled,
)
def swapped_category(data: AuditInput, *, precision: float = 0.5) -> pa.Table | None:
    """Find boxes of the wrong category. Score: 1 - confidence in the other category x (1 - confidence in the given one).

    :param precision: the least confidence in the other category, where there is none in the given one.
    """
    evidence = box_evidence(data)
    if evidence is None:
        return None
    found = swapped(evidence, precision=precision)
    names = _names(evidence, found.prediction)
    given = data.annotations.column("category").take(_indices(evidence.boxes.labels.row[found.at]))
    message = text("labelled ", given, ", predicted ", names, " with score ", number(_scores(evidence, found.prediction)))
    return _label_rows(data, evidence, found.at, message, found.score, _suggestions(evidence, found.prediction))


@check(
    "info",
    meaning="A box that no prediction supports, of a category of which the models find at least 75 % (`recall`).",
    fix="Look at the picture, lowest score first; remove the box if nothing is there.",
    column="bbox",
    reads=BOXES,
    compares=_labelled,
)
def spurious_bbox(data: AuditInput, *, recall: float = 0.75, support: float = 0.1, overlap: float = 0.3) -> pa.Table | None:
    """Find boxes without an object. Score: 1 - recall of the category x (1 - the label's support).

    :param recall: the share of a category's labels that the models must find to be believed when they find nothing.
    :param support: the least confidence of a prediction that supports a label.
    :param overlap: the least overlap (IoU) of such a prediction, whatever its category.
    """
    evidence = box_evidence(data)
    if evidence is None:
        return None
    found = spurious(evidence, recall=recall, support=support, overlap=overlap)
    return _label_rows(data, evidence, found.at, "no prediction supports this box", found.score, None)


def _label_rows(
    data: AuditInput, evidence: DetectionEvidence, at: np.ndarray, message: pa.Array | str, score: np.ndarray, suggestion: pa.Array | None
) -> pa.Table | None:
    import numpy as np

    # Six digits, so that the last bits of a sum cannot show in a rerun's findings.
    return annotation_rows(data, evidence.boxes.labels.row[at], message, score=np.round(score.astype(np.float64), 6), suggestion=suggestion)


def _unlabelled_rows(
    data: AuditInput, evidence: DetectionEvidence, at: np.ndarray, message: pa.Array, score: np.ndarray, suggestion: pa.Array
) -> pa.Table:
    """Return findings about an image rather than a label, each with the category that is missing."""
    import numpy as np
    import pyarrow as pa

    images = data.images.select(["image_id", "source_uri"]).take(_indices(evidence.boxes.predictions.image[at]))
    return pa.table(
        {
            "message": message,
            "image_id": images["image_id"],
            "source_uri": images["source_uri"],
            "category": _names(evidence, at),
            "score": np.round(score.astype(np.float64), 6),
            "suggestion": suggestion,
        }
    )


def _suggestions(evidence: DetectionEvidence, prediction: np.ndarray) -> pa.Array:
    """Return JSON with the bbox, category and score of each of the predictions."""
    import numpy as np
    import pyarrow as pa

    boxes = evidence.boxes
    left, top, right, bottom = boxes.predictions.corners[:, prediction]
    names = pa.array([json.dumps(name, ensure_ascii=False) for name in boxes.categories], pa.string())
    category = names.take(_indices(boxes.predictions.category[prediction]))
    box = text("[", number(left), ", ", number(top), ", ", number(right - left), ", ", number(bottom - top), "]")
    score = pa.array(np.round(boxes.score[prediction], 6)).cast(pa.string())
    return text('{"bbox": ', box, ', "category": ', category, ', "score": ', score, "}")


def _names(evidence: DetectionEvidence, prediction: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return pa.array(evidence.boxes.categories, pa.string()).take(_indices(evidence.boxes.predictions.category[prediction]))


def _scores(evidence: DetectionEvidence, prediction: np.ndarray) -> np.ndarray:
    return evidence.boxes.score[prediction]


def _indices(rows: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return pa.array(rows)

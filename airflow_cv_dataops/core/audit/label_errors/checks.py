"""Checks on the category of a whole image, by other labels and by what models predict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.denied_labels import denied_labels, statements_beside_labels
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows, number, text
from airflow_cv_dataops.core.audit.grouping import group_codes
from airflow_cv_dataops.core.audit.label_errors.judged_labels import classification_rows, judged_images, judged_labels, label_source
from airflow_cv_dataops.core.audit.label_errors.suspicion import MODES, check_mode, suspects

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput
    from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatches
    from airflow_cv_dataops.core.audit.label_errors.judged_labels import JudgedLabels

_PROBABILITIES = ("predictions.task", "predictions.probabilities", "predictions.classes")


def _said_more_than_once(data: AuditInput) -> int:
    """Count the classification labels of images with several, and the statements that nothing is in an image that others have labelled."""
    import numpy as np
    import pyarrow as pa

    images = group_codes(data.annotations["image_id"].take(pa.array(classification_rows(data.annotations))))
    return int((np.bincount(images, minlength=1)[images] > 1).sum()) + statements_beside_labels(data)


@check(
    "warning",
    meaning="Classification labels of one image, or of byte-identical images, that name different categories; or the statement of a label"
    " set that nothing is in an image of which another one has labels, of categories that both know.",
    fix="Decide on one; where an image may have several categories, switch this check off.",
    column="category",
    looks_at=_said_more_than_once,
)
def conflicting_labels(data: AuditInput) -> pa.Table | None:
    """Find classification labels of one image, or of byte-identical images, that name different categories.

    Every label of such an image is a finding; the suggestion holds how often each category was given: ``{"votes": {"cat": 2, "dog": 1}}``.
    So is every statement that nothing is in an image where another label set has labels of any task (``denied_labels``).
    """
    import numpy as np
    import pyarrow as pa

    rows = classification_rows(data.annotations)
    labels = data.annotations.select(["image_id", "category"]).take(pa.array(rows))
    images, categories = group_codes(labels["image_id"]), group_codes(labels["category"])
    pairs = np.unique(np.stack([images, categories]), axis=1)
    names_per_image = np.bincount(pairs[0], minlength=1)
    in_conflict = np.flatnonzero(names_per_image[images] > 1)
    conflicts = labels.append_column("image", pa.array(images)).take(pa.array(in_conflict))
    votes = _votes(conflicts)
    given = conflicts["image"].to_pylist()
    message = [f"{len(votes[image])} categories for one image: {', '.join(map(str, votes[image]))}" for image in given]
    suggestion = [json.dumps({"votes": votes[image]}, ensure_ascii=False) for image in given]
    found = [annotation_rows(data, rows[in_conflict], message, suggestion=suggestion), denied_labels(data)]
    tables = [table for table in found if table is not None]
    return pa.concat_tables(tables) if tables else None


@check(
    "warning",
    meaning="A classification label that is probably wrong, going by out-of-sample predictions (`mode`: `balanced`, `precision`, `recall`, "
    "or a filter); score: probability of the given label beside the suggested one.",
    fix="Look at the picture, lowest score first; relabel, or take the suggested category.",
    column="category",
    reads=_PROBABILITIES,
    suspects=True,
    compares=judged_images,
    choices={"mode": MODES},
)
def suspect_label(data: AuditInput, *, mode: str = "balanced") -> pa.Table | None:
    """Find classification labels that out-of-sample predictions contradict.

    The score is the given label's probability beside the most probable other class, p(given) / (p(given) + p(other)): 0 surely wrong, 0.5 a
    tie; the suggestion is that class with its probability. Several models count as their fit to the labels says (``stacking``). Labels
    without a prediction, or with a category that the models do not know, cannot be judged and are not findings.

    :param mode: ``balanced``: as many labels, the most probably wrong first, as give the highest expected F1; ``precision`` and ``recall``
        lean to one side (F0.5, F2); or a filter of confident learning by its name: ``confident_learning``, ``prune_by_class``,
        ``prune_by_noise_rate``, ``both``, ``predicted_neq_given``. See ``suspicion``.
    """
    check_mode(mode)
    judged = judged_labels(data)
    return None if judged is None else _doubted_rows(data, judged, _suspects(data, judged, mode))


@check(
    "info",
    meaning="A classification label that is not suspect, but for which out-of-sample predictions name another class as most probable.",
    fix="Look at these after the suspect labels; many are hard pictures rather than wrong labels.",
    column="category",
    reads=_PROBABILITIES,
    compares=judged_images,
    choices={"mode": MODES},
)
def disputed_label(data: AuditInput, *, mode: str = "balanced") -> pa.Table | None:
    """Find the other classification labels for which out-of-sample predictions name another class as most probable.

    :param mode: that of ``suspect_label``, whose findings are left out here.
    """
    check_mode(mode)
    judged = judged_labels(data)
    return None if judged is None else _doubted_rows(data, judged, judged.evidence.disagrees & ~_suspects(data, judged, mode))


def _suspects(data: AuditInput, judged: JudgedLabels, mode: str) -> np.ndarray:
    """Return which of the judged labels are suspect, (N,) bool."""

    @contextmanager
    def batches() -> Iterator[LabelBatches]:
        with label_source(data) as source:
            yield source.batches

    return suspects(judged.evidence, judged.noise, mode, batches)


def _doubted_rows(data: AuditInput, judged: JudgedLabels, doubted: np.ndarray) -> pa.Table | None:
    """Return a finding for each doubted label with the class that is more likely."""
    import numpy as np
    import pyarrow as pa

    evidence, rows = judged.evidence, judged.evidence.rows[doubted]
    # Six digits are what a reader can use, and fewer than float32 carries.
    score = np.round(1 / (1 + np.exp(evidence.log_margin[doubted])), 6)
    given = np.round(np.clip(evidence.confidence[doubted], 0, 1), 6)
    probability = np.round(np.clip(evidence.other_confidence[doubted], 0, 1), 6)
    names = pa.array(judged.classes, pa.string()).take(pa.array(evidence.other[doubted]))
    labels = data.annotations.column("category").take(pa.array(rows))
    message = text("labelled ", labels, " (probability ", number(given), "), more likely ", names, " (", number(probability), ")")
    pairs = zip(names.to_pylist(), probability.tolist(), strict=True)
    suggestion = [json.dumps({"category": name, "probability": value}, ensure_ascii=False) for name, value in pairs]
    return annotation_rows(data, rows, message, score=score, suggestion=suggestion)


def _votes(conflicts: pa.Table) -> dict[int, dict[str, int]]:
    """Return, by image, how often each category was given, most often first; a loop over images in conflict only."""
    counted = conflicts.group_by(["image", "category"], use_threads=False).aggregate([([], "count_all")])
    counted = counted.sort_by([("image", "ascending"), ("count_all", "descending"), ("category", "ascending")])
    votes: dict[int, dict[str, int]] = {}
    for row in counted.to_pylist():
        votes.setdefault(row["image"], {})[row["category"]] = row["count_all"]
    return votes

"""Checks on the category of a whole image, by other labels and by what models predict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.check import check
from airflow_cv_dataops.core.audit.data import group_codes
from airflow_cv_dataops.core.audit.probabilities import classification_rows
from airflow_cv_dataops.core.audit.rows import annotation_rows, number, text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.data import AuditInput
    from airflow_cv_dataops.core.audit.probabilities import JudgedLabels


_PROBABILITIES = ("predictions.task", "predictions.probabilities", "predictions.classes")


@check(
    "error",
    meaning="Classification labels of one image, or of byte-identical images, that name different categories.",
    fix="Decide on one; where an image may have several categories or several annotators, switch this check off.",
    column="category",
)
def conflicting_labels(data: AuditInput) -> pa.Table | None:
    """Find classification labels of one image, or of byte-identical images, that name different categories.

    Every label of such an image is a finding; the suggestion holds how often each category was given: ``{"votes": {"cat": 2, "dog": 1}}``.
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
    return annotation_rows(data, rows[in_conflict], message, suggestion=suggestion)


@check(
    "warning",
    meaning="A classification label that out-of-sample predictions contradict (confident learning); score: probability of the given label.",
    fix="Look at the picture, lowest score first; relabel, or take the suggested category.",
    column="category",
    reads=_PROBABILITIES,
    suspects=True,
)
def suspect_label(data: AuditInput, *, min_labels_per_class: int = 5) -> pa.Table | None:
    """Find classification labels that out-of-sample predictions contradict (confident learning, Northcutt et al., JAIR 2021).

    A class's threshold is the mean probability that its own labels get. A label is suspect where its probability is below its class's
    threshold while another class, more probable than the given one, reaches its own. The score is the given label's probability
    (self-confidence): 0 surely wrong, 1 surely right. Several models: the mean of their probabilities. Labels without a prediction, or
    with a category that the models do not know, cannot be judged and are not findings.
    """
    judged = data.judged_labels
    if judged is None:
        return None
    suspects, better = suspects_of(judged.probabilities, judged.given, min_labels_per_class=min_labels_per_class)
    return _doubted_rows(data, judged, suspects, better)


@check(
    "info",
    meaning="A classification label that is not suspect, but for which out-of-sample predictions name another class as most probable.",
    fix="Look at these after the suspect labels; many are hard pictures rather than wrong labels.",
    column="category",
    reads=_PROBABILITIES,
)
def disputed_label(data: AuditInput, *, min_labels_per_class: int = 5) -> pa.Table | None:
    """Find classification labels that are not suspect, but for which out-of-sample predictions name another class as most probable.

    On the MNIST test set these and the suspects are 87 of 10,000 labels, with all 15 errors that people confirmed; the suspects alone are
    15 labels with 7 of them.
    """
    import numpy as np

    judged = data.judged_labels
    if judged is None:
        return None
    suspects, _ = suspects_of(judged.probabilities, judged.given, min_labels_per_class=min_labels_per_class)
    most_probable = judged.probabilities.argmax(axis=1)
    disputed = judged.probabilities[np.arange(len(judged.given)), most_probable] > self_confidence(judged.probabilities, judged.given)
    rows = np.setdiff1d(np.flatnonzero(disputed), suspects, assume_unique=True)
    return _doubted_rows(data, judged, rows, most_probable[rows])


def suspects_of(probabilities: np.ndarray, given: np.ndarray, *, min_labels_per_class: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the suspect rows, ascending, and for each the class that is more likely.

    :param probabilities: (N, K), out of sample.
    :param given: (N,) the given label's class.
    :param min_labels_per_class: a class with fewer labels takes the mean self-confidence of all labels as its threshold.
    """
    import numpy as np

    if not len(given):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    everyone = np.arange(len(given))
    confidence = self_confidence(probabilities, given)
    counts = np.bincount(given, minlength=probabilities.shape[1])
    sums = np.bincount(given, weights=confidence, minlength=probabilities.shape[1])
    enough = counts >= max(min_labels_per_class, 1)
    thresholds = np.where(enough, sums / np.maximum(counts, 1), confidence.mean())
    above = np.where(probabilities >= thresholds, probabilities, -1.0)
    above[everyone, given] = -1.0
    better = above.argmax(axis=1)
    suspects = np.flatnonzero((confidence < thresholds[given]) & (above[everyone, better] > confidence))
    return suspects, better[suspects]


def self_confidence(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the probability of each given label, (N,), 0 (surely wrong) to 1 (surely right).

    :param probabilities: (N, K), out of sample.
    :param given: (N,) the given label's class.
    """
    import numpy as np

    return probabilities[np.arange(len(given)), given].astype(np.float64)


def _doubted_rows(data: AuditInput, judged: JudgedLabels, doubted: np.ndarray, better: np.ndarray) -> pa.Table | None:
    """Return a finding for each doubted label (row numbers of ``judged``) with the class that is more likely."""
    import numpy as np
    import pyarrow as pa

    # Six digits, so that the order in which floats were added up cannot show in a rerun's findings.
    score = np.round(np.clip(judged.probabilities[doubted, judged.given[doubted]], 0, 1).astype(np.float64), 6)
    probability = np.round(judged.probabilities[doubted, better].astype(np.float64), 6)
    names = pa.array(judged.classes, pa.string()).take(pa.array(better))
    labels = data.annotations.column("category").take(pa.array(judged.rows[doubted]))
    message = text("labelled ", labels, " (probability ", number(score), "), more likely ", names, " (", number(probability), ")")
    pairs = zip(names.to_pylist(), probability.tolist(), strict=True)
    suggestion = [json.dumps({"category": name, "probability": value}, ensure_ascii=False) for name, value in pairs]
    return annotation_rows(data, judged.rows[doubted], message, score=score, suggestion=suggestion)


def _votes(conflicts: pa.Table) -> dict[int, dict[str, int]]:
    """Return, by image, how often each category was given, most often first; a loop over images in conflict only."""
    counted = conflicts.group_by(["image", "category"], use_threads=False).aggregate([([], "count_all")])
    counted = counted.sort_by([("image", "ascending"), ("count_all", "descending"), ("category", "ascending")])
    votes: dict[int, dict[str, int]] = {}
    for row in counted.to_pylist():
        votes.setdefault(row["image"], {})[row["category"]] = row["count_all"]
    return votes

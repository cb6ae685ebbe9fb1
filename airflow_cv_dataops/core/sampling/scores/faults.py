"""Scores of labelled images that may be labelled wrongly: by what a model says, and by what audits found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.categories import numbers_of
from airflow_cv_dataops.core.sampling.scores.doubt import sureness
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes
from airflow_cv_dataops.core.sampling.scores.misclassified import judged
from airflow_cv_dataops.core.sampling.scores.missed import compared
from airflow_cv_dataops.core.sampling.scores.said import said_of
from airflow_cv_dataops.core.sampling.scores.score import score
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths
from airflow_cv_dataops.core.wording import few, percent

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

# How surely a finding says that something is wrong, by its severity; anything else counts as info.
_SURENESS = {"error": 0.9, "warning": 0.6, "info": 0.2}
# True of every image that has no label yet, so no reason to choose one.
_NO_REASON = "image_without_label"
_MOST_CHECKS = 4


@score(
    meaning="The model and the labels of the image contradict each other.",
    needs=("predictions", "annotations"),
    words=lambda pool, row, value: _error_words(pool, row, value),
)
def errors_against_labels(pool: Pool) -> np.ndarray:
    """Return how much of what is labelled the model gets wrong, (N,), 0 to 1; NaN for an image without a label that can be
    compared.

    Boxes and masks: misses, confusions and boxes without a label as a share; see :func:`.missed.compared`. An image in which the model
    found nothing has missed all that is labelled. Classification: 1 less the probability of the given label; see
    :func:`.misclassified.judged`. Without any prediction of the model every image is NaN.
    """
    import numpy as np

    if finds_boxes(pool):
        return compared(pool).errors(len(pool))
    return judged(pool).error if pool.model else np.full(len(pool), np.nan)


@score(
    meaning="Audits found something wrong with the image or its labels.",
    needs=("findings",),
    words=lambda pool, row, value: _finding_words(pool, row),
)
def label_issues(pool: Pool) -> np.ndarray:
    """Return how surely something is wrong by the findings about an image, (N,), 0 (no finding) to 1.

    Each finding is a witness for itself: ``1 - product(1 - w)`` over the image's findings, with w 0.9 for an error, 0.6 for a warning and
    0.2 for info, times 1 - score where it has a score (0 surely wrong, 1 surely right). ``image_without_label`` does not count, nor do
    findings that name no image.
    """
    import numpy as np

    return np.round(-np.expm1(-_witnesses(pool).doubt / 10**DIGITS), DIGITS)


@dataclass(frozen=True, eq=False)
class _Witnesses:
    """:param doubt: (N,) sum of -log(1 - w), in billionths. :param image: (F,) of each finding. :param check: (F,) number of its check."""

    doubt: np.ndarray
    image: np.ndarray
    check: np.ndarray
    checks: Sequence[str]


def _witnesses(pool: Pool) -> _Witnesses:
    return pool.kept("witnesses", lambda: _gathered(pool))


def _gathered(pool: Pool) -> _Witnesses:
    import numpy as np
    import pyarrow.compute as pc

    checks = sorted({name for found in pool.found(("check",)) for name in pc.unique(found.table["check"]).to_pylist()} - {_NO_REASON})
    severities = list(_SURENESS)
    sureness = np.array([*_SURENESS.values(), _SURENESS["info"]])  # the last for -1, an unknown severity
    doubt = np.zeros(len(pool), dtype=np.int64)
    parts = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
    for found in pool.found(("check", "severity", "score")):
        check = numbers_of(found.table["check"], checks)
        counts = check >= 0
        likely_right = np.nan_to_num(pc.fill_null(found.table["score"], 0.0).to_numpy(), nan=0.0)
        witness = sureness[numbers_of(found.table["severity"], severities)] * (1 - np.clip(likely_right, 0, 1))
        np.add.at(doubt, found.image[counts], billionths(-np.log1p(-witness[counts])))
        parts.append((found.image[counts], check[counts]))
    image, check = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Witnesses(doubt, image, check, checks)


def finding(check: str) -> str:
    """Return what a check found, as a person reads it: ``tiny bbox``."""
    return check.replace("_", " ")


def _error_words(pool: Pool, row: int, value: float) -> str:
    """Say what the model gets wrong: ``the model misses 2 labelled boxes (Platelets), takes 1 RBC for WBC``."""
    if not finds_boxes(pool):
        return judged(pool).words(row, next((sureness(one) for one in said_of(pool, row) if not one.is_box), None))
    if parts := compared(pool).words(row):
        return f"the model {', '.join(parts)}"
    if value:
        return f"the model and the labels differ only in how sure it is (agreement {percent(1 - value)})"
    return "the model finds what is labelled and nothing else"


def _finding_words(pool: Pool, row: int) -> str:
    """Say which checks found something, and how often: ``audits found: suspect label, tiny bbox (3 times)``."""
    import numpy as np

    found = _witnesses(pool)
    counts = np.bincount(found.check[found.image == row], minlength=len(found.checks)).tolist()
    said = [
        finding(name) if count == 1 else f"{finding(name)} ({count} times)"
        for name, count in zip(found.checks, counts, strict=True)
        if count
    ]
    return f"audits found: {few(said, _MOST_CHECKS)}" if said else "audits found nothing"

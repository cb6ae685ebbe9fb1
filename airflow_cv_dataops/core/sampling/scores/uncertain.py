"""Scores of one model's doubt: what it is least certain of is what a label teaches it most (uncertainty sampling).

Formulas in :mod:`.uncertainty`. Class probabilities count where a prediction has them, else its confidence. An image with several
predictions (boxes, masks) gets one number by the pool's aggregate, an image in which a model that predicts boxes found none the pool's
``empty_score``; a classifier's image without a prediction is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.doubt import NO_BOX, NOTHING, of_boxes, of_image
from airflow_cv_dataops.core.sampling.scores.hardest import hardest
from airflow_cv_dataops.core.sampling.scores.said import said_of
from airflow_cv_dataops.core.sampling.scores.score import score

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool


@score(
    meaning="The model's most probable class is far from certain.",
    needs=("predictions",),
    words=lambda pool, row, value: _words(pool, row, "least_confidence"),
)
def least_confidence(pool: Pool) -> np.ndarray:
    """Return ``(1 - p1) K / (K - 1)`` of each image's predictions, aggregated. Settles 2009, section 3.1."""
    return hardest(pool, "least_confidence").scores


@score(
    meaning="The model's second most probable class comes close to its first.",
    needs=("predictions",),
    words=lambda pool, row, value: _words(pool, row, "margin"),
)
def margin(pool: Pool) -> np.ndarray:
    """Return ``1 - (p1 - p2)`` of each image's predictions, aggregated. Settles 2009, section 3.1."""
    return hardest(pool, "margin").scores


@score(
    meaning="The model spreads its probability over many classes.",
    needs=("predictions",),
    words=lambda pool, row, value: _words(pool, row, "entropy"),
)
def entropy(pool: Pool) -> np.ndarray:
    """Return ``-sum(p log p) / log K`` of each image's predictions, aggregated. Settles 2009, section 3.1."""
    return hardest(pool, "entropy").scores


def _words(pool: Pool, row: int, measure: str) -> str:
    """Say what the model doubts: ``the model wavers between cat and dog (51% against 47%)``."""
    found = hardest(pool, measure)
    if not found.is_predicted[row]:
        return NO_BOX
    said = said_of(pool, row)
    most = max((one for one in said if one.prediction_id == found.ids[row]), key=lambda one: one.doubt, default=None)
    if most is None:
        return NOTHING
    return of_boxes([one for one in said if one.is_box], most, pool.aggregate) if most.is_box else of_image(most, measure)

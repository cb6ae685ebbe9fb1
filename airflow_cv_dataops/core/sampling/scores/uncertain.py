"""Scores of one model's doubt: what it is least certain of is what a label teaches it most (uncertainty sampling).

Formulas in :mod:`.uncertainty`. Class probabilities count where a prediction has them, else its confidence. An image with several
predictions (boxes, masks) gets one number by the pool's aggregate, an image in which a model that predicts boxes found none the pool's
``empty_score``; a classifier's image without a prediction is NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.hardest import hardest
from airflow_cv_dataops.core.sampling.scores.score import score

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

_OF_SEVERAL = {"mean": "mean", "sum": "sum", "count_normalised": "sum by the root of their number"}


@score(
    meaning="The model's most probable class is far from certain.",
    needs=("predictions",),
    words=lambda pool, row, value: _words(pool, row, value, "least_confidence"),
)
def least_confidence(pool: Pool) -> np.ndarray:
    """Return ``(1 - p1) K / (K - 1)`` of each image's predictions, aggregated. Settles 2009, section 3.1."""
    return hardest(pool, "least_confidence").scores


@score(
    meaning="The model's second most probable class comes close to its first.",
    needs=("predictions",),
    words=lambda pool, row, value: _words(pool, row, value, "margin"),
)
def margin(pool: Pool) -> np.ndarray:
    """Return ``1 - (p1 - p2)`` of each image's predictions, aggregated. Settles 2009, section 3.1."""
    return hardest(pool, "margin").scores


@score(
    meaning="The model spreads its probability over many classes.",
    needs=("predictions",),
    words=lambda pool, row, value: _words(pool, row, value, "entropy"),
)
def entropy(pool: Pool) -> np.ndarray:
    """Return ``-sum(p log p) / log K`` of each image's predictions, aggregated. Settles 2009, section 3.1."""
    return hardest(pool, "entropy").scores


def _words(pool: Pool, row: int, value: float, measure: str) -> str:
    """Say how uncertain the model is, and of what: ``margin 0.912 by model m, taken for cat``."""
    found = hardest(pool, measure)
    if not found.is_predicted[row]:
        return f"model {pool.model} predicted no box"
    told = f"{measure} {value:.3f} by model {pool.model}"
    category = found.categories[row] or "no category"
    if not found.boxes[row]:
        return f"{told}, taken for {category}"
    boxes = "1 box" if found.boxes[row] == 1 else f"{found.boxes[row]:,} boxes"
    several = _OF_SEVERAL.get(pool.aggregate, "highest")
    return f"{told}, {several} of {boxes}, hardest: {category}"

"""Candidates: the images that may be chosen, with the scores that they are chosen by; and how many are none, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.options import SampleOptions
from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.pooling import Pooled
from airflow_cv_dataops.core.sampling.probabilities import read_probabilities
from airflow_cv_dataops.core.sampling.scores.combining import combined
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes, hardest
from airflow_cv_dataops.core.sampling.units import DEFAULT_SCORE, Plan

if TYPE_CHECKING:
    import numpy as np

_ADVICE = {
    "models": "it compares models: import the predictions of two or more",
    "classifiers": (
        "it compares what models take whole images for, and all of these predict boxes or masks: take localisation_disagreement, which "
        "compares those"
    ),
    "embeddings": "no image of the pool has an embedding: run ImageEmbeddingOperator, or import embeddings",
    "annotations": "it goes by labels: give candidates='labelled'",
    "similar_to": "it needs images to compare with: give similar_to",
    "findings": "no step has written a finding, and no audit has looked: run LabelAuditOperator first",
}


@dataclass(frozen=True, eq=False)
class Candidates:
    """Images of a pool that may be chosen.

    :param rows: (C,) rows of the pool, ascending. :param scores: (C,) 0 to 1.
    :param by_score: (N,) what each score says of all images of the pool, by its name.
    :param categories: (N,) what the model takes each image for. :param prediction_ids: (N,) by which prediction.
    :param expected_boxes: (N,) how many boxes the model expects.
    :param probabilities: (C, K) class probabilities, where the strategy goes by them.
    :param left_out: how many images of the pool are no candidates, by reason.
    """

    pool: Pool
    plan: Plan
    rows: np.ndarray
    scores: np.ndarray
    by_score: Mapping[str, np.ndarray]
    categories: np.ndarray
    prediction_ids: np.ndarray
    expected_boxes: np.ndarray
    probabilities: np.ndarray | None
    left_out: Mapping[str, int]


def check_needs(pooled: Pooled) -> None:
    """:raises ConfigurationError: a score or the strategy lacks what it cannot do without, for every image."""
    plan, pool = pooled.plan, pooled.pool
    there = {
        "models": len(pool.predictions) > 1,
        # Asked of predictions only where it matters.
        "classifiers": "classifiers" not in plan.needs or not all(finds_boxes(pool, model) for model in pool.predictions),
        "embeddings": pool.embeddings is not None,
        "annotations": pool.annotations is not None,
        "similar_to": pool.similar_to is not None,
        "findings": pooled.has_findings or not pooled.unaudited,
    }
    wanted = [(unit.name, need) for unit in plan.scores for need in unit.needs] + [(plan.name, need) for need in plan.strategy.needs]
    for name, need in wanted:
        if len(pool) and not there.get(need, True):
            # A pool without any predictions gives no candidates, and the log says so.
            raise ConfigurationError(f"{name!r} cannot be worked out: {_ADVICE[need]}.")


def find_candidates(pool: Pool, plan: Plan, options: SampleOptions) -> Candidates:
    """Score a pool, and leave out what a score or the strategy can say nothing of."""
    import numpy as np

    by_score = {score.name: score(pool) for score in plan.scores}
    total = combined(by_score, plan.weights) if by_score else np.zeros(len(pool))
    measure = next((name for name in by_score if name in ("entropy", "margin", "least_confidence")), DEFAULT_SCORE)
    outlook = hardest(pool, measure)
    reasons = np.zeros(len(pool), dtype=np.int8)
    causes = ("", "without_embedding", "without_prediction", "without_score")
    if "embeddings" in plan.needs and pool.embeddings is not None:
        reasons[~np.isfinite(pool.embeddings).all(axis=1)] = 1
    unscored = np.isnan(total)
    goes_by_predictions = any(need in plan.needs for need in ("predictions", "models", "probabilities"))
    unseen = ~np.asarray(outlook.is_predicted, dtype=bool)
    reasons[(reasons == 0) & unscored & (unseen if goes_by_predictions else False)] = 2
    reasons[(reasons == 0) & unscored] = 2 if goes_by_predictions and "embeddings" not in plan.needs else 3
    probabilities = read_probabilities(pool) if "probabilities" in plan.needs and len(pool) and pool.model else None
    if probabilities is not None:
        reasons[(reasons == 0) & np.isnan(probabilities).any(axis=1)] = 2
    if not pool.model and plan.needs & {"predictions", "probabilities"}:
        reasons[reasons == 0] = 2
    rows = np.flatnonzero(reasons == 0)
    return Candidates(
        pool=pool,
        plan=plan,
        rows=rows,
        scores=total[rows],
        by_score=by_score,
        categories=outlook.categories,
        prediction_ids=outlook.ids,
        expected_boxes=outlook.expected_boxes,
        probabilities=None if probabilities is None else probabilities[rows],
        left_out={cause: int((reasons == code).sum()) for code, cause in enumerate(causes) if code},
    )

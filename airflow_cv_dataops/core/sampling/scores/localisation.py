"""Score of disagreement on where objects are: models that were trained alike and draw different boxes are unsure of what they see."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.detection.overlap import MIN_OVERLAP
from airflow_cv_dataops.core.sampling.scores.boxes import PoolBoxes, one_to_one, overlaps, read_boxes
from airflow_cv_dataops.core.sampling.scores.categories import category_names
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes
from airflow_cv_dataops.core.sampling.scores.score import score
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths
from airflow_cv_dataops.core.wording import few, percent

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

_MOST_TOLD = 5


@score(meaning="The models draw different boxes.", needs=("models",), words=lambda pool, row, value: _words(pool, row, value))
def localisation_disagreement(pool: Pool) -> np.ndarray:
    """Return how far the boxes of the models disagree, (N,), 0 (all draw the same) to 1 (none draws what another draws).

    For each pair of models the boxes of an image are matched one to one within their category, those that overlap most first. A matched
    box is off by 1 - IoU, one without a match (IoU below 0.1) by 1; the pair's disagreement is the mean over the boxes of both, weighted
    by their confidence, and 0 where neither draws any. The score is the mean over the pairs.

    Only models that predict boxes count; one that drew none in an image looked at it and found nothing. With fewer than two such models
    every image is NaN, and so is one in which a model has a mask without ``bbox``. Boxes without category, extent or confidence do not
    count, of masks their boxes do.
    """
    import numpy as np

    drawn = _drawn(pool)
    if len(drawn) < 2:
        return np.full(len(pool), np.nan)
    pairs = list(combinations(drawn.values(), 2))
    result: np.ndarray = np.round(sum((_pair(*pair, len(pool)) for pair in pairs), np.zeros(len(pool))) / len(pairs), DIGITS)
    for boxes in drawn.values():
        result[boxes.unplaced] = np.nan
    return result


def _drawn(pool: Pool) -> Mapping[str, PoolBoxes]:
    """Return the boxes of each model that predicts boxes, by its name."""
    return pool.kept("boxes_of_models", lambda: _read(pool))


def _read(pool: Pool) -> dict[str, PoolBoxes]:
    models = [model for model in sorted(pool.predictions) if finds_boxes(pool, model)]
    names = category_names(*(pool.predictions[model] for model in models))
    return {model: read_boxes(pool.outputs(("task", "category", "score", "bbox"), model=model), names) for model in models}


def _pair(first: PoolBoxes, second: PoolBoxes, images: int) -> np.ndarray:
    """Return how far two models disagree in each image."""
    import numpy as np

    categories = max(int(boxes.category.max(initial=0)) for boxes in (first, second)) + 1
    group = (first.image * categories + first.category, second.image * categories + second.category)
    found = overlaps(first, second, group, MIN_OVERLAP)
    matched = one_to_one(found.label, found.prediction, found.overlap)
    off, confidence = np.zeros(images, dtype=np.int64), np.zeros(images, dtype=np.int64)
    for boxes, partner in ((first, found.label), (second, found.prediction)):
        unlike = np.ones(len(boxes))
        unlike[partner[matched]] = 1 - np.round(found.overlap[matched].astype(np.float64), 6)
        np.add.at(off, boxes.image, billionths(boxes.confidence * unlike))
        np.add.at(confidence, boxes.image, billionths(boxes.confidence))
    return off / np.maximum(confidence, 1)


def _words(pool: Pool, row: int, value: float) -> str:
    """Say how many boxes each model draws, and how far they lie over one another: ``the models' boxes overlap by 58%: one draws 3, …``."""
    counts = {model: int((boxes.image == row).sum()) for model, boxes in _drawn(pool).items()}
    if not any(counts.values()):
        return "no model draws a box"
    told = few([f"{model} draws {count}" for model, count in counts.items()], _MOST_TOLD)
    return f"the models' boxes overlap by {percent(1 - value)} on average: {told}"

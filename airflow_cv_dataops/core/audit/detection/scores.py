"""The four ways in which a detection label can be wrong, each with a score from 0 (surely wrong) to 1 (surely right).

After ObjectLab (Tkachenko, Thyagarajan and Mueller, "ObjectLab: Automated Diagnosis of Mislabeled Images in Object Detection Data",
arXiv 2309.00832) in idea: overlooked, badly located and swapped boxes; spurious ones are added. What counts is overlap and precision only,
neither of which changes when images are resized.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.detection.evidence import SAME_OBJECT
from airflow_cv_dataops.core.audit.detection.overlap import best_pair

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.detection.evidence import DetectionEvidence

# From this confidence on, a prediction is rather right than wrong.
LIKELY = 0.5
# A normal distribution's standard deviation is 1.4826 times its median absolute deviation.
_SIGMA = 1.4826
# A category with fewer located labels takes the spread of all.
_ENOUGH_TO_SPREAD = 20
# So many labels of all categories stand in for what a rare category's recall lacks.
_BORROWED = 10


@dataclass(frozen=True, eq=False)
class Doubts:
    """Labels (or predictions, where a label is missing) in doubt, ascending.

    :param at: places in ``boxes.labels``; of overlooked objects in ``boxes.predictions``.
    :param score: 0 (surely wrong) to 1 (surely right).
    :param prediction: what would be right, as a place in ``boxes.predictions``; -1 for nothing.
    :param overlap: of label and prediction.
    """

    at: np.ndarray
    score: np.ndarray
    prediction: np.ndarray
    overlap: np.ndarray


def badly_located(evidence: DetectionEvidence, *, precision: float, deviations: float, overlap: float) -> Doubts:
    """Find labels whose own predictions lie elsewhere: their overlap is below ``overlap`` and far below what is usual for the category.

    Usual is the median over the category's labels; far is ``deviations`` robust standard deviations (of the square root of 1 - IoU, which
    is close to normally distributed where errors of position are). Score: 1 - confidence (1 - IoU).
    """
    import numpy as np

    label, value = evidence.overlaps.label, evidence.overlaps.overlap
    is_mutual = evidence.own_label[evidence.overlaps.prediction] == np.arange(len(label))
    pairs = np.flatnonzero(is_mutual & (evidence.pair_confidence >= precision))
    best = best_pair(label[pairs], value[pairs], evidence.labels)
    located = np.flatnonzero(best >= 0)
    pair = pairs[best[located]]
    limit = usual_limit(evidence.boxes.labels.category[located], value[pair], deviations)
    wrong = np.flatnonzero(value[pair] < np.minimum(limit, overlap))
    at, pair = located[wrong], pair[wrong]
    score = 1 - evidence.pair_confidence[pair] * (1 - value[pair])
    return Doubts(at, score, evidence.overlaps.prediction[pair], value[pair])


def swapped(evidence: DetectionEvidence, *, precision: float) -> Doubts:
    """Find labels with another category's prediction in their place, that no label of that category explains.

    Score: 1 - confidence in the other category x (1 - confidence in the given one); those up to 1 - ``precision`` are in doubt.
    """
    import numpy as np

    overlaps, is_free = evidence.overlaps, ~(evidence.fits | evidence.in_crowd)
    is_nearest = evidence.nearest_label[overlaps.prediction] == np.arange(len(overlaps.label))
    is_other = ~evidence.same_category & is_nearest & is_free[overlaps.prediction] & (overlaps.overlap >= SAME_OBJECT)
    pairs = np.flatnonzero(is_other)
    best = best_pair(overlaps.label[pairs], evidence.pair_confidence[pairs], evidence.labels)
    at = np.flatnonzero(best >= 0)
    pair = pairs[best[at]]
    doubt = evidence.pair_confidence[pair] * (1 - evidence.own_support[at])
    wrong = np.flatnonzero((doubt >= precision) & (doubt > 0))
    at, pair = at[wrong], pair[wrong]
    return Doubts(at, 1 - doubt[wrong], overlaps.prediction[pair], overlaps.overlap[pair])


def spurious(evidence: DetectionEvidence, *, recall: float, support: float, overlap: float) -> Doubts:
    """Find labels that no prediction supports, of categories of which the models find at least the share ``recall``.

    A label is supported by a prediction of any category with that ``overlap`` and a confidence of at least ``support``, and by one of its
    own category that is rather about it than about another label. Score: 1 - recall (1 - support).
    """
    import numpy as np

    labels, own = evidence.boxes.labels, evidence.own_label
    held = evidence.any_support(overlap)
    claims = own[(own >= 0) & (evidence.confidence >= support)]
    np.maximum.at(held, evidence.overlaps.label[claims], evidence.pair_confidence[claims])
    is_single = ~evidence.boxes.is_crowd
    found = _recall(evidence, held >= support, is_single)[labels.category]
    at = np.flatnonzero(is_single & (held < support) & (found >= recall))
    return Doubts(at, 1 - found[at] * (1 - held[at]), np.full(len(at), -1), held[at])


def usual_limit(category: np.ndarray, value: np.ndarray, deviations: float) -> np.ndarray:
    """Return, for each value, the one below which it would be far from what is usual in its category.

    :param category: (N,) numbers from 0 on.
    :param value: (N,) overlaps or probabilities, 0 (bad) to 1 (good).
    :param deviations: how many robust standard deviations of sqrt(1 - value) are far.
    """
    import numpy as np

    distance = np.sqrt(1 - value.astype(np.float64))
    centre = medians(category, distance)
    spread = medians(category, np.abs(distance - centre[category]))
    if len(value):
        is_rare = np.bincount(category, minlength=len(centre)) < _ENOUGH_TO_SPREAD
        overall = np.median(distance)
        centre[is_rare], spread[is_rare] = overall, np.median(np.abs(distance - overall))
    limit = np.clip(centre + deviations * _SIGMA * spread, 0, 1)
    return 1 - limit[category] ** 2


def medians(group: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the median of each group, NaN for an empty one."""
    import numpy as np

    size = np.bincount(group, minlength=int(group.max(initial=-1)) + 1)
    ordered = value[np.lexsort((value, group))]
    first = np.cumsum(size) - size
    last = max(len(value) - 1, 0)
    low, high = (np.clip(first + (size + more) // 2, 0, last) for more in (-1, 0))
    return np.where(size > 0, (ordered[low] + ordered[high]) / 2, np.nan) if len(value) else np.full(len(size), np.nan)


def _recall(evidence: DetectionEvidence, is_found: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the share of labels found by category; 0 for a category that no model ever predicts."""
    import numpy as np

    categories = len(evidence.boxes.categories)
    of = evidence.boxes.labels.category[counts]
    labels, found = np.bincount(of, minlength=categories), np.bincount(of, weights=is_found[counts], minlength=categories)
    overall = found.sum() / max(labels.sum(), 1)
    is_predicted = np.bincount(evidence.boxes.predictions.category, minlength=categories) > 0
    return np.where(is_predicted, (found + overall * _BORROWED) / (labels + _BORROWED), 0)

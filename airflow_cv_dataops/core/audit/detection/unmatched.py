"""Predictions that no label explains: which of them are objects that nobody labelled, and of which classes that cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.detection.labelling import labelling
from airflow_cv_dataops.core.audit.detection.score_peak import peak_probability

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.detection.boxes import DetectionBoxes

# A class of which a model predicts fewer than this, or of which fewer match, has no curve of its own, but one with the model's other such
# classes.
_OWN_CURVE = 100
_OWN_MATCHED = 50
# Of fewer predictions nothing can be told but what the model says: its own score is believed.
_TOO_FEW = 10
# Nor one of which labels contradict more predictions than they confirm, among those that score as high as five in six confirmed ones
# (the bin from a quantile of -1 on).
_HIGH = 7
# Confident is at least this score, or that of half of the confirmed ones where it is lower (the bin from 0 on); and where such scores are
# more often contradicted than confirmed none that nearly all confirmed ones surpass (-2).
_CONFIDENT = 0.5
_MEDIAN = 11
_LOW = 3
# By size and by nearness to the border.
_KINDS = 6
# A box that comes nearer to its image's border than this share of its side may be cut off there.
_NEAR_BORDER = 0.1
# A class of which more than half of the objects have no label is judged if the curve of all its predictions says so, and one of which
# fewer than this share have one never.
_LEAST_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Unmatched:
    """:param probability: by prediction, how likely it is on an object if no label matches it; 0 where that cannot be told.

    :param is_judged: by prediction, whether that can be told of its class, or need not.
    :param is_confident: by prediction, whether the model is sure of it: a score of at least 0.5, or that of half of its class's matched
        predictions where these score less.
    """

    probability: np.ndarray
    is_judged: np.ndarray
    is_confident: np.ndarray


def unmatched(boxes: DetectionBoxes, is_matched: np.ndarray, counts: np.ndarray) -> Unmatched:
    """Return how likely predictions are on objects that nobody labelled.

    Two witnesses, of whom the surer counts: how completely the labels are where they are known to be (:mod:`labelling`), by class, size,
    nearness to the border and image; and the scores alone (:mod:`score_peak`), for objects that lack labels because they are hard to see.

    :param is_matched: by prediction, a label fits.
    :param counts: by prediction, it is to be looked at; one in a crowd region is not.
    """
    import numpy as np

    at = np.flatnonzero(counts)
    probability, is_judged, is_confident = np.zeros(len(counts)), np.ones(len(counts), dtype=bool), np.zeros(len(counts), dtype=bool)
    if not len(at):
        return Unmatched(probability, is_judged, is_confident)
    score, matched, category = boxes.score[at], is_matched[at], boxes.predictions.category[at]
    models = int(boxes.model.max()) + 1
    curve = _renumbered(boxes.model[at] * len(boxes.categories) + category)
    is_frequent = ((np.bincount(curve) >= _OWN_CURVE) & (np.bincount(curve, matched) >= _OWN_MATCHED))[curve]
    group = _renumbered(np.where(is_frequent, models + curve, boxes.model[at]))
    part = _renumbered(curve * _KINDS + _kinds(boxes, at, matched, curve))
    group_of = np.empty(part.max() + 1, dtype=np.int64)
    group_of[part] = group
    image = _renumbered(boxes.predictions.image[at] * models + boxes.model[at])
    found = labelling(score, matched, group, part, group_of, image)
    in_peak, has_peak = peak_probability(score, matched, group)
    either = np.maximum(found.probability, in_peak)
    labelled, claimed = np.bincount(curve, matched), np.bincount(curve, np.where(matched, 0, either))
    most = np.where(found.is_flat[group], (1 - _LEAST_SHARE) / _LEAST_SHARE, 1)
    is_labelled = np.maximum(claimed[curve] - 2, 0) <= most * labelled[curve]
    confirmed = np.bincount(curve, matched & (found.bin >= _HIGH))
    contradicted = np.bincount(curve, ~matched & (found.bin >= _HIGH) & (either < _CONFIDENT))
    judged = (found.is_judged | has_peak)[group] & is_labelled & (contradicted <= confirmed)[curve]
    too_few = np.bincount(group)[group] < _TOO_FEW
    is_high = score >= _CONFIDENT
    keeps_its_scale = np.bincount(group, is_high & ~matched) <= np.bincount(group, is_high & matched)
    is_usual = (found.bin >= _LOW) | (keeps_its_scale | (np.bincount(group, matched) == 0))[group]
    is_confident[at] = (is_high | (found.bin >= _MEDIAN)) & is_usual
    is_judged[at], probability[at] = judged | too_few, np.where(too_few, score, np.where(judged, either, 0))
    return Unmatched(probability, is_judged, is_confident)


def _kinds(boxes: DetectionBoxes, at: np.ndarray, is_matched: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Return 0 to 5: near the border or not, and the third of its class's matched predictions, by area, that it would be in."""
    import numpy as np

    corners, size = boxes.predictions.corners[:, at], boxes.image_size[:, boxes.predictions.image[at]]
    sides = corners[2:] - corners[:2]
    room = np.minimum(corners[:2], size - corners[2:]) / sides
    is_near = np.round(np.nan_to_num(room, nan=1.0).min(axis=0), 6) < _NEAR_BORDER
    area = np.round(np.log(sides.prod(axis=0)), 6)
    ordered = area[is_matched][np.lexsort((area[is_matched], curve[is_matched]))]
    many = np.bincount(curve[is_matched], minlength=int(curve.max()) + 1)
    ordered = np.append(ordered, np.inf)
    limits = [ordered[np.where(many > 0, np.cumsum(many) - many + many * third // 3, len(ordered) - 1)] for third in (1, 2)]
    # Areas that are equal but for rounding are one.
    return is_near * 3 + sum(area > limit[curve] + 5e-6 for limit in limits)


def _renumbered(numbers: np.ndarray) -> np.ndarray:
    """Return small whole numbers as 0, 1, …, without gaps, in their order."""
    import numpy as np

    return (np.cumsum(np.bincount(numbers) > 0) - 1)[numbers]

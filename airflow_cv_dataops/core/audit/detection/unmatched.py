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
# Confident is at least this score, or that of half of the confirmed ones where it is lower (the bin from 0 on).
_CONFIDENT = 0.5
_MEDIAN = 11
# By size and by nearness to the border.
_KINDS = 6
# A box that comes nearer to its image's border than this share of its side may be cut off there.
_NEAR_BORDER = 0.1
# Of a class, as many objects without a label are believed as have one, and half as many more if the curve of all its predictions is flat:
# where half lack one by chance, it may be somewhat more. Yet more only if labels confirm what the model says of another class, as a model
# that is mostly wrong looks the same; and never fewer with a label than this share.
_FLAT = 1.5
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
    flat_most = np.where(_among_trusted(found.is_trusted, group, boxes.model[at]), (1 - _LEAST_SHARE) / _LEAST_SHARE, _FLAT)
    is_labelled = np.maximum(claimed[curve] - 2, 0) <= np.where(found.is_flat, flat_most, 1)[group] * labelled[curve]
    confirmed = np.bincount(curve, matched & (found.bin >= _HIGH))
    contradicted = np.bincount(curve, ~matched & (found.bin >= _HIGH) & (either < _CONFIDENT))
    judged = (found.is_judged | has_peak)[group] & is_labelled & (contradicted <= confirmed)[curve]
    too_few = np.bincount(group)[group] < _TOO_FEW
    is_confident[at] = (score >= _CONFIDENT) | (found.bin >= _MEDIAN)
    is_complete = (np.bincount(curve, ~matched) == 0)[curve]  # there is nothing to judge
    is_judged[at] = judged | too_few | is_complete
    probability[at] = np.where(too_few, score, np.where(judged, either, 0))
    return Unmatched(probability, is_judged, is_confident)


def _among_trusted(is_trusted: np.ndarray, group: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Say by group whether labels confirm most of what its model says in another group."""
    import numpy as np

    model_of = np.empty(len(is_trusted), dtype=np.int64)
    model_of[group] = model
    trusted: np.ndarray = np.bincount(model_of, is_trusted)[model_of] - is_trusted
    return trusted > 0


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

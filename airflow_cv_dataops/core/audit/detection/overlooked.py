"""Objects that no label marks: which of the predictions that no label explains are believed, and of which categories none can be.

The first of ObjectLab's three kinds (arXiv 2309.00832) in idea; see ``scores.py`` for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.detection.evidence import SAME_OBJECT
from airflow_cv_dataops.core.audit.detection.overlap import best_pair, candidate_pairs
from airflow_cv_dataops.core.audit.detection.scores import LIKELY, Doubts

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.detection.evidence import DetectionEvidence

# A box of which this share lies in another one is a part of it.
_WITHIN = 0.9
# An overlooked object is to be as likely as this, whatever the others of its category are.
_RATHER_RIGHT = 0.6
# So many confident predictions as a share of those that labels confirm, or so many at all, may be neither labelled nor found because the
# model is wrong now and then.
_LEFT = 0.1
_FEW = 10


def overlooked(evidence: DetectionEvidence, *, precision: float, overlap: float) -> Doubts:
    """Find objects that no label marks: the likeliest of the predictions that no label explains, as many as are right with ``precision``.

    Each is rather right than wrong, and of a class that can be judged. Of several on one object the likeliest counts. Score: 1 - how
    likely it is on an object that nobody labelled.
    """
    import numpy as np

    likely = evidence.unmatched.probability
    at = np.flatnonzero(unexplained(evidence, overlap) & (likely >= _RATHER_RIGHT))
    at = at[_surest(evidence, at, likely[at])]
    at = at[_right_on_average(likely[at], evidence.boxes.predictions.category[at], precision)]
    return Doubts(at, 1 - likely[at], at, evidence.most_overlap[at])


def not_judged(evidence: DetectionEvidence, found: Doubts, *, overlap: float) -> np.ndarray:
    """Return, by category, the confident predictions without a label of which nobody can tell whether they are right, each object once.

    So it is where the category cannot be judged, and where more of them are no findings than a tenth of those that labels confirm, in the
    category or in all others together: then labels, or the model, are wrong by some rule.

    :param found: what :func:`overlooked` returns.
    """
    import numpy as np

    boxes, told = evidence.boxes, evidence.unmatched
    category, categories = boxes.predictions.category, len(boxes.categories)
    at = np.flatnonzero(unexplained(evidence, overlap) & told.is_confident)
    sureness = np.where(np.isin(at, found.at), 2.0, boxes.score[at])
    kept = _surest(evidence, at, sureness)
    at = at[kept][sureness[kept] < 2]  # a finding and those on the same object are told
    left = np.bincount(category[at], minlength=categories)
    unknown = np.bincount(category[at[~told.is_judged[at]]], minlength=categories)
    confirmed = np.bincount(category[evidence.fits & told.is_confident], minlength=categories)
    are_few = left <= np.maximum(_LEFT * confirmed, _FEW)
    if (left - unknown)[are_few].sum() > max(_LEFT * confirmed[are_few].sum(), _FEW):  # a few each, of many rare categories
        are_few[:] = False
    return np.where(are_few, unknown, left)


def unexplained(evidence: DetectionEvidence, overlap: float) -> np.ndarray:
    """Say which predictions no label explains: they overlap none by ``overlap``, lie in no crowd, and are about none.

    One that fits no label is about the one of its category that it overlaps most if no other likely prediction fits that label or
    overlaps it more: then the label is badly placed.
    """
    import numpy as np

    pairs, own = evidence.overlaps, evidence.own_label
    claims = own[(own >= 0) & ~evidence.fits & (evidence.confidence >= LIKELY)]
    best = best_pair(pairs.label[claims], pairs.overlap[claims], evidence.labels)
    best = claims[best[(best >= 0) & (evidence.own_support < LIKELY)]]
    is_about_a_label = np.zeros(evidence.predictions, dtype=bool)
    is_about_a_label[pairs.prediction[best]] = True
    asked = (evidence.most_overlap < overlap) & ~is_about_a_label & ~evidence.in_crowd & ~evidence.fits
    return asked & ~_is_part_or_group(evidence, asked)


def _is_part_or_group(evidence: DetectionEvidence, asked: np.ndarray) -> np.ndarray:
    """Say which predictions lie in a label of their category that another prediction fits, or around one: parts of it, or groups.

    :param asked: by prediction, whether to ask; few are left, of many pairs.
    """
    import numpy as np

    pairs, labels, predictions = evidence.overlaps, evidence.boxes.labels, evidence.boxes.predictions
    at = np.flatnonzero(asked[pairs.prediction] & evidence.same_category & ~evidence.with_crowd)
    at = at[evidence.own_support[pairs.label[at]] >= LIKELY]
    a, b = labels.corners[:, pairs.label[at]], predictions.corners[:, pairs.prediction[at]]
    shared = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0).prod(axis=0)
    smaller = np.minimum(labels.area[pairs.label[at]], predictions.area[pairs.prediction[at]])
    found = np.zeros(evidence.predictions, dtype=bool)
    found[pairs.prediction[at[np.round(shared / smaller, 6) >= _WITHIN]]] = True
    return found


def _right_on_average(likely: np.ndarray, category: np.ndarray, precision: float) -> np.ndarray:
    """Return the places of the likeliest ones of each category, as many as are right with ``precision`` on average; ascending."""
    import numpy as np

    if not len(likely):
        return np.empty(0, np.int64)
    order = np.lexsort((-likely, category))
    start = np.searchsorted(category[order], category[order])
    total = np.cumsum(likely[order])
    count = np.arange(1, len(order) + 1) - start
    before = np.where(start > 0, total[start - 1], 0)
    enough = np.flatnonzero(total - before >= (precision - 1e-9) * count)
    kept = np.zeros(int(category.max()) + 1, dtype=np.int64)
    np.maximum.at(kept, category[order][enough], count[enough])
    return np.sort(order[count <= kept[category[order]]])


def _surest(evidence: DetectionEvidence, at: np.ndarray, sureness: np.ndarray) -> np.ndarray:
    """Return places in ``at`` of the predictions that are left when each takes away the less sure ones on the same object.

    The predictions of an image are compared in rounds: a round keeps those that are surer than all that they overlap, and takes away
    those that they overlap. ``at`` is by image, then by falling score, so that of equals the first is surer.

    :param sureness: of each in ``at``.
    """
    import numpy as np

    boxes = evidence.boxes.predictions
    order = np.lexsort((np.arange(len(at)), -sureness))
    rank = np.empty(len(at), dtype=np.int64)
    rank[order] = np.arange(len(at))
    better, worse = _overlapping(boxes.image[at], boxes.category[at], boxes.corners[:, at], rank)
    alive, kept = np.ones(len(at), dtype=bool), np.zeros(len(at), dtype=bool)
    while alive.any():
        beaten = np.zeros(len(at), dtype=bool)
        beaten[worse] = True
        won = alive & ~beaten
        kept |= won
        alive &= ~won
        alive[worse[won[better]]] = False
        still = alive[better] & alive[worse]
        better, worse = better[still], worse[still]
    return np.flatnonzero(kept)


def _overlapping(image: np.ndarray, category: np.ndarray, corners: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs (surer, less sure) of predictions of one image and category that are the same object."""
    import numpy as np

    better, worse = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int32)]
    for a, b in candidate_pairs(image, image):
        ordered = np.flatnonzero((rank[a] < rank[b]) & (category[a] == category[b]))
        a, b = a[ordered], b[ordered]
        sides = np.minimum(corners[2:, a], corners[2:, b]) - np.maximum(corners[:2, a], corners[:2, b])
        shared = np.maximum(sides, 0).prod(axis=0)
        area = (corners[2:] - corners[:2]).prod(axis=0)
        same = np.round(shared / (area[a] + area[b] - shared), 6) >= SAME_OBJECT
        better.append(a[same].astype(np.int32))
        worse.append(b[same].astype(np.int32))
    return np.concatenate(better), np.concatenate(worse)

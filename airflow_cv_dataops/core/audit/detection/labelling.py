"""Which of the predictions that match no label are on objects: how completely a class is labelled, apart from how often the model is right.

A prediction matches a label with the probability c pi: pi is how likely a prediction of its score is on an object, c how likely an object
of its kind has a label. What counts for one without a label is pi (1 - c) / (1 - c pi). That c is apart from pi is the setting of Elkan
and Noto, "Learning Classifiers from Only Positive and Unlabeled Data" (KDD 2008); that c differs from place to place, of Bekker,
Robberechts and Davis, "Beyond the Selected Completely at Random Assumption for Learning from Positive and Unlabeled Data" (ECML PKDD
2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Standard normal quantiles at which predictions are binned, by the rank of their score among the matched ones of their class.
_EDGES = tuple(-2.5 + 0.25 * step for step in range(21))
# Shares of labelled objects that are tried: below the last nothing can be told.
_SHARES = (1.0, 0.97, 0.94, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
# A share is possible if its log-likelihood is so near to the highest (95 %: 1.92), and likely if it is so near. The curve's form is no law
# of nature: a class counts as this many predictions at most.
_POSSIBLE = 2.0
_LIKELY = 0.5
_MOST_WEIGHT = 1000
# Where the best predictions are right as often as this, labels are believed to be complete enough to judge by.
TRUSTED = 0.7
# The best predictions are those that hold this share of the matched ones; for trust, so many wrong ones are added to them.
_TOP = 1 / 3
_DOUBT = 2
# Else the curve must be nearly flat from the median of matched scores on: there (a logit) 88 % are right.
_FLAT = 2.0
# So many objects, labelled as often as usual, stand in for what a group lacks, a part of it, and an image.
_BORROWED_BY_GROUP = 10
_BORROWED_BY_PART = 20
_BORROWED_BY_IMAGE = 10
_ROUNDS = 15


@dataclass(frozen=True, eq=False)
class Labelling:
    """How predictions and labels of several groups go together.

    :param probability: by prediction, how likely it is on an object if no label matches it, 0 to 1.
    :param is_judged: by group, whether that can be told. It cannot where even the best predictions mostly lack a label and their curve does
        not say why: labels that are missing look like a model that is wrong.
    :param is_flat: by group, whether the curve is flat at the top, below 1, which tells it however few labels there are.
    :param is_trusted: by group, whether nearly all of its best predictions have a label.
    :param bin: by prediction, of its score: 0 (lowest) to 21.
    """

    probability: np.ndarray
    is_judged: np.ndarray
    is_flat: np.ndarray
    is_trusted: np.ndarray
    bin: np.ndarray


def labelling(
    score: np.ndarray, is_matched: np.ndarray, group: np.ndarray, part: np.ndarray, group_of: np.ndarray, image: np.ndarray
) -> Labelling:
    """Work out how complete labels are in each part of each group, and from that what unmatched predictions are.

    pi rises with the score's rank among matched predictions as a logistic function of its normal quantile (the binormal model of receiver
    operating curves): only the order of scores counts, and over- or under-confident models are no matter. c is first taken to be one for
    the group: as near as the likelihood allows to the share of labelled ones among the best predictions. Then both are worked out by
    expectation maximisation with a c for each part, and at last c is adapted to the image.

    :param score: (N,) the model's own.
    :param is_matched: (N,) a label fits.
    :param group: (N,) number of the group that has one pi.
    :param part: (N,) number of the part of the group (a category, near the border, of some size) that has one c.
    :param group_of: (parts,) the group of each part.
    :param image: (N,) number of the image.
    """
    import numpy as np

    groups, parts = int(group.max(initial=-1)) + 1, len(group_of)
    bins = _bins(score, is_matched, group)
    cell = part * (len(_EDGES) + 1) + bins
    counted = [np.bincount(cell[which], minlength=parts * (len(_EDGES) + 1)) for which in (is_matched, ~is_matched)]
    matched, unmatched = (count.reshape(parts, -1).astype(np.float64) for count in counted)
    by_group = [np.zeros((groups, len(_EDGES) + 1)) for _ in range(2)]
    for total, count in zip(by_group, (matched, unmatched), strict=True):
        np.add.at(total, group_of, count)
    share, is_flat, curve = _shares(*by_group)
    # Labels are complete enough in the whole group, or in one of its parts.
    is_trusted = _trusted(by_group[0], by_group[1], _best(by_group[0]))
    is_judged = is_flat | is_trusted
    is_judged[group_of[_trusted(matched, unmatched, _best(by_group[0])[group_of])]] = True
    share_of_part, curve = _by_part(matched, unmatched, group_of, share, curve)
    right = _right(curve)
    expected = np.where(is_matched, 1, _unlabelled(right[group, bins], share_of_part[part]))
    shares = _by_image(share_of_part[part], expected, is_matched, image)
    return Labelling(_unlabelled(right[group, bins], shares), is_judged, is_flat, is_trusted, bins)


def _bins(score: np.ndarray, is_matched: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the bin of each score: how many of the quantiles of its group's matched scores it reaches; 0 where nothing is matched."""
    import numpy as np

    groups = int(group.max(initial=-1)) + 1
    position = np.append(np.sort(4.0 * group[is_matched] + score[is_matched]), np.inf)
    size = np.bincount(group[is_matched], minlength=groups)[:, None]
    quantiles = np.array([NormalDist().cdf(edge) for edge in _EDGES])
    limits = position[np.cumsum(size)[:, None] - size + np.floor(quantiles * size).astype(np.int64)]
    limits = np.where(size > 0, limits, 4.0 * np.arange(groups)[:, None] + 2)  # above every score
    return np.searchsorted(limits.ravel(), 4.0 * group + score, side="right") - group * len(_EDGES)


def _shares(matched: np.ndarray, unmatched: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by group the share of objects with a label, whether the curve tells it, and the curve (2, groups) of right ones."""
    import numpy as np

    count = matched + unmatched
    weight = np.minimum(1, _MOST_WEIGHT / np.maximum(count.sum(axis=1, keepdims=True), 1))
    tried = np.array(_SHARES)
    likelihood = _fitted((matched * weight)[:, None], (count * weight)[:, None], tried[None])[1]
    loss = likelihood.max(axis=1, keepdims=True) - likelihood
    most = tried[(loss <= _POSSIBLE).argmax(axis=1)]
    high, low = tried[(loss <= _LIKELY).argmax(axis=1)], tried[::-1][(loss <= _LIKELY)[:, ::-1].argmax(axis=1)]
    is_best = _best(matched)
    top = (matched * is_best).sum(axis=1) / np.maximum((count * is_best).sum(axis=1), 1)
    share = np.clip(np.maximum(top, TRUSTED), low, high)
    curve = _fitted((matched * weight)[:, None], (count * weight)[:, None], share[:, None])[0][:, :, 0]
    return share, (most < 1) & (curve[0] >= _FLAT), curve


def _best(matched: np.ndarray) -> np.ndarray:
    """Say by group and bin which hold the best predictions."""
    import numpy as np

    above = np.cumsum(matched[:, ::-1], axis=1)[:, ::-1] - matched
    return above < _TOP * matched.sum(axis=1, keepdims=True)


def _trusted(matched: np.ndarray, unmatched: np.ndarray, is_best: np.ndarray) -> np.ndarray:
    """Say of which groups or parts the best predictions are right as often as it takes; never of a few."""
    right, wrong = ((count * is_best).sum(axis=1) for count in (matched, unmatched))
    return right >= TRUSTED * (right + wrong + _DOUBT)


def _fitted(matched: np.ndarray, count: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the most likely curves (2, groups, shares) and their log-likelihoods, given shares c of labelled objects (Fisher scoring).

    :param matched: (groups, 1, bins); of ``count`` as many.
    :param share: (1 or groups, shares).
    """
    import numpy as np

    middle, share = _middles(), np.broadcast_to(share, (len(count), share.shape[1]))[:, :, None]
    start = np.clip((matched.sum(axis=2) + 0.5) / (count.sum(axis=2) + 1) / share[:, :, 0], 0.02, 0.98)
    curve = np.stack([np.log(start / (1 - start)), np.ones_like(start)])
    for _ in range(_ROUNDS):
        right = _right(curve)
        seen = np.clip(share * right, 1e-9, 1 - 1e-9)
        slope = share * right * (1 - right)
        curve = _stepped(curve, (matched - count * seen) / (seen * (1 - seen)) * slope, count * slope**2 / (seen * (1 - seen)), middle)
    seen = np.clip(share * _right(curve), 1e-9, 1 - 1e-9)
    return curve, (matched * np.log(seen) + (count - matched) * np.log1p(-seen)).sum(axis=2)


def _by_part(
    matched: np.ndarray, unmatched: np.ndarray, group_of: np.ndarray, share: np.ndarray, curve: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of labelled objects by part, and the curve by group with that in mind (expectation maximisation)."""
    import numpy as np

    count = np.zeros((len(share), matched.shape[1]))
    np.add.at(count, group_of, matched + unmatched)
    labelled = matched.sum(axis=1)
    by_part, middle = share[group_of], _middles()

    def of_group(values: np.ndarray) -> np.ndarray:
        return np.bincount(group_of, values, minlength=len(share))

    for _ in range(_ROUNDS):
        right = _right(curve)
        objects = matched + unmatched * _unlabelled(right[group_of], by_part[:, None])
        here = objects.sum(axis=1)
        whole = (of_group(labelled) + _BORROWED_BY_GROUP * share) / (of_group(here) + _BORROWED_BY_GROUP)
        by_part = np.minimum((labelled + _BORROWED_BY_PART * whole[group_of]) / (here + _BORROWED_BY_PART), 0.995)
        total = np.zeros_like(count)
        np.add.at(total, group_of, objects)
        curve = _stepped(curve, total - count * right, count * right * (1 - right), middle)
    return by_part, curve


def _by_image(share: np.ndarray, expected: np.ndarray, is_matched: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return by prediction the share of labelled objects in its image, by the image's other predictions."""
    import numpy as np

    labelled = np.bincount(image, is_matched)[image] - is_matched
    usual = share * expected
    usual = np.bincount(image, usual)[image] - usual
    return np.clip(share * (labelled + _BORROWED_BY_IMAGE) / (usual + _BORROWED_BY_IMAGE), 0.02, 0.995)


def _stepped(curve: np.ndarray, gradient: np.ndarray, weight: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Return the curves after one Newton step of at most 2 in each of both numbers; never falling."""
    import numpy as np

    ridge = 1e-4
    a, b = gradient.sum(axis=-1) - ridge * curve[0], (gradient * middle).sum(axis=-1) - ridge * curve[1]
    aa, ab, bb = weight.sum(axis=-1) + ridge, (weight * middle).sum(axis=-1), (weight * middle**2).sum(axis=-1) + ridge
    step = np.stack([bb * a - ab * b, aa * b - ab * a]) / (aa * bb - ab**2)
    curve = curve + step / np.maximum(1, np.abs(step).max(axis=0) / 2)
    curve[1] = np.maximum(curve[1], 0)
    return curve


def _right(curve: np.ndarray) -> np.ndarray:
    """Return how likely predictions of each bin are right, by curve."""
    import numpy as np

    return 1 / (1 + np.exp(-np.clip(curve[0][..., None] + curve[1][..., None] * _middles(), -30, 30)))


def _middles() -> np.ndarray:
    import numpy as np

    return np.array([_EDGES[0] - 0.125, *(edge + 0.125 for edge in _EDGES)])


def _unlabelled(right: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return how likely predictions without a label are right."""
    import numpy as np

    return right * (1 - share) / np.maximum(1 - share * right, 1e-9)

"""What unmatched predictions' scores say by themselves: wrong ones get rarer as scores rise, so that a peak at high scores is objects.

Labels that are missing because objects are faint are missing where scores are lower, and then no share of labelled objects explains them:
the labels say of such scores that the model is wrong. What is left is the shape, as of a spectral line on its background.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_BINS = 24
_LEAST_SCORE = 1e-3
# Fewer unmatched predictions show no shape.
_ENOUGH = 50
# A peak is believed if it is this many times as high as the valley before it and one standard deviation of the valley's count, and if what
# lies before the valley is this many times as high.
_PEAK_OVER_VALLEY = 1.1
_BACKGROUND_OVER_VALLEY = 2.0
# The share of a peak that has to lie where labelled objects do, above the lowest of them. Not above the lowest tenth: where nine in ten of
# what is hard to see lack labels, those that have one are few in hundred of all labelled objects.
_REACHING, _LOWEST = 0.3, 0.02
_ROUNDS = 60


def peak_probability(score: np.ndarray, is_matched: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return by prediction how likely it belongs to a peak, 0 to 1, rising with the score; and by group whether there is one.

    The log odds of unmatched scores (as shares of the group's highest) are counted in 24 bins. From the mode below half of the matched
    scores on, an exponentially falling background and a normal peak are fitted (expectation maximisation), if there is a valley with a peak
    behind it: else all are 0. A model of which the wrong predictions have high scores, too, shows no valley.

    :param score: (N,) the model's own, 0 to 1.
    :param is_matched: (N,) a label fits.
    :param group: (N,) number of the group that has one shape.
    """
    import numpy as np

    groups = int(group.max(initial=-1)) + 1
    highest = np.zeros(groups)
    np.maximum.at(highest, group, score)
    bounded = np.clip(score / np.maximum(highest[group], _LEAST_SCORE), _LEAST_SCORE, 1 - _LEAST_SCORE)
    odds = np.log(bounded / (1 - bounded))
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(low, group, odds)
    np.maximum.at(high, group, odds)
    width = np.where(high > low, high - low, 1) / _BINS
    bins = np.minimum((odds - low[group]) / width[group], _BINS - 1).astype(np.int64)
    cell = group * _BINS + bins
    matched, count = (
        np.bincount(cell[which], minlength=groups * _BINS).reshape(groups, _BINS).astype(np.float64) for which in (is_matched, ~is_matched)
    )
    mode, valley, has_peak = _valleys(matched, count)
    by_bin = np.zeros((groups, _BINS))
    if has_peak.any():
        by_bin[has_peak] = _belonging(count[has_peak], mode[has_peak], valley[has_peak])
    # That objects without a label are more than those with one is not believed of scores alone.
    has_peak &= (by_bin * count).sum(axis=1) <= matched.sum(axis=1)
    # Nor that objects all score lower than those with a label do: a part of the peak reaches where nearly all of these lie.
    in_peak = np.where(is_matched, 0, by_bin[group, bins])
    # What matches before the valley is background that lies on an object by chance.
    lowest = _lowest(odds, is_matched & (bins > valley[group]), group, groups)
    reaching = np.bincount(group, np.where(odds >= lowest[group], in_peak, 0), groups)
    has_peak &= reaching >= _REACHING * np.bincount(group, in_peak, groups)
    by_bin[~has_peak] = 0
    return by_bin[group, bins], has_peak


def _lowest(odds: np.ndarray, is_matched: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Return by group the odds that all but the lowest few of the matched predictions surpass; exact, as a bin may be wide."""
    import numpy as np

    at = np.flatnonzero(is_matched)
    ordered = np.append(odds[at][np.lexsort((odds[at], group[at]))], np.inf)
    many = np.bincount(group[at], minlength=groups)
    place = np.where(many > 0, np.cumsum(many) - many + (_LOWEST * many).astype(np.int64), len(at))
    lowest: np.ndarray = ordered[place]
    return lowest


def _valleys(matched: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by group the bins of the background's mode and of the valley behind it, and whether a peak follows."""
    import numpy as np

    place = np.arange(_BINS)
    padded = np.pad(count, ((0, 0), (1, 1)), mode="edge")
    smooth = padded[:, :-2] / 4 + padded[:, 1:-1] / 2 + padded[:, 2:] / 4
    half = (np.cumsum(matched, axis=1) < matched.sum(axis=1, keepdims=True) / 2).sum(axis=1, keepdims=True)
    mode = np.where(place < half, smooth, -1).argmax(axis=1)
    highest_behind = np.maximum.accumulate(smooth[:, ::-1], axis=1)[:, ::-1]
    ratio = highest_behind / (smooth + np.sqrt(smooth) + 1)
    ratio = np.where((place >= mode[:, None] + 2) & (place <= half), ratio, 0)
    valley = ratio.argmax(axis=1)
    at = np.arange(len(count))
    is_peak = (ratio[at, valley] >= _PEAK_OVER_VALLEY) & (smooth[at, mode] >= _BACKGROUND_OVER_VALLEY * smooth[at, valley])
    return mode, valley, is_peak & (count.sum(axis=1) >= _ENOUGH)


def _belonging(count: np.ndarray, mode: np.ndarray, valley: np.ndarray) -> np.ndarray:
    """Return by group and bin the share of the peak in what is there."""
    import numpy as np

    place = np.arange(_BINS) - mode[:, None]
    count = np.where(place >= 0, count, 0)
    in_peak = np.where(np.arange(_BINS) > valley[:, None], 1.0, 0.0)
    total = count.sum(axis=1, keepdims=True)
    for _ in range(_ROUNDS):
        peak, background = count * in_peak, count * (1 - in_peak)
        weight = peak.sum(axis=1, keepdims=True)
        centre = (peak * place).sum(axis=1, keepdims=True) / np.maximum(weight, 1e-9)
        spread = (peak * (place - centre) ** 2).sum(axis=1, keepdims=True) / np.maximum(weight, 1e-9)
        reach = (background * place).sum(axis=1, keepdims=True) / np.maximum(total - weight, 1e-9)
        falling = _normalised(-np.log1p(1 / np.maximum(reach, 1e-3)) * place, place)  # a geometric distribution of that mean
        rising = _normalised(-((place - centre) ** 2) / (2 * np.maximum(spread, 1)), place)
        in_peak = weight * rising / np.maximum(weight * rising + (total - weight) * falling, 1e-300)
    return np.maximum.accumulate(np.where(place > 0, in_peak, 0), axis=1)


def _normalised(exponent: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the distribution of that log density over the bins from the mode on."""
    import numpy as np

    density = np.where(place >= 0, np.exp(np.minimum(exponent, 0)), 0)
    return density / density.sum(axis=1, keepdims=True)

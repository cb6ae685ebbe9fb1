"""How often a class's predictions of a given score are right: a calibration curve for each model and class, from the data itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_PER_BIN = 25
_MOST_BINS = 200
# The top of a curve is the precision of those best predictions that hold this share of the right ones: fewer would be a matter of luck.
_TOP = 1 / 3
# So many predictions of all classes stand in for what a rare class lacks; and so many that are right as often as the model's score says
# for what a whole partition lacks.
_BORROWED = 10
# The best predictions of a class may lack a label so often, because the label is missing, and still count as right. Where more lack one,
# the model rather than the labels is in doubt.
_LEAST_TRUST = 0.7


def confidence_of(score: np.ndarray, is_right: np.ndarray, counts: np.ndarray, model: np.ndarray, category: np.ndarray) -> np.ndarray:
    """Return, for each prediction, how likely it is on an object of its category, 0 to 1.

    The share of right predictions is looked at by score, in bins of at least 25, and made to rise with the score (isotonic regression),
    for each model and category; 10 predictions' worth of the model's curve for all categories is mixed in, which decides for
    rare ones (and into that curve 10 predictions' worth of the model's own scores, which decide where there is hardly any data).
    As labels are missing, even the best predictions seem wrong at times: the curve is relative to its top. Where fewer than
    70 % of the best are right, it is relative to 70 %, so that a class which a model cannot do never gets near 1. The
    top is the precision of the best predictions that hold a third of the right ones.

    :param score: the model's own, 0 to 1.
    :param is_right: there is a label that the prediction fits.
    :param counts: the prediction counts at all; one in a crowd region does not.
    :param model: number of its model.
    :param category: number of its category.
    """
    import numpy as np

    curve = model * (category.max(initial=0) + 1) + category
    by_model = _Curves.fitted(score[counts], is_right[counts], model[counts])
    by_class = _Curves.fitted(score[counts], is_right[counts], curve[counts])
    all_share, all_top, weight = by_model.at(model, score)
    all_share = (all_share * weight + score * _BORROWED) / (weight + _BORROWED)
    all_top = (all_top * weight + _BORROWED) / (weight + _BORROWED)
    share, top, weight = by_class.at(curve, score)
    share = (share * weight + all_share * _BORROWED) / (weight + _BORROWED)
    top = (top * weight + all_top * _BORROWED) / (weight + _BORROWED)
    return np.clip(share / np.maximum(top, _LEAST_TRUST), 0, 1)


@dataclass(frozen=True, eq=False)
class _Curves:
    """Rising step curves of several groups, one after the other; arrays over bins, sorted by group and score.

    :param position: ``4 group + mean score``: one axis for all groups.
    :param share: right predictions divided by predictions.
    :param weight: predictions.
    """

    group: np.ndarray
    position: np.ndarray
    share: np.ndarray
    weight: np.ndarray

    @classmethod
    def fitted(cls, score: np.ndarray, is_right: np.ndarray, group: np.ndarray) -> _Curves:
        import numpy as np

        order = np.lexsort((score, group))
        score, is_right, group = score[order], is_right[order], group[order]
        _, first, size = np.unique(group, return_index=True, return_counts=True)
        bins = np.clip(size // _PER_BIN, 1, _MOST_BINS)
        start, size, bins = (np.repeat(values, size) for values in (first, size, bins))
        position = 4.0 * group + score
        # Equal scores fall into one bin: the rank of the first of them counts.
        is_first = np.append(True, position[1:] != position[:-1])[: len(position)]
        rank = np.maximum.accumulate(np.where(is_first, np.arange(len(position)), 0)) - start
        number = (group * _MOST_BINS) + rank * bins // np.maximum(size, 1)
        edges = np.flatnonzero(np.diff(number, prepend=-1))
        if not len(edges):
            return cls(*(np.empty(0) for _ in range(4)))
        weight = np.diff(np.append(edges, len(number)))
        share = np.add.reduceat(is_right.astype(np.float64), edges) / weight
        centre = np.add.reduceat(score, edges) / weight
        return cls(group[edges], 4.0 * group[edges] + centre, _rising(group[edges], share, weight), weight.astype(np.float64))

    def at(self, group: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the share at each score, that at the top of its group, and the group's predictions; 0 where the group has no curve."""
        import numpy as np

        if not len(self.position):
            nothing = np.zeros(len(group))
            return nothing, nothing, nothing
        first = np.searchsorted(self.group, group, side="left")
        last = np.searchsorted(self.group, group, side="right") - 1
        is_known = last >= first
        place = np.searchsorted(self.position, 4.0 * group + score)
        below, above = (np.clip(np.clip(at, first, last), 0, len(self.position) - 1) for at in (place - 1, place))
        gap = self.position[above] - self.position[below]
        part = np.clip((4.0 * group + score - self.position[below]) / np.where(gap > 0, gap, 1), 0, 1)
        share = self.share[below] + part * (self.share[above] - self.share[below])
        top, size = self._top()
        return tuple(np.where(is_known, values, 0) for values in (share, top[below], size[below]))  # type: ignore[return-value]

    def _top(self) -> tuple[np.ndarray, np.ndarray]:
        """Return, by bin, the precision of the best predictions of its group that hold ``_TOP`` of the right ones, and the group's size."""
        import numpy as np

        _, of, bins = np.unique(self.group, return_inverse=True, return_counts=True)
        right = self.share * self.weight
        total = np.bincount(of, weights=right)[of]
        up_to_here = np.cumsum(right) - np.repeat((np.cumsum(right) - right)[np.cumsum(bins) - bins], bins)
        is_top = total - up_to_here <= _TOP * total  # what lies above holds no more than that: this bin still belongs to the best
        weight = np.bincount(of, weights=self.weight * is_top)[of]
        return np.bincount(of, weights=right * is_top)[of] / weight, np.bincount(of, weights=self.weight)[of]


def _rising(group: np.ndarray, share: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the shares made to rise within each group: neighbours that fall become their mean (pool adjacent violators).

    A loop over bins, at most 200 for each class: whether two are pooled depends on those before them.
    """
    import numpy as np

    blocks: list[list[float]] = []
    for of, value, size in zip(group.tolist(), share.tolist(), weight.tolist(), strict=True):
        blocks.append([of, value * size, size, 1])
        while len(blocks) > 1 and blocks[-2][0] == of and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            _, total, size, bins = blocks.pop()
            blocks[-1][1] += total
            blocks[-1][2] += size
            blocks[-1][3] += bins
    return np.repeat([total / size for _, total, size, _ in blocks], [int(bins) for *_, bins in blocks])

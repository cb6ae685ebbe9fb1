"""Which label of one release is which of the other: one to one, within image, label set and kind of label.

The rules, in this order; what a rule has paired takes part in none that follows. What several pairs of one rule could claim goes to the
highest IoU, then to the smaller annotation ids, so that the order of rows decides nothing.

Boxes (with polygon, mask or keypoints, whatever their task):

1. one annotation id, and an IoU of at least the threshold;
2. one category, and an IoU of at least the threshold, highest first;
3. any category, and an IoU of at least the threshold, highest first;
4. one annotation id, and boxes that overlap at all, or one that cannot be compared.

An annotation id names a place in a label file: where a label was removed, those behind it have the ids of their neighbours. So an id alone,
against what boxes say, pairs nothing.

Labels of an image as a whole: one category; then one annotation id; then what is left, in the order of annotation ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BOX, WHOLE, BACKGROUND = range(3)
_PAIRS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Candidates:
    """Labels of one release, in an order that does not depend on that of their rows.

    :param group: number of image and label set, and of the kind.
    :param kind: ``BOX``, ``WHOLE`` or ``BACKGROUND``.
    :param category: number of the category; -1: none.
    :param annotation: number of the annotation id.
    :param boxes: float64 (labels, 4): x, y, width, height in pixels; NaN where there is none.
    """

    group: np.ndarray
    kind: np.ndarray
    category: np.ndarray
    annotation: np.ndarray
    boxes: np.ndarray


def match(before: Candidates, after: Candidates, iou_threshold: float) -> np.ndarray:
    """Return the place of each label's partner in the release after, int64; -1 where it has none."""
    pairing = _Pairing(before, after, iou_threshold)
    pairing.by_number(WHOLE, ("category",))
    pairing.by_number(WHOLE, ("annotation",))
    pairing.by_number(WHOLE, ())
    pairing.by_number(BOX, ("annotation",), least_iou=iou_threshold)
    pairing.by_number(BOX, ("category", "box"), has_box=True)
    pairing.by_iou(same_category=True)
    pairing.by_number(BOX, ("box",), has_box=True)
    pairing.by_iou(same_category=False)
    pairing.by_number(BOX, ("annotation",), least_iou=0.0)
    return pairing.partner


class _Pairing:
    """:ivar partner: of each label before, its place after."""

    def __init__(self, before: Candidates, after: Candidates, iou_threshold: float) -> None:
        import numpy as np

        self._sides = (before, after)
        self._iou_threshold = iou_threshold
        self.partner = np.full(len(before.group), -1, np.int64)
        self._is_free = (np.ones(len(before.group), bool), np.ones(len(after.group), bool))
        self._has_box = tuple(np.isfinite(side.boxes).all(axis=1) for side in self._sides)
        self._box = _numbers_of(before.boxes, after.boxes)

    def by_number(self, kind: int, names: tuple[str, ...], *, has_box: bool = False, least_iou: float | None = None) -> None:
        """Pair what agrees in some numbers, the first with the first, the second with the second, …

        :param least_iou: only where boxes agree so far; 0: where they overlap at all, or cannot be compared.
        """
        import numpy as np

        free = [self._free(side, kind, has_box=has_box) for side in (0, 1)]
        if not all(map(len, free)):
            return
        columns = [
            np.stack([self._column(side, name)[at] for name in ("group", *names)], axis=1) for side, at in zip((0, 1), free, strict=True)
        ]
        codes = np.unique(np.concatenate(columns), axis=0, return_inverse=True)[1].reshape(-1)
        keys = [_with_rank(part) for part in (codes[: len(free[0])], codes[len(free[0]) :])]
        _, first, second = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
        at, to = free[0][first], free[1][second]
        if least_iou is not None:
            found = ious(self._sides[0].boxes[at], self._sides[1].boxes[to])
            agree = found >= least_iou if least_iou else (found > 0) | np.isnan(found)
            at, to = at[agree], to[agree]
        self._take(at, to)

    def by_iou(self, *, same_category: bool) -> None:
        """Pair boxes by intersection over union, the highest first."""
        import numpy as np

        free = [self._free(side, BOX, has_box=True) for side in (0, 1)]
        parts = [
            self._close(first, second, same_category=same_category)
            for first, second in _products(self._sides[0].group[free[0]], self._sides[1].group[free[1]])
            for first, second in [(free[0][first], free[1][second])]
        ]
        if not parts:
            return
        at, to, found = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.lexsort((to, at, -found))
        at, to = at[order], to[order]
        while len(at):
            # The best that is left of both its ends is what one would take who goes from the highest down.
            best = _is_first(at) & _is_first(to)
            self._take(at[best], to[best])
            left = self._is_free[0][at] & self._is_free[1][to]
            at, to = at[left], to[left]

    def _close(self, at: np.ndarray, to: np.ndarray, *, same_category: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if same_category:
            agree = self._sides[0].category[at] == self._sides[1].category[to]
            at, to = at[agree], to[agree]
        found = ious(self._sides[0].boxes[at], self._sides[1].boxes[to])
        near = found >= self._iou_threshold
        return at[near], to[near], found[near]

    def _free(self, side: int, kind: int, *, has_box: bool) -> np.ndarray:
        import numpy as np

        wanted = self._is_free[side] & (self._sides[side].kind == kind)
        return np.flatnonzero(wanted & self._has_box[side] if has_box else wanted)

    def _column(self, side: int, name: str) -> np.ndarray:
        found: np.ndarray = self._box[side] if name == "box" else getattr(self._sides[side], name)
        return found

    def _take(self, at: np.ndarray, to: np.ndarray) -> None:
        self.partner[at] = to
        self._is_free[0][at] = False
        self._is_free[1][to] = False


def ious(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes, row by row, 0 to 1; NaN where one has no area, or is none."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        corners = [np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) for boxes in (before, after)]
        sides = np.minimum(corners[0][:, 2:], corners[1][:, 2:]) - np.maximum(corners[0][:, :2], corners[1][:, :2])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        areas = [np.where((boxes[:, 2:] > 0).all(axis=1), np.prod(boxes[:, 2:], axis=1), np.nan) for boxes in (before, after)]
        return np.minimum(shared / (areas[0] + areas[1] - shared), 1.0)


def _products(before: np.ndarray, after: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all pairs of places of equal numbers, a million or so at a time."""
    import numpy as np

    order = np.argsort(after, kind="stable")
    ordered = after[order]
    starts, ends = (np.searchsorted(ordered, before, side) for side in ("left", "right"))
    counts = ends - starts
    rounds = np.cumsum(counts) // _PAIRS_AT_ONCE
    for number in np.unique(rounds[counts > 0]).tolist():
        at = np.flatnonzero((rounds == number) & (counts > 0))
        lengths = counts[at]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        yield np.repeat(at, lengths), order[np.repeat(starts[at], lengths) + within]


def _numbers_of(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of boxes: equal boxes have one."""
    import numpy as np

    both = np.ascontiguousarray(np.concatenate([before, after]) + 0.0)  # one of the two zeros
    if not len(both):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    numbers = np.unique(both.view([("", np.float64)] * 4).reshape(-1), return_inverse=True)[1].reshape(-1)
    return numbers[: len(before)], numbers[len(before) :]


def _with_rank(codes: np.ndarray) -> np.ndarray:
    """Return numbers of which no two are equal: the code, and how many of it came before."""
    import numpy as np

    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    ranks = np.empty(len(codes), np.int64)
    ranks[order] = np.arange(len(codes)) - np.searchsorted(ordered, ordered)
    return codes.astype(np.int64) * 2**32 + ranks


def _is_first(numbers: np.ndarray) -> np.ndarray:
    """Return which places are the first of their number."""
    import numpy as np

    found = np.zeros(len(numbers), bool)
    found[np.unique(numbers, return_index=True)[1]] = True
    return found

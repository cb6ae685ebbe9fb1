"""Groups to splits, so that images and each category's images are spread by the shares as closely as whole groups allow.

The distance that is made small is Pearson's chi-squared of the table of splits by categories against what the shares ask for. Groups are
taken in the order of iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011): those of the rarest category first, as there is least
choice for them, and of these the largest first; each goes where the distance grows least. Groups that are alike are taken together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Total sizes count as much as this many categories: shares are what people ask for first.
_SIZE_WEIGHT = 20.0
# Of a category that has fewer images than splits nothing can be met: it must not draw its images to the largest split.
_TOO_FEW = 3.0


@dataclass(frozen=True)
class Alike:
    """Groups that hold as many images of each category.

    :param loads: what each adds to a split, as pairs: column 0 and its images, column ``c + 1`` and its images of category ``c``.
    :param groups: the groups' numbers, in the order in which they are handed out.
    """

    loads: tuple[tuple[int, int], ...]
    groups: np.ndarray


def spread(alike: Sequence[Alike], shares: Sequence[float], held: Sequence[Sequence[float]], groups: int) -> np.ndarray:
    """Return the split of each group, int64; -1 where none of ``alike`` has it.

    :param alike: the groups that are to be placed.
    :param shares: by split, in sum 1.
    :param held: by split what is in it already: images, then images of each category.
    :param groups: how many there are in all.
    """
    import numpy as np

    placed = np.full(groups, -1, np.int64)
    columns = len(held[0]) if held else 1
    totals = [sum(split[column] for split in held) for column in range(columns)]
    for kind in alike:
        for column, images in kind.loads:
            totals[column] += images * len(kind.groups)
    filled = [list(map(float, split)) for split in held]
    for kind in sorted(alike, key=lambda kind: _turn(kind, totals)):
        counts = _shared_out(kind, shares, totals, filled)
        start = 0
        for split, count in enumerate(counts):
            placed[kind.groups[start : start + count]] = split
            start += count
            for column, images in kind.loads:
                filled[split][column] += images * count
    return placed


def _turn(kind: Alike, totals: Sequence[float]) -> tuple[float, int, tuple[tuple[int, int], ...]]:
    (_, size), *categories = kind.loads
    rarest = min((totals[column] for column, _ in categories), default=float("inf"))
    return rarest, -size, kind.loads


def _shared_out(kind: Alike, shares: Sequence[float], totals: Sequence[float], filled: Sequence[Sequence[float]]) -> list[int]:
    """Return how many of the groups go to each split: those that let the distance grow least.

    Of a split the k-th of them adds ``first + k * more``: a straight line, so that the levels can be evened out without taking one by one.
    """
    first, more = [], []
    for split, share in enumerate(shares):
        start = slope = 0.0
        for column, images in kind.loads:
            wanted = share * totals[column]
            weight = _SIZE_WEIGHT * images / wanted if column == 0 else images / (wanted + _TOO_FEW)
            start += weight * (2 * (filled[split][column] - wanted) + images)
            slope += weight * 2 * images
        first.append(start)
        more.append(slope)
    return _evened_out(len(kind.groups), first, more)


def _evened_out(groups: int, first: Sequence[float], more: Sequence[float]) -> list[int]:
    """Return whole numbers, in sum ``groups``, with which the next of no split would have cost less than the last of another."""
    if groups == 1:
        best = min(range(len(first)), key=lambda split: first[split])
        return [int(split == best) for split in range(len(first))]
    low, high = min(first), max(a + groups * b for a, b in zip(first, more, strict=True))
    for _ in range(100):
        level = (low + high) / 2
        if sum(max(0.0, (level - a) / b) for a, b in zip(first, more, strict=True)) < groups:
            low = level
        else:
            high = level
    counts = [int(max(0.0, (low - a) / b)) for a, b in zip(first, more, strict=True)]
    while sum(counts) < groups:
        best = min(range(len(counts)), key=lambda split: first[split] + counts[split] * more[split])
        counts[best] += 1
    while sum(counts) > groups:  # by the last bit of a floating-point number
        worst = max((split for split in range(len(counts)) if counts[split]), key=lambda split: first[split] + counts[split] * more[split])
        counts[worst] -= 1
    return counts

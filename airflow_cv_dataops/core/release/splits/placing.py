"""Every image to a split: those that have one stay, whole groups follow, the rest is spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.splits.alike import groups_alike
from airflow_cv_dataops.core.release.splits.balance import spread
from airflow_cv_dataops.core.release.splits.components import connected

if TYPE_CHECKING:
    import numpy as np

Links = Sequence[tuple["np.ndarray", "np.ndarray"]]
_ROUNDS = 10


@dataclass(frozen=True)
class Placed:
    """Where images are.

    :param splits: by image the number of its split; -1: it is left out, as it would tie together what is in two splits.
    :param groups: how many groups of more than one image there are.
    :param largest: images of the largest group.
    """

    splits: np.ndarray
    groups: int
    largest: int


def place(
    fixed: np.ndarray,
    links: Links,
    pairs: tuple[np.ndarray, np.ndarray],
    turns: np.ndarray,
    shares: Sequence[float],
    categories: int,
    frozen: Sequence[int] = (),
    remembered: int = 0,
) -> Placed:
    """Return a split for each image, so that no group is in two.

    :param fixed: by image the split that it has already; -1: none.
    :param links: images and their keys, as :func:`~.components.connected` takes them.
    :param pairs: images and the category of each, every pair once, for the spread by category; empty for none.
    :param turns: by image a number that orders what is alike.
    :param shares: by split; of splits that images are only given, 0.
    :param categories: how many categories there are.
    :param frozen: splits that are to lose no image.
    :param remembered: how many of the images, the last ones, are none: they stand for a key that has a split from before.
    """
    import numpy as np

    images = len(fixed)
    real = images - remembered
    out = _left_out(fixed, links, len(shares), frozen)
    links = [(at[~out[at]], codes[~out[at]]) for at, codes in links]
    component = connected(images, links)
    splits = np.where(out, -1, _of_component(component, np.where(out, -1, fixed)))
    free = ~out & (splits < 0)
    groups = np.full(images, -1)
    firsts, groups[free] = np.unique(component[free], return_inverse=True)
    shared = [split for split, share in enumerate(shares) if share > 0]
    held = [_load(splits[:real] == split, pairs, categories) for split in shared]
    alike = list(groups_alike(groups, pairs, turns[firsts]))
    of_group = spread(alike, [shares[split] for split in shared], held, len(firsts))
    splits[free] = np.array(shared)[of_group[groups[free]]]
    sizes = np.bincount(component[:real][~out[:real]], minlength=1)
    return Placed(splits[:real], int((sizes > 1).sum()), int(sizes.max(initial=0)))


def _left_out(fixed: np.ndarray, links: Links, splits: int, frozen: Sequence[int]) -> np.ndarray:
    """Return the images that cannot stay, because groups would be in two splits: first those that have none yet and hang on both."""
    import numpy as np

    out = np.zeros(len(fixed), bool)
    for left in range(_ROUNDS, -1, -1):
        kept = [(at[~out[at]], codes[~out[at]]) for at, codes in links]
        component = connected(len(fixed), kept)
        torn = _torn(component, np.where(out, -1, fixed)) & ~out
        movable = torn & (fixed < 0)
        if not movable.any():
            break
        bridges = movable & _on_both_sides(fixed, kept) if left else movable
        out |= bridges if bridges.any() else movable
    return out | _minorities(component, np.where(out, -1, fixed), torn & ~out, splits, frozen)


def _torn(component: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Return which images are in a group that has more than one split."""
    import numpy as np

    return _differ(component, fixed, len(component))[component] if len(component) else np.zeros(0, bool)


def _on_both_sides(fixed: np.ndarray, links: Links) -> np.ndarray:
    """Return which images share keys with images of two splits directly."""
    import numpy as np

    least = np.full(len(fixed), np.iinfo(np.int64).max)
    most = np.full(len(fixed), -1)
    for at, codes in links:
        if not len(at):
            continue
        low, high = _range(codes, fixed[at], int(codes.max()) + 1)
        np.minimum.at(least, at, low[codes])
        np.maximum.at(most, at, high[codes])
    return (most >= 0) & (least < most)


def _differ(groups: np.ndarray, fixed: np.ndarray, count: int) -> np.ndarray:
    low, high = _range(groups, fixed, count)
    return (high >= 0) & (low < high)


def _range(groups: np.ndarray, fixed: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return by group the lowest and the highest split of its images that have one."""
    import numpy as np

    has = fixed >= 0
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, groups[has], fixed[has])
    np.maximum.at(high, groups[has], fixed[has])
    return low, high


def _minorities(component: np.ndarray, fixed: np.ndarray, torn: np.ndarray, splits: int, frozen: Sequence[int]) -> np.ndarray:
    """Return the images of torn groups that are not where most of their group is; a frozen split keeps its own before all others."""
    import numpy as np

    at = np.flatnonzero(torn & (fixed >= 0))
    groups, codes = np.unique(component[at], return_inverse=True)
    counts = np.zeros((len(groups), splits), np.int64)
    np.add.at(counts, (codes, fixed[at]), 1)
    for split in frozen:
        counts[:, split] *= len(fixed) + 1
    out = np.zeros(len(fixed), bool)
    if len(at):
        out[at] = fixed[at] != counts.argmax(axis=1)[codes]
    return out


def _of_component(component: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Return by image the split of its group; -1 where it has none."""
    import numpy as np

    of = np.full(len(component), -1)
    np.maximum.at(of, component, fixed)
    return of[component]


def _load(of_split: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], categories: int) -> list[float]:
    import numpy as np

    at, codes = pairs
    by_category = np.bincount(codes[of_split[at]], minlength=categories)[:categories]
    return [float(of_split.sum()), *by_category.astype(float).tolist()]

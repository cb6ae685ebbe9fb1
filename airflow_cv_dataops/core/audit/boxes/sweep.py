"""Which boxes of a group lie on one another: a sweep over all boxes at once, that compares only boxes which can be alike.

Boxes with IoU >= t differ in x and width by at most (1-t)/t of either's width, in y and height likewise. So they lie close together when
sorted by ``x + 0.62 y + 0.38 width + 0.24 height`` (a mix, so that a column of equal boxes does not fall on one value), and each box is
compared with those that follow it, for as long as they are that close.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.grouping import group_codes

if TYPE_CHECKING:
    import numpy as np

# A group of more boxes is cut into cells first, since in a crowd of n boxes the sweep comes upon a share of all n² pairs.
CROWD = 1_000

# x, y, width, height: float64 of one length; widths and heights above 0.
Corners = tuple[Any, Any, Any, Any]


def repeated(groups: np.ndarray, corners: Corners, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of repeated boxes, ascending, and for each the row of the box of its group that it repeats.

    What is left without the repeats has no two boxes of one group with an IoU of at least ``iou``.
    """
    import numpy as np

    rows = paired(groups, corners, iou)
    groups, corners = groups[rows], tuple(side[rows] for side in corners)  # type: ignore[assignment]
    x, y, width, height = corners
    position, reach = _position_and_reach(corners, iou)
    order = np.lexsort((height, width, y, x, position, groups))
    repeats, originals, order = _identical(order, groups, x, y, width, height)
    original = np.full(len(order), -1)
    active = np.arange(len(order))
    step = 0
    while active.size:
        step += 1
        active = active[(active < len(order) - step) & (original[active] < 0)]
        here, there = order[active], order[active + step]
        close = (groups[here] == groups[there]) & (position[there] - position[here] <= reach[here])
        active, here, there = active[close], here[close], there[close]
        same = (pairwise_iou(corners, here, there) >= iou) & (original[active + step] < 0)
        original[active[same] + step] = here[same]
    again = np.concatenate([repeats, order[original >= 0]])
    first = np.concatenate([originals, original[original >= 0]])
    ascending = np.argsort(again)
    return rows[again[ascending]], rows[first[ascending]]


def contradicted(groups: np.ndarray, names: np.ndarray, corners: Corners, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Return every row that has a box of its group, of another name, with an IoU of at least ``iou``; and for each the row of one such box.

    :param names: whole numbers. Rows come in ascending order.
    """
    import numpy as np

    rows = paired(groups, corners, iou)
    groups, names, corners = groups[rows], names[rows], tuple(side[rows] for side in corners)  # type: ignore[assignment]
    x, y, width, height = corners
    position, _ = _position_and_reach(corners, iou)
    order = np.lexsort((names, height, width, y, x, position, groups))
    repeats, originals, order = _identical(order, groups, names, x, y, width, height)
    several = _in_groups_of_several_names(groups, names)
    other = _partners(order[several[order]], groups, corners, iou, names)
    other[repeats] = other[originals]
    here = np.flatnonzero(other >= 0)
    return rows[here], rows[other[here]]


def paired(groups: np.ndarray, corners: Corners, iou: float) -> np.ndarray:
    """Return, ascending, the rows with another box of their group with an IoU of at least ``iou``."""
    import numpy as np

    position, _ = _position_and_reach(corners, iou)
    groups = group_codes(groups)
    in_crowd = np.bincount(groups, minlength=1)[groups] > CROWD
    partner = _partners(_ordered(np.flatnonzero(~in_crowd), groups, position), groups, corners, iou)
    crowd = np.flatnonzero(in_crowd)
    for cells in _cells(groups[crowd], tuple(side[crowd] for side in corners), iou):
        cell = np.zeros(len(groups), dtype=np.int64)
        cell[crowd] = cells
        alone = partner < 0
        found = _partners(_ordered(crowd, cell, position), cell, corners, iou)
        partner[alone] = found[alone]
    return np.flatnonzero(partner >= 0)


def _ordered(rows: np.ndarray, groups: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return the rows by group, and by position within it."""
    import numpy as np

    by_position = rows[np.argsort(position[rows])]
    return by_position[np.argsort(groups[by_position], kind="stable")]


def _cells(groups: np.ndarray, corners: Corners, iou: float) -> Iterator[np.ndarray]:
    """Yield eight ways to cut the boxes of a crowd into cells of about equal size and height in the picture, as numbers of the cells.

    Two boxes of a group with an IoU of at least ``iou`` share a cell in at least one of them: a cell is twice as long as the two can differ
    (log width and log height by log 1/iou, y by (1-iou)/iou of the height), and every second way is shifted by half a cell.
    """
    import numpy as np

    _, y, width, height = corners
    # 2.02: what lies exactly half a cell apart may not fall between two stools by rounding. 1e-9: an IoU of 1.
    size_step = 2.02 * max(math.log(1 / iou), 1e-9)
    slack = max((1 - iou) / iou, 1e-9)
    for across, down, place in itertools.product((0.0, 0.5), repeat=3):
        wide, tall = np.floor(np.log(width) / size_step + across), np.floor(np.log(height) / size_step + down)
        tallest = np.exp((tall + 1 - down) * size_step)
        at = np.floor(y / (2.02 * slack * tallest) + place)
        yield group_codes(groups, *(_whole(values) for values in (wide, tall, at)))


def _whole(values: np.ndarray) -> np.ndarray:
    """Return whole numbers as integers; beyond 2^53, where floats have no neighbours, all the same one."""
    import numpy as np

    return np.where(np.abs(values) < 2**53, values, 2**53).astype(np.int64)


def pairwise_iou(corners: Corners, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes ``a`` and ``b`` (row numbers, pairwise)."""
    import numpy as np

    x, y, width, height = corners
    with np.errstate(over="ignore", invalid="ignore"):
        across = np.minimum(x[a] + width[a], x[b] + width[b]) - np.maximum(x[a], x[b])
        down = np.minimum(y[a] + height[a], y[b] + height[b]) - np.maximum(y[a], y[b])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        return shared / (width[a] * height[a] + width[b] * height[b] - shared)


def _partners(order: np.ndarray, groups: np.ndarray, corners: Corners, iou: float, names: np.ndarray | None = None) -> np.ndarray:
    """Return for each row a row of its group (with ``names``: of another name) with an IoU of at least ``iou``; -1 where there is none.

    :param order: the rows that count, sorted by group and position.
    """
    import numpy as np

    position, reach = _position_and_reach(corners, iou)
    partner = np.full(len(groups), -1)
    # Once looking ahead and once looking back, so that a box need not go on once it has found one.
    for direction in (order, order[::-1]):
        active = np.flatnonzero(partner[direction] < 0)
        step = 0
        while active.size:
            step += 1
            active = active[active < len(direction) - step]
            here, there = direction[active], direction[active + step]
            close = (groups[here] == groups[there]) & (np.abs(position[there] - position[here]) <= reach[here])
            active, here, there = active[close], here[close], there[close]
            found = pairwise_iou(corners, here, there) >= iou
            found = found if names is None else found & (names[here] != names[there])
            partner[here[found]] = there[found]
            active = active[~found]
    return partner


def _position_and_reach(corners: Corners, iou: float) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    x, y, width, height = corners
    with np.errstate(over="ignore", invalid="ignore"):
        position = x + 0.62 * y + 0.38 * width + 0.24 * height
        return position, (1 - iou) / iou * (1.38 * width + 0.86 * height) + 1e-9 * np.abs(position)


def _identical(order: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows that equal the one before them in ``order``, for each the first row of its pile, and the order without them."""
    import numpy as np

    is_new = np.ones(len(order), dtype=bool)
    is_new[1:] = np.logical_or.reduce([column[order[1:]] != column[order[:-1]] for column in columns])
    kept = order[is_new]
    return order[~is_new], kept[np.cumsum(is_new)[~is_new] - 1], kept


def _in_groups_of_several_names(groups: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return a mask of the rows whose group has more than one name."""
    import numpy as np

    if not len(groups):
        return np.zeros(0, dtype=bool)
    order = np.argsort(groups, kind="stable")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(groups[order])) + 1])
    several = np.minimum.reduceat(names[order], starts) != np.maximum.reduceat(names[order], starts)
    found = np.empty(len(groups), dtype=bool)
    found[order] = np.repeat(several, np.diff(np.append(starts, len(groups))))
    return found

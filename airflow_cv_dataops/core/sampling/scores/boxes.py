"""Boxes of the images of a pool as columns, and which of them belong together."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.detection.boxes import BoxArrays, DetectionBoxes
from airflow_cv_dataops.core.audit.detection.overlap import Overlaps, box_overlaps
from airflow_cv_dataops.core.sampling.scores.categories import numbers_of
from airflow_cv_dataops.core.sampling.scores.distinct import distinct

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.pool import OfImages

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class PoolBoxes:
    """Boxes by image, then by what they are, whatever the order of their rows; arrays of length M.

    :param image: row of the image in the pool, ascending. :param category: number of the category.
    :param corners: (4, M) left, top, right and bottom in pixels. :param confidence: 0 to 1; 1 for a label.
    :param is_crowd: COCO's iscrowd of a label. :param owner: number of who drew a label; 0 for a prediction.
    :param unplaced: rows of images that have a box or mask without a ``bbox``: what is in them cannot be compared.
    """

    image: np.ndarray
    category: np.ndarray
    corners: np.ndarray
    confidence: np.ndarray
    is_crowd: np.ndarray
    owner: np.ndarray
    unplaced: np.ndarray

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: np.ndarray) -> PoolBoxes:
        """Return some of them, in the order of ``rows``."""
        return PoolBoxes(
            *(self.image[rows], self.category[rows], self.corners[:, rows]),
            *(self.confidence[rows], self.is_crowd[rows], self.owner[rows], self.unplaced),
        )


def read_boxes(found: Iterable[OfImages], categories: Sequence[str], owners: Sequence[str] | None = None) -> PoolBoxes:
    """Return the boxes that have a category and an extent, and those of predictions that have a confidence from 0 to 1.

    The log says how many images have a mask without a ``bbox``.

    :param found: rows with task, category and bbox; predictions with score, labels with iscrowd, label_set and annotator.
    :param categories: names, sorted; others are left out. :param owners: those of labels, sorted, see :func:`owners_of`.
    """
    import numpy as np

    none = np.empty(0, dtype=np.int64)
    parts: list[tuple[np.ndarray, ...]] = [(none, none, np.empty((4, 0)), np.empty(0), np.empty(0, dtype=bool), none, none)]
    parts += [_usable(batch, categories, owners) for batch in found]
    image, category, corners, confidence, is_crowd, owner, unplaced = (np.concatenate(one, axis=-1) for one in zip(*parts, strict=True))
    if len(unplaced := distinct(unplaced)):
        log.warning("%d images have masks without a bbox, which cannot be compared: they get no score that goes by boxes.", len(unplaced))
    order = _order((image, owner, category, corners[0]), (*corners[1:], confidence, is_crowd))
    return PoolBoxes(image[order], category[order], corners[:, order], confidence[order], is_crowd[order], owner[order], unplaced)


def overlaps(first: PoolBoxes, second: PoolBoxes, group: tuple[np.ndarray, np.ndarray], at_least: float) -> Overlaps:
    """Return the pairs of a first box (as ``label``) and a second box (as ``prediction``) of one group that overlap.

    :param group: by first and by second box, ascending; only boxes of the same group are compared.
    :param at_least: least intersection over union, above 0; with a crowd among the first intersection over the second box's area.
    """
    import numpy as np

    if not len(first) or not len(second):
        return Overlaps(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0))
    groups = distinct(np.concatenate(group))
    labels, predictions = (
        BoxArrays(np.arange(len(side)), np.searchsorted(groups, numbers), side.category, side.corners)
        for side, numbers in zip((first, second), group, strict=True)
    )
    none = np.empty(0)
    return box_overlaps(DetectionBoxes(labels, predictions, first.is_crowd, second.confidence, none, (), none), at_least=at_least)


def one_to_one(first: np.ndarray, second: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """Return which pairs are taken when each box goes into one pair, the foremost pair first; ascending.

    :param first: of each pair, its first box. :param second: its second box.
    :param keys: what makes a pair foremost, the most important first, highest first; of equals the one of the first boxes.
    """
    import numpy as np

    order = np.lexsort((second, first, *(-key for key in reversed(keys))))
    left, taken = order, []
    # Each round takes all pairs that are the foremost of both of their boxes at once: the same as one pair after the other.
    while len(left):
        is_foremost = _is_first(first[left]) & _is_first(second[left])
        taken.append(left[is_foremost])
        gone = np.isin(first[left], first[taken[-1]]) | np.isin(second[left], second[taken[-1]])
        left = left[~gone]
    return np.sort(np.concatenate(taken)) if taken else np.empty(0, dtype=np.int64)


def _order(keys: Sequence[np.ndarray], ties: Sequence[np.ndarray]) -> np.ndarray:
    """Return the order by the keys, the most important first, then by what breaks their ties, where there are any."""
    import numpy as np

    order: np.ndarray = np.lexsort(keys[::-1])
    tied = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys])
    if not tied.any():
        return order
    # Only what is tied is sorted by everything: boxes that share their left side, most often by chance.
    places = np.flatnonzero(np.append(tied, False) | np.insert(tied, 0, False))
    rows = order[places]
    order[places] = rows[np.lexsort([key[rows] for key in (*ties[::-1], *keys[::-1])])]
    return order


def _is_first(numbers: np.ndarray) -> np.ndarray:
    """Say which places hold a number for the first time."""
    import numpy as np

    result = np.zeros(len(numbers), dtype=bool)
    result[np.unique(numbers, return_index=True)[1]] = True
    return result


def owners_of(labels: pa.Table) -> pa.ChunkedArray:
    """Return for each label who answers for it: its label set and annotator in one text."""
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(labels["label_set"], labels["annotator"], "\0", null_handling="replace", null_replacement="")


def _usable(batch: OfImages, categories: Sequence[str], owners: Sequence[str] | None) -> tuple[np.ndarray, ...]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    table = batch.table
    x, y, width, height = (
        pc.fill_null(pc.struct_field(table["bbox"], name), float("nan")).to_numpy() for name in ("x", "y", "width", "height")
    )
    category = numbers_of(table["category"], categories)
    if owners is None:
        confidence = pc.fill_null(table["score"], float("nan")).to_numpy()
        is_crowd, owner = np.zeros(len(x), dtype=bool), np.zeros(len(x), dtype=np.int64)
    else:
        confidence, is_crowd = np.ones(len(x)), pc.fill_null(table["iscrowd"], False).to_numpy()
        owner = numbers_of(owners_of(table), owners)
    with np.errstate(over="ignore", invalid="ignore"):
        corners = np.stack([x, y, x + width, y + height])
        area = (corners[2] - corners[0]) * (corners[3] - corners[1])
        usable = np.isfinite(corners).all(axis=0) & np.isfinite(area) & (corners[2] > corners[0]) & (corners[3] > corners[1]) & (area > 0)
        usable &= (category >= 0) & (confidence >= 0) & (confidence <= 1)
    # Of an image as a whole, or that nothing is there: neither has a box.
    is_whole = pc.is_in(table["task"], value_set=pa.array(["classification", "background"])).to_numpy()
    unplaced = batch.image[table["bbox"].is_null().to_numpy() & ~is_whole]
    return batch.image[usable], category[usable], corners[:, usable], confidence[usable], is_crowd[usable], owner[usable], unplaced

"""Which given and predicted boxes of an image overlap, and how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.detection.boxes import DetectionBoxes

# Pairs of boxes that are compared at a time: 20 MB of working memory, and small enough for a processor's cache.
_PAIRS_AT_A_TIME = 200_000
# Less is no relation between two boxes, only neighbourhood.
MIN_OVERLAP = 0.1


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs of a label and a prediction of one image that overlap by ``MIN_OVERLAP`` or more, by prediction, then by label.

    :param label: place of the label in ``DetectionBoxes.labels``.
    :param prediction: place of the prediction in ``DetectionBoxes.predictions``.
    :param overlap: intersection over union, above 0 to 1; with a crowd label intersection over the prediction's area, as COCO has it.
    """

    label: np.ndarray
    prediction: np.ndarray
    overlap: np.ndarray


def box_overlaps(boxes: DetectionBoxes, *, at_least: float = MIN_OVERLAP) -> Overlaps:
    """Compare each prediction with the labels of its image, a bounded number of pairs at a time.

    :param at_least: pairs that overlap less are left out; above 0.
    """
    import numpy as np

    labels, predictions = boxes.labels, boxes.predictions
    label_area, predicted_area = labels.area, predictions.area
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for label, prediction in candidate_pairs(labels.image, predictions.image):
        across = np.minimum(labels.corners[2][label], predictions.corners[2][prediction])
        across -= np.maximum(labels.corners[0][label], predictions.corners[0][prediction])
        near = np.flatnonzero(across > 0)
        label, prediction, across = label[near], prediction[near], across[near]
        down = np.minimum(labels.corners[3][label], predictions.corners[3][prediction])
        down -= np.maximum(labels.corners[1][label], predictions.corners[1][prediction])
        shared = across * np.maximum(down, 0)
        union = predicted_area[prediction] + np.where(boxes.is_crowd[label], 0, label_area[label] - shared)
        # Six digits, so that a resized copy, whose coordinates are rounded differently, has the same overlaps.
        overlap = np.round(shared / union, 6).astype(np.float32)
        kept = np.flatnonzero(overlap >= at_least)
        found.append((label[kept].astype(np.int32), prediction[kept].astype(np.int32), overlap[kept]))
    return Overlaps(*(np.concatenate(columns) for columns in zip(*found, strict=True)))


def candidate_pairs(
    label_image: np.ndarray, prediction_image: np.ndarray, at_a_time: int = _PAIRS_AT_A_TIME
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all pairs of a label and a prediction of the same image, by prediction, some at a time; both sides sorted by image.

    Some is ``at_a_time`` and up to as many more as an image has labels: a crowded image is cut between its predictions.
    """
    import numpy as np

    labels = np.bincount(label_image, minlength=int(prediction_image.max(initial=-1)) + 1)
    count = labels[prediction_image]
    first = (np.cumsum(labels) - labels)[prediction_image]
    ends = np.cumsum(count)
    start = 0
    while start < len(count):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + at_a_time, side="right")))
        here = count[start:stop]
        prediction = np.repeat(np.arange(start, stop), here)
        offset = np.repeat(first[start:stop] - (ends[start:stop] - here - done), here)
        yield np.arange(len(prediction)) + offset, prediction
        start = stop


def best_pair(group: np.ndarray, value: np.ndarray, groups: int) -> np.ndarray:
    """Return the pair of the highest value for each group, the first of equals; -1 where a group has none.

    :param group: of each pair, 0 to ``groups`` - 1.
    :param value: of each pair, at least 0.
    """
    import numpy as np

    top = highest(group, value, groups, nothing=-1)
    is_top = np.flatnonzero(value == top[group])[::-1]
    best = np.full(groups, -1)
    best[group[is_top]] = is_top
    return best


def highest(group: np.ndarray, value: np.ndarray, groups: int, *, nothing: float = 0) -> np.ndarray:
    """Return the highest value of each group, ``nothing`` where it has none."""
    import numpy as np

    top = np.full(groups, nothing, dtype=np.float64 if value.dtype != np.float32 else np.float32)
    np.maximum.at(top, group, value)
    return top

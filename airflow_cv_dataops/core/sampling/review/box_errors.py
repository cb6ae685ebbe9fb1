"""Misses, false positives and confusions: given and predicted boxes matched one to one, the most confident prediction first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.detection.overlap import candidate_pairs

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.image_places import ImagePlaces

_DIGITS = 6  # of an overlap: a resized copy has the same


@dataclass(frozen=True, eq=False)
class BoxErrors:
    """How many of each kind, by opinion or image; where an image has several opinions, their mean.

    :param misses: labels that no prediction covers. :param false_positives: predictions that cover no label.
    :param confusions: pairs of a label and a prediction at one place that name different categories.
    """

    misses: np.ndarray
    false_positives: np.ndarray
    confusions: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return self.misses + self.false_positives + self.confusions

    def mean_by(self, group: np.ndarray, sizes: np.ndarray) -> BoxErrors:
        """Return the means of groups. :param sizes: of each group; 0 gives 0."""
        import numpy as np

        kinds = (self.misses, self.false_positives, self.confusions)
        return BoxErrors(*(np.bincount(group, weights=kind, minlength=len(sizes)) / np.maximum(sizes, 1) for kind in kinds))


@dataclass(frozen=True, eq=False)
class BoxColumn:
    """:param corners: (4, N) left, top, right, bottom in pixels. :param usable: finite, and of an area above 0."""

    corners: np.ndarray
    usable: np.ndarray


def boxes_of(rows: pa.Table) -> BoxColumn:
    """Return the boxes of labels or predictions."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    sides = [
        pc.fill_null(pc.struct_field(rows["bbox"], name).cast(pa.float64()), float("nan")).to_numpy()
        for name in ("x", "y", "width", "height")
    ]
    x, y, width, height = sides
    with np.errstate(invalid="ignore", over="ignore"):
        corners = np.stack([x, y, x + width, y + height])
        area = (corners[2] - corners[0]) * (corners[3] - corners[1])
        usable = np.isfinite(corners).all(axis=0) & np.isfinite(area) & (width > 0) & (height > 0) & (area > 0)
    return BoxColumn(corners, usable)


def box_errors(
    labels: pa.Table,
    opinion: np.ndarray,
    counts: np.ndarray,
    opinion_image: np.ndarray,
    predictions: pa.Table,
    places: ImagePlaces,
    *,
    min_score: float,
    iou: float,
) -> BoxErrors:
    """Count the errors of each opinion.

    A prediction takes, the most confident first, the free label of its category that it overlaps most, then what is left any free label,
    both at an IoU of at least ``iou``. A label of a crowd is nothing to be missed, and what lies on it by half is nothing made up.

    :param opinion: of each label. :param counts: which labels count. :param opinion_image: of each opinion its image, ascending.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    opinions = len(opinion_image)
    given = np.flatnonzero(counts)
    given = given[np.argsort(opinion[given], kind="stable")]
    label_boxes, crowd = boxes_of(labels).corners[:, given], pc.fill_null(labels["iscrowd"], False).to_numpy()[given]
    predicted, of_opinion = _predictions_by_opinion(predictions, places, opinion_image, min_score)
    predicted_boxes = boxes_of(predictions).corners[:, predicted]
    names = pc.unique(pa.chunked_array([*labels["category"].chunks, *predictions["category"].chunks], pa.string()).drop_null())
    label_codes, codes = (pc.fill_null(pc.index_in(rows["category"], value_set=names), -1).to_numpy() for rows in (labels, predictions))
    label_codes, codes = label_codes[given], codes[predicted]
    at, to, overlap = _overlaps(label_boxes, predicted_boxes, opinion[given], of_opinion, crowd, iou)
    on_crowd = np.zeros(len(predicted), dtype=bool)
    on_crowd[to[crowd[at] & (overlap >= 0.5)]] = True
    plain = ~crowd[at] & (overlap >= iou)
    at, to, overlap = at[plain], to[plain], overlap[plain]
    label_free, free = ~crowd, np.ones(len(predicted), dtype=bool)
    same = label_codes[at] == codes[to]
    # Predictions stand by opinion and confidence; of what one overlaps alike, the first label by its place and category.
    order = np.lexsort((*label_boxes[:, at][::-1], label_codes[at], -overlap, to))
    at, to, same = at[order], to[order], same[order]
    _take(at[same], to[same], label_free, free)
    confused, _ = _take(at, to, label_free, free)
    return BoxErrors(
        misses=np.bincount(opinion[given][label_free], minlength=opinions).astype(float),
        false_positives=np.bincount(of_opinion[free & ~on_crowd], minlength=opinions).astype(float),
        confusions=np.bincount(opinion[given][confused], minlength=opinions).astype(float),
    )


def _predictions_by_opinion(
    predictions: pa.Table, places: ImagePlaces, opinion_image: np.ndarray, min_score: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of predictions, once for each opinion of their image, by opinion, then the most confident first; and their opinions."""
    import numpy as np
    import pyarrow.compute as pc

    scores = pc.fill_null(predictions["score"], float("nan")).to_numpy()
    with np.errstate(invalid="ignore"):
        confident = np.flatnonzero(boxes_of(predictions).usable & (scores >= min_score))
    image = places.of(predictions["image_id"])
    ids = ranks_of(predictions["prediction_id"])
    rows = confident[np.lexsort((ids[confident], -scores[confident], image[confident]))]
    starts, ends = (np.searchsorted(image[rows], opinion_image, side) for side in ("left", "right"))
    lengths = ends - starts
    of_opinion = np.repeat(np.arange(len(opinion_image)), lengths)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return rows[np.repeat(starts, lengths) + within], of_opinion


def _overlaps(
    labels: np.ndarray, predictions: np.ndarray, opinion: np.ndarray, of_opinion: np.ndarray, crowd: np.ndarray, iou: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places of a label and a prediction of one opinion, and their IoU; of a crowd's label the share of the prediction in it."""
    import numpy as np

    least = min(iou, 0.5)
    area, predicted_area = ((boxes[2] - boxes[0]) * (boxes[3] - boxes[1]) for boxes in (labels, predictions))
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for at, to in candidate_pairs(opinion, of_opinion):
        across = np.minimum(labels[2][at], predictions[2][to]) - np.maximum(labels[0][at], predictions[0][to])
        down = np.minimum(labels[3][at], predictions[3][to]) - np.maximum(labels[1][at], predictions[1][to])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        overlap = np.round(shared / np.where(crowd[at], predicted_area[to], area[at] + predicted_area[to] - shared), _DIGITS)
        near = overlap >= least
        parts.append((at[near], to[near], overlap[near]))
    at, to, overlap = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return at, to, overlap


def _take(at: np.ndarray, to: np.ndarray, label_free: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair what is free, the first pairs first, mark it as taken, and return the pairs."""
    import numpy as np

    taken: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    left = label_free[at] & free[to]
    at, to = at[left], to[left]
    while len(at):
        # A pair that is the first of both its ends is what one would take who goes through the pairs in order.
        first = _is_first(at) & _is_first(to)
        taken.append((at[first], to[first]))
        label_free[at[first]] = False
        free[to[first]] = False
        left = label_free[at] & free[to]
        at, to = at[left], to[left]
    labels, predictions = (np.concatenate(columns) for columns in zip(*taken, strict=True))
    return labels, predictions


def _is_first(numbers: np.ndarray) -> np.ndarray:
    import numpy as np

    found = np.zeros(len(numbers), dtype=bool)
    found[np.unique(numbers, return_index=True)[1]] = True
    return found


def ranks_of(names: pa.ChunkedArray) -> np.ndarray:
    """Return a number for each name, in the order of the names, equal ones for equal names; no name is one of them."""
    import numpy as np
    import pyarrow.compute as pc

    # As one array: PyArrow 19 cannot rank a column that has no chunk.
    return pc.rank(pc.fill_null(names, "").combine_chunks(), tiebreaker="dense").to_numpy().astype(np.int64)

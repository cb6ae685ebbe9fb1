"""What a model says of each image of a pool: how uncertain it is, where most, and how many boxes it draws; gathered batch by batch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.rows import confidences, row_uncertainty, rows_at_once
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths, check_aggregate

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.pool import Pool, Rows

log = logging.getLogger(__name__)

_COLUMNS = ("prediction_id", "task", "category", "score", "probabilities", "classes")


@dataclass(frozen=True, eq=False)
class Hardest:
    """What one model says of each image of a pool; arrays of length N.

    :param scores: the uncertainty of each image by the pool's aggregate; NaN where it cannot be told.
    :param categories: the category of its most uncertain prediction; ``None`` where there is none.
    :param ids: that prediction. :param is_predicted: there is a prediction of it.
    :param boxes: number of predicted boxes and masks.
    :param expected_boxes: sum of their confidences, the number of objects that the model expects; a box without confidence counts as one.
    :param finds_boxes: the model predicts boxes or masks, so that an image without a prediction is one in which it found none.
    :param rows: how many predictions of images of the pool were read. :param unusable: how many of them could not be used.
    """

    scores: np.ndarray
    categories: np.ndarray
    ids: np.ndarray
    is_predicted: np.ndarray
    boxes: np.ndarray
    expected_boxes: np.ndarray
    finds_boxes: bool
    rows: int
    unusable: int


def hardest(pool: Pool, measure: str) -> Hardest:
    """Return what the pool's model is least certain of in each image; read once for each measure.

    An image in which a model that predicts boxes found none scores ``pool.empty_score``. A classifier's image without a prediction, and
    one of whose predictions none can be used, is NaN; the log says how many predictions could not be used.

    :param measure: ``entropy``, ``margin`` or ``least_confidence``.
    """
    return pool.kept(("hardest", measure), lambda: _hardest(pool, measure))


def finds_boxes(pool: Pool, model: str | None = None) -> bool:
    """Say whether a model predicts boxes or masks: none of its predictions is of an image as a whole. Without any: ``False``.

    :param model: ``None``: the pool's.
    """
    name = model or pool.model or ""
    return pool.kept(("finds_boxes", name), lambda: _finds_boxes(pool.predictions.get(name)))


def _hardest(pool: Pool, measure: str) -> Hardest:
    import numpy as np
    import pyarrow.compute as pc

    gathered = HardestPredictions(len(pool))
    boxes, expected = np.zeros(len(pool), dtype=np.int64), np.zeros(len(pool), dtype=np.int64)
    rows = unusable = 0
    for found in pool.outputs(_COLUMNS, batch_rows=rows_at_once(pool.predictions.get(pool.model or ""))):
        uncertainty = row_uncertainty(found.table, measure)
        rows += len(uncertainty)
        unusable += int(np.isnan(uncertainty).sum())
        gathered.add(found.image, uncertainty, found.table["prediction_id"], found.table["category"])
        is_box = pc.not_equal(found.table["task"], "classification").to_numpy()
        confidence = confidences(found.table)[is_box]
        np.add.at(boxes, found.image[is_box], 1)
        np.add.at(expected, found.image[is_box], billionths(np.clip(np.nan_to_num(confidence, nan=1.0), 0, 1)))
    if unusable:
        log.warning("%d predictions are left out: neither probabilities that fit their classes nor a score from 0 to 1.", unusable)
    scores = gathered.scores(pool.aggregate)
    if (is_detector := finds_boxes(pool)) and pool.empty_score is not None:
        # An image whose predictions cannot be used has not been found empty.
        scores[~gathered.is_predicted] = pool.empty_score
    expected_boxes = expected / 10**DIGITS
    return Hardest(scores, gathered.categories, gathered.ids, gathered.is_predicted, boxes, expected_boxes, is_detector, rows, unusable)


def _finds_boxes(rows: Rows | None) -> bool:
    import pyarrow.compute as pc

    tasks: set[str] = set()
    for batch in () if rows is None else rows.batches(("task",), 1_000_000):  # also of images outside the pool
        tasks.update(pc.unique(batch["task"]).to_pylist())
    return bool(tasks) and "classification" not in tasks


class HardestPredictions:
    """Of each image the most uncertain prediction, of equal ones that with the smallest id; whatever the order and the batches.

    :param images: how many images there are.
    """

    def __init__(self, images: int) -> None:
        import numpy as np

        self.is_predicted = np.zeros(images, dtype=bool)
        self.ids = np.full(images, None, dtype=object)
        self.categories = np.full(images, None, dtype=object)
        self._highest = np.full(images, np.nan)
        self._totals = np.zeros(images, dtype=np.int64)
        self._counts = np.zeros(images, dtype=np.int64)

    def add(self, image: np.ndarray, uncertainty: np.ndarray, ids: pa.ChunkedArray, categories: pa.ChunkedArray) -> None:
        """Take predictions in.

        :param image: (N,) which image each is of, from 0. :param uncertainty: (N,) NaN for one that is not to count.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        self.is_predicted[image] = True
        by_id = pc.sort_indices(ids).to_numpy()
        rows = by_id[~np.isnan(uncertainty[by_id])]
        np.add.at(self._totals, image[rows], billionths(uncertainty[rows]))
        np.add.at(self._counts, image[rows], 1)
        rows = rows[np.lexsort((-uncertainty[rows], image[rows]))]  # stable: of equal ones the smallest id stays first
        images, first = np.unique(image[rows], return_index=True)
        rows = rows[first]
        new_ids = ids.take(pa.array(rows)).to_numpy(zero_copy_only=False)
        is_harder = self._is_harder(images, uncertainty[rows], new_ids)
        images, rows = images[is_harder], rows[is_harder]
        self._highest[images] = uncertainty[rows]
        self.ids[images] = new_ids[is_harder]
        self.categories[images] = categories.take(pa.array(rows)).to_numpy(zero_copy_only=False)

    def scores(self, aggregate: str) -> np.ndarray:
        """Return each image's score, (images,); NaN for an image without a prediction that counts.

        :param aggregate: ``max``: the most uncertain prediction decides, 0 to 1. ``mean``: their mean, 0 to 1. ``sum``: their sum, 0 to
            their number. ``count_normalised``: their sum by the root of their number, 0 to that root.
        :raises ConfigurationError: the aggregate is unknown.
        """
        import numpy as np

        check_aggregate(aggregate)
        if aggregate == "max":
            return self._highest.copy()
        counts = np.where(self._counts > 0, self._counts, np.nan)
        divisor = {"mean": counts, "sum": np.ones_like(counts), "count_normalised": np.sqrt(counts)}[aggregate]
        return np.round(np.where(self._counts > 0, self._totals / 10**DIGITS, np.nan) / divisor, DIGITS)

    def _is_harder(self, images: np.ndarray, uncertainty: np.ndarray, ids: np.ndarray) -> np.ndarray:
        import numpy as np

        before = self._highest[images]
        harder = np.isnan(before) | (uncertainty > before)
        ties = np.flatnonzero(uncertainty == before)
        harder[ties] = ids[ties] < self.ids[images[ties]]
        return harder

"""Images that may be chosen, with the score that a model's predictions give them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.sampling.scores import box_uncertainty, per_image, uncertainty

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

# Rows that are turned into a matrix at a time: with 1,000 classes 65,536 rows are 524 MB as float64.
_CHUNK = 65_536
_TOP = 5


@dataclass(frozen=True, eq=False)
class Candidates:
    """Unlabelled images with a score.

    :param images: image_id, source_uri and storage_uri; each image once.
    :param scores: (images,) 0 to 1.
    :param categories: (images,) what the model takes the image for: the category of its most uncertain prediction.
    :param rows: (images,) row of that prediction in ``predictions``; -1 where the model predicted nothing.
    :param without_prediction: how many unlabelled images were left out for want of a prediction.
    """

    images: pa.Table
    scores: np.ndarray
    categories: list[str | None]
    rows: np.ndarray
    predictions: pa.Table
    without_prediction: int

    def probabilities(self, candidate: int) -> dict[str, float]:
        """Return the five largest class probabilities of a candidate by class, largest first; empty where there are none."""
        if self.rows[candidate] < 0:
            return {}
        row = self.predictions.slice(int(self.rows[candidate]), 1).select(["probabilities", "classes"]).to_pylist()[0]
        names, values = _names(row["classes"]), row["probabilities"]
        if not names or values is None or len(values) != len(names):
            return {}
        largest = sorted(zip(names, values, strict=True), key=lambda item: (-item[1], item[0]))[:_TOP]
        return {name: round(float(value), 6) for name, value in largest}


def score_candidates(
    images: pa.Table, predictions: pa.Table, *, strategy: str, aggregate: str = "max", empty_score: float | None = 0.0
) -> Candidates:
    """Score unlabelled images by one model's predictions.

    :param images: image_id, source_uri, storage_uri; each image once.
    :param predictions: image_id, prediction_id, task, category, score, probabilities, classes of one model.
    :param aggregate: ``max`` or ``mean``, where a model gives several outputs for an image (boxes).
    :param empty_score: for a model that predicts boxes: the score of an image in which it found none; ``None`` leaves such images out.
        A classifier's images without a prediction are always left out.
    """
    import numpy as np
    import pyarrow.compute as pc

    of_images = pc.index_in(predictions["image_id"], value_set=images["image_id"].combine_chunks(), skip_nulls=True)
    image = pc.fill_null(of_images, -1).to_numpy()
    # In the order of their ids, whatever the order of the files that they were read from.
    order = pc.sort_indices(predictions, sort_keys=[("prediction_id", "ascending")]).to_numpy()
    joined = order[image[order] >= 0]
    tasks = pc.unique(predictions["task"]).to_pylist()
    image, predictions = image[joined], predictions.take(joined)
    scores, rows = per_image(image, _row_uncertainty(predictions, strategy), images.num_rows, aggregate)
    if empty_score is not None and "classification" not in tasks:
        # An image whose predictions cannot be used has not been found empty.
        scores[np.setdiff1d(np.arange(images.num_rows), image)] = empty_score
    kept = np.flatnonzero(~np.isnan(scores))
    categories = _take(predictions["category"], rows[kept])
    return Candidates(images.take(kept), scores[kept], categories, rows[kept], predictions, images.num_rows - len(kept))


def _row_uncertainty(predictions: pa.Table, strategy: str) -> np.ndarray:
    """Return each row's uncertainty: by its class probabilities where it has them, else by its score; NaN where it has neither."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    scores = pc.fill_null(predictions["score"], float("nan")).to_numpy()
    result = box_uncertainty(scores, strategy)
    has_probabilities = predictions["probabilities"].is_valid()
    result[has_probabilities.to_numpy()] = np.nan
    numbered = predictions.select(["probabilities", "classes"]).append_column("row", pa.array(np.arange(predictions.num_rows)))
    numbered = numbered.filter(has_probabilities)
    for text in pc.unique(numbered["classes"]).to_pylist():
        names = _names(text)
        fitting = numbered.filter(
            pc.and_(pc.equal(numbered["classes"], text or ""), pc.equal(pc.list_value_length(numbered["probabilities"]), len(names)))
        )
        for start in range(0, fitting.num_rows if names else 0, _CHUNK):
            part = fitting.slice(start, _CHUNK)
            flat = pc.fill_null(pc.list_flatten(part["probabilities"]), float("nan")).to_numpy()
            result[part["row"].to_numpy()] = uncertainty(flat.reshape(part.num_rows, len(names)), strategy)
    if unusable := int(np.isnan(result).sum()):
        log.warning("%d predictions are left out: neither probabilities that fit their classes nor a score from 0 to 1.", unusable)
    return result


def _take(column: pa.ChunkedArray, rows: np.ndarray) -> list[Any]:
    """Return the column's values at ``rows``; ``None`` for row -1."""
    import pyarrow as pa

    return column.take(pa.array(rows, mask=rows < 0)).to_pylist()


def _names(text: str | None) -> list[str]:
    """Return the class names of a ``classes`` value; none where it is not a JSON array of strings."""
    try:
        names = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []

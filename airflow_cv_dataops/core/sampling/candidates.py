"""Images that may be chosen, with the score that a model's predictions give them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.predictions.batches import rows_in_batch, stored_classes
from airflow_cv_dataops.core.sampling.hardest import HardestPredictions
from airflow_cv_dataops.core.sampling.reading import Predictions
from airflow_cv_dataops.core.sampling.scores import box_uncertainty, uncertainty

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

_COLUMNS = ("prediction_id", "image_id", "task", "category", "score", "probabilities", "classes")
_MOST_ROWS = 65_536
_TOP = 5


@dataclass(frozen=True, eq=False)
class Candidates:
    """Unlabelled images with a score.

    :param images: image_id, source_uri and storage_uri; each image once.
    :param scores: (images,) 0 to 1.
    :param categories: (images,) what the model takes the image for: the category of its most uncertain prediction.
    :param prediction_ids: (images,) that prediction; ``None`` where the model predicted nothing.
    :param without_prediction: how many unlabelled images were left out for want of a prediction.
    :param prediction_rows: how many predictions were read.
    """

    images: pa.Table
    scores: np.ndarray
    categories: list[str | None]
    prediction_ids: list[str | None]
    without_prediction: int
    prediction_rows: int


def score_candidates(
    images: pa.Table, predictions: Predictions, *, strategy: str, aggregate: str = "max", empty_score: float | None = 0.0
) -> Candidates:
    """Score unlabelled images by one model's predictions.

    :param images: image_id, source_uri, storage_uri; each image once.
    :param aggregate: ``max`` or ``mean``, where a model gives several outputs for an image (boxes).
    :param empty_score: for a model that predicts boxes: the score of an image in which it found none; ``None`` leaves such images out.
        A classifier's images without a prediction are always left out.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    places, hardest = ImagePlaces(images["image_id"].combine_chunks()), HardestPredictions(images.num_rows)
    rows = unusable = 0
    tasks: set[str] = set()
    for batch in predictions.batches(_COLUMNS, _rows_at_once(predictions)):
        rows += batch.num_rows
        tasks.update(pc.unique(batch["task"]).to_pylist())
        image = places.of(batch["image_id"])
        batch, image = batch.filter(pa.array(image >= 0)), image[image >= 0]
        scores = _row_uncertainty(batch, strategy)
        unusable += int(np.isnan(scores).sum())
        hardest.add(image, scores, batch["prediction_id"], batch["category"])
    if unusable:
        log.warning("%d predictions are left out: neither probabilities that fit their classes nor a score from 0 to 1.", unusable)
    scores = hardest.scores(aggregate)
    if empty_score is not None and "classification" not in tasks:
        # An image whose predictions cannot be used has not been found empty.
        scores[~hardest.is_predicted] = empty_score
    kept = np.flatnonzero(~np.isnan(scores))
    return Candidates(
        images=images.take(kept),
        scores=scores[kept],
        categories=hardest.categories[kept].tolist(),
        prediction_ids=hardest.ids[kept].tolist(),
        without_prediction=images.num_rows - len(kept),
        prediction_rows=rows,
    )


def likely_classes(predictions: Predictions, prediction_ids: Collection[str]) -> dict[str, Mapping[str, float]]:
    """Return for some predictions the five largest class probabilities by class, largest first; not for those that have none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, Mapping[str, float]] = {}
    if not prediction_ids:
        return found
    wanted = pa.array(sorted(prediction_ids), pa.string())
    for batch in predictions.batches(("prediction_id", "probabilities", "classes"), _rows_at_once(predictions)):
        for row in batch.filter(pc.is_in(batch["prediction_id"], value_set=wanted)).to_pylist():
            names, values = stored_classes(row["classes"]), row["probabilities"]
            if names and values is not None and len(values) == len(names):
                largest = sorted(zip(names, values, strict=True), key=lambda item: (-item[1], item[0]))[:_TOP]
                found[row["prediction_id"]] = {name: round(float(value), 6) for name, value in largest}
    return found


def _rows_at_once(predictions: Predictions) -> int:
    """Return how many rows a batch may have: each holds the names of all classes, of 1,000 some 10 kB."""
    first = next(predictions.batches(("classes",), 1), None)
    return min(rows_in_batch(len(stored_classes(first["classes"][0].as_py())) if first else 1), _MOST_ROWS)


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
        names = stored_classes(text)
        fitting = numbered.filter(
            pc.and_(pc.equal(numbered["classes"], text or ""), pc.equal(pc.list_value_length(numbered["probabilities"]), len(names)))
        )
        if names and fitting.num_rows:
            flat = pc.fill_null(pc.list_flatten(fitting["probabilities"]), float("nan")).to_numpy()
            result[fitting["row"].to_numpy()] = uncertainty(flat.reshape(fitting.num_rows, len(names)), strategy)
    return result

"""Class probabilities of several models, as one matrix over the labelled images."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

# Rows of one model that are turned into a matrix at a time: with 1,000 classes 65,536 rows are 262 MB.
_CHUNK = 65_536


@dataclass(frozen=True, eq=False)
class JudgedLabels:
    """The classification labels for whose image there are class probabilities.

    :param rows: (N,) their rows in ``annotations``.
    :param given: (N,) the given label's class, a column of ``probabilities``.
    :param probabilities: (N, K) mean class probabilities, 0 to 1.
    :param classes: names of the K classes.
    """

    rows: np.ndarray
    given: np.ndarray
    probabilities: np.ndarray
    classes: list[str]


def judged_labels(annotations: pa.Table, predictions: pa.Table) -> JudgedLabels | None:
    """Return the labels that predictions can judge; ``None`` where there are none.

    Labels without an image, a category or a prediction, or of a category that no model knows, are left out.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = classification_rows(annotations)
    labels = annotations.select(["image_id", "category"]).take(pa.array(rows))
    predicted = mean_probabilities(predictions, labels["image_id"])
    if predicted is None:
        return None
    given = pc.fill_null(pc.index_in(labels["category"], value_set=pa.array(predicted.classes, pa.string())), -1).to_numpy()
    judged = np.flatnonzero((predicted.row >= 0) & (given >= 0))
    return JudgedLabels(rows[judged], given[judged], predicted.values[predicted.row[judged]], predicted.classes)


def classification_rows(annotations: pa.Table) -> np.ndarray:
    """Return the rows of classification labels with an image and a category."""
    import numpy as np
    import pyarrow.compute as pc

    has_both = pc.and_(annotations["image_id"].is_valid(), annotations["category"].is_valid())
    return np.flatnonzero(pc.and_(pc.equal(annotations["task"], "classification"), has_both).to_numpy())


@dataclass(frozen=True, eq=False)
class Probabilities:
    """Mean class probabilities.

    :param values: (images, classes), 0 to 1.
    :param classes: names of the columns.
    :param row: row of ``values`` for each image that was asked for; -1 where no model has predicted it.
    """

    values: np.ndarray
    classes: list[str]
    row: np.ndarray


def mean_probabilities(predictions: pa.Table, image_ids: pa.ChunkedArray) -> Probabilities | None:
    """Return the mean over models (a model without some class gives it 0); ``None`` where no model has probabilities for these images.

    :param predictions: columns model, image_id, task, probabilities, classes; other tasks and rows that are not probabilities are left out.
    :param image_ids: the images that are wanted; may repeat.
    """
    import numpy as np
    import pyarrow.compute as pc

    wanted = pc.unique(image_ids)
    usable = pc.and_(pc.equal(predictions["task"], "classification"), predictions["probabilities"].is_valid())
    rows = predictions.filter(pc.and_(usable, pc.is_in(predictions["image_id"], value_set=wanted, skip_nulls=True)))
    if not rows.num_rows:
        return None
    models = sorted(pc.unique(rows["model"]).to_pylist())
    classes = sorted({name for text in pc.unique(rows["classes"]).to_pylist() for name in _names(text)})
    position = {name: at for at, name in enumerate(classes)}
    total = np.zeros((len(wanted), len(classes)), dtype=np.float32)
    models_of_image = np.zeros(len(wanted), dtype=np.int32)
    for model in models:
        sums = np.zeros_like(total)
        counts = np.zeros(len(wanted), dtype=np.int32)
        for names, part, values in _matrices(rows.filter(pc.equal(rows["model"], model)), model):
            image = pc.index_in(part["image_id"], value_set=wanted).to_numpy()
            np.add.at(sums, (image[:, None], np.array([position[name] for name in names])[None, :]), values)
            np.add.at(counts, image, 1)
        total += sums / np.maximum(counts, 1).astype(np.float32)[:, None]
        models_of_image += counts > 0
    values = total / np.maximum(models_of_image, 1).astype(np.float32)[:, None]
    image_of_label = pc.index_in(image_ids, value_set=wanted).to_numpy()
    known = models_of_image > 0
    return Probabilities(values, classes, np.where(known[image_of_label], image_of_label, -1)) if known.any() else None


def _matrices(rows: pa.Table, model: str) -> Iterator[tuple[list[str], pa.Table, np.ndarray]]:
    """Yield class names, rows and their (N, K) probabilities; rows that do not hold K numbers from 0 to 1 are left out, and logged."""
    import numpy as np
    import pyarrow.compute as pc

    left_out = rows["classes"].null_count
    for text in sorted(filter(None, pc.unique(rows["classes"]).to_pylist())):
        names = _names(text)
        of_classes = rows.filter(pc.equal(rows["classes"], text))
        fitting = of_classes.filter(pc.equal(pc.list_value_length(of_classes["probabilities"]), len(names)))
        left_out += of_classes.num_rows - fitting.num_rows
        for start in range(0, fitting.num_rows if names else 0, _CHUNK):
            part = fitting.slice(start, _CHUNK).combine_chunks()
            flat = pc.fill_null(pc.list_flatten(part["probabilities"]), float("nan"))
            values = flat.to_numpy().reshape(part.num_rows, len(names))
            with np.errstate(invalid="ignore"):
                valid = ((values >= 0) & (values <= 1 + 1e-3)).all(axis=1)
            left_out += int((~valid).sum())
            at = np.flatnonzero(valid)
            yield names, part.take(at), values[at]
    if left_out:
        log.warning("%d predictions of model %s are left out: their probabilities do not fit their classes.", left_out, model)


def _names(text: str | None) -> list[str]:
    """Return the class names of a ``classes`` value; none where it is not a JSON array of distinct strings."""
    try:
        names = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    usable = isinstance(names, list) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return names if usable else []

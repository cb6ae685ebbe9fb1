"""Given and predicted boxes of one partition as arrays, in an order of their own that does not depend on the order of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput, Boxes


@dataclass(frozen=True, eq=False)
class BoxArrays:
    """Boxes sorted by image; arrays of length N.

    :param row: the box's row in its table (annotations or predictions).
    :param image: number of its image (byte-identical files are one image), ascending.
    :param category: number of its category in :attr:`DetectionBoxes.categories`.
    :param corners: (4, N), left, top, right and bottom in pixels, float64.
    """

    row: np.ndarray
    image: np.ndarray
    category: np.ndarray
    corners: np.ndarray

    @property
    def area(self) -> np.ndarray:
        left, top, right, bottom = self.corners
        return (right - left) * (bottom - top)


@dataclass(frozen=True, eq=False)
class DetectionBoxes:
    """What can be compared: labels and predictions that have a box with an extent, a category, and an image of the partition.

    Images without a label are left out (nobody has looked at them yet, for all one can tell), unless it is said that nothing is there, and
    so are images without a prediction (the models have not looked, likewise). Labels of all label sets and annotators of an image stand
    together, and predictions of all models.

    :param is_crowd: COCO's iscrowd by label.
    :param score: by prediction, 0 to 1.
    :param model: number of each prediction's model, in the order of the models' names.
    :param categories: names, sorted.
    :param image_size: (2, images) width and height of every image of the partition in pixels; NaN where it is not known.
    """

    labels: BoxArrays
    predictions: BoxArrays
    is_crowd: np.ndarray
    score: np.ndarray
    model: np.ndarray
    categories: tuple[str, ...]
    image_size: np.ndarray


def comparable_boxes(data: AuditInput, label_boxes: Boxes, boxes: Boxes) -> DetectionBoxes | None:
    """Return the partition's boxes as they can be compared, or ``None`` where there is nothing to compare.

    Reads ``iscrowd`` of annotations, and category and score of predictions.

    :param label_boxes: of all annotations.
    :param boxes: of all predictions.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    given, predicted = data.annotations, data.predictions
    scores = pc.fill_null(predicted.column("score"), float("nan")).to_numpy()
    predicted_images = data.predicted_image_row
    with np.errstate(invalid="ignore"):
        usable = (predicted_images >= 0) & boxes.has_extent & _has_area(boxes) & (scores >= 0) & (scores <= 1)
    usable &= predicted.column("category").is_valid().to_numpy()
    comparable = label_boxes.has_extent & _has_area(label_boxes) & (data.image_row >= 0) & given.column("category").is_valid().to_numpy()
    in_both = np.zeros(data.images.num_rows + 1, dtype=bool)
    looked_at = np.concatenate([data.image_row[comparable], data.background_rows])
    in_both[np.intersect1d(looked_at, predicted_images[usable])] = True
    label_rows = np.flatnonzero(comparable & in_both[data.image_row])
    predicted_rows = np.flatnonzero(usable & in_both[predicted_images])
    if not len(predicted_rows):
        return None
    label_categories = given.column("category").take(pa.array(label_rows))
    predicted_categories = predicted.column("category").take(pa.array(predicted_rows))
    categories, codes = _numbered(pa.chunked_array([*label_categories.chunks, *predicted_categories.chunks]))
    models = _numbered(predicted.column("model").take(pa.array(predicted_rows)))[1]
    ids = pc.rank(given.column("annotation_id").take(pa.array(label_rows)), tiebreaker="dense").to_numpy()
    labels, _ = _sorted(label_rows, data.image_row, codes[: len(label_rows)], label_boxes, ids)
    score = scores[predicted_rows]
    predictions, order = _sorted(predicted_rows, predicted_images, codes[len(label_rows) :], boxes, models, -score)
    is_crowd = pc.fill_null(given.column("iscrowd"), False).to_numpy()[labels.row]
    sizes = [pc.fill_null(data.images.column(side).cast(pa.float64()), float("nan")).to_numpy() for side in ("width", "height")]
    return DetectionBoxes(labels, predictions, is_crowd, score[order], models[order], tuple(categories), np.stack(sizes))


def _has_area(boxes: Boxes) -> np.ndarray:
    """Say which boxes have an area that a float can hold, and corners that it can tell apart."""
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        area = boxes.width * boxes.height
        right, bottom = boxes.x + boxes.width, boxes.y + boxes.height
        within = np.isfinite(area) & np.isfinite(right) & np.isfinite(bottom) & (right > boxes.x) & (bottom > boxes.y)
        # Far out the corners are no longer as far apart as the sides are long.
        return boxes.finite & within & (area > 0) & np.isfinite((right - boxes.x) * (bottom - boxes.y))


def _sorted(rows: np.ndarray, image: np.ndarray, category: np.ndarray, boxes: Boxes, *last: np.ndarray) -> tuple[BoxArrays, np.ndarray]:
    """Return boxes by image, then by what they are; two that agree in everything are as good as one another."""
    import numpy as np

    x, y, width, height = (getattr(boxes, name)[rows] for name in ("x", "y", "width", "height"))
    first = last[-1], image[rows]
    order = np.lexsort(first)
    if np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in first]).any():  # else what follows decides nothing
        order = np.lexsort((*last[:-1], height, width, y, x, category, *first))
    corners = np.stack([x, y, x + width, y + height])[:, order]
    return BoxArrays(rows[order], image[rows][order], category[order], corners), order


def _numbered(names: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """Return the distinct names, sorted, and the number of each row's name among them."""
    import numpy as np

    encoded = names.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if hasattr(encoded, "combine_chunks") else encoded
    distinct = encoded.dictionary.to_pylist()
    order = sorted(range(len(distinct)), key=distinct.__getitem__)
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return [distinct[place] for place in order], position[encoded.indices.to_numpy(zero_copy_only=False)]

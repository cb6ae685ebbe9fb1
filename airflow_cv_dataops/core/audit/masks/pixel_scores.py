"""Given masks against a model's probabilities of each pixel, one image at a time.

The score of a mask is the soft minimum of its pixels' probabilities: after Lad and Mueller, "Estimating label quality and errors in
semantic segmentation data via any model", arXiv 2307.05080, who take it over the pixels of an image.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.audit_input import AuditInput, derived
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.labels.masks.coco_masks import mask_of, pixels_of
from airflow_cv_dataops.core.predictions.array_files import read_probabilities
from airflow_cv_dataops.core.predictions.batches import stored_classes
from airflow_cv_dataops.core.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

TEMPERATURE = 0.1
# Probabilities in single or half precision may end a little above 1.
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class MasksByPixel:
    """:param rows: annotations that pixel probabilities judge, ascending.
    :param score: soft minimum by row, 0 (surely wrong) to 1 (surely right); the mean over models.
    :param problems: image row and message of each file that could not be used.
    """

    rows: np.ndarray
    score: np.ndarray
    problems: tuple[tuple[int, str], ...]


@derived
def masks_by_pixel(data: AuditInput) -> MasksByPixel:
    """Judge the masks of all images that have pixel probabilities; a loop over files, of which one is in memory at a time."""
    import numpy as np

    total, models = np.zeros(data.annotations.num_rows), np.zeros(data.annotations.num_rows)
    problems: list[tuple[int, str]] = []
    files = probability_files(data)
    labelled = _labels_with_masks(data) if files.num_rows else {}
    progress = Progress("files of pixel probabilities", files.num_rows, log)
    for row in files.to_pylist():
        progress.advance()
        try:
            for at, score in _scores(data, row, labelled.get(row["image"], [])):
                total[at] += score
                models[at] += 1
        except StoreError:  # the store's fault and not the file's: the audit fails before it has written anything, and may be tried again
            raise
        except (OSError, ValueError) as error:
            problems.append((row["image"], f"the pixel probabilities of model {row['model']} cannot be used: {error}"))
    rows = np.flatnonzero(models)
    return MasksByPixel(rows, total[rows] / models[rows], tuple(problems))


@derived
def probability_files(data: AuditInput) -> pa.Table:
    """Return the partition's files of pixel probabilities, with the row of their image, in an order of their own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = ["model", "image_id", "pixel_probabilities", "classes"]
    there_are_some = data.read_bytes is not None and data.predictions["pixel_probabilities"].null_count < data.predictions.num_rows
    batches = data.iter_predictions(columns) if there_are_some else ()
    files = pa.concat_tables(
        [
            pa.table({name: pa.array([], pa.string()) for name in columns}),
            *(batch.filter(batch["pixel_probabilities"].is_valid()) for batch in batches),
        ],
        promote_options="permissive",
    )
    files = files.append_column("image", pa.array(data.image_rows_of(files["image_id"])))
    files = files.filter(pc.greater_equal(files["image"], 0))
    return files.sort_by([(name, "ascending") for name in ("image", "model", "pixel_probabilities")])


def images_with_both(data: AuditInput) -> np.ndarray:
    """Return the rows of the images that have pixel probabilities and masks."""
    import numpy as np

    files = probability_files(data)
    labelled = _labels_with_masks(data) if files.num_rows else {}
    return np.intersect1d(files["image"].to_numpy(), np.array(list(labelled), dtype=np.int64))


def soft_minimum(probabilities: np.ndarray, temperature: float = TEMPERATURE) -> float:
    """Return the mean of the probabilities with the weight exp((1 - p) / temperature): the lowest count most.

    :param probabilities: (N,), 0 to 1, of at least one pixel.
    """
    import numpy as np

    values = probabilities.astype(np.float64)
    weights = np.exp((values.min() - values) / temperature)
    return float(values @ weights / weights.sum())


def _labels_with_masks(data: AuditInput) -> dict[int, list[int]]:
    """Return, by image row, the annotations with a segmentation that are no crowd."""
    import numpy as np
    import pyarrow.compute as pc

    given = data.annotations
    has_mask = given.column("segmentation").is_valid().to_numpy() & given.column("category").is_valid().to_numpy()
    is_crowd = pc.fill_null(given.column("iscrowd"), False).to_numpy()
    rows = np.flatnonzero(has_mask & ~is_crowd & (data.image_row >= 0))
    found: dict[int, list[int]] = {}
    for row, image in zip(rows.tolist(), data.image_row[rows].tolist(), strict=True):
        found.setdefault(image, []).append(row)
    return found


def _scores(data: AuditInput, file: dict, labels: list[int]) -> Iterator[tuple[int, float]]:
    """Yield the score of each label of the file's image whose category the file knows. :raises ValueError: the file cannot be used."""
    import numpy as np

    if not labels or data.read_bytes is None:
        return
    width, height = (data.images.column(name)[file["image"]].as_py() for name in ("width", "height"))
    values = read_probabilities(data.read_bytes(file["pixel_probabilities"]), file["pixel_probabilities"])
    if values.shape[-2:] != (height, width):
        raise ValueError(f"they are {values.shape[-1]} x {values.shape[-2]} px, the image is {width} x {height} px")
    values = values.reshape(-1, height, width)
    classes = {name: number for number, name in enumerate(stored_classes(file["classes"]))}
    if len(classes) != len(values):
        raise ValueError(f"{len(classes)} class names do not fit {len(values)} classes of probabilities")
    scores = []
    for row in labels:
        number = classes.get(data.annotations.column("category")[row].as_py())
        mask = None if number is None else mask_of(data.annotations.column("segmentation")[row].as_py(), width, height)
        if mask is None:
            continue
        pixels = values[number][pixels_of(mask)]
        if not np.isfinite(pixels).all() or pixels.min() < -_TOLERANCE or pixels.max() > 1 + _TOLERANCE:
            raise ValueError("a probability is not finite, or outside 0 to 1")
        scores.append((row, soft_minimum(np.clip(pixels, 0, 1))))
    yield from scores

"""One model's class probabilities of some images, read from the partition's predictions a batch at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.image_places import ImagePlaces
from airflow_cv_dataops.core.predictions.batches import rows_in_batch, stored_classes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.audit_input import AuditInput

log = logging.getLogger(__name__)

# Rows that are looked through at a time for the names of classes: with 1,000 classes a row holds some 10 kB of names.
_SURVEY_ROWS = 512
# Rows that add up to less say nothing.
_LEAST_SUM = 1e-3


@dataclass(frozen=True, eq=False)
class Model:
    """What a model has for the images in question.

    :param texts: its values of ``classes``.
    :param outputs: (images,) how many predictions each image has.
    """

    texts: tuple[str, ...]
    outputs: np.ndarray

    @property
    def classes(self) -> list[str]:
        return sorted({name for text in self.texts for name in stored_classes(text)})


def models_of(data: AuditInput, images: ImagePlaces) -> Mapping[str, Model]:
    """Look through the predictions without their probabilities, and return the models that have classifications of these images."""
    import numpy as np
    import pyarrow.compute as pc

    texts: dict[str, set[str]] = {}
    outputs: dict[str, np.ndarray] = {}
    for part in data.iter_predictions(("model", "image_id", "task", "classes"), batch_rows=_SURVEY_ROWS):
        part, places = _wanted(part, images)
        for model in pc.unique(part["model"]).to_pylist():
            is_its = pc.equal(part["model"], model)
            texts.setdefault(model, set()).update(filter(None, pc.unique(part["classes"].filter(is_its)).to_pylist()))
            if model not in outputs:
                outputs[model] = np.zeros(len(images), dtype=np.int64)
            np.add.at(outputs[model], places[is_its.to_numpy().astype(bool)], 1)
    return {model: Model(tuple(sorted(texts[model])), outputs[model]) for model in outputs}


@dataclass(frozen=True, eq=False)
class ModelRows:
    """One model's probabilities of the images, read from the table whenever they are gone through."""

    data: AuditInput
    name: str
    model: Model
    images: ImagePlaces
    classes: list[str]

    @property
    def repeats(self) -> bool:
        """Whether an image has several predictions."""
        return bool(self.model.outputs.max(initial=0) > 1)

    @property
    def columns(self) -> np.ndarray:
        """The places of the model's own classes among all."""
        import numpy as np

        position = {name: at for at, name in enumerate(self.classes)}
        return np.array([position[name] for name in self.model.classes], dtype=np.int64)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield places in ``images`` and (b, K) float32 probabilities; a class that the model lacks has 0.

        Rows that do not hold as many numbers from 0 to 1 as they have classes, or nothing but zeros, are left out, and logged.
        """
        left_out = 0
        size = rows_in_batch(len(self.classes))
        for part in self.data.iter_predictions(("model", "image_id", "task", "probabilities", "classes"), self.name, size):
            part, places = _wanted(part, self.images)
            before = part.num_rows
            for text in self.model.texts:
                images, values = self._matrix(part, places, text)
                before -= len(images)
                if len(images):
                    yield images, values
            left_out += before
        if left_out:
            log.warning("%d predictions of model %s are left out: their probabilities do not fit their classes.", left_out, self.name)

    def _matrix(self, part: pa.Table, places: np.ndarray, text: str) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np
        import pyarrow.compute as pc

        names = stored_classes(text)
        fits = pc.and_(pc.equal(part["classes"], text), pc.equal(pc.list_value_length(part["probabilities"]), len(names)))
        fits = pc.fill_null(fits, False)
        rows = part.select(["probabilities"]).filter(fits).combine_chunks()
        if not rows.num_rows or not names:
            return np.empty(0, dtype=np.int64), np.empty((0, len(self.classes)), dtype=np.float32)
        values = pc.fill_null(pc.list_flatten(rows["probabilities"]), float("nan")).to_numpy().reshape(rows.num_rows, len(names))
        with np.errstate(invalid="ignore"):
            valid = ((values >= 0) & (values <= 1 + 1e-3)).all(axis=1) & (values.sum(axis=1) >= _LEAST_SUM)
        images = places[fits.to_numpy().astype(bool)][valid]
        values = values if valid.all() else values[valid]
        if names == self.classes:
            return images, values
        position = {name: at for at, name in enumerate(self.classes)}
        placed = np.zeros((len(images), len(self.classes)), dtype=np.float32)
        placed[:, [position[name] for name in names]] = values
        return images, placed


def _wanted(predictions: pa.Table, images: ImagePlaces) -> tuple[pa.Table, np.ndarray]:
    """Return the classifications of the images among some predictions, and the places of their images."""
    import pyarrow as pa
    import pyarrow.compute as pc

    places = images.of(predictions["image_id"])
    is_wanted = (places >= 0) & pc.equal(predictions["task"], "classification").to_numpy().astype(bool)
    return predictions.filter(pa.array(is_wanted)), places[is_wanted]

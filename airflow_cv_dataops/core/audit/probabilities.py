"""Classification labels with the class probabilities that models give them, streamed from the partition's predictions."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.confident_learning import Evidence, examine
from airflow_cv_dataops.core.audit.label_batches import LabelBatch, LabelBatches, rows_in_batch
from airflow_cv_dataops.core.audit.label_noise import LabelNoise, estimate_noise

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.audit.averaging import Averaged
    from airflow_cv_dataops.core.audit.data import AuditInput

log = logging.getLogger(__name__)

# Rows that are looked through at a time for the names of classes: with 1,000 classes a row holds some 10 kB of names.
_SURVEY_ROWS = 4_096


@dataclass(frozen=True, eq=False)
class JudgedLabels:
    """The classification labels for whose image there are class probabilities, in ascending order of their rows.

    :param evidence: what the probabilities say; ``evidence.rows`` are rows of ``annotations``.
    :param noise: how probable it is that each label is wrong.
    :param classes: names of the K classes.
    """

    evidence: Evidence
    noise: LabelNoise
    classes: list[str]


def judged_labels(data: AuditInput) -> JudgedLabels | None:
    """Return the labels that predictions can judge; ``None`` where there are none.

    Labels without an image, a category or a prediction, or of a category that no model knows, are left out.
    """
    with label_source(data) as source:
        evidence = examine(source.batches, len(source.classes)) if source.classes else None
    return None if evidence is None else JudgedLabels(evidence, estimate_noise(evidence), source.classes)


@dataclass(frozen=True, eq=False)
class LabelSource:
    """Labels with probabilities, to be gone through several times. :param classes: names of the K classes; none: no probabilities."""

    batches: LabelBatches
    classes: list[str]


@contextmanager
def label_source(data: AuditInput) -> Iterator[LabelSource]:
    """Give the labels with their probabilities, rows being those of ``annotations``; holds a batch at a time, not all of them.

    One model with one prediction an image is read from the table in each pass. Several models, or several predictions an image, are
    averaged into a scratch file first: see ``averaging``.
    """
    from airflow_cv_dataops.core.audit.averaging import averaged_models

    labels = _Labels.of(data.annotations)
    models = _survey(data, labels.images)
    classes = sorted({name for model in models.values() for name in model.classes})
    if not classes:
        yield LabelSource((), [])
        return
    labels = labels.numbered(classes)
    rows = [ModelRows(data, name, found, labels.images, classes) for name, found in sorted(models.items())]
    if len(rows) == 1 and not rows[0].repeats:
        yield LabelSource(_Batches(labels, rows[0]), classes)
        return
    with tempfile.TemporaryDirectory(prefix="cv_dataops_") as folder:
        averaged = averaged_models(rows, lambda model: _Batches(labels, model), folder)
        yield LabelSource(_Batches(labels, averaged), classes)


def classification_rows(annotations: pa.Table) -> np.ndarray:
    """Return the rows of classification labels with an image and a category."""
    import numpy as np
    import pyarrow.compute as pc

    has_both = pc.and_(annotations["image_id"].is_valid(), annotations["category"].is_valid())
    return np.flatnonzero(pc.and_(pc.equal(annotations["task"], "classification"), has_both).to_numpy())


@dataclass(frozen=True, eq=False)
class _Labels:
    """Labels by image: those of image *i* are ``rows[starts[i]:starts[i + 1]]``.

    :param images: the images' ids, each once.
    :param given: class of each label, in the order of ``rows``; -1 for one that no model knows.
    """

    images: pa.Array
    starts: np.ndarray
    rows: np.ndarray
    categories: pa.Array
    given: np.ndarray | None = None

    @classmethod
    def of(cls, annotations: pa.Table) -> _Labels:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = classification_rows(annotations)
        labels = annotations.select(["image_id", "category"]).take(pa.array(rows)).combine_chunks()
        images = pc.unique(labels["image_id"])
        image = pc.index_in(labels["image_id"], value_set=images).to_numpy()
        order = np.argsort(image, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(image, minlength=len(images)))])
        return cls(images, starts, rows[order], labels["category"].take(pa.array(order)))

    def numbered(self, classes: list[str]) -> _Labels:
        """Return the labels with the numbers of their classes."""
        import pyarrow as pa
        import pyarrow.compute as pc

        given = pc.fill_null(pc.index_in(self.categories, value_set=pa.array(classes, pa.string())), -1).to_numpy().astype("int64")
        return _Labels(self.images, self.starts, self.rows, self.categories, given)

    def batch(self, images: np.ndarray, probabilities: np.ndarray) -> LabelBatch:
        """Return the labels of some images, a row of probabilities each, that name a known class."""
        import numpy as np

        assert self.given is not None
        numbers = self.starts[images + 1] - self.starts[images]
        image = np.repeat(np.arange(len(images)), numbers)
        within = np.arange(len(image)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
        at = np.repeat(self.starts[images], numbers) + within
        known = self.given[at] >= 0
        return LabelBatch(self.rows[at[known]], self.given[at[known]], probabilities[image[known]])


@dataclass(frozen=True, eq=False)
class _Batches:
    """Labels of the images that a source of probabilities yields; may be gone through several times."""

    labels: _Labels
    source: ModelRows | Averaged

    def __iter__(self) -> Iterator[LabelBatch]:
        for images, values in self.source:
            yield self.labels.batch(images, values)


@dataclass(frozen=True, eq=False)
class _Model:
    """What a model has for the images in question.

    :param texts: its values of ``classes``.
    :param outputs: (images,) how many predictions each image has.
    """

    texts: tuple[str, ...]
    outputs: np.ndarray

    @property
    def classes(self) -> list[str]:
        return sorted({name for text in self.texts for name in class_names(text)})


def _survey(data: AuditInput, images: pa.Array) -> Mapping[str, _Model]:
    """Look through the predictions without their probabilities, and return the models that have classifications of these images."""
    import numpy as np
    import pyarrow.compute as pc

    texts: dict[str, set[str]] = {}
    outputs: dict[str, np.ndarray] = {}
    for part in data.iter_predictions(("model", "image_id", "task", "classes"), batch_rows=_SURVEY_ROWS):
        part = part.filter(_is_wanted(part, images))
        for model in pc.unique(part["model"]).to_pylist():
            rows = part.filter(pc.equal(part["model"], model))
            texts.setdefault(model, set()).update(filter(None, pc.unique(rows["classes"]).to_pylist()))
            image = pc.index_in(rows["image_id"], value_set=images).to_numpy()
            outputs[model] = outputs.get(model, 0) + np.bincount(image, minlength=len(images))
    return {model: _Model(tuple(sorted(texts[model])), outputs[model]) for model in outputs}


@dataclass(frozen=True, eq=False)
class ModelRows:
    """One model's probabilities of the images, read from the table whenever they are gone through."""

    data: AuditInput
    name: str
    model: _Model
    images: pa.Array
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

        Rows that do not hold as many numbers from 0 to 1 as they have classes are left out, and logged.
        """
        left_out = 0
        size = rows_in_batch(len(self.classes))
        for part in self.data.iter_predictions(("model", "image_id", "task", "probabilities", "classes"), self.name, size):
            part = part.filter(_is_wanted(part, self.images))
            before = part.num_rows
            for text in self.model.texts:
                images, values = self._matrix(part, text)
                before -= len(images)
                if len(images):
                    yield images, values
            left_out += before
        if left_out:
            log.warning("%d predictions of model %s are left out: their probabilities do not fit their classes.", left_out, self.name)

    def _matrix(self, part: pa.Table, text: str) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np
        import pyarrow.compute as pc

        names = class_names(text)
        fits = pc.and_(pc.equal(part["classes"], text), pc.equal(pc.list_value_length(part["probabilities"]), len(names)))
        rows = part.select(["image_id", "probabilities"]).filter(pc.fill_null(fits, False)).combine_chunks()
        if not rows.num_rows or not names:
            return np.empty(0, dtype=np.int64), np.empty((0, len(self.classes)), dtype=np.float32)
        values = pc.fill_null(pc.list_flatten(rows["probabilities"]), float("nan")).to_numpy().reshape(rows.num_rows, len(names))
        with np.errstate(invalid="ignore"):
            valid = ((values >= 0) & (values <= 1 + 1e-3)).all(axis=1)
        images = pc.index_in(rows["image_id"], value_set=self.images).to_numpy()[valid].astype(np.int64)
        values = values if valid.all() else values[valid]
        if names == self.classes:
            return images, values
        position = {name: at for at, name in enumerate(self.classes)}
        placed = np.zeros((len(images), len(self.classes)), dtype=np.float32)
        placed[:, [position[name] for name in names]] = values
        return images, placed


def class_names(text: str | None) -> list[str]:
    """Return the class names of a ``classes`` value; none where it is not a JSON array of distinct strings."""
    try:
        names = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    usable = isinstance(names, list) and all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    return names if usable else []


def _is_wanted(predictions: pa.Table, images: pa.Array) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    is_classification = pc.equal(predictions["task"], "classification")
    return pc.and_(is_classification, pc.is_in(predictions["image_id"], value_set=images, skip_nulls=True))

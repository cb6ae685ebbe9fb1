"""Classification labels with the class probabilities that models give them, streamed from the partition's predictions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.audit_input import AuditInput, derived
from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch, LabelBatches
from airflow_cv_dataops.core.audit.label_errors.confident_learning import Evidence, examine
from airflow_cv_dataops.core.audit.label_errors.model_rows import ModelRows, models_of
from airflow_cv_dataops.core.audit.label_errors.noise import LabelNoise, estimate_noise
from airflow_cv_dataops.core.audit.label_errors.stacking import combined
from airflow_cv_dataops.core.image_places import ImagePlaces

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


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
    return _judgement(data)[1]


def classes_by_model(data: AuditInput) -> Mapping[str, list[str]]:
    """Return the classes of each model that has class probabilities of images with classification labels."""
    return _judgement(data)[0]


def judged_images(data: AuditInput) -> np.ndarray:
    """Return the rows of the images of which predictions can judge a label."""
    import numpy as np

    judged = judged_labels(data)
    rows = np.unique(data.image_row[judged.evidence.rows]) if judged else np.empty(0, np.int64)
    return rows[rows >= 0]


@derived
def _judgement(data: AuditInput) -> tuple[Mapping[str, list[str]], JudgedLabels | None]:
    with label_source(data) as source:
        evidence = examine(source.batches, len(source.classes)) if source.classes else None
    judged = None if evidence is None else JudgedLabels(evidence, estimate_noise(evidence), source.classes)
    return source.by_model, judged


@dataclass(frozen=True, eq=False)
class LabelSource:
    """Labels with probabilities, to be gone through several times.

    :param classes: names of the K classes; none: no probabilities.
    :param by_model: which of them each model knows.
    """

    batches: LabelBatches
    classes: list[str]
    by_model: Mapping[str, list[str]]


@contextmanager
def label_source(data: AuditInput) -> Iterator[LabelSource]:
    """Give the labels with their probabilities, rows being those of ``annotations``; holds a batch at a time, not all of them.

    One model with one prediction an image is read from the table in each pass. Several models, or several predictions an image, are
    combined in a scratch file first: see ``stacking``.
    """
    labels = _Labels.of(data.annotations)
    places = ImagePlaces(labels.images)
    models = models_of(data, places)
    by_model = {name: model.classes for name, model in models.items()}
    classes = sorted({name for known in by_model.values() for name in known})
    if not classes:
        yield LabelSource((), [], by_model)
        return
    labels = labels.numbered(classes)
    rows = [ModelRows(data, name, found, places, classes) for name, found in sorted(models.items())]
    if len(rows) == 1 and not rows[0].repeats:
        yield LabelSource(_Batches(labels, rows[0]), classes, by_model)
        return
    with tempfile.TemporaryDirectory(prefix="cv_dataops_") as folder:
        opinions = combined(rows, lambda source: _Batches(labels, source), labels.all_within, folder)
        yield LabelSource(_Batches(labels, opinions), classes, by_model)


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

    def all_within(self, classes: np.ndarray) -> np.ndarray:
        """Return which images have labels of these classes alone, (images,) bool; labels of a class that no model knows do not count."""
        import numpy as np

        assert self.given is not None
        is_within = np.isin(self.given, classes) | (self.given < 0)
        return np.logical_and.reduceat(is_within, self.starts[:-1]) if len(self.starts) > 1 else np.empty(0, dtype=bool)

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
    source: Iterable[tuple[np.ndarray, np.ndarray]]

    def __iter__(self) -> Iterator[LabelBatch]:
        for images, values in self.source:
            yield self.labels.batch(images, values)

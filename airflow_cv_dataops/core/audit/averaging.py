"""The mean over models, each calibrated first, in a scratch file: disk holds images x classes, memory a few rows of it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.label_batches import LabelBatch, LabelBatches, rows_in_batch, sample_of
from airflow_cv_dataops.core.audit.temperature import fit_temperature, tempered

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.model_rows import ModelRows

# Labels on which a model's temperature is fitted.
_SAMPLE_LABELS = 2_000


@dataclass(frozen=True, eq=False)
class Averaged:
    """Mean probabilities of images, to be gone through several times.

    :param sums: (images, K), a file mapped into memory.
    :param counts: (images,) how many terms each sum has; images with none are left out.
    """

    sums: np.memmap[Any, Any]
    counts: np.ndarray

    def add(self, images: np.ndarray, values: np.ndarray) -> None:
        """Add a term to some images, which may repeat."""
        import numpy as np

        np.add.at(self.sums, images, values)
        np.add.at(self.counts, images, 1)
        _let_go(self.sums)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield places and (b, K) float32 means."""
        import numpy as np

        size = rows_in_batch(self.sums.shape[1])
        for start in range(0, len(self.counts), size):
            images = start + np.flatnonzero(self.counts[start : start + size])
            values = self.sums[images] / self.counts[images][:, None]
            _let_go(self.sums)
            if len(images):
                yield images, values.astype(np.float32)


def averaged_models(rows: Sequence[ModelRows], labels_of: Callable[[Any], LabelBatches], folder: str) -> Averaged:
    """Return the mean over models of each model's mean over an image's predictions.

    Of several models each is calibrated by a temperature of its own first, so that an overconfident one does not outvote the others.

    :param labels_of: gives the labels of a source of probabilities.
    :param folder: for scratch files.
    """
    import numpy as np

    total = _empty(rows[0], os.path.join(folder, "mean"), np.float32)
    for number, model in enumerate(rows):
        source: ModelRows | Averaged = model
        if model.repeats:
            # Sums of float32 in float64 are exact but for digits that the mean drops, in whatever order predictions come.
            source = _empty(model, os.path.join(folder, f"model{number}"), np.float64)
            for images, values in model:
                source.add(images, values)
        if len(rows) == 1:
            return source if isinstance(source, Averaged) else total
        columns = model.columns
        temperature = _temperature(labels_of(source), columns)
        for images, values in source:
            calibrated = np.zeros_like(values)
            calibrated[:, columns] = tempered(values[:, columns], temperature)
            total.add(images, calibrated)
    return total


def _temperature(labels: LabelBatches, columns: np.ndarray) -> float:
    """Return the temperature of a model, from a sample of the labels of its own classes."""
    import numpy as np

    sample = sample_of(labels, _SAMPLE_LABELS)
    if sample is None:
        return 1.0
    place = np.searchsorted(columns, sample.given)
    known = np.flatnonzero(columns[np.minimum(place, len(columns) - 1)] == sample.given)
    if not len(known):
        return 1.0
    return fit_temperature(LabelBatch(sample.rows[known], place[known], sample.probabilities[np.ix_(known, columns)]))


def _empty(model: ModelRows, path: str, kind: type) -> Averaged:
    import numpy as np

    shape = (len(model.images), len(model.classes))
    return Averaged(np.memmap(path, dtype=kind, mode="w+", shape=shape), np.zeros(shape[0], dtype=np.int64))


def _let_go(array: np.memmap[Any, Any]) -> None:
    """Take the pages out of this process's memory; they stay in the file."""
    mapped: mmap.mmap = array._mmap  # type: ignore[attr-defined]
    mapped.madvise(mmap.MADV_DONTNEED)

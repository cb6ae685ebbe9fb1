"""The mean over models, each calibrated first, in a scratch file: disk holds images x classes, memory a few rows of it."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch, LabelBatches, sample_of
from airflow_cv_dataops.core.audit.label_errors.temperature import fit_temperature, tempered
from airflow_cv_dataops.core.predictions.batches import rows_in_batch

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.label_errors.model_rows import ModelRows

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


def averaged_models(
    rows: Sequence[ModelRows],
    labels_of: Callable[[Any], LabelBatches],
    knows: Callable[[np.ndarray], np.ndarray],
    folder: str,
) -> Averaged:
    """Return the mean over models of each model's mean over an image's predictions.

    A model has no say over an image with a label of a class that it does not know: it would hold every such label for wrong.

    Of several models each is calibrated by a temperature of its own first, so that an overconfident one does not outvote the others.

    :param labels_of: gives the labels of a source of probabilities.
    :param knows: says, given the classes of a model, which images have labels of these classes alone; (images,) bool.
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
        temperature, has_a_say = _temperature(labels_of(source), columns), knows(columns)
        for images, values in source:
            heard = has_a_say[images]
            calibrated = np.zeros((int(heard.sum()), values.shape[1]), dtype=values.dtype)
            calibrated[:, columns] = tempered(values[np.ix_(heard, columns)], temperature)
            total.add(images[heard], calibrated)
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
    _reserve(path, max(1, shape[0] * shape[1]) * np.dtype(kind).itemsize)
    return Averaged(np.memmap(path, dtype=kind, mode="r+", shape=shape), np.zeros(shape[0], dtype=np.int64))


def _reserve(path: str, size: int) -> None:
    """Make a file of so many zero bytes that are really there: writing to a page that a full disk cannot back would kill the process."""
    with open(path, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            folder = os.path.dirname(path)
            raise OSError(
                error.errno, f"no room for {size:,} bytes of averaged probabilities in {folder} (set TMPDIR): {error.strerror}"
            ) from error


def _let_go(array: np.memmap[Any, Any]) -> None:
    """Take the pages out of this process's memory; they stay in the file."""
    mapped: mmap.mmap = array._mmap  # type: ignore[attr-defined]
    mapped.madvise(mmap.MADV_DONTNEED)

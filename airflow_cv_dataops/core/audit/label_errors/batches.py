"""Labels with their class probabilities, a batch at a time, so that no one holds the whole matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.predictions.batches import rows_in_batch

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class LabelBatch:
    """Some labels of a partition.

    :param rows: (b,) int64, which labels they are: any numbers, each label its own.
    :param given: (b,) int64, the given label's class: a column of ``probabilities``.
    :param probabilities: (b, K) class probabilities from a model that has not seen these labels, 0 to 1.
    """

    rows: np.ndarray
    given: np.ndarray
    probabilities: np.ndarray

    def taken(self, at: np.ndarray) -> LabelBatch:
        """Return the labels at these places."""
        return LabelBatch(self.rows[at], self.given[at], self.probabilities[at])


# To be gone through several times, in whatever order; what is made of it depends neither on the order nor on how labels are batched.
LabelBatches = Iterable[LabelBatch]


def batches_of(probabilities: np.ndarray, given: np.ndarray, *, batch_size: int | None = None) -> list[LabelBatch]:
    """Return batches that are views of arrays in memory; a label's row is its place in them.

    :param probabilities: (N, K), out of sample.
    :param given: (N,) the given label's class.
    :param batch_size: labels in a batch; default: as many as make ``BATCH_VALUES`` numbers.
    """
    import numpy as np

    labels, classes = probabilities.shape
    size = batch_size or rows_in_batch(classes)
    numbers = np.arange(labels)
    slices = [slice(start, start + size) for start in range(0, labels, size)]
    return [LabelBatch(numbers[part], given[part], probabilities[part]) for part in slices]


def sample_of(batches: LabelBatches, limit: int) -> LabelBatch | None:
    """Return at most ``limit`` labels that stand for all, ascending by row; the same ones whatever the batches; ``None`` for no labels.

    Every row number is hashed, and the smallest hashes are taken.
    """
    sampler = Sampler(limit)
    for batch in batches:
        sampler.add(batch)
    return sampler.sample()


def common_samples(sources: Sequence[LabelBatches], limit: int) -> list[LabelBatch]:
    """Return a sample of each source's labels; a label that is in one of them is in those of all sources that have it.

    :param limit: so many labels at most of each.
    """
    import numpy as np

    nothing = LabelBatch(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0), np.float32))
    samples = [sample_of(source, limit) or nothing for source in sources]
    hashes = [_hashed(sample.rows) for sample in samples]
    # What a full sample left out has larger hashes than what it holds.
    end = np.uint64(min((int(one.max()) for one in hashes if len(one) == limit), default=2**64 - 1))
    return [sample.taken(np.flatnonzero(one <= end)) for sample, one in zip(samples, hashes, strict=True)]


class Sampler:
    """What :func:`sample_of` does, for those who go through the batches anyway. Holds up to ``2 * limit`` labels."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[LabelBatch] = []
        self._held = 0
        self._largest: int | None = None

    def add(self, batch: LabelBatch) -> None:
        """Look at some labels."""
        import numpy as np

        if self._largest is not None:
            at = np.flatnonzero(_hashed(batch.rows) <= np.uint64(self._largest))
            batch = batch.taken(at)
        elif self._held + len(batch.rows) < 2 * self._limit:  # else what is kept of it is copied
            batch = LabelBatch(batch.rows.copy(), batch.given.copy(), batch.probabilities.copy())
        if len(batch.rows):
            self._parts.append(batch)
            self._held += len(batch.rows)
        if self._held >= 2 * self._limit:
            self._reduce()

    def sample(self) -> LabelBatch | None:
        """Return what was chosen, ascending by row."""
        import numpy as np

        if not self._parts:
            return None
        if self._held > self._limit:
            self._reduce()
        whole = _joined(self._parts)
        order = np.argsort(whole.rows)
        return whole.taken(order)

    def _reduce(self) -> None:
        import numpy as np

        whole = _joined(self._parts)
        hashes = _hashed(whole.rows)
        kept = np.argpartition(hashes, self._limit - 1)[: self._limit]
        self._largest = int(hashes[kept].max())
        self._parts = [whole.taken(kept)]
        self._held = len(kept)


def _joined(parts: list[LabelBatch]) -> LabelBatch:
    import numpy as np

    rows, given, probabilities = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "given", "probabilities"))
    return LabelBatch(rows, given, probabilities)


def _hashed(rows: np.ndarray) -> np.ndarray:
    """Return the finaliser of splitmix64 (Steele et al., OOPSLA 2014) of each number: one to one, and without pattern."""
    import numpy as np

    mixed = rows.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))

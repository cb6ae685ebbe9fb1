"""Which categories there are, and how often: among what is labelled, or else among what the model expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.rows import confidences
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.pool import Pool, Rows

_ROWS = 1_000_000


@dataclass(frozen=True, eq=False)
class Frequencies:
    """How often each category occurs that is labelled or that the pool's model predicts.

    :param names: (K), sorted. :param counts: (K,) number of labels; where nothing is labelled yet, the sum of the confidences with which
        the model predicts the category in the pool. :param is_labelled: the counts are labels.
    """

    names: Sequence[str]
    counts: np.ndarray
    is_labelled: bool

    @property
    def total(self) -> float:
        return float(self.counts.sum())


def frequencies(pool: Pool) -> Frequencies:
    """Return how often each category occurs; read once."""
    return pool.kept("frequencies", lambda: _frequencies(pool))


def category_names(*tables: Rows | None) -> list[str]:
    """Return the distinct categories of all rows of some tables, sorted; also of images outside the pool."""
    import pyarrow.compute as pc

    names: set[str | None] = set()
    for rows in tables:
        for batch in () if rows is None else rows.batches(("category",), _ROWS):
            names.update(pc.unique(batch["category"]).to_pylist())
    return sorted(name for name in names if name is not None)


def numbers_of(categories: pa.ChunkedArray, names: Sequence[str]) -> np.ndarray:
    """Return the number of each category among the names, int64; -1 for one that is not among them, or null."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(pc.index_in(categories, value_set=pa.array(names, pa.string())), -1)).astype(np.int64)


def weights(predictions: pa.Table) -> np.ndarray:
    """Return each prediction's confidence, 0 to 1; 1 for one that states none that can be used."""
    import numpy as np

    found = confidences(predictions)
    with np.errstate(invalid="ignore"):
        return np.where((found >= 0) & (found <= 1), found, 1.0)


def _frequencies(pool: Pool) -> Frequencies:
    import numpy as np

    names = sorted({*category_names(pool.predictions.get(pool.model or "")), *pool.known.categories})
    counts = np.array([pool.known.categories.get(name, 0) for name in names], dtype=np.float64)
    if counts.sum() > 0:
        return Frequencies(names, counts, is_labelled=True)
    expected = np.zeros(len(names), dtype=np.int64)
    for found in pool.outputs(("category", "score")):
        number = numbers_of(found.table["category"], names)
        np.add.at(expected, number[number >= 0], billionths(weights(found.table)[number >= 0]))
    return Frequencies(names, expected / 10**DIGITS, is_labelled=False)

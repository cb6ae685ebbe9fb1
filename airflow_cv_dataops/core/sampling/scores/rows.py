"""What a batch of predictions says: how uncertain each row is, and the class probabilities of those that have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.predictions.batches import rows_in_batch, stored_classes
from airflow_cv_dataops.core.sampling.scores.uncertainty import box_uncertainty, uncertainty

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.pool import Rows

_MOST_ROWS = 65_536


@dataclass(frozen=True, eq=False)
class Probabilities:
    """Class probabilities of some rows of a batch, as they are stored.

    :param names: (K) the classes. :param row: (M,) which rows of the batch. :param values: (M, K) float64, not yet scaled.
    """

    names: tuple[str, ...]
    row: np.ndarray
    values: np.ndarray


def rows_at_once(predictions: Rows | None) -> int:
    """Return how many rows a batch may have: each holds the names of all classes, of 1,000 some 10 kB."""
    first = None if predictions is None else next(iter(predictions.batches(("classes",), 1)), None)
    return min(rows_in_batch(len(stored_classes(first["classes"][0].as_py())) if first else 1), _MOST_ROWS)


def row_uncertainty(predictions: pa.Table, measure: str) -> np.ndarray:
    """Return each row's uncertainty: by its class probabilities where it has them, else by its score; NaN where it has neither.

    :param predictions: score, probabilities, classes.
    :param measure: ``entropy``, ``margin`` or ``least_confidence``.
    :returns: (rows,) 0 to 1.
    """
    import numpy as np

    result = box_uncertainty(confidences(predictions), measure)
    result[predictions["probabilities"].is_valid().to_numpy()] = np.nan
    for found in class_probabilities(predictions):
        result[found.row] = uncertainty(found.values, measure)
    return result


def confidences(predictions: pa.Table) -> np.ndarray:
    """Return each row's ``score`` as it is stored, NaN where there is none."""
    import pyarrow.compute as pc

    scores: np.ndarray = pc.fill_null(predictions["score"], float("nan")).to_numpy()
    return scores


def class_probabilities(predictions: pa.Table) -> Iterator[Probabilities]:
    """Yield the class probabilities of a batch, the rows of the same classes together; not of rows whose numbers do not fit their classes.

    :param predictions: probabilities, classes.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    numbered = predictions.select(["probabilities", "classes"]).append_column("row", pa.array(np.arange(predictions.num_rows)))
    numbered = numbered.filter(numbered["probabilities"].is_valid())
    for text in pc.unique(numbered["classes"]).to_pylist():
        names = stored_classes(text)
        fitting = numbered.filter(
            pc.and_(pc.equal(numbered["classes"], text or ""), pc.equal(pc.list_value_length(numbered["probabilities"]), len(names)))
        )
        if names and fitting.num_rows:
            flat = pc.fill_null(pc.list_flatten(fitting["probabilities"]), float("nan")).to_numpy()
            values = np.asarray(flat, dtype=np.float64).reshape(fitting.num_rows, len(names))
            yield Probabilities(tuple(names), fitting["row"].to_numpy(), values)

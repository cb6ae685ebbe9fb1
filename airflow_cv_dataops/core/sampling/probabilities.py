"""The class probabilities of images, as one matrix: for strategies that compare what a model says of one with what it says of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.predictions.batches import stored_classes
from airflow_cv_dataops.core.sampling.pool import Pool

if TYPE_CHECKING:
    import numpy as np


def read_probabilities(pool: Pool) -> np.ndarray:
    """Return (N, K) float32, rows that sum to 1; a row of NaN where the model gives none that can be used; of boxes, the mean.

    :raises ConfigurationError: the model gives no class probabilities at all, or not always over the same classes.
    """
    import numpy as np
    import pyarrow.compute as pc

    total: np.ndarray | None = None
    names: list[str] = []
    for part in pool.outputs(("probabilities", "classes")):
        table = part.table
        for text in pc.unique(table["classes"]).to_pylist():
            classes = stored_classes(text)
            if not classes:
                continue
            names = names or classes
            if sorted(classes) != sorted(names):
                raise ConfigurationError(f"Model {pool.model!r} has probabilities over different classes: sample each part by itself.")
            fits = pc.and_(pc.equal(table["classes"], text), pc.equal(pc.list_value_length(table["probabilities"]), len(classes)))
            image = part.image[np.asarray(pc.fill_null(fits, False))]
            flat = np.asarray(pc.fill_null(pc.list_flatten(table.filter(fits)["probabilities"]), float("nan")))
            values = flat.reshape(-1, len(classes))[:, [classes.index(name) for name in names]]
            usable = np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1)
            total = np.zeros((len(pool), len(names)), dtype=np.float32) if total is None else total
            np.add.at(total, image[usable], values[usable])
    if total is None:
        raise ConfigurationError(
            f"Model {pool.model!r} gives no class probabilities: choose a strategy that goes without them, k_center for one."
        )
    sums = total.sum(axis=1, keepdims=True)
    sums[sums == 0] = np.nan
    total /= sums
    return total

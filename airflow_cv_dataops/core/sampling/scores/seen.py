"""Which categories a model that predicts boxes sees in each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.categories import category_names, numbers_of, weights

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

LEAST_CONFIDENCE = 0.5
"""Of a box that counts. Not the probability that one of a category's boxes is right, ``1 - prod(1 - score)``: it rises with every doubtful
box, and so with how far down a detector's output was stored. Of the first 90 photographs of BCCD, 62 with platelets, the detector of
``benchmarks/bccd_detector.py`` sees platelets in 85 by one box of 0.5, whether its boxes are kept from 0.02, 0.1 or 0.25 on; by that
probability in 90, 89 or 87, with no more of the 62 among them."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Pairs of an image and a category, each once, by image, then by category.

    :param names: (K,) of the categories, sorted. :param image: (M,) rows of the pool, ascending. :param category: (M,) places in the names.
    """

    names: list[str]
    image: np.ndarray
    category: np.ndarray


def seen_categories(pool: Pool) -> Seen:
    """Return the categories of which the pool's model predicts a box (or a mask) with a confidence of at least 0.5 in an image; read once.

    A confidence that is missing, or not from 0 to 1, counts as 1; boxes without a category do not count.
    """
    return pool.kept("seen categories", lambda: _seen(pool))


def _seen(pool: Pool) -> Seen:
    import numpy as np

    names = category_names(pool.predictions.get(pool.model or ""))
    many = max(len(names), 1)
    pairs = [np.empty(0, dtype=np.int64)]
    for found in pool.outputs(("category", "score")):
        number = numbers_of(found.table["category"], names)
        counts = (number >= 0) & (weights(found.table) >= LEAST_CONFIDENCE)
        pairs.append(np.unique(found.image[counts] * many + number[counts]))
    image, category = np.divmod(np.unique(np.concatenate(pairs)), many)
    return Seen(names, image, category)

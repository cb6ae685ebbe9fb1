"""Scores by embeddings: how new an image is beside what is labelled, and how like it is to images that a person named."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.scores.score import score
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS
from airflow_cv_dataops.core.wording import percent

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

log = logging.getLogger(__name__)

# Rows of the pool and of what they are compared with, at a time: their products take 64 MB.
_POOL_ROWS, _OTHER_ROWS = 2_048, 4_096


@score(
    meaning="Nothing that is labelled looks like the image.",
    needs=("embeddings",),
    words=lambda pool, row, value: _new_words(pool, value),
)
def novelty(pool: Pool) -> np.ndarray:
    """Return the cosine distance to the nearest labelled embedding, ``(1 - cos) / 2``, (N,), 0 (the same direction) to 1 (the opposite).

    Where nothing is labelled yet, all is equally new: 1 throughout, which in a combination of scores moves no image, and by itself leaves
    the choice to chance; the log says so. NaN for an image without an embedding, or with one of length 0, which has no direction.

    Every image is compared with every labelled one: N M D multiplications and additions, in blocks.
    """
    import numpy as np

    if pool.known.embeddings is None or not _has_direction(pool.known.embeddings).any():
        log.warning("No image with an embedding is labelled yet: to novelty all images are equally new.")
        told = np.zeros(len(pool), dtype=bool) if pool.embeddings is None else _has_direction(pool.embeddings)
        return np.where(told, 1.0, np.nan)
    labelled = pool.known.embeddings
    return pool.kept("novelty", lambda: np.round((1 - _nearest(pool, labelled)) / 2, DIGITS))


@score(
    meaning="The image looks like one that a person named.",
    needs=("embeddings", "similar_to"),
    words=lambda pool, row, value: _named_words(pool, value),
)
def similarity(pool: Pool) -> np.ndarray:
    """Return the cosine to the nearest of the named images' embeddings as ``(1 + cos) / 2``, (N,), 0 (opposite) to 1 (same direction).

    NaN for an image without an embedding, or with one of length 0; for all images where no named image has one.
    """
    import numpy as np

    if pool.similar_to is None:
        return np.full(len(pool), np.nan)
    named = pool.similar_to
    return pool.kept("similarity", lambda: np.round((1 + _nearest(pool, named)) / 2, DIGITS))


def _nearest(pool: Pool, others: np.ndarray) -> np.ndarray:
    """Return the highest cosine of each image of the pool with one of the others, -1 to 1; NaN where it has no direction."""
    import numpy as np

    highest = np.full(len(pool), np.nan)
    others = others[_has_direction(others)]
    if pool.embeddings is None or not len(others):
        return highest
    if pool.embeddings.shape[1] != others.shape[1]:
        raise ConfigurationError(
            f"The images have embeddings of {pool.embeddings.shape[1]:,} numbers, those they are compared with of {others.shape[1]:,}: "
            "both must come from the same model."
        )
    told = np.flatnonzero(_has_direction(pool.embeddings))
    highest[told] = -1
    for first in range(0, len(others), _OTHER_ROWS):
        directions = _directions(others[first : first + _OTHER_ROWS])
        for start in range(0, len(told), _POOL_ROWS):
            rows = told[start : start + _POOL_ROWS]
            highest[rows] = _raised(highest[rows], _directions(pool.embeddings[rows]), directions)
    return np.minimum(highest, 1)


def _raised(highest: np.ndarray, own: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the highest cosine of each own direction, given that among others before; all float64.

    The products are in single precision, at twice the speed; what may be the highest by them, once more in double, since the last digits
    of the single ones depend on which rows share a block.
    """
    import numpy as np

    products = own.astype(np.float32) @ others.astype(np.float32).T
    doubt = 2 * (own.shape[1] + 2) * np.finfo(np.float32).eps  # rounding of both directions and of both products
    least = np.maximum(products.max(axis=1), highest) - doubt
    row, other = np.nonzero(products >= least.astype(np.float32)[:, None])
    if len(row) > products.size // 64:  # many are alike
        return np.maximum(highest, (own @ others.T).max(axis=1))
    raised = highest.copy()
    np.maximum.at(raised, row, np.einsum("ij,ij->i", own[row], others[other]))
    return raised


def _has_direction(embeddings: np.ndarray) -> np.ndarray:
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.einsum("ij,ij->i", embeddings, embeddings)
    return np.isfinite(lengths) & (lengths > 0)


def _directions(embeddings: np.ndarray) -> np.ndarray:
    """Return embeddings scaled to length 1, float64."""
    import numpy as np

    doubled = embeddings.astype(np.float64)
    scaled: np.ndarray = doubled / np.linalg.norm(doubled, axis=1, keepdims=True)
    return scaled


def _new_words(pool: Pool, value: float) -> str:
    if pool.known.embeddings is None or not _has_direction(pool.known.embeddings).any():
        return "nothing is labelled yet, so that all images are equally new"
    return _placed(novelty(pool), value, "what is labelled")


def _named_words(pool: Pool, value: float) -> str:
    return _placed(1 - similarity(pool), 1 - value, "the images that were named")


def _placed(distances: np.ndarray, distance: float, what: str) -> str:
    """Say where an image's distance stands in the pool: ``farther from what is labelled than 97% of the pool (distance 0.42 of 1)``."""
    import numpy as np

    known = distances[~np.isnan(distances)]
    nearer, farther = (int(count) for count in ((known < distance).sum(), (known > distance).sum()))
    told = f"(distance {distance:.2f} of 1)"
    if nearer == farther == 0:
        return f"as far from {what} as all of the pool {told}"
    if nearer >= farther:
        return f"farther from {what} than {percent(nearer / len(known))} of the pool {told}"
    return f"nearer to {what} than {percent(farther / len(known))} of the pool {told}"

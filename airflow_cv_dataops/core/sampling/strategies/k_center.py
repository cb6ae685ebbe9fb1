"""K-center greedy: the image that is farthest from all that are known or taken."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import EuclideanSpace
from airflow_cv_dataops.core.sampling.strategies.keys import first
from airflow_cv_dataops.core.sampling.strategies.nearest_center import NearestCenter
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy

if TYPE_CHECKING:
    import numpy as np

_ROWS_AT_ONCE = 4_096


@strategy(
    meaning="the image that is least like any that is labelled or taken",
    needs=("embeddings",),
    words="least like anything that is labelled or was taken before it",
)
def k_center(choice: Choice) -> Iterator[int]:
    """Yield the open row that is farthest from its nearest covered or yielded one (Sener and Savarese 2018, arXiv 1708.00489, greedy).

    Distances are Euclidean, of embeddings as they are given; scores are not looked at. The rows are those of plain farthest-first, of equal
    distances that with the smallest tie. Where nothing is covered, the first is the open row that is nearest to the mean of all rows. Takes
    memory for some blocks of rows and for the embeddings of what was yielded, and reads a row again only when it may be the farthest.
    """
    assert choice.embeddings is not None
    space = EuclideanSpace(choice.embeddings, choice.covered)
    nearest = NearestCenter(space)
    while choice.open.any():
        row = farthest(nearest, choice, choice.open)
        space.add(row)
        yield row


def farthest(nearest: NearestCenter, choice: Choice, among: np.ndarray) -> int:
    """Return the next row of k-center greedy. :param among: (N,) bool, at least one."""
    if not nearest.space.centers:
        return _central(choice, among)
    return first(nearest.farthest(among), choice.ties)


def _central(choice: Choice, among: np.ndarray) -> int:
    """Return the row that is nearest to the mean of all."""
    import numpy as np

    from airflow_cv_dataops.core.sampling.strategies.euclidean import mean_of

    assert choice.embeddings is not None
    mean, rows = mean_of(choice.embeddings), np.flatnonzero(among)
    squared = np.empty(len(rows))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        squared[part] = np.square(choice.embeddings[rows[part]] - mean).sum(axis=1)
    # The last bits of the mean depend on the order of the rows; what is equal but for them is a tie.
    spread, length = float(squared.max()), float(np.square(mean).sum())
    within = squared.min() + 1e-9 * spread + 1e-12 * (spread * length) ** 0.5
    return first(rows[squared <= within], choice.ties)

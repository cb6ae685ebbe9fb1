"""Score, then diversify: of the images with the highest scores, those that are least alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.euclidean import EuclideanSpace
from airflow_cv_dataops.core.sampling.strategies.k_center import farthest
from airflow_cv_dataops.core.sampling.strategies.keys import highest_first
from airflow_cv_dataops.core.sampling.strategies.nearest_center import NearestCenter
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy

if TYPE_CHECKING:
    import numpy as np

TIMES = 10


@strategy(
    meaning="of the images with the highest scores those that are least alike",
    needs=("scores", "embeddings"),
    words="of the highest scores, and unlike what is labelled or was taken before it",
)
def diverse_top(choice: Choice) -> Iterator[int]:
    """Yield, of the open rows with the highest scores, the one that is farthest from all that are covered or yielded.

    The first is looked for among the best ``10 * wanted`` open rows, at most half of all rows (of a pool that is small beside the batch,
    scores would not count otherwise), each further one among one fewer, so that where nothing but what is taken is closed, these are the
    same rows throughout; when they are used up, among as many next ones. What scores as the last of them is among them. To filter by
    uncertainty and then diversify is from Wei, Iyer and Bilmes (ICML 2015); how long the shortlist is, is a choice of this package.

    Distances are Euclidean, of embeddings as they are given; see :func:`.k_center.k_center`, also for the first row where nothing is
    covered.
    """
    assert choice.embeddings is not None
    space = EuclideanSpace(choice.embeddings, choice.covered)
    nearest, order, taken = NearestCenter(space), highest_first(choice.scores, choice.ties), 0
    shortlist = max(choice.wanted, min(TIMES * choice.wanted, len(choice) // 2))
    while choice.open.any():
        row = farthest(nearest, choice, _best(choice, order, shortlist - taken % shortlist))
        space.add(row)
        taken += 1
        yield row


def _best(choice: Choice, order: np.ndarray, count: int) -> np.ndarray:
    """Return (N,) which rows are the first ``count`` open ones of an order by score, and those that score as the last of them."""
    import numpy as np

    rows = order[np.flatnonzero(choice.open[order])[:count]]
    return choice.open & (choice.scores >= choice.scores[rows[-1]])

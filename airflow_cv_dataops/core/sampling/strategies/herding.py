"""MaxHerding and Uncertainty Herding: images that, with those known, stand for the most others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.strategies.bandwidth import smallest_distance
from airflow_cv_dataops.core.sampling.strategies.coverage import Coverage
from airflow_cv_dataops.core.sampling.strategies.keys import random_keys
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, strategy

if TYPE_CHECKING:
    import numpy as np

BANDWIDTH = 1.0
_DRAW = 3  # tells these draws from those of other strategies
_FEWEST_CANDIDATES = 512
_SHORTFALL = 0.01


@strategy(
    meaning="the image that stands for the most others that none stands for yet",
    needs=("embeddings",),
    words="looks like many images for which nothing labelled or taken stands yet",
)
def max_herding(choice: Choice) -> Iterator[int]:
    """Yield the open row that raises generalised coverage most (Bae, Noh and Sutherland 2024, arXiv 2407.12212).

    Coverage is the mean, over all rows, of the largest similarity to any covered or yielded one, ``exp(-(d / bandwidth)^2)`` of embeddings
    scaled to length 1, with the paper's bandwidth of 1. Closed rows count as rows to be covered. Scores are not looked at.

    To bound time, the mean is that over at most max(4,096, 4 * wanted, up to 16,384) rows, drawn by seed; and of more than 512 open rows
    each step looks at a sample of max(512, N / wanted * ln(100)): stochastic greedy (Mirzasoleiman et al., AAAI 2015), which keeps the
    guarantee of greedy, 1 - 1/e, up to 0.01 in expectation. With fewer rows it is greedy as in the paper.
    """
    import numpy as np

    assert choice.embeddings is not None
    yield from _herd(choice, np.ones(len(choice)), BANDWIDTH)


@strategy(
    meaning="the image that stands for the most others that are uncertain and that none stands for yet",
    needs=("scores", "embeddings"),
    words="looks like images with high scores for which nothing labelled or taken stands yet",
)
def uncertainty_herding(choice: Choice) -> Iterator[int]:
    """Yield the open row that raises uncertainty coverage most (Bae, Oliveira and Sutherland 2025, arXiv 2412.20644).

    As :func:`max_herding`, where each row to be covered counts by its score, and the bandwidth is the smallest distance above 0 between
    covered embeddings, 1 where there are fewer than two: with few labels typical rows come first, with many uncertain ones. Differences
    from the paper: its uncertainties are made of probabilities whose temperature is chosen for calibration on the labelled images, here
    they are the scores, of whatever they are made; it takes 1 for all rows while nothing is labelled, here that is done only where every
    score is 0; distances below 0.01 (cosine above 0.99995) are left out of the smallest one, as they are those of copies; and of more than
    8,192 covered embeddings as many are drawn by seed.
    """
    import numpy as np

    assert choice.embeddings is not None
    uncertainties = choice.scores if choice.scores.any() else np.ones(len(choice))
    yield from _herd(choice, uncertainties, smallest_distance(choice.covered, choice.seed) or BANDWIDTH)


def _herd(choice: Choice, uncertainties: np.ndarray, bandwidth: float) -> Iterator[int]:
    import numpy as np

    coverage = Coverage(choice, uncertainties, bandwidth)
    sample = max(_FEWEST_CANDIDATES, int(np.ceil(len(choice) / choice.wanted * np.log(1 / _SHORTFALL))))
    step = 0
    while choice.open.any():
        row = coverage.best(_sampled(choice, sample, step))
        coverage.add(row)
        step += 1
        yield row


def _sampled(choice: Choice, count: int, step: int) -> np.ndarray:
    """Return at most so many open rows, drawn anew at each step, in an order that does not depend on that of the rows."""
    import numpy as np

    rows = np.flatnonzero(choice.open)
    ties = choice.ties[rows]
    if len(rows) > count:
        kept = np.argpartition(random_keys(ties, choice.seed, _DRAW, step), count)[:count]
        rows, ties = rows[kept], ties[kept]
    return rows[ties.argsort()]

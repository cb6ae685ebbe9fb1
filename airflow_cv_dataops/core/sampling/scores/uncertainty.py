"""How uncertain a model is, 0 (certain) to 1 (as uncertain as can be).

Formulas: Settles, *Active Learning Literature Survey*, Computer Sciences Technical Report 1648, University of Wisconsin-Madison (2009),
section 3.1 (uncertainty sampling); here scaled to 0 to 1, so that scores of models with different numbers of classes can be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.arguments import check_choice

if TYPE_CHECKING:
    import numpy as np

# Scores that differ by less are ties: the last bits of a float depend on where in an array its row stands.
DIGITS = 9


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return ``-sum(p log p) / log K``: the entropy of the class probabilities as a share of the largest possible.

    :param probabilities: (N, K), rows that sum to 1.
    :returns: (N,); 0 throughout for K = 1.
    """
    import numpy as np

    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    logarithms = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return -(probabilities * logarithms).sum(axis=1) / np.log(probabilities.shape[1])


def margin(probabilities: np.ndarray) -> np.ndarray:
    """Return ``1 - (p1 - p2)``: how close the second most probable class comes to the first.

    :param probabilities: (N, K), rows that sum to 1.
    :returns: (N,); 0 throughout for K = 1.
    """
    import numpy as np

    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities))
    top = np.partition(probabilities, -2, axis=1)
    return 1 - (top[:, -1] - top[:, -2])


def least_confidence(probabilities: np.ndarray) -> np.ndarray:
    """Return ``(1 - p1) K / (K - 1)``: how far the most probable class is from certain.

    :param probabilities: (N, K), rows that sum to 1.
    :returns: (N,); 0 throughout for K = 1.
    """
    import numpy as np

    classes = probabilities.shape[1]
    if classes < 2:
        return np.zeros(len(probabilities))
    return (1 - probabilities.max(axis=1)) * classes / (classes - 1)


STRATEGIES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "entropy": entropy,
    "margin": margin,
    "least_confidence": least_confidence,
}
# How an image's predictions make its score: the highest, their mean, their sum, or their sum by the root of how many there are, which lies
# between the two: more uncertain boxes weigh more, but a crowd does not drown what is hard.
AGGREGATES = ("max", "mean", "sum", "count_normalised")


def uncertainty(probabilities: np.ndarray, strategy: str) -> np.ndarray:
    """Return the strategy's score of each row, (N,), 0 to 1; NaN where a row is no distribution.

    :param probabilities: (N, K); rows are scaled to sum to 1. A row with a negative or non-finite number, or all zeros, is none.
    :raises ConfigurationError: the strategy is unknown.
    """
    import numpy as np

    check_strategy(strategy)
    rows = distributions(probabilities)
    scores = np.full(len(rows), np.nan)
    usable = ~np.isnan(rows[:, :1]).any(axis=1)
    scores[usable] = STRATEGIES[strategy](rows[usable])
    return np.round(np.clip(scores, 0, 1), DIGITS)


def distributions(probabilities: np.ndarray) -> np.ndarray:
    """Return rows scaled to sum to 1, (N, K) float64; NaN throughout for a row that is no distribution.

    That is one with a negative or non-finite number, or all zeros.
    """
    import numpy as np

    probabilities = np.asarray(probabilities, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        sums = probabilities.sum(axis=1, keepdims=True)
        usable = np.isfinite(sums) & (sums > 0) & (probabilities >= 0).all(axis=1, keepdims=True)
        return np.where(usable, probabilities / sums, np.nan)


def billionths(values: np.ndarray) -> np.ndarray:
    """Return numbers as whole billionths, int64: sums of them are exact, so that neither the order of rows nor batches show in them."""
    import numpy as np

    return np.rint(values * 10**DIGITS).astype(np.int64)


def box_uncertainty(scores: np.ndarray, strategy: str) -> np.ndarray:
    """Return the strategy's score of outputs that have one confidence and no class probabilities (boxes), (N,), 0 to 1.

    A confidence ``s`` is taken as the two-class distribution (s, 1 - s): 0.5 is as uncertain as can be. For ``entropy`` this is the
    binary entropy; for ``margin`` and ``least_confidence`` it is ``1 - abs(2 s - 1)``.

    :param scores: (N,), 0 to 1; NaN where outside of that.
    """
    import numpy as np

    scores = np.asarray(scores, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        usable = np.where((scores >= 0) & (scores <= 1), scores, np.nan)
    return uncertainty(np.stack([usable, 1 - usable], axis=1), strategy)


def check_strategy(strategy: str) -> None:
    """:raises ConfigurationError: the strategy is unknown."""
    check_choice("strategy", strategy, STRATEGIES)


def check_aggregate(aggregate: str) -> None:
    """:raises ConfigurationError: the aggregate is unknown."""
    check_choice("aggregate", aggregate, AGGREGATES)

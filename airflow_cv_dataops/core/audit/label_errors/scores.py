"""Scores of how much a model trusts each given label: 0 surely wrong, 1 surely right.

The three of Northcutt et al., "Confident Learning" (JAIR 2021), as ``cleanlab.rank`` computes them. What the findings show as score is
the self-confidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_SMALLEST = 1e-6


def self_confidence(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the probability of each given label, (N,).

    :param probabilities: (N, K), out of sample.
    :param given: (N,) the given label's class.
    """
    import numpy as np

    return probabilities[np.arange(len(given)), given].astype(np.float64)


def normalized_margin(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return by how much each given label's probability is above the best other class's, moved from -1 .. 1 to 0 .. 1; (N,)."""
    return (self_confidence(probabilities, given) - best_other(probabilities, given)[1] + 1) / 2


def confidence_weighted_entropy(probabilities: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return log(1 + w) / w, (N,), where w is the row's entropy (1 for all classes alike) divided by the given label's probability."""
    import numpy as np

    values = probabilities.astype(np.float64)
    logs = np.log(np.where(values > 0, values, 1.0))
    entropy = -(values * logs).sum(axis=1) / np.log(max(values.shape[1], 2))
    weighted = np.maximum(entropy, 0) / np.maximum(self_confidence(values, given), _SMALLEST)
    # Below the smallest w the quotient would lose its digits; the formula's limit there is 1, cleanlab's value 0 at w = 0.
    return np.log(weighted + 1) / np.maximum(weighted, _SMALLEST)


SCORES: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "self_confidence": self_confidence,
    "normalized_margin": normalized_margin,
    "confidence_weighted_entropy": confidence_weighted_entropy,
}


def best_other(probabilities: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the most probable class beside the given one, int64 (N,), and its probability, float64 (N,); of equals the first.

    With a single class there is no other: -1 and probability 0.
    """
    import numpy as np

    everyone = np.arange(len(given))
    if probabilities.shape[1] < 2:
        return np.full(len(given), -1), np.zeros(len(given))
    others = probabilities.copy()
    others[everyone, given] = -1.0
    best = others.argmax(axis=1)
    return best, others[everyone, best].astype(np.float64)

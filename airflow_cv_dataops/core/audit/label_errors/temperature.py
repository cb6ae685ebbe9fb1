"""Temperature scaling: one number that makes a model's probabilities as sure as they are right.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017): probabilities to the power 1/T, made to add up to 1 again; T > 1
makes them less sure, T < 1 surer. T is the one under which the given labels are most likely, with a weak preference for 1 that counts
where there are few labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch

# A probability below this is taken for this one: no output of a model is proof.
SMALLEST_PROBABILITY = 1e-6
# As if so much were known before: log T is normal with mean 0 and variance 1. It decides nothing from a few dozen labels on.
# T is looked for between exp(-2.5) and exp(2.5), 0.08 to 12: first 31 values, then twice 9 between the neighbours of the best.
_LOG_RANGE, _FIRST, _FURTHER, _ROUNDS = 2.5, 31, 9, 2


def fit_temperature(sample: LabelBatch, transition: np.ndarray | None = None) -> float:
    """Return the temperature under which the sample's given labels are most likely.

    :param sample: labels with out-of-sample probabilities.
    :param transition: (K, K), the probability that a label of true class j (column) is given as class i (row). With it the model is
        taken to predict the *true* class, and the given one to come about through it; without it, to predict the given one.
    """
    import numpy as np

    logs = logarithms(sample.probabilities)
    weights = None if transition is None else transition[sample.given].astype(np.float32)

    def unlikelihood(log_temperature: float) -> float:
        odds = np.exp(logs * np.float32(np.exp(-log_temperature)))
        total = odds.sum(axis=1)
        given = odds[np.arange(len(odds)), sample.given] if weights is None else np.einsum("nk,nk->n", odds, weights)
        return log_temperature**2 / 2 - float(np.log(given / total + 1e-12, dtype=np.float64).sum())

    grid = np.linspace(-_LOG_RANGE, _LOG_RANGE, _FIRST)
    for _ in range(_ROUNDS + 1):
        best = int(np.argmin([unlikelihood(value) for value in grid]))
        found, step = float(grid[best]), float(grid[1] - grid[0])
        grid = np.linspace(found - step, found + step, _FURTHER)
    return float(np.exp(found))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities at a temperature, (N, K) float32, each row adding up to 1."""
    import numpy as np

    odds = np.exp(logarithms(probabilities) / np.float32(temperature))
    return odds / odds.sum(axis=1, keepdims=True)


def logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Return logarithms, the largest of each row 0, (N, K) float32; none is below that of the smallest probability."""
    import numpy as np

    logs = np.log(np.maximum(probabilities, np.float32(SMALLEST_PROBABILITY)), dtype=np.float32, casting="same_kind")
    return logs - logs.max(axis=1, keepdims=True)

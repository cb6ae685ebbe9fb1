"""Whether labels are wrong where pictures are hard: what people choose instead follows the picture, not the class alone.

Where a model is sure, it is rarely the model that errs. So the labels that it contradicts there show how people err: at random and by
confusing classes, whatever the picture shows, or towards what this very picture resembles. The first is what a table of class noise can
know; the second is instance-dependent noise (Xia et al., "Part-dependent Label Noise", NeurIPS 2020; Wei et al., "Learning with Noisy
Labels Revisited", ICLR 2022, found it in what people label).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.temperature import SMALLEST_PROBABILITY, logarithms

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch

# Where the model is sure: the third of the labels with the largest margin between its first and its second class.
_SURE = 2 / 3
# Contradicted labels that it takes to tell anything.
_FEWEST = 3
# Exponents of the model's probabilities that are tried: 0 for not at all, 1 for as probable as the model has it.
_EXPONENTS = 16
_LARGEST_EXPONENT = 1.5
# What is added to all probabilities, by turns: a class to which no tree of a forest gives a vote is not impossible.
_ADDED = (SMALLEST_PROBABILITY, 0.01)


def evidence_of_hard_pictures(sample: LabelBatch) -> float:
    """Return by how much likelier the labels are that a sure model contradicts if they follow the picture: a log-likelihood ratio.

    Which class was given instead of the model's first is taken to be as frequent as among the other contradicted labels of that first
    class, times the model's probability of it to some power; the best power is compared with 0. In nats, at least 0; 0 as well where
    there are two classes only, or hardly a contradicted label (fewer than three).
    """
    import numpy as np

    logs = logarithms(sample.probabilities).astype(np.float64)
    if logs.shape[1] < 3:
        return 0.0
    runner_up, first = np.partition(logs, -2, axis=1)[:, -2:].T
    predicted = logs.argmax(axis=1)
    margin = first - runner_up
    at = np.flatnonzero((predicted != sample.given) & (margin >= np.quantile(margin, _SURE)))
    if len(at) < _FEWEST:
        return 0.0
    everyone = np.arange(len(at))
    seen, predicted = np.unique(predicted[at], return_inverse=True)
    counts = np.zeros((len(seen), logs.shape[1]))
    np.add.at(counts, (predicted, sample.given[at]), 1)
    others = counts[predicted] + 1
    others[everyone, sample.given[at]] -= 1  # what a label itself says is no evidence for it
    others[everyone, seen[predicted]] = 0
    with np.errstate(divide="ignore"):
        by_class = np.log(others / others.sum(axis=1, keepdims=True))
    best = 0.0
    for added in _ADDED:
        by_picture = np.log(sample.probabilities[at].astype(np.float64) + added)
        likelihood = [
            _likelihood(by_class + exponent * by_picture, sample.given[at]) for exponent in np.linspace(0, _LARGEST_EXPONENT, _EXPONENTS)
        ]
        best = max(best, max(likelihood) - likelihood[0])
    return best


def _likelihood(values: np.ndarray, given: np.ndarray) -> float:
    """Return the log-likelihood of the given classes, (n,), whose chances are proportional to exp(values), (n, K)."""
    import numpy as np

    highest = values.max(axis=1)
    total = highest + np.log(np.exp(values - highest[:, None]).sum(axis=1))
    return float((values[np.arange(len(given)), given] - total).sum())

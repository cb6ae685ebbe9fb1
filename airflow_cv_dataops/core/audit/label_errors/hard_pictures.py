"""Whether labels are wrong where pictures are hard: what people choose instead follows the picture, not the class alone.

Where a model is sure, it is rarely the model that errs. So the labels that it contradicts there show how people err: at random and by
confusing classes, whatever the picture shows, or towards what this very picture resembles. The first is what a table of class noise can
know; the second is instance-dependent noise (Xia et al., "Part-dependent Label Noise", NeurIPS 2020; Wei et al., "Learning with Noisy
Labels Revisited", ICLR 2022, found it in what people label).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.temperature import SMALLEST_PROBABILITY, tempered

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
# Of the contradicted labels at most so many are taken for the model's own errors.
_MOST_OWN_ERRORS = 0.9


def evidence_of_hard_pictures(sample: LabelBatch, temperature: float) -> float:
    """Return by how much likelier the labels are that a sure model contradicts if they follow the picture: a log-likelihood ratio.

    Which class was given instead of the model's first is taken to be as frequent as among the other contradicted labels of that first
    class, times some power of how much more probable the model has it in this picture than usually in pictures of that first class; the
    best power is compared with 0. As many of the labels as the model's own sureness allows for are right, and follow the picture in any
    case. In nats, at least 0; 0 as well where there are two classes only, or hardly a contradicted label (fewer than three).

    :param temperature: of the model.
    """
    import numpy as np

    if sample.probabilities.shape[1] < 3:
        return 0.0
    values = tempered(sample.probabilities, temperature).astype(np.float64)
    second, first = np.partition(values, -2, axis=1)[:, -2:].T
    predicted = values.argmax(axis=1)
    margin = np.log(first) - np.log(np.maximum(second, np.finfo(np.float32).tiny))
    is_sure = margin >= np.quantile(margin, _SURE)
    at = np.flatnonzero((predicted != sample.given) & is_sure)
    if len(at) < _FEWEST:
        return 0.0
    sure_of, is_contradicted = predicted[is_sure], (predicted != sample.given)[is_sure]
    given, predicted = sample.given[at], predicted[at]
    own_errors = min(float((1 - first[is_sure]).sum()) / len(at), _MOST_OWN_ERRORS)
    by_model = own_errors * values[at, given] / np.maximum(1 - first[at], np.finfo(np.float32).tiny)
    by_class = _frequencies(predicted, given, values.shape[1])
    best = 0.0
    for added in _ADDED:
        by_picture = _beyond_class(np.log(sample.probabilities[is_sure].astype(np.float64) + added), sure_of)[is_contradicted]
        likelihood = [
            float(np.log((1 - own_errors) * _chance(by_class + exponent * by_picture, given) + by_model).sum())
            for exponent in np.linspace(0, _LARGEST_EXPONENT, _EXPONENTS)
        ]
        best = max(best, max(likelihood) - likelihood[0])
    return best


def _beyond_class(logs: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return by how much each row is above the mean of the rows of its predicted class, (n, K)."""
    import numpy as np

    _, predicted, size = np.unique(predicted, return_inverse=True, return_counts=True)
    order = np.argsort(predicted, kind="stable")
    means = np.add.reduceat(logs[order], np.cumsum(size) - size, axis=0) / size[:, None]
    difference: np.ndarray = logs - means[predicted]
    return difference


def _frequencies(predicted: np.ndarray, given: np.ndarray, classes: int) -> np.ndarray:
    """Return the logarithm of how often each class is given for the predicted one among the other labels, (n, K); one is added to each."""
    import numpy as np

    everyone = np.arange(len(given))
    seen, predicted = np.unique(predicted, return_inverse=True)
    counts = np.zeros((len(seen), classes))
    np.add.at(counts, (predicted, given), 1)
    others = counts[predicted] + 1
    others[everyone, given] -= 1  # what a label itself says is no evidence for it
    others[everyone, seen[predicted]] = 0
    with np.errstate(divide="ignore"):
        return np.log(others / others.sum(axis=1, keepdims=True))  # type: ignore[no-any-return]


def _chance(values: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the chance of each given class, (n,), where chances are proportional to exp(values), (n, K)."""
    import numpy as np

    odds = np.exp(values - values.max(axis=1, keepdims=True))
    chance: np.ndarray = odds[np.arange(len(given)), given] / odds.sum(axis=1)
    return chance

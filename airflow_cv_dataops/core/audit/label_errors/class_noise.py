"""How probable it is that each label is wrong if errors follow classes: how often each class is given for another.

By Bayes' rule: a label *s* is wrong, and its true class the most probable other one *a*, with odds of

    p(a | x) / p(s | x)  x  P(given s | true a) / P(given s | true s)

The first factor is the model's, at a temperature. The second, the noise transition, begins as the calibrated confident joint and is then
estimated by expectation and maximisation, with a prior of ten labels a class that every other class is given equally often. The
temperature is the one under which the given labels are most likely *through that transition*: a model that is calibrated against the
given labels as they are takes the noise for its own uncertainty, and finds hardly a wrong label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.temperature import fit_temperature

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.label_errors.confident_learning import Evidence

_PRIOR_LABELS = 10.0
# After five steps nothing moved any more on the data on which this was chosen.
_STEPS = 5
_LOWEST_RATE, _HIGHEST_RATE = 1e-3, 0.5


@dataclass(frozen=True, eq=False)
class ClassNoise:
    """What is believed about the noise in N labels of K classes, if it follows classes.

    :param error_probability: (N,) float64, in the order of the evidence: the probability that the label is wrong, 0 to 1.
    :param temperature: of the model, see ``temperature``.
    :param transition: (K, K) float64, the probability that a label of true class j (column) is given as class i (row).
    """

    error_probability: np.ndarray
    temperature: float
    transition: np.ndarray


def estimate_class_noise(evidence: Evidence) -> ClassNoise:
    """Return the noise that explains the labels best; with a single class no label can be wrong."""
    import numpy as np

    if evidence.classes < 2:
        return ClassNoise(np.zeros(len(evidence.rows)), 1.0, np.ones((1, 1)))
    joint = evidence.calibrated_joint
    transition = _transition(joint, _rate(joint.sum() - joint.trace(), len(evidence.rows)))
    temperature = fit_temperature(evidence.sample, transition)
    model = evidence.log_margin / temperature
    error = _error_probability(evidence, model, transition)
    for _ in range(_STEPS):
        transition = _transition(_expected_joint(evidence, error), _rate(error.sum(), len(error)))
        error = _error_probability(evidence, model, transition)
    return ClassNoise(error, temperature, transition)


def _error_probability(evidence: Evidence, model: np.ndarray, transition: np.ndarray) -> np.ndarray:
    import numpy as np

    noise = np.log(transition[evidence.given, evidence.other]) - np.log(transition.diagonal()[evidence.given])
    return 1 / (1 + np.exp(-np.clip(model + noise, -500, 500)))


def _expected_joint(evidence: Evidence, error: np.ndarray) -> np.ndarray:
    """Return how many labels of each given class (row) are expected to be of each true class (column)."""
    import numpy as np

    size = evidence.classes
    joint = np.bincount(evidence.given * size + evidence.other, weights=error, minlength=size * size).reshape(size, size)
    joint[np.diag_indices(size)] += np.bincount(evidence.given, weights=1 - error, minlength=size)
    return joint


def _transition(joint: np.ndarray, rate: float) -> np.ndarray:
    """Return each column divided by its sum, after adding the prior: labels of which a share of ``rate`` is given as other classes."""
    import numpy as np

    size = len(joint)
    counts = joint + _PRIOR_LABELS * rate / (size - 1)
    counts[np.diag_indices(size)] += _PRIOR_LABELS * (1 - rate - rate / (size - 1))
    counts /= counts.sum(axis=0)
    return counts


def _rate(errors: float, labels: int) -> float:
    return min(max(errors / labels, _LOWEST_RATE), _HIGHEST_RATE)

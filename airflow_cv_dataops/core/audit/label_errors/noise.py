"""How probable it is that each label is wrong, by two readings of the labels that a model contradicts.

- *Errors follow classes* (``class_noise``): some classes are given for others, whatever the picture shows. What a model contradicts on an
  easy picture is a wrong label then, and what it contradicts on a hard one its own error.
- *Errors follow pictures* (``hard_pictures``): where a picture is hard, people err as models do. A contradicted label is then as probable
  as the model has it beside its first choice, p(given) / (p(given) + p(other)), at the temperature of the first reading.

Of one model's opinion of a label nobody can tell which of the two holds: both explain the same labels. So neither is ever left out. The
second counts for 0.4, and for up to 0.8 as the labels that a sure model contradicts show that they follow the picture. It only ever raises
the probability that the first gives, and of contradicted labels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.class_noise import ClassNoise, estimate_class_noise
from airflow_cv_dataops.core.audit.label_errors.hard_pictures import evidence_of_hard_pictures

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.audit.label_errors.confident_learning import Evidence

# The weight of the second reading, without evidence and with much; and from which log-likelihood ratio to which it goes from one to the
# other: one nat is what its free parameter gains by chance, four are odds of twenty to one beyond that.
_LEAST_WEIGHT, _MOST_WEIGHT = 0.4, 0.8
_NO_EVIDENCE, _MUCH_EVIDENCE = 1.0, 4.0


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """What is believed about the noise in N labels.

    :param error_probability: (N,) float64, in the order of the evidence: the probability that the label is wrong, 0 to 1.
    :param by_class: the reading that errors follow classes.
    :param weight: how much the reading counts that errors follow pictures, 0.4 to 0.8; 0 with a single class.
    """

    error_probability: np.ndarray
    by_class: ClassNoise
    weight: float


def estimate_noise(evidence: Evidence) -> LabelNoise:
    """Return how probable it is that each label is wrong; with a single class none can be."""
    import numpy as np

    by_class = estimate_class_noise(evidence)
    if evidence.classes < 2:
        return LabelNoise(by_class.error_probability, by_class, 0.0)
    share = (evidence_of_hard_pictures(evidence.sample, by_class.temperature) - _NO_EVIDENCE) / (_MUCH_EVIDENCE - _NO_EVIDENCE)
    weight = _LEAST_WEIGHT + (_MOST_WEIGHT - _LEAST_WEIGHT) * min(max(share, 0.0), 1.0)
    odds = np.exp(np.clip(-evidence.log_margin / by_class.temperature, -500, 500))
    by_picture = np.where(evidence.disagrees, 1 / (1 + odds), 0.0)
    error = by_class.error_probability
    return LabelNoise(weight * np.maximum(by_picture, error) + (1 - weight) * error, by_class, weight)

"""How many labels are estimated to be wrong: those found and those that no one has looked at."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.intervals import wilson_interval
from airflow_cv_dataops.core.metrics import Metric

if TYPE_CHECKING:
    from airflow_cv_dataops.core.audit.label_errors.judged_labels import JudgedLabels

log = logging.getLogger(__name__)

# Models that contradict more than half of the labels say more about themselves than about the labels.
_LEAST_AGREEMENT = 0.5


@dataclass(frozen=True)
class EstimatedErrors:
    """How many of some labels are wrong, by what models think of them.

    :param category: the category that they name; ``None``: all labels that could be judged.
    :param labels: how many there are.
    :param wrong: how many of them are expected to be wrong, a fraction of a label included.
    :param agreed: for how many of them no class is as probable as theirs.
    """

    category: str | None
    labels: int
    wrong: float
    agreed: int

    @property
    def agreement(self) -> float:
        """The share of the labels with which the models agree, 0 to 1."""
        return self.agreed / self.labels

    @property
    def is_known(self) -> bool:
        """Whether the models agree with half of the labels at least: otherwise it is them, or most labels, that are wrong, who knows."""
        return self.agreement >= _LEAST_AGREEMENT

    @property
    def rate(self) -> float:
        """The estimated label error rate, 0 to 1; NaN where it is not known."""
        return self.wrong / self.labels if self.is_known else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the rate's 95 % interval for so many labels: the play of chance, not the faults of a model. NaN likewise."""
        return wilson_interval(self.wrong, self.labels) if self.is_known else (math.nan, math.nan)


def estimated_errors(judged: JudgedLabels | None) -> list[EstimatedErrors]:
    """Return the estimate over all judged labels, then by the category that labels name; none where no label could be judged.

    A label counts with its probability of being wrong (see ``noise``).
    """
    import numpy as np

    if judged is None:
        return []
    evidence, error = judged.evidence, judged.noise.error_probability
    wrong = np.bincount(evidence.given, weights=error, minlength=evidence.classes)
    agreed = np.bincount(evidence.given[evidence.agrees], minlength=evidence.classes)
    by_category = [
        EstimatedErrors(judged.classes[number], int(evidence.counts[number]), float(wrong[number]), int(agreed[number]))
        for number in np.flatnonzero(evidence.counts)
    ]
    overall = EstimatedErrors(None, len(error), float(error.sum()), int(agreed.sum()))
    if not overall.is_known:
        log.warning(
            "The models agree with %.0f%% of the %d labels that they could judge: either they are weak, or most labels are wrong. No label"
            " error rate is estimated, and suspect labels are hardly more than the models' own errors.",
            100 * overall.agreement,
            overall.labels,
        )
    return [overall, *by_category]


def estimate_metrics(estimates: Sequence[EstimatedErrors]) -> Iterator[Metric]:
    """Yield, over all and by category, ``judged_labels``, ``model_agreement`` and, where it is known, ``estimated_label_error_rate``.

    The rate has the ends of its interval beside it, ``…_low`` and ``…_high``.
    """
    for found in estimates:
        dimensions = {} if found.category is None else {"category": found.category}
        yield Metric("judged_labels", found.labels, dimensions)
        yield Metric("model_agreement", found.agreement, dimensions)
        for name, value in _rate_and_interval(found).items():
            yield Metric(name, value, dimensions)


def estimate_summary(estimates: Sequence[EstimatedErrors]) -> dict[str, Any]:
    """Return what the audit's summary says of the estimate over all labels; nothing where there is none."""
    if not estimates:
        return {}
    overall = estimates[0]
    rates = {name: round(value, 6) for name, value in _rate_and_interval(overall).items()}
    return {**rates, "model_agreement": round(overall.agreement, 6), "judged_labels": overall.labels}


def _rate_and_interval(found: EstimatedErrors) -> dict[str, float]:
    if not found.is_known:
        return {}
    low, high = found.interval
    return {"estimated_label_error_rate": found.rate, "estimated_label_error_rate_low": low, "estimated_label_error_rate_high": high}

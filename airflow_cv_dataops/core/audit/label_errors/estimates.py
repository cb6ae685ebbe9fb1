"""How many labels are estimated to be wrong: those found and those that no one has looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.audit.interval import wilson_interval
from airflow_cv_dataops.core.metrics import Metric

if TYPE_CHECKING:
    from airflow_cv_dataops.core.audit.label_errors.judged_labels import JudgedLabels


@dataclass(frozen=True)
class EstimatedErrors:
    """How many of some labels are wrong, by what models think of them.

    :param category: the category that they name; ``None``: all labels that could be judged.
    :param labels: how many there are.
    :param wrong: how many of them are expected to be wrong, a fraction of a label included.
    """

    category: str | None
    labels: int
    wrong: float

    @property
    def rate(self) -> float:
        """The estimated label error rate, 0 to 1."""
        return self.wrong / self.labels

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the rate's 95 % interval for so many labels: the play of chance, not the faults of a model."""
        return wilson_interval(self.wrong, self.labels)


def estimated_errors(judged: JudgedLabels | None) -> list[EstimatedErrors]:
    """Return the estimate over all judged labels, then by the category that labels name; none where no label could be judged.

    A label counts with its probability of being wrong (see ``noise``).
    """
    import numpy as np

    if judged is None:
        return []
    evidence, error = judged.evidence, judged.noise.error_probability
    wrong = np.bincount(evidence.given, weights=error, minlength=evidence.classes)
    by_category = [
        EstimatedErrors(judged.classes[number], int(evidence.counts[number]), float(wrong[number]))
        for number in np.flatnonzero(evidence.counts)
    ]
    return [EstimatedErrors(None, len(error), float(error.sum())), *by_category]


def estimate_metrics(estimates: Sequence[EstimatedErrors]) -> Iterator[Metric]:
    """Yield ``estimated_label_error_rate`` with the ends of its interval, ``…_low`` and ``…_high``, over all and by category."""
    for found in estimates:
        dimensions = {} if found.category is None else {"category": found.category}
        low, high = found.interval
        yield Metric("judged_labels", found.labels, dimensions)
        yield Metric("estimated_label_error_rate", found.rate, dimensions)
        yield Metric("estimated_label_error_rate_low", low, dimensions)
        yield Metric("estimated_label_error_rate_high", high, dimensions)


def estimate_summary(estimates: Sequence[EstimatedErrors]) -> dict[str, Any]:
    """Return what the audit's summary says of the estimate over all labels; nothing where there is none."""
    if not estimates:
        return {}
    overall = estimates[0]
    low, high = overall.interval
    return {
        "estimated_label_error_rate": round(overall.rate, 6),
        "estimated_label_error_rate_low": round(low, 6),
        "estimated_label_error_rate_high": round(high, 6),
        "judged_labels": overall.labels,
    }

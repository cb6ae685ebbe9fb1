"""Confident learning over batches: which labels out-of-sample probabilities contradict, and how often each class is given for another.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (JAIR 2021). Names and results are those of
cleanlab's ``filter.find_label_issues`` and ``count``. Two passes over the batches hold a few numbers a label and counts of K x K, never
N x K; only ``prune_by_noise_rate`` and ``both`` go through them a third time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatch, LabelBatches, Sampler
from airflow_cv_dataops.core.audit.label_errors.scores import best_other, self_confidence
from airflow_cv_dataops.core.audit.label_errors.temperature import SMALLEST_PROBABILITY

if TYPE_CHECKING:
    import numpy as np

# Probabilities that differ by less are equal, as in cleanlab.
_EQUAL = 1e-6
# The threshold of a class that no label names: no probability reaches it.
_UNREACHABLE = 2.0
# Probabilities are added up as whole multiples of this, so that a sum does not depend on the order of its terms.
_QUANTUM = 2.0**-32
# Numbers in the sample for fits of one parameter, and its smallest and largest size in labels.
_SAMPLE_VALUES, _SAMPLE_LABELS = 2**20, (1_000, 10_000)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What two passes over N labels and their probabilities of K classes leave; arrays are in ascending order of ``rows``.

    :param rows: (N,) int64, which labels they are.
    :param given: (N,) int64, the given label's class.
    :param confidence: (N,) float64, probability of the given label, 0 to 1.
    :param other: (N,) int64, the most probable class beside the given one.
    :param other_confidence: (N,) float64, its probability.
    :param confident: (N,) int64, the class to which the label is confidently counted; -1 where there is none.
    :param thresholds: (K,) float64, mean probability that the labels of a class get; 2 for a class that no label names.
    :param sample: some labels with all their probabilities, the same ones whatever the batches; at most 10,000.
    """

    rows: np.ndarray
    given: np.ndarray
    confidence: np.ndarray
    other: np.ndarray
    other_confidence: np.ndarray
    confident: np.ndarray
    thresholds: np.ndarray
    sample: LabelBatch

    @property
    def classes(self) -> int:
        return len(self.thresholds)

    @cached_property
    def counts(self) -> np.ndarray:
        """Labels of each class, (K,) int64."""
        import numpy as np

        return np.bincount(self.given, minlength=self.classes)

    @cached_property
    def disagrees(self) -> np.ndarray:
        """Whether a class is more probable than the given one, (N,) bool: "argmax differs from the label"."""
        return self.other_confidence > self.confidence + _EQUAL

    @cached_property
    def agrees(self) -> np.ndarray:
        """Whether no class is as probable as the given one, (N,) bool: a tie is no opinion."""
        return self.confidence > self.other_confidence + _EQUAL

    @cached_property
    def log_margin(self) -> np.ndarray:
        """By how much the best other class is more probable than the given one: log p(other) - log p(given), (N,) float64."""
        import numpy as np

        other, given = (np.log(np.maximum(value, SMALLEST_PROBABILITY)) for value in (self.other_confidence, self.confidence))
        return other - given

    @cached_property
    def joint(self) -> np.ndarray:
        """The confident joint, (K, K) int64: labels of class i that are confidently counted to class j; at least 1 on the diagonal."""
        import numpy as np

        counted = self.confident >= 0
        pairs = self.given[counted] * self.classes + self.confident[counted]
        joint = np.bincount(pairs, minlength=self.classes**2).reshape(self.classes, self.classes)
        np.fill_diagonal(joint, np.maximum(joint.diagonal(), 1))
        return joint

    @cached_property
    def calibrated_joint(self) -> np.ndarray:
        """The confident joint with each row scaled to the labels of its class, (K, K) float64; it adds up to N."""
        return self.joint * (self.counts / self.joint.sum(axis=1))[:, None]

    @property
    def noise_rates(self) -> np.ndarray:
        """What share of each class's labels the joint takes for wrong, (K,), 0 to 1; NaN for a class that no label names."""
        import numpy as np

        with np.errstate(invalid="ignore"):
            return 1 - self.calibrated_joint.diagonal() / self.counts


def examine(batches: LabelBatches, classes: int) -> Evidence | None:
    """Go through the batches twice and return what they say; ``None`` where they have no labels.

    Rows must be the same in both passes; their order and the size of batches do not matter.
    """
    import numpy as np

    sampler = Sampler(min(max(_SAMPLE_VALUES // classes, _SAMPLE_LABELS[0]), _SAMPLE_LABELS[1]))
    sums, counts = np.zeros(classes, dtype=np.int64), np.zeros(classes, dtype=np.int64)
    parts = []
    for batch in batches:
        confidence = self_confidence(batch.probabilities, batch.given)
        parts.append((batch.rows, batch.given, confidence, *best_other(batch.probabilities, batch.given)))
        sums += np.bincount(batch.given, weights=np.rint(confidence / _QUANTUM), minlength=classes).astype(np.int64)
        counts += np.bincount(batch.given, minlength=classes)
        sampler.add(batch)
    sample = sampler.sample()
    if sample is None:
        return None
    rows, given, confidence, other, other_confidence = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(rows)
    thresholds = np.where(counts > 0, np.maximum(sums * _QUANTUM / np.maximum(counts, 1), 2 * _EQUAL), _UNREACHABLE)
    rows, given, confidence, other, other_confidence = (column[order] for column in (rows, given, confidence, other, other_confidence))
    confident = _confident_classes(batches, thresholds, rows)
    return Evidence(rows, given, confidence, other, other_confidence, confident, thresholds, sample)


def _confident_classes(batches: LabelBatches, thresholds: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return for each of ``rows`` the class whose threshold it reaches; where it reaches several, the most probable of all; else -1."""
    import numpy as np

    confident = np.full(len(rows), -1, dtype=np.int64)
    for batch in batches:
        everyone = np.arange(len(batch.rows))
        reached = batch.probabilities >= (thresholds - _EQUAL)
        first = reached.argmax(axis=1)
        is_any = reached[everyone, first]
        reached[everyone, first] = False
        several = np.flatnonzero(reached[everyone, reached.argmax(axis=1)])
        first[several] = batch.probabilities[several].argmax(axis=1)
        confident[np.searchsorted(rows, batch.rows)] = np.where(is_any, first, -1)
    return confident

"""The filters of confident learning: which labels to take for wrong, by the evidence and, where that is not enough, the batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatches
from airflow_cv_dataops.core.audit.label_errors.confident_learning import Evidence

if TYPE_CHECKING:
    import numpy as np

_MIN_LABELS_LEFT = 1


def predicted_neq_given(evidence: Evidence, batches: LabelBatches = ()) -> np.ndarray:
    """Return the labels for which another class is more probable, (N,) bool."""
    return evidence.disagrees


def confident_learning(evidence: Evidence, batches: LabelBatches = ()) -> np.ndarray:
    """Return the labels off the diagonal of the confident joint, (N,) bool."""
    return (evidence.confident >= 0) & (evidence.confident != evidence.given) & evidence.disagrees


def prune_by_class(evidence: Evidence, batches: LabelBatches = ()) -> np.ndarray:
    """Return the least confident labels of each class, as many as the joint takes for wrong in it, (N,) bool."""
    import numpy as np

    wrong = np.where(evidence.counts > _MIN_LABELS_LEFT, evidence.counts - _prune_counts(evidence).diagonal(), 0)
    order = np.lexsort((evidence.rows, evidence.confidence, evidence.given))
    place = np.arange(len(order)) - np.repeat(np.cumsum(evidence.counts) - evidence.counts, evidence.counts)
    pruned = np.zeros(len(order), dtype=bool)
    pruned[order] = place < wrong[evidence.given[order]]
    return pruned & evidence.disagrees


def prune_by_noise_rate(evidence: Evidence, batches: LabelBatches) -> np.ndarray:
    """Return, for each pair of classes, the labels with the largest margin, as many as the joint has off its diagonal, (N,) bool.

    Goes through the batches once, and holds no more candidates than the joint has wrong labels, and those of one batch.
    """
    import numpy as np

    counts = _prune_counts(evidence)
    np.fill_diagonal(counts, 0)
    counts[evidence.counts <= _MIN_LABELS_LEFT] = 0
    pairs, margins, rows = np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    # A pair's margin that a further candidate must reach, once there are enough of the pair.
    needed = np.full(counts.shape, -np.inf)
    for batch in batches:
        values = batch.probabilities.astype(np.float64)
        margin = values - values[np.arange(len(values)), batch.given][:, None]
        label, other = np.nonzero((counts[batch.given] > 0) & (margin >= needed[batch.given]))
        pairs = np.concatenate([pairs, batch.given[label] * evidence.classes + other])
        margins = np.concatenate([margins, margin[label, other]])
        rows = np.concatenate([rows, batch.rows[label]])
        kept = _largest_of_each(pairs, margins, rows, counts.ravel())
        pairs, margins, rows = pairs[kept], margins[kept], rows[kept]
        held = np.bincount(pairs, minlength=counts.size)
        is_last = np.append(pairs[1:] != pairs[:-1], True)[: len(pairs)]
        full = is_last & (held[pairs] == counts.ravel()[pairs])
        needed.ravel()[pairs[full]] = margins[full]
    return np.isin(evidence.rows, rows) & evidence.disagrees


def both(evidence: Evidence, batches: LabelBatches) -> np.ndarray:
    """Return the labels that :func:`prune_by_class` and :func:`prune_by_noise_rate` both name, (N,) bool."""
    return prune_by_class(evidence) & prune_by_noise_rate(evidence, batches)


FILTERS: Mapping[str, Callable[[Evidence, LabelBatches], np.ndarray]] = {
    "prune_by_noise_rate": prune_by_noise_rate,
    "prune_by_class": prune_by_class,
    "both": both,
    "confident_learning": confident_learning,
    "predicted_neq_given": predicted_neq_given,
}


def _largest_of_each(pairs: np.ndarray, margins: np.ndarray, rows: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return where the ``counts[pair]`` largest margins of each pair are, pair by pair, largest first; of equals the smaller row."""
    import numpy as np

    order = np.lexsort((rows, -margins, pairs))
    sizes = np.bincount(pairs, minlength=len(counts))
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[place < counts[pairs[order]]]


def _prune_counts(evidence: Evidence) -> np.ndarray:
    """Return the calibrated joint in whole labels, (K, K) int64, at least one right label in each class.

    What a class's diagonal lacks is taken in equal parts from the other cells of its row, rounded down.
    """
    import numpy as np

    counts = _rounded_rows(evidence.calibrated_joint)
    lacking = np.maximum(_MIN_LABELS_LEFT - counts.diagonal(), 0)
    parts = np.maximum(np.count_nonzero(counts, axis=1) - 1, 1)
    reduced = np.maximum(np.floor(counts - (lacking / parts)[:, None]), 0).astype(np.int64)
    np.fill_diagonal(reduced, counts.diagonal() + lacking)
    return reduced


def _rounded_rows(joint: np.ndarray) -> np.ndarray:
    """Return whole numbers that add up to the (whole) sum of each row: the cells that rounding moved furthest give way."""
    import numpy as np

    rounded = np.rint(joint)
    surplus = (rounded.sum(axis=1) - np.rint(joint.sum(axis=1))).astype(np.int64)
    for row in np.flatnonzero(surplus):  # few rows, each with its own number of cells
        moved = np.argsort(joint[row] - rounded[row], kind="stable")
        cells = moved[: surplus[row]] if surplus[row] > 0 else moved[surplus[row] :]
        rounded[row, cells] -= np.sign(surplus[row])
    return rounded.astype(np.int64)

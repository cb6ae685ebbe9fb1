"""What gates can ask of a part of a release: of a category, of a source, of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.gates.metric_names import sliced
from airflow_cv_dataops.core.release.label_counts import LabelFacts

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Slices:
    """One way to take images apart.

    :param dimension: ``split`` or ``source``.
    :param codes: by image the number of its part. :param names: of the parts.
    """

    dimension: str
    codes: np.ndarray
    names: Sequence[str]


def slice_metrics(labelled: np.ndarray, labels: LabelFacts, slices: Sequence[Slices], *, knows_faults: bool) -> dict[str, float]:
    """Return metrics by their names, such as ``annotations[category=stop]``.

    :param labelled: whether each image has a label, or is said to hold nothing.
    :param knows_faults: whether audits have looked at all of it: without them no error rate is known.
    """
    import numpy as np

    found: dict[str, float] = {}
    of_category, held = _by_pairs(labels, slices)
    _tell(found, "images", "category", labels.names, of_category)
    found |= dict(_label_metrics("category", labels.of_category, labels.wrong_of_category, labels.names, knows_faults))
    for one, categories in zip(slices, held, strict=True):
        count = np.bincount(one.codes, minlength=len(one.names))
        _tell(found, "images", one.dimension, one.names, count)
        with_labels = np.bincount(one.codes[labelled], minlength=len(one.names))
        ratios = zip(one.names, with_labels.tolist(), count.tolist(), strict=True)
        found.update((sliced("labelled_ratio", one.dimension, name), part / whole) for name, part, whole in ratios if whole)
        of_slice, wrong = (_summed(one.codes, counts, len(one.names)) for counts in (labels.labels, labels.wrong))
        found |= dict(_label_metrics(one.dimension, of_slice, wrong, one.names, knows_faults))
        _tell(found, "categories", one.dimension, one.names, categories)
    return found


def _by_pairs(labels: LabelFacts, slices: Sequence[Slices]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return by category how many images it has, and by part of each way how many categories."""
    import numpy as np

    of_category = np.zeros(len(labels.names), np.int64)
    held = [np.zeros((len(one.names), len(labels.names)), bool) for one in slices]
    for at, categories in labels.pairs_in_parts():
        of_category += np.bincount(categories, minlength=len(labels.names))
        for one, has in zip(slices, held, strict=True):
            has[one.codes[at], categories] = True
    return of_category, [has.sum(axis=1) for has in held]


def _summed(codes: np.ndarray, counts: np.ndarray, parts: int) -> np.ndarray:
    import numpy as np

    return np.bincount(codes, weights=counts, minlength=parts).astype(np.int64)


def _label_metrics(
    dimension: str, count: np.ndarray, faults: np.ndarray, names: Sequence[str], knows_faults: bool
) -> Iterator[tuple[str, float]]:
    for name, labels, at_fault in zip(names, count.tolist(), faults.tolist(), strict=True):
        yield sliced("annotations", dimension, name), labels
        if knows_faults and labels:
            yield sliced("label_error_rate", dimension, name), at_fault / labels


def _tell(found: dict[str, float], metric: str, dimension: str, names: Sequence[str], values: np.ndarray) -> None:
    found.update((sliced(metric, dimension, name), value) for name, value in zip(names, values.tolist(), strict=True))

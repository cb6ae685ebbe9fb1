"""What gates can ask of a part of a release: of a category, of a source, of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.gates.metric_names import sliced
from airflow_cv_dataops.core.release.held_labels import LabelFacts

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
    pairs = labels.pairs
    has_name = labels.categories >= 0
    of_images = np.bincount(pairs[1], minlength=len(labels.names))
    _tell(found, "images", "category", labels.names, of_images)
    found |= dict(_label_metrics("category", labels.categories[has_name], labels.wrong[has_name], labels.names, knows_faults))
    for one in slices:
        count = np.bincount(one.codes, minlength=len(one.names))
        _tell(found, "images", one.dimension, one.names, count)
        with_labels = np.bincount(one.codes[labelled], minlength=len(one.names))
        ratios = zip(one.names, with_labels.tolist(), count.tolist(), strict=True)
        found.update((sliced("labelled_ratio", one.dimension, name), part / whole) for name, part, whole in ratios if whole)
        found |= dict(_label_metrics(one.dimension, one.codes[labels.at], labels.wrong, one.names, knows_faults))
        both = np.unique(one.codes[pairs[0]] * max(len(labels.names), 1) + pairs[1]) // max(len(labels.names), 1)
        _tell(found, "categories", one.dimension, one.names, np.bincount(both, minlength=len(one.names)))
    return found


def _label_metrics(
    dimension: str, codes: np.ndarray, wrong: np.ndarray, names: Sequence[str], knows_faults: bool
) -> Iterator[tuple[str, float]]:
    import numpy as np

    count = np.bincount(codes, minlength=len(names))
    faults = np.bincount(codes[wrong], minlength=len(names))
    for name, labels, at_fault in zip(names, count.tolist(), faults.tolist(), strict=True):
        yield sliced("annotations", dimension, name), labels
        if knows_faults and labels:
            yield sliced("label_error_rate", dimension, name), at_fault / labels


def _tell(found: dict[str, float], metric: str, dimension: str, names: Sequence[str], values: np.ndarray) -> None:
    found.update((sliced(metric, dimension, name), value) for name, value in zip(names, values.tolist(), strict=True))

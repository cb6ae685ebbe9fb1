"""Where a model's boxes and an image's labels differ: misses, confusions, and boxes that nobody labelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.boxes import PoolBoxes, one_to_one, overlaps, owners_of, read_boxes
from airflow_cv_dataops.core.sampling.scores.categories import category_names, numbers_of
from airflow_cv_dataops.core.sampling.scores.distinct import distinct
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import OfImages, Pool, Rows

_LABELS = ("task", "category", "bbox", "iscrowd", "label_set", "annotator")
_ROWS = 1_000_000
_OVERLAP = 0.5
# In words a model says something from this confidence on; the score counts by confidence and needs no such line.
_SAYS = 0.5


@dataclass(frozen=True, eq=False)
class Compared:
    """The predicted boxes of a pool against its labels. A unit is what one owner (label set and annotator) says of one image.

    :param unit_image: (U,) row of each unit's image, ascending. :param unit_error: (U,) 0 to 1.
    :param labels: labels, by unit. :param label_unit: their units. :param match: for each label the prediction that is matched with it, of
        its own or of another category; -1: none.
    :param predictions: predictions, once for each unit of their image. :param prediction_unit: their units.
    :param is_unexplained: by prediction, no label explains it.
    :param names: of the categories.
    """

    unit_image: np.ndarray
    unit_error: np.ndarray
    labels: PoolBoxes
    label_unit: np.ndarray
    match: np.ndarray
    predictions: PoolBoxes
    prediction_unit: np.ndarray
    is_unexplained: np.ndarray
    names: Sequence[str]

    def errors(self, images: int) -> np.ndarray:
        """Return the mean error of each image's units; NaN where nobody labelled, or where a mask has no ``bbox``."""
        import numpy as np

        units = np.bincount(self.unit_image, minlength=images)
        total = np.zeros(images, dtype=np.int64)
        np.add.at(total, self.unit_image, billionths(self.unit_error))
        result: np.ndarray = np.round(np.where(units > 0, total / 10**DIGITS, np.nan) / np.maximum(units, 1), DIGITS)
        for boxes in (self.labels, self.predictions):
            result[boxes.unplaced] = np.nan
        return result

    def words(self, row: int) -> list[str]:
        """Say what is wrong in an image, by its unit with the highest error: ``misses 1 labelled box (WBC)``; nothing where nothing is."""
        import numpy as np

        units = np.flatnonzero(self.unit_image == row)
        if not len(units):
            return []
        unit = units[np.argmax(self.unit_error[units])]
        own = np.flatnonzero((self.label_unit == unit) & ~self.labels.is_crowd)
        missed, taken = Counter[str](), Counter[tuple[str, str]]()
        for label in own.tolist():  # of one image
            given, match = self.names[self.labels.category[label]], int(self.match[label])
            if match < 0 or self.predictions.confidence[match] < _SAYS:
                missed[given] += 1
            elif self.predictions.category[match] != self.labels.category[label]:
                taken[given, self.names[self.predictions.category[match]]] += 1
        too_many = (self.prediction_unit == unit) & self.is_unexplained & (self.predictions.confidence >= _SAYS)
        extra = Counter(self.names[number] for number in self.predictions.category[too_many].tolist())
        parts = [f"misses {_boxes(missed, 'labelled ')}"] if missed else []
        parts += [f"takes {count} {given} for {other}" for (given, other), count in sorted(taken.items())]
        return [*parts, f"draws {_boxes(extra)} without a label"] if extra else parts


def compared(pool: Pool) -> Compared:
    """Match the boxes of the pool's model with the labels, one to one at an IoU of at least 0.5; done once.

    The most confident prediction first, with the label of its category that it overlaps most; then what is left of both, whatever the
    category: confusions. What lies in a crowd label is explained by it, and a crowd label need not be found. Labels of several label
    sets or annotators are compared one after the other, so that a second opinion is not a missed object.

    An image's error counts each label with 1, less the confidence with which it is found, and each prediction that no label explains
    with its confidence; all this by the number of labels and those confidences, at least 1. It is 0 if all is found for certain and
    nothing else is, and 1 if nothing is found.
    """
    return pool.kept("compared", lambda: _compared(pool))


def _compared(pool: Pool) -> Compared:
    import numpy as np

    names, owners = category_names(pool.annotations, pool.predictions.get(pool.model or "")), _owners(pool.annotations)
    background = [np.empty(0, dtype=np.int64)]
    labels = read_boxes(_noting_background(pool, owners, background), names, owners)
    drawn = read_boxes(pool.outputs(("task", "category", "score", "bbox")), names)
    keys = labels.image * len(owners) + labels.owner
    units = distinct(np.concatenate([keys, *background]))
    unit_image, label_unit = units // max(len(owners), 1), np.searchsorted(units, keys)
    predictions, prediction_unit = _for_units(drawn, unit_image)
    found = overlaps(labels, predictions, (label_unit, prediction_unit), _OVERLAP)
    in_crowd = labels.is_crowd[found.label]
    is_explained = np.zeros(len(predictions), dtype=bool)
    is_explained[found.prediction[in_crowd]] = True
    match, found_with = np.full(len(labels), -1), np.zeros(len(labels))
    is_same = labels.category[found.label] == predictions.category[found.prediction]
    for counts in (is_same, ~is_same):
        free = counts & ~in_crowd & (match[found.label] < 0) & ~is_explained[found.prediction]
        label, prediction = found.label[free], found.prediction[free]
        pairs = one_to_one(label, prediction, predictions.confidence[prediction], found.overlap[free])
        match[label[pairs]] = prediction[pairs]
        is_explained[prediction[pairs]] = True
        if counts is is_same:
            found_with[label[pairs]] = predictions.confidence[prediction[pairs]]
    one = 10**DIGITS
    asked, missing, extra = (np.zeros(len(units), dtype=np.int64) for _ in range(3))
    np.add.at(asked, label_unit[~labels.is_crowd], one)
    np.add.at(missing, label_unit[~labels.is_crowd], billionths(1 - found_with[~labels.is_crowd]))
    np.add.at(extra, prediction_unit[~is_explained], billionths(predictions.confidence[~is_explained]))
    error = (missing + extra) / np.maximum(asked + extra, one)
    return Compared(unit_image, error, labels, label_unit, match, predictions, prediction_unit, ~is_explained, names)


def _owners(annotations: Rows | None) -> list[str]:
    """Return who answers for the labels, sorted."""
    import pyarrow.compute as pc

    batches = () if annotations is None else annotations.batches(("label_set", "annotator"), _ROWS)
    return sorted({name for batch in batches for name in pc.unique(owners_of(batch)).to_pylist()})


def _noting_background(pool: Pool, owners: Sequence[str], noted: list[np.ndarray]) -> Iterator[OfImages]:
    """Yield the labels, and note image x owners + owner of each that says that nothing is there: both in one pass."""
    import pyarrow.compute as pc

    for found in pool.labels(_LABELS):
        is_background = pc.equal(found.table["task"], "background").to_numpy()
        noted.append((found.image * len(owners) + numbers_of(owners_of(found.table), owners))[is_background])
        yield found


def _for_units(drawn: PoolBoxes, unit_image: np.ndarray) -> tuple[PoolBoxes, np.ndarray]:
    """Return the predictions of each unit's image, by unit, and their units."""
    import numpy as np

    first, last = (np.searchsorted(drawn.image, unit_image, side=side) for side in ("left", "right"))  # type: ignore[call-overload]
    count = last - first
    unit = np.repeat(np.arange(len(unit_image)), count)
    offset = np.arange(len(unit)) - np.repeat(np.cumsum(count) - count, count)
    return drawn.take(np.repeat(first, count) + offset), unit


def _boxes(counts: Counter[str], what: str = "") -> str:
    """Return ``1 box (WBC)``, ``3 labelled boxes (2 RBC, 1 WBC)``."""
    total = sum(counts.values())
    each = next(iter(counts)) if len(counts) == 1 else ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return f"{total} {what}box{'' if total == 1 else 'es'} ({each})"

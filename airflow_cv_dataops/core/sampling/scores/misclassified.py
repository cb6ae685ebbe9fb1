"""Where a classifier and an image's label differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.categories import category_names, numbers_of
from airflow_cv_dataops.core.sampling.scores.rows import class_probabilities, rows_at_once
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths, distributions
from airflow_cv_dataops.core.wording import percent

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import OfImages, Pool

_COLUMNS = ("task", "category", "probabilities", "classes")


@dataclass(frozen=True, eq=False)
class Judged:
    """What a classifier makes of the labels.

    :param error: (N,) 1 less the probability of the given label, 0 to 1; the mean over an image's labels; NaN without label or prediction.
    :param label_image: (M,) ascending. :param label: (M,) numbers of the given categories. :param predicted: (N,) of what the model says,
        -1 for nothing. :param names: of the categories.
    """

    error: np.ndarray
    label_image: np.ndarray
    label: np.ndarray
    predicted: np.ndarray
    names: Sequence[str]

    def words(self, row: int, sureness: float | None) -> str:
        """Say what is labelled and what the model says. :param sureness: how sure it is of that, 0 to 1."""
        given = sorted({self.names[number] for number in self.label[self.label_image == row].tolist()})
        says = self.names[self.predicted[row]] if self.predicted[row] >= 0 else "something else"
        told = "and the model agrees" if given == [says] else f"but the model says {says}"
        return f"labelled {', '.join(given)}, {told}" + ("" if sureness is None else f" ({percent(sureness)})")


def judged(pool: Pool) -> Judged:
    """Compare the labels of whole images with what the pool's classifier predicts; done once.

    A category that the model does not know has probability 0 from it. Without class probabilities the error is 0 where the predicted
    category is the given one, else 1.
    """
    return pool.kept("judged", lambda: _judged(pool))


def _judged(pool: Pool) -> Judged:
    import numpy as np
    import pyarrow.compute as pc

    predictions = pool.predictions.get(pool.model or "")
    names = category_names(pool.annotations, predictions)
    parts = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))]
    for found in pool.labels(("task", "category")):
        number = numbers_of(found.table["category"], names)
        counts = pc.equal(found.table["task"], "classification").to_numpy() & (number >= 0)
        parts.append((found.image[counts], number[counts]))
    image, label = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((label, image))
    image, label = image[order], label[order]
    total, compared = np.zeros(len(pool), dtype=np.int64), np.zeros(len(pool), dtype=np.int64)
    predicted = np.full(len(pool), -1)
    for found in pool.outputs(_COLUMNS, batch_rows=rows_at_once(predictions)):
        number = numbers_of(found.table["category"], names)
        row, at = _pairs(found, image)
        wrong = _wrong(found, names, number, row, label[at])
        known = ~np.isnan(wrong)
        np.add.at(total, image[at[known]], billionths(wrong[known]))
        np.add.at(compared, image[at[known]], 1)
        np.maximum.at(predicted, found.image, number)
    error = np.where(compared > 0, total / 10**DIGITS, np.nan) / np.maximum(compared, 1)
    return Judged(np.round(error, DIGITS), image, label, predicted, names)


def _pairs(found: OfImages, label_image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of a row that predicts the category of an image and a label of that image: places of rows, and of labels."""
    import numpy as np
    import pyarrow.compute as pc

    rows = np.flatnonzero(pc.equal(found.table["task"], "classification").to_numpy())
    first, last = np.searchsorted(label_image, found.image[rows]), np.searchsorted(label_image, found.image[rows], side="right")
    count = last - first
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(rows, count), np.repeat(first, count) + offset


def _wrong(found: OfImages, names: Sequence[str], number: np.ndarray, row: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return for each pair of a row and a label 1 less the label's probability; NaN where the row says nothing that can be used."""
    import numpy as np

    wrong = np.where(number[row] < 0, np.nan, (number[row] != label).astype(np.float64))
    wrong[found.table["probabilities"].is_valid().to_numpy()[row]] = np.nan
    place = {name: at for at, name in enumerate(names)}
    for stored in class_probabilities(found.table):
        # One column more, for the categories that the model does not know.
        values = np.pad(distributions(stored.values), ((0, 0), (0, 1)))
        values[np.isnan(values[:, 0])] = np.nan
        column = np.full(len(names), len(stored.names))
        known = [(place[name], at) for at, name in enumerate(stored.names) if name in place]
        column[[number for number, _ in known]] = [at for _, at in known]
        line = np.full(found.table.num_rows, -1)
        line[stored.row] = np.arange(len(stored.row))
        here = np.flatnonzero(line[row] >= 0)
        wrong[here] = 1 - values[line[row[here]], column[label[here]]]
    return wrong

"""Score of doubt over classes: an image counts for each class that the model is unsure of, and for a rare class more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.sampling.scores.categories import frequencies, numbers_of
from airflow_cv_dataops.core.sampling.scores.doubt import NO_BOX, NOTHING, box, of_image, sureness
from airflow_cv_dataops.core.sampling.scores.hardest import finds_boxes
from airflow_cv_dataops.core.sampling.scores.rows import row_uncertainty, rows_at_once
from airflow_cv_dataops.core.sampling.scores.said import Said, said_of
from airflow_cv_dataops.core.sampling.scores.score import score
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS, billionths
from airflow_cv_dataops.core.wording import few, percent

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool

_COLUMNS = ("category", "score", "probabilities", "classes")
_MOST_CLASSES = 4


@score(
    meaning="The model is unsure of boxes of several classes, or of rare ones.",
    needs=("predictions",),
    words=lambda pool, row, value: _words(pool, row),
)
def entropy_by_class(pool: Pool) -> np.ndarray:
    """Return the entropy of an image's predictions, aggregated within each predicted class, then over the classes by weight, (N,).

    ``sum(w_c u_c) / sum(w_c)`` over all classes that are labelled or predicted anywhere: u_c is the pool's aggregate of the entropies of
    the image's predictions of class c, 0 where there is none; the weight ``w_c = (n + K) / (n_c + 1)`` is the higher the fewer of the n
    labels are of the class. Brust, Käding and Denzler, *Active Learning for Deep Object Detection* (arXiv 1809.09875), section 3, who
    weigh detections so by the labelled classes; where nothing is labelled, the model's expected numbers of objects stand in
    (:func:`.categories.frequencies`). 0 to 1 with the aggregates ``max`` and ``mean``.

    Predictions without a category do not count; an image that has no others is NaN. Images without a prediction are as in
    :data:`.uncertain.entropy`.
    """
    import numpy as np

    classes = _classes(pool)
    total, has_class = np.zeros(len(pool), dtype=np.int64), np.zeros(len(pool), dtype=bool)
    np.add.at(total, classes.image, billionths(classes.part))
    has_class[classes.image] = True
    result = np.where(has_class, np.round(total / 10**DIGITS, DIGITS), np.nan)
    if finds_boxes(pool) and pool.empty_score is not None:
        result[~classes.is_predicted] = pool.empty_score
    return result


@dataclass(frozen=True, eq=False)
class _Classes:
    """What counts of each class of each image.

    :param image: (M,) ascending. :param category: (M,) number of the class. :param part: (M,) its part in the score.
    :param is_predicted: (N,) there is a prediction of the image.
    """

    image: np.ndarray
    category: np.ndarray
    part: np.ndarray
    is_predicted: np.ndarray


def _classes(pool: Pool) -> _Classes:
    return pool.kept("entropy_by_class", lambda: _gathered(pool))


def _gathered(pool: Pool) -> _Classes:
    import numpy as np

    counted = frequencies(pool)
    classes = max(len(counted.names), 1)
    is_predicted = np.zeros(len(pool), dtype=bool)
    keys, doubts = [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for found in pool.outputs(_COLUMNS, batch_rows=rows_at_once(pool.predictions.get(pool.model or ""))):
        is_predicted[found.image] = True
        category, doubt = numbers_of(found.table["category"], counted.names), row_uncertainty(found.table, "entropy")
        counts = (category >= 0) & ~np.isnan(doubt)
        keys.append((found.image * classes + category)[counts])
        doubts.append(doubt[counts])
    of_class, number = np.unique(np.concatenate(keys), return_inverse=True)
    doubt = _aggregated(number, np.concatenate(doubts), len(of_class), pool.aggregate)
    image, category = np.divmod(of_class, classes)
    weight = (counted.total + classes) / (counted.counts + 1)
    return _Classes(image, category, doubt * (weight / weight.sum())[category] if len(of_class) else doubt, is_predicted)


def _aggregated(group: np.ndarray, doubt: np.ndarray, groups: int, aggregate: str) -> np.ndarray:
    import numpy as np

    if aggregate == "max":
        highest = np.zeros(groups)
        np.maximum.at(highest, group, doubt)
        return highest
    total = np.zeros(groups, dtype=np.int64)
    np.add.at(total, group, billionths(doubt))
    count = np.bincount(group, minlength=groups)
    divisor = {"mean": count, "sum": np.ones(groups), "count_normalised": np.sqrt(count)}[aggregate]
    return total / 10**DIGITS / divisor


def _words(pool: Pool, row: int) -> str:
    """Say of which categories the model is unsure: ``… of boxes of several categories: Platelets (41%), WBC (55%)``."""
    import numpy as np

    found, counted = _classes(pool), frequencies(pool)
    first, last = np.searchsorted(found.image, [row, row + 1])
    hardest: dict[str | None, Said] = {}
    for said in said_of(pool, row):
        if said.doubt > (hardest[said.category].doubt if said.category in hardest else -1):
            hardest[said.category] = said
    order = first + np.argsort(-found.part[first:last], kind="stable")
    classes = [(number, hardest[counted.names[number]]) for number in found.category[order].tolist() if counted.names[number] in hardest]
    if not classes:
        return NOTHING if found.is_predicted[row] else NO_BOX
    if not finds_boxes(pool):
        return of_image(classes[0][1], "entropy")
    unsure = [(number, said) for number, said in classes if said.is_unsure]
    if not unsure:
        return f"the model is least sure of a box of {box(classes[0][1])}"
    if len(unsure) == 1:
        ((number, said),) = unsure
        of = f", of which there are {counted.counts[number]:,.0f} of {counted.total:,.0f} labels" if counted.is_labelled else ""
        return f"the model is unsure of a box of {box(said)}{of}"
    names = [f"{said.category} ({percent(sureness(said) or 0)})" for _, said in unsure]
    return f"the model is unsure of boxes of several categories: {few(names, _MOST_CLASSES)}"

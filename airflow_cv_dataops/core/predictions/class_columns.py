"""Which columns of a table are the probabilities of classes: tools write row numbers, folds and labels beside them."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.formats.image_columns import IMAGE_IDS, IMAGE_NAMES
from airflow_cv_dataops.core.labels.records import excerpt

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

SUM_TOLERANCE = 1e-3
# Softmax in single precision may end a few ulps above 1.
RANGE_TOLERANCE = 1e-6

_ROWS_LOOKED_AT = 4096
# The row number that pandas writes beside its columns: without a name, or with one that pandas gave it.
_ROW_NUMBER = re.compile(r"\s*|Unnamed: [0-9]+(_level_[0-9]+)?|__index_level_[0-9]+__")
_TUPLE = re.compile(r"\(.*,.*\)")
_LABEL_NAMES = frozenset(("label", "category", "class", "class_name", "prediction", "predicted", "pred", "predicted_label"))
_SCORE_NAMES = frozenset(("score", "confidence", "probability", "prob", "conf", "p"))
# What stands beside the classes in tables of predictions, unless the rows only sum to 1 with it: a class may be called `index`.
_BOOKKEEPING = frozenset(
    """
    argmax batch class_id class_idx conf confidence correct cv_fold entropy epoch fold fold_id ground_truth gt idx image_index index
    is_test is_train is_valid iteration kfold label label_id loss margin max_prob n_fold pred pred_class pred_idx pred_label predicted
    predicted_class predicted_label prediction rank row row_id sample_id score seed split step target target_id timestamp true_class
    true_label uncertainty y y_pred y_true
    """.split()  # noqa: SIM905 (a list to read)
)


def check_names(names: Sequence[str]) -> None:
    """:raises ValueError: a name stands there twice, or is made of several lines."""
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"several columns are called {excerpt(', '.join(repeated))}: give each class one name, on one line")
    if levels := [name for name in names if _TUPLE.fullmatch(name)]:
        raise ValueError(f"column names of several levels ({excerpt(levels[0])}, as of pandas' MultiIndex): give each class one name")


def class_columns(table: pa.Table, numeric: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return those of the columns of numbers that are the probabilities of classes.

    :param texts: the columns of texts.
    :raises ValueError: there are none, or a column among them is something else.
    """
    numbers = [name for name in numeric if not _is_row_number(name, table)]
    beside = [name for name in numbers if name.strip().lower() in (_BOOKKEEPING | {*IMAGE_NAMES, *IMAGE_IDS})]
    classes = [name for name in numbers if name not in beside]
    if not classes:
        raise ValueError(_no_class(texts, beside))
    values = matrix(table.slice(0, _ROWS_LOOKED_AT), numbers)
    is_class = [name in classes for name in numbers]
    if _are_distributions(values[:, is_class]):
        if beside:
            log.info("The columns %s are taken for no classes", ", ".join(beside))
        return classes
    if _are_distributions(values):
        return numbers
    _check_each(classes, values[:, is_class])
    return classes


def matrix(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    """Return columns of numbers as rows x columns; what is absent is NaN."""
    import numpy as np

    values = np.empty((table.num_rows, len(names)), dtype=np.float64)
    for position, name in enumerate(names):
        values[:, position] = table.column(name).cast("double").fill_null(np.nan).to_numpy()
    return values


def _is_row_number(name: str, table: pa.Table) -> bool:
    """Say whether a column is pandas' index. :raises ValueError: it has no name, and is something else."""
    import numpy as np

    if not _ROW_NUMBER.fullmatch(name):
        return False
    if np.array_equal(table.column(name).cast("double").fill_null(np.nan).to_numpy(), np.arange(table.num_rows)):
        return True
    raise ValueError(f"the column {name!r} has no name, and does not count the rows: give it the name of its class, or leave it out")


def _no_class(texts: Sequence[str], beside: Sequence[str]) -> str:
    label = next((name for name in texts if name.strip().lower() in _LABEL_NAMES), None)
    score = next((name for name in beside if name.strip().lower() in _SCORE_NAMES), None)
    wanted = "a column of numbers for each class is needed, or give the predictions as COCO results"
    if label is not None and score is not None:
        return f"a label ({label}) and its score ({score}) are no probabilities: {wanted}"
    return f"no column is the probability of a class{f', going by the names {excerpt(list(beside))}' if beside else ''}: {wanted}"


def _are_distributions(values: np.ndarray) -> bool:
    """Say whether most rows are distributions; single ones that are none are told of row by row."""
    inside = ((values >= -RANGE_TOLERANCE) & (values <= 1 + RANGE_TOLERANCE)).all(axis=1)
    return bool(2 * (inside & (abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE)).sum() > len(values))


def _check_each(names: Sequence[str], values: np.ndarray) -> None:
    """:raises ValueError: it is single columns, of some that do not make distributions, which are no probabilities."""
    import numpy as np

    outside = 2 * ((values < -RANGE_TOLERANCE) | (values > 1 + RANGE_TOLERANCE)).sum(axis=0) > len(values)
    wrong = [position for position in range(len(names)) if outside[position]]
    if not wrong:
        too_many = [position for position in range(len(names)) if _are_distributions(np.delete(values, position, axis=1))]
        wrong = too_many if len(too_many) == 1 else []
    if wrong:
        shown = excerpt(", ".join(names[position] for position in wrong))
        low, high = np.fmin.reduce(values[:, wrong], axis=None), np.fmax.reduce(values[:, wrong], axis=None)
        raise ValueError(
            f"the numbers of {shown} ({low:g} to {high:g}) are no probabilities of classes: leave out what is no class, or name the "
            "classes in `classes`; of logits give the softmax"
        )

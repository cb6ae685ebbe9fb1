"""Which labels are suspect: a choice between overlooking wrong labels and bothering people with right ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatches
from airflow_cv_dataops.core.audit.label_errors.confident_learning import Evidence
from airflow_cv_dataops.core.audit.label_errors.filters import FILTERS
from airflow_cv_dataops.core.audit.label_errors.noise import LabelNoise
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np

# Which F-beta is to be highest (van Rijsbergen, 1979): recall counts beta times as much as precision.
_BETAS: Mapping[str, float] = {"balanced": 1.0, "precision": 0.5, "recall": 2.0}
# The highest expected F-beta always takes one label at least: none below this is taken. It is more than a tie between two classes gives
# where nothing speaks for errors that follow pictures.
_LEAST_ERROR_PROBABILITY = 0.25
MODES = (*_BETAS, *FILTERS)


def check_mode(mode: str) -> None:
    """:raises ConfigurationError: there is no such mode."""
    if mode not in MODES:
        raise ConfigurationError(f"mode={mode!r} is unknown: expected one of {', '.join(MODES)}.")


def suspects(evidence: Evidence, noise: LabelNoise, mode: str, batches: Callable[[], AbstractContextManager[LabelBatches]]) -> np.ndarray:
    """Return which labels are suspect, (N,) bool; only such for which another class is more probable than the given one.

    :param mode: one of ``MODES``. ``balanced``, ``precision`` and ``recall`` take the labels that are most probably wrong, as many as give
        the highest expected F1, F0.5 and F2. The others are filters by their names.
    :param batches: opens the labels once more, for filters that need them.
    :raises ConfigurationError: there is no such mode.
    """
    check_mode(mode)
    if mode in FILTERS:
        with batches() as opened:
            return FILTERS[mode](evidence, opened)
    return _best_f_beta(evidence, noise.error_probability, _BETAS[mode])


def _best_f_beta(evidence: Evidence, error: np.ndarray, beta: float) -> np.ndarray:
    """Return the labels, most probably wrong first, as many as give the highest expected F-beta.

    Of the *n* first, the sum of their probabilities of being wrong is the expected number of hits, that of all labels the expected number
    of wrong ones. Of equally probable ones that with the larger margin comes first, then the smaller row.
    """
    import numpy as np

    found = np.zeros(len(evidence.rows), dtype=bool)
    at = np.flatnonzero(evidence.disagrees & (error >= _LEAST_ERROR_PROBABILITY))
    if len(at):
        order = at[np.lexsort((evidence.rows[at], -evidence.log_margin[at], -error[at]))]
        expected = np.cumsum(error[order]) / (np.arange(1, len(order) + 1) + beta**2 * error.sum())
        found[order[: int(expected.argmax()) + 1]] = True
    return found

"""Which labels are suspect: a choice between overlooking wrong labels and bothering people with right ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.audit.label_errors.batches import LabelBatches
from airflow_cv_dataops.core.audit.label_errors.confident_learning import Evidence
from airflow_cv_dataops.core.audit.label_errors.filters import FILTERS, confident_learning, predicted_neq_given
from airflow_cv_dataops.core.audit.label_errors.noise import LabelNoise
from airflow_cv_dataops.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np

# Up to this share of the labels, what the noise model misses is made up for by a filter of confident learning.
_CLEAN = 0.01
# The highest expected F-beta always takes one label at least, also of those that are all but surely right: none below this is taken.
_LEAST_ERROR_PROBABILITY = 0.1


@dataclass(frozen=True)
class _Mode:
    """How many labels to take, the most probably wrong first.

    :param beta: as many as give the highest expected F-beta (van Rijsbergen, 1979): recall counts ``beta`` times as much as precision.
    :param filter: where these are few, this filter's labels come on top, until they are not.
    """

    beta: float
    filter: Callable[[Evidence], np.ndarray] | None


_MODES: Mapping[str, _Mode] = {
    "balanced": _Mode(1.0, confident_learning),
    "precision": _Mode(0.5, None),
    "recall": _Mode(2.0, predicted_neq_given),
}
MODES = (*_MODES, *FILTERS)


def check_mode(mode: str) -> None:
    """:raises ConfigurationError: there is no such mode."""
    if mode not in MODES:
        raise ConfigurationError(f"mode={mode!r} is unknown: expected one of {', '.join(MODES)}.")


def suspects(evidence: Evidence, noise: LabelNoise, mode: str, batches: Callable[[], AbstractContextManager[LabelBatches]]) -> np.ndarray:
    """Return which labels are suspect, (N,) bool; only such for which another class is more probable than the given one.

    :param mode: one of ``MODES``. ``balanced``, ``precision`` and ``recall`` take the labels that are most probably wrong, as many as give
        the highest expected F1, F0.5 and F2. A noise model of classes cannot know that people err on hard pictures: on very clean labels
        it names next to none. So ``balanced`` and ``recall`` take up to 1 % of the labels from confident learning and from plain
        disagreement, most probably wrong first, where they have found fewer themselves. The other modes are filters by their names.
    :param batches: opens the labels once more, for filters that need them.
    :raises ConfigurationError: there is no such mode.
    """
    check_mode(mode)
    if mode in FILTERS:
        with batches() as opened:
            return FILTERS[mode](evidence, opened)
    chosen = _MODES[mode]
    found = _best_f_beta(evidence, noise, chosen.beta)
    return found if chosen.filter is None else _filled_up(found, chosen.filter(evidence), evidence, noise)


def _best_f_beta(evidence: Evidence, noise: LabelNoise, beta: float) -> np.ndarray:
    """Return the labels, most probably wrong first, as many as give the highest expected F-beta.

    Of the *n* first, the sum of their probabilities of being wrong is the expected number of hits, that of all labels the expected number
    of wrong ones.
    """
    import numpy as np

    may_be_wrong = noise.error_probability >= _LEAST_ERROR_PROBABILITY
    order = _most_probably_wrong_first(evidence, noise, evidence.disagrees & may_be_wrong)
    found = np.zeros(len(evidence.rows), dtype=bool)
    if len(order):
        hits = np.cumsum(noise.error_probability[order])
        expected = hits / (np.arange(1, len(order) + 1) + beta**2 * noise.error_probability.sum())
        found[order[: int(expected.argmax()) + 1]] = True
    return found


def _filled_up(found: np.ndarray, by_filter: np.ndarray, evidence: Evidence, noise: LabelNoise) -> np.ndarray:
    lacking = int(_CLEAN * len(found)) - int(found.sum())
    if lacking > 0:
        found[_most_probably_wrong_first(evidence, noise, by_filter & ~found)[:lacking]] = True
    return found


def _most_probably_wrong_first(evidence: Evidence, noise: LabelNoise, among: np.ndarray) -> np.ndarray:
    """Return the places of some labels in this order; of equals the less confident first, then the smaller row."""
    import numpy as np

    at = np.flatnonzero(among)
    return at[np.lexsort((evidence.rows[at], evidence.confidence[at], -noise.error_probability[at]))]

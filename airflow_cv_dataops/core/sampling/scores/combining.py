"""Several scores as one, by named weights on their ranks, and in words what put an image where it stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.scores.said import will_be_put_in_words
from airflow_cv_dataops.core.sampling.scores.uncertainty import DIGITS

if TYPE_CHECKING:
    import numpy as np

    from airflow_cv_dataops.core.sampling.pool import Pool
    from airflow_cv_dataops.core.sampling.scores.score import Score


def combined(values: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> np.ndarray:
    """Return one score of several, (N,), 0 to 1; NaN for an image of which any score with a weight is NaN.

    Each score becomes its rank among the images that have all of them: ``(rank - 0.5) / images``, between 0 and 1, equal values the mean
    of their ranks. Ranks, because an entropy of 0.3 and a distance of 0.3 are not comparable, but their places are. The result is the mean
    of the ranks by the size of the weights; a negative weight turns a score round, so that low values rank high.

    One score alone is itself, if all of it lies in 0 to 1 (with a negative weight 1 - score), else its rank.

    :param values: (N,) of each score, by name; those without a weight do not count.
    :param weights: finite and not 0, by name.
    :raises ConfigurationError: there is no weight, or one that cannot be used, or one of a score that is not there.
    """
    import numpy as np

    check_weights(weights)
    if missing := sorted(set(weights) - set(values)):
        raise ConfigurationError(f"There is a weight for {', '.join(missing)}, but no such score: there are {', '.join(sorted(values))}.")
    if len(weights) == 1:
        ((name, weight),) = weights.items()
        known = values[name][~np.isnan(values[name])]
        if ((known >= 0) & (known <= 1)).all():
            return values[name].copy() if weight > 0 else np.round(1 - values[name], DIGITS)
    turned = _ranks(values, weights)
    whole = math.fsum(map(abs, weights.values()))
    # In the order of the names, so that the last digits do not depend on how the weights were given.
    return np.round(sum(abs(weights[name]) / whole * turned[name] for name in sorted(weights)), DIGITS)


def reasons(
    pool: Pool, scores: Sequence[Score], values: Mapping[str, np.ndarray], weights: Mapping[str, float], rows: Iterable[int]
) -> list[list[str]]:
    """Say for some images why they were chosen: what each score says of them, that which contributed most first.

    A score contributed where the image's rank by it, times its weight, is above the pool's middle; where none is, that which comes
    nearest is named.

    :param scores: those that have a weight. :param values: (N,) of each, by name. :param weights: as of :func:`combined`.
    :param rows: rows of the pool, none of which is NaN in a score that has a weight.
    :returns: for each row at least one text.
    """
    check_weights(weights)
    turned = _ranks(values, weights)
    by_name, said, rows = {score.name: score for score in scores}, [], list(map(int, rows))
    will_be_put_in_words(pool, rows)
    for row in rows:  # of the chosen few
        parts = {name: abs(weights[name]) * (float(turned[name][row]) - 0.5) for name in weights}
        ordered = sorted(parts, key=lambda name: (-round(parts[name], DIGITS), name))
        contributing = [name for name in ordered if parts[name] > 0] or ordered[:1]
        said.append([_in_words(by_name[name], pool, row, float(values[name][row]), weights) for name in contributing])
    return said


def check_weights(weights: Mapping[str, Any]) -> None:
    """:raises ConfigurationError: there is none, or one that is no finite number other than 0."""
    if not weights:
        raise ConfigurationError("No score has a weight: expected at least one, e.g. {'entropy': 1}.")
    for name, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight) or weight == 0:
            raise ConfigurationError(
                f"The weight {weight!r} of score {name!r} cannot be used: expected a finite number other than 0; leave out a score that is "
                "not to count."
            )


def _ranks(values: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return each weighted score's ranks among the images that have all of them, turned round where the weight is negative."""
    import numpy as np

    has_all = ~np.logical_or.reduce([np.isnan(values[name]) for name in weights])
    found = {}
    for name, weight in weights.items():
        ranks = np.full(len(has_all), np.nan)
        ranks[has_all] = _average_ranks(values[name][has_all] if weight > 0 else -values[name][has_all])
        found[name] = ranks
    return found


def _average_ranks(values: np.ndarray) -> np.ndarray:
    """Return ``(rank - 0.5) / N``, equal values (to the ninth digit) the mean of their ranks."""
    import numpy as np

    _, number, count = np.unique(np.round(values, DIGITS), return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - count / 2
    return middle[number.reshape(-1)] / max(len(values), 1)


def _in_words(score: Score, pool: Pool, row: int, value: float, weights: Mapping[str, float]) -> str:
    """Return the score's words; of several scores, and of one that is turned round, with its name, by which ``scores`` knows it."""
    is_turned = weights[score.name] < 0
    # Without words of its own a score is told by its name already.
    named = [score.name] if score.words and (is_turned or len(weights) > 1) else []
    notes = [*named, *(["the lower the better"] if is_turned else [])]
    return score.in_words(pool, row, value) + (f" [{', '.join(notes)}]" if notes else "")

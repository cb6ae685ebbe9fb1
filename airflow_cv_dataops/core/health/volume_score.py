"""How unusual a count is, beside those of the partitions before it: a robust score that knows weekdays and growth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.health.season import Slot

_RECENT = 9
_FEWEST_ALIKE = 3
_LEAST_SPREAD = 0.05
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class VolumeScore:
    """:param expected: what is usual, nearest to what was found: by the last partitions, or by the whole window.
    :param ratio: found by expected. :param score: in robust standard deviations; negative is fewer.
    """

    expected: float
    ratio: float
    score: float


@dataclass(frozen=True)
class NotEnough:
    """:param why: what is missing before anything can be said."""

    why: str


def volume_score(slots: Sequence[Slot], season: str, count: int, *, fewest: int) -> VolumeScore | NotEnough:
    """Compare a count with the slots before it.

    On the logarithm of the counts: the slope is the median of those between any two slots of one season (Theil 1950, Sen 1968), the level
    of a season the median of its slots. A level that has changed for good is learned from the last nine slots, of which five then decide;
    what is usual by either of them is no anomaly. The scale is the median absolute deviation of all slots from their season's level, and
    at least what a count varies by itself (Poisson) and 5 %.

    :param slots: in order; those without rows tell nothing of how much is usual.
    :param season: of the slot that is judged. :param fewest: slots with rows that there must be.
    """
    import numpy as np

    filled = [slot for slot in slots if slot.count > 0]
    alike = sum(slot.season == season for slot in filled)
    if len(filled) < fewest:
        return NotEnough(f"{len(filled)} partitions before it have any; {fewest} are needed")
    if alike < _FEWEST_ALIKE:
        return NotEnough(f"{alike} {season} before it have any; {_FEWEST_ALIKE} are needed")
    time = np.array([slot.time for slot in filled], float)
    logs = np.log([slot.count for slot in filled])
    seasons = np.array([slot.season for slot in filled])
    level = logs - _slope(time, logs, seasons) * time
    names = sorted(set(seasons.tolist()))
    # A season with one slot or two has no level of its own: it is left out, or its residuals would be 0.
    medians = {name: float(np.median(level[seasons == name])) for name in names if (seasons == name).sum() >= _FEWEST_ALIKE}
    known = np.array([name in medians for name in seasons.tolist()])
    residuals = level[known] - np.array([medians[name] for name in seasons[known].tolist()])
    # A median takes one of the few slots of its season with it, so that residuals are smaller than what they stand for.
    lost = math.sqrt(len(residuals) / max(len(residuals) - len(medians) - 1, 1))
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(residuals))) * lost
    found, usual = math.log(max(count, 0.5)), medians[season]
    recent = usual + float(np.median(residuals[-_RECENT:]))
    expected = min(max(found, min(usual, recent)), max(usual, recent))
    scale = math.sqrt(max(spread**2, 1 / math.exp(expected)) + _LEAST_SPREAD**2)
    # A median of few varies by itself.
    scale *= math.sqrt(1 + 1.57 / alike)
    nearest = min(usual, recent, key=lambda one: abs(found - one))
    return VolumeScore(math.exp(nearest), max(count, 0) / math.exp(nearest), (found - expected) / scale)


def _slope(time: object, logs: object, seasons: object) -> float:
    """Return the median slope between slots of one season."""
    import numpy as np

    time, logs, seasons = np.asarray(time), np.asarray(logs), np.asarray(seasons)
    first, second = np.triu_indices(len(time), 1)
    alike = (seasons[first] == seasons[second]) & (time[first] != time[second])
    if not alike.any():
        return 0.0
    return float(np.median((logs[second] - logs[first])[alike] / (time[second] - time[first])[alike]))

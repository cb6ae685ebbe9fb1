"""Partitions that follow one another in time, and what comes back in them: weekdays, hours of the day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airflow_cv_dataops.core.store.partition_time import key_at, moment_of, step_of

_DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Slot:
    """A place for one partition: what stands there, or nothing.

    :param time: how far before the given partition it is, in slots: -1 is the one before it.
    :param season: which of the places it is that are alike, such as a weekday.
    :param count: rows; 0 where there is no partition.
    """

    key: str
    time: float
    season: str
    count: int


def slots_before(key: str, counts: Mapping[str, int], most: int) -> list[Slot]:
    """Return the slots before a partition, from the first partition that there is on, in order.

    Of keys by day or hour every day or hour is one, whether there is a partition or not; of other keys each partition is.

    :param counts: rows by key of the partitions before it. :param most: so many slots at most.
    """
    step, end = step_of(key), moment_of(key)
    keys = sorted(counts)[-most:]
    if step is None or end is None:
        return [Slot(other, at - len(keys), season_of(other), counts[other]) for at, other in enumerate(keys)]
    if not keys:
        return []
    first = moment_of(keys[0])
    assert first is not None  # keys before a date are dates
    number = min(round((end - first) / step), most)
    return [Slot(at := key_at(end - step * back, key), -back, season_of(at), counts.get(at, 0)) for back in range(number, 0, -1)]


def season_of(key: str) -> str:
    """Return the weekday of a day (``Mondays``), the time of an hour (``13:00``), of anything else the same for all."""
    moment, step = moment_of(key), step_of(key)
    if moment is None or step is None:
        return "partitions"
    return _DAYS[moment.weekday()] if step.total_seconds() == _DAY_SECONDS else f"hours of {moment:%H}:00"


def usually_empty(slots: Sequence[Slot], season: str, fewest: int = 3) -> bool:
    """Say whether slots of a season have had nothing more often than something; not before there were a few of them."""
    alike = [slot for slot in slots if slot.season == season]
    return len(alike) >= fewest and sum(slot.count == 0 for slot in alike) * 2 > len(alike)

"""Partition keys as dates, and what a run of dates lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from airflow_cv_dataops.core.store.partition_time import key_at, moment_of

_MOST_MISSING = 20_000
_MONTH = len("2026-11")


def time_of(partition_key: str) -> datetime | None:
    """Return the date that a key is, without zone, as the key says it (``2026-11-05``, ``2026-11-05T0930``, ``2026-11``); else ``None``."""
    moment = moment_of(partition_key)
    return None if moment is None else moment.replace(tzinfo=None)


def in_order(partition_keys: Sequence[str]) -> list[str]:
    """Return keys by date, and after them those that are none, by their letters."""
    return sorted(partition_keys, key=lambda key: (time_of(key) is None, time_of(key) or datetime.min, key))


def missing_keys(partition_keys: Sequence[str]) -> list[str]:
    """Return the keys of dates that a run of equally spaced dates lacks; none where keys are no dates, or come at no steady pace.

    The pace is the commonest distance, where at least half of all distances are it: one day in most datasets, also where weekends are
    left out, which then are missing.
    """
    times = sorted({time for key in partition_keys if (time := time_of(key)) is not None})
    if not _are_alike(partition_keys) or len(times) < 3 or len(times) < len(set(partition_keys)):
        return []
    distances = Counter(later - earlier for earlier, later in pairwise(times))
    pace, often = min(distances.items(), key=lambda item: (-item[1], item[0]))
    if 2 * often < len(times) - 1 or (times[-1] - times[0]) / pace > len(times) + _MOST_MISSING:
        return []
    there = set(partition_keys)
    return [key for time in _paced(times, pace) if (key := key_at(time, partition_keys[0])) not in there]


def _paced(times: Sequence[datetime], pace: timedelta) -> list[datetime]:
    """Return what lies between the times at the pace, counted from each of them: one that came out of step begins anew."""
    found: list[datetime] = []
    for earlier, later in pairwise(times):
        found += [earlier + pace * step for step in range(1, -((earlier - later) // pace))]
    return found


def _are_alike(partition_keys: Sequence[str]) -> bool:
    """Say whether all are dates of one format, and none of months, which are not equally long."""
    lengths = {len(key) for key in partition_keys}
    return len(lengths) == 1 and _MONTH not in lengths and all(moment_of(key) is not None for key in partition_keys)

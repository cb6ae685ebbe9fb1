"""Partition keys as dates, and what a run of dates lacks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

# As steps make keys of dates, and as people write them. A number such as 20261105 may be anything else.
_CLOCK = r"[T_ ](\d\d)(?::?(\d\d)(?::?(\d\d))?)?"
_DATE = re.compile(rf"((?:19|20)\d\d)-(\d\d)(?:-(\d\d)(?:{_CLOCK})?)?")
_MOST_MISSING = 20_000


def time_of(partition_key: str) -> datetime | None:
    """Return the date that a key is, without zone, as the key says it (``2026-11-05``, ``2026-11-05T0930``, ``2026-11``); else ``None``."""
    match = _DATE.fullmatch(partition_key)
    if match is None or not partition_key.isascii():
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day if match[3] else 1, hour, minute, second)
    except ValueError:
        return None


def in_order(partition_keys: Sequence[str]) -> list[str]:
    """Return keys by date, and after them those that are none, by their letters."""
    return sorted(partition_keys, key=lambda key: (time_of(key) is None, time_of(key) or datetime.min, key))


def missing_keys(partition_keys: Sequence[str]) -> list[str]:
    """Return the keys of dates that a run of equally spaced dates lacks; none where keys are no dates, or come at no steady pace.

    The pace is the commonest distance, where at least half of all distances are it: one day in most datasets, also where weekends are
    left out, which then are missing.
    """
    times = sorted({time for key in partition_keys if (time := time_of(key)) is not None})
    form = _form_of(partition_keys)
    if form is None or len(times) < 3 or len(times) < len(set(partition_keys)):
        return []
    distances = Counter(later - earlier for earlier, later in pairwise(times))
    pace, often = min(distances.items(), key=lambda item: (-item[1], item[0]))
    if 2 * often < len(times) - 1 or (times[-1] - times[0]) / pace > len(times) + _MOST_MISSING:
        return []
    there = set(partition_keys)
    return [key for time in _paced(times, pace) if (key := time.strftime(form)) not in there]


def _paced(times: Sequence[datetime], pace: timedelta) -> list[datetime]:
    """Return what lies between the times at the pace, counted from each of them: one that came out of step begins anew."""
    found: list[datetime] = []
    for earlier, later in pairwise(times):
        found += [earlier + pace * step for step in range(1, -((earlier - later) // pace))]
    return found


def _form_of(partition_keys: Sequence[str]) -> str | None:
    """Return the strftime format that all keys have; ``None``: they have none in common, or are months, which are not equally long."""
    forms = ("%Y-%m-%d", "%Y-%m-%dT%H", "%Y-%m-%dT%H%M", "%Y-%m-%dT%H%M%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
    times = [time_of(key) for key in partition_keys]
    return next(
        (
            form
            for form in forms
            if all(time is not None and time.strftime(form) == key for time, key in zip(times, partition_keys, strict=True))
        ),
        None,
    )

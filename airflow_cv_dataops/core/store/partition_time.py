"""Partition keys that are dates, as moments: which partition comes before which, and how far apart they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}(T\d{2}(\d{2}(\d{2})?|:\d{2}(:\d{2})?)?)?)?", re.ASCII)
_FORMATS = {
    7: "%Y-%m",
    10: "%Y-%m-%d",
    13: "%Y-%m-%dT%H",
    15: "%Y-%m-%dT%H%M",
    16: "%Y-%m-%dT%H:%M",
    17: "%Y-%m-%dT%H%M%S",
    19: "%Y-%m-%dT%H:%M:%S",
}
_STEPS = {10: timedelta(days=1), 13: timedelta(hours=1)}


def is_date(key: str) -> bool:
    """Say whether a key is a date, of a month or finer: ``2026-11``, ``2026-11-05``, ``2026-11-05T12``, ``2026-11-05T12:30``."""
    return _DATE.fullmatch(key) is not None


def moment_of(key: str) -> datetime | None:
    """Return when a partition begins, on a clock without zone told as UTC; ``None``: its key is no date, or none that there is."""
    if not is_date(key):
        return None
    try:
        return datetime.strptime(key, _FORMATS[len(key)]).replace(tzinfo=UTC)
    except ValueError:  # the 31st of November
        return None


def keys_before(keys: Iterable[str], key: str) -> list[str]:
    """Return the keys before one, in order: of a date the dates of the same format, of any other key those that are no dates.

    The order of such dates as text is that of time.
    """
    is_alike = (lambda other: len(other) == len(key) and moment_of(other) is not None) if moment_of(key) is not None else _is_no_date
    return sorted(other for other in keys if other < key and is_alike(other))


def step_of(key: str) -> timedelta | None:
    """Return how far the next key is where keys follow one another regularly: those of days and of hours; ``None``: nobody knows."""
    return _STEPS.get(len(key)) if moment_of(key) is not None else None


def key_at(moment: datetime, like: str) -> str:
    """Return the key of a moment, in the format of another key."""
    return moment.strftime(_FORMATS[len(like)])


def _is_no_date(key: str) -> bool:
    return moment_of(key) is None

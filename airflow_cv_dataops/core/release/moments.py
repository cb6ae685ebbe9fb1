"""Times as people write them, to instants."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

from airflow_cv_dataops.core.errors import ConfigurationError

_WEEK = re.compile(r"\d{4}-?W\d{2}")


def moment_of(asked: str | date | datetime) -> datetime | None:
    """Return the instant that is meant, with its zone; ``None`` for text that is no time.

    A time without zone is UTC, and a date alone is its last microsecond, in UTC.

    :param asked: text in ISO 8601, e.g. ``2026-11-05`` or ``2026-11-05T12:00+01:00``.
    :raises ConfigurationError: it is neither text nor a time.
    """
    found = _read(asked) if isinstance(asked, str) else asked
    if isinstance(found, datetime):  # first: a datetime is a date, too
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    if isinstance(found, date):
        return datetime.combine(found, time.max, UTC)
    if found is None and isinstance(asked, str):
        return None
    raise ConfigurationError(f"{asked!r} is no time: expected a datetime, a date, or ISO 8601 text such as '2026-11-05T12:00+01:00'.")


def _read(text: str) -> date | datetime | None:
    if _WEEK.fullmatch(text):  # which Python takes for its Monday
        return None
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return None

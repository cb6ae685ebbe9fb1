"""Values as words for a terminal: harmless, cut to a width, and times as people say them."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from airflow_cv_dataops.core.wording import printable

_CUT = "…"
_SPACES = str.maketrans("\n\r\t", "   ")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MONTH, _YEAR = 30.44 * _DAY, 365.25 * _DAY

# From how many seconds on which unit is said.
_UNITS = (
    (2 * _YEAR, _YEAR, "years"),
    (60 * _DAY, _MONTH, "months"),
    (2 * _DAY, _DAY, "days"),
    (_HOUR, _HOUR, "h"),
    (_MINUTE, _MINUTE, "min"),
)


def harmless(text: object) -> str:
    """Return a text on one line without what a terminal would obey: escapes, control and bidirectional characters, lone surrogates."""
    return printable(str(text).translate(_SPACES))


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: two for a wide letter, none for an accent that stands over another."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(letter) for letter in text)


def cut(text: str, width: int) -> str:
    """Return a text in so many columns, the last a … where something was cut."""
    if cells(text) <= width:
        return text
    kept, room = [], width - 1
    for letter in text:
        room -= _cells_of(letter)
        if room < 0:
            break
        kept.append(letter)
    return "".join(kept) + _CUT


def number(value: int) -> str:
    return f"{value:,}"


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, such as ``2 h ago``; one to come (another machine's clock) is ``in 2 h``."""
    seconds = (now - moment).total_seconds()
    for least, unit, name in _UNITS:
        if abs(seconds) >= least:
            span = f"{int(abs(seconds) // unit):,} {name}"
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "just now"


def iso_minutes(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _cells_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
